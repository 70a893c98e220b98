"""Records of invented runs whose true numbers are known, and in which neighbours are alike."""

import math
from random import Random

from inferswarm.compare.blocks import Cut, grid
from inferswarm.compare.bootstrap import Estimate
from inferswarm.compare.estimates import METRICS, estimates
from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.window import Span
from tests.builders import MS, START_NS, S, record

TTFT_MS, TTFT_SIGMA = 100.0, 0.4
ITL_MS = 20.0
PER_S = 20.0


def served(
    seed: int | str,
    count: int = 400,
    tokens: int = 6,
    *,
    alike: float = 0.5,
    slower: float = 1.0,
    failing: float = 0.02,
) -> list[Record]:
    """Poisson arrivals at a server whose state goes on from one request to the next.

    `alike` is the correlation of neighbours in the logarithm of their TTFT, whose median and sigma are
    above whatever it is. `slower` multiplies every gap.
    """
    draw = Random(seed)
    state, at_s, made = draw.gauss(0, 1), 0.0, []
    for k in range(count):
        at_s += draw.expovariate(PER_S)
        state = alike * state + math.sqrt(1 - alike * alike) * draw.gauss(0, 1)
        first_ns = TTFT_MS * math.exp(TTFT_SIGMA * state) * MS
        gap_ns = ITL_MS * slower * math.exp(0.05 * state + 0.02 * draw.gauss(0, 1)) * MS
        gaps = [gap_ns * draw.lognormvariate(0, 0.1) for _ in range(tokens - 1)]
        chunks = [int(first_ns + sum(gaps[:i])) for i in range(tokens)]
        made.append(_request(k, START_NS + int(at_s * S), chunks, ok=draw.random() >= failing))
    return made


def _request(k: int, sent_ns: int, chunk_ns: list[int], *, ok: bool) -> Record:
    return record(
        k=k,
        due_ns=sent_ns,
        sent_ns=sent_ns,
        end_ns=sent_ns + chunk_ns[-1],
        outcome=Outcome.OK if ok else Outcome.TRUNCATED,
        chunk_ns=chunk_ns if ok else [],
        output_tokens=len(chunk_ns) if ok else 0,
    )


def cut_of(records: list[Record]) -> Cut:
    """The records in grains, as a report's window would have them."""
    starts = [one.start_ns for one in records]
    mean_ns = sum(one.end_ns - one.start_ns for one in records) / len(records)
    made = Cut(grid(Span(min(starts), max(starts)), mean_ns), METRICS)
    made.add_all(records)
    return made


def estimated(records: list[Record], seed: str = "x", resamples: int = 200) -> dict[str, Estimate]:
    """Their numbers, from fewer resamples than a user gets."""
    return estimates(cut_of(records), seed, resamples=resamples)


def known(value: float | None, error: float | None = 0.01, blocks: float = 20) -> Estimate:
    """A number as it stands."""
    return Estimate(value, error, blocks, "" if error is not None else "for a reason")
