"""Any records of any run: the hypothesis strategies behind the tests of summary and timeline."""

from hypothesis import strategies as st

from inferswarm.exchange import Outcome
from inferswarm.records import Record
from tests.builders import MS, START_NS, S, failure, record

SPANS_S = (3, 100, 400, 5_000, 100_000, 300_000)
"""Lengths of runs, from seconds to days: buckets of 1, 2, 16, 512 and 1,024 s are all met."""


@st.composite
def successes(draw: st.DrawFn, k: int, due_ns: int) -> Record:
    """A success: streamed or not, reasoning or not, chunks that tell their tokens or not."""
    gap_ns = st.integers(0, draw(st.sampled_from([50 * MS, 3 * S])))
    gaps = draw(st.lists(gap_ns, min_size=1, max_size=6))
    chunk_ns = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    tokens = draw(st.lists(st.integers(0, 4), min_size=len(gaps), max_size=len(gaps)))
    told = draw(st.booleans())
    total = sum(tokens) if told else draw(st.integers(0, 12))
    sent_ns = due_ns + draw(st.integers(0, 20 * MS))
    counted = draw(st.one_of(st.none(), st.integers(0, 2_000)))
    return record(
        k=k,
        due_ns=due_ns,
        sent_ns=sent_ns,
        end_ns=sent_ns + chunk_ns[-1] + draw(st.integers(0, 2 * MS)),
        streamed=draw(st.booleans()),
        chunk_ns=chunk_ns,
        chunk_tokens=tokens if told else [],
        reasoning_chunks=draw(st.integers(0, len(gaps))),
        output_tokens=total,
        output_source=draw(st.sampled_from(["server_usage", "chunks"])),
        input_tokens=counted,
        input_source="" if counted is None else "server_usage",
        connect_ns=draw(st.one_of(st.none(), st.integers(0, MS))),
        retries=draw(st.integers(0, 1)),
        reads=len(gaps),
        merged_reads=draw(st.integers(0, len(gaps))),
        bytes_in=draw(st.integers(0, 999)),
        bytes_out=draw(st.integers(0, 999)),
    )


@st.composite
def failures(draw: st.DrawFn, k: int, due_ns: int) -> Record:
    """A failure of any kind; refused connections were never sent."""
    outcome = draw(st.sampled_from([one for one in Outcome if one is not Outcome.OK]))
    never_sent = outcome in (Outcome.CONNECT, Outcome.TLS, Outcome.TIMEOUT_CONNECT)
    return failure(
        outcome,
        k=k,
        worker=draw(st.integers(0, 2)),
        status=draw(st.sampled_from([429, 500])) if outcome is Outcome.HTTP_STATUS else 0,
        due_ns=due_ns,
        sent_ns=0 if never_sent else due_ns + draw(st.integers(0, MS)),
        end_ns=due_ns + MS + draw(st.integers(0, 20 * S)),
        detail=draw(st.sampled_from(["", "a", "b"])),
    )


@st.composite
def runs(draw: st.DrawFn, max_size: int = 40) -> list[Record]:
    """The records of one run, in no order."""
    span_ns = draw(st.sampled_from(SPANS_S)) * S
    dues = draw(st.lists(st.integers(START_NS, START_NS + span_ns), max_size=max_size))
    return [
        draw(failures(k, due) if draw(st.integers(0, 3)) == 0 else successes(k, due))
        for k, due in enumerate(dues)
    ]
