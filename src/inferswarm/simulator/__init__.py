"""A simulated inference server that knows the truth of what it sent and when.

A request flows: `connection` (bytes to requests) -> `routes` (which wire format, by backend) -> the
format, for example `openai` or `tgi` (body to `generation.Generation`) -> `service` (slots, queue,
failures) with `pacing` (when each chunk is due) and `agenda` (waking in time) -> `http` (bytes) ->
`truth`.
`server` puts them together, `process` runs them in a child process.
"""
