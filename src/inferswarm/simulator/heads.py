"""How kinds of HTTP servers write the head of an answer: what they add, in which place and case."""

from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Manner:
    """Lines before and after an answer's own headers (`{date}` stands for the date), and two names."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    chunked: Headers = (("transfer-encoding", "chunked"),)
    close: Headers = (("connection", "close"),)


UVICORN = Manner(before=("date: {date}", "server: uvicorn"))
"""vLLM, SGLang, JetStream and SAX's HTTP server."""
HYPER = Manner(after=("date: {date}",))
"""TGI."""
EVHTP = Manner(chunked=(("Transfer-Encoding", "chunked"),), close=(("Connection", "close"),))
"""Triton, which tells neither date nor server."""
