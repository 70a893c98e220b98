"""`inferswarm serve`: a service that queues runs and has a standing master carry them out.

    api (HTTP) --> registry (SQLite) --> conductor (a thread) --> remote.MasterClient --> the master

No gevent in this process: it talks to the master over HTTP, as anybody else may.
"""
