"""A simulated inference server that knows the truth of what it sent and when.

A request flows: `connection` (bytes to requests) -> `routes` (which wire format, by backend) -> the
format, for example `openai` or `tgi` (body to `generation.Generation`) -> `service` (slots, queue,
failures) with `pacing` (when each chunk is due) and `agenda` (waking in time) -> `http` (bytes) ->
`truth`.
JetStream's clients may also speak gRPC: `grpc_entrance` tells by the first bytes, `grpc_connection`
takes the place of `connection`, `routes` and `http`, and `grpc_jetstream` is the format.
`server` puts them together, `process` runs them in a child process.
"""
