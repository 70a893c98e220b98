"""Which requests get a trace, and its ids (W3C Trace Context): a rule of run and number alone.

The span of a request has no parent. Its id follows from the trace's, so that who has the one, from a
record, knows the other.
"""

from dataclasses import dataclass
from hashlib import blake2b

HEADER = "traceparent"
_ALL = 1 << 64
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class Traces:
    """The traces of a run: a `share` of its arrivals, chosen by `seed`, gets one for each request."""

    run: str
    share: float
    seed: int = 0

    def id_of(self, k: int, turn: int = 0, epoch: int = 0) -> str:
        """The trace id of a request, 32 hexadecimal digits; empty when it gets none."""
        drawn = blake2b(f"{self.seed} {k}".encode(), digest_size=8).digest()
        if int.from_bytes(drawn, "big") >= self.share * _ALL:
            return ""
        return blake2b(f"{self.run} {k} {turn} {epoch}".encode(), digest_size=16).hexdigest()


def span_id(trace: str) -> str:
    """The id of the one span that we make in a trace, 16 hexadecimal digits."""
    return blake2b(bytes.fromhex(trace), digest_size=8).hexdigest()


def traceparent(trace: str) -> str:
    """What the server is told, so that its spans become children of ours, and are kept."""
    return f"00-{trace}-{span_id(trace)}-{_SAMPLED}"
