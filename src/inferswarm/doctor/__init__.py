"""A look at a server before a run: what it is, what it answers, and what can be measured of it.

`examine` asks a handful of short requests over plain sockets and keeps each as an exchange. What
follows from them is said by pure rules (`about_server`, `about_answers`, `about_asking`, `advice`),
each a function from what was seen to findings.
"""
