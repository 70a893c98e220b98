"""Facts about what makes runs hard to compare."""

from msgspec.structs import replace

from inferswarm.compare.cautions import Told, cautions
from inferswarm.records import Record
from inferswarm.snapshot import Snapshot, take
from inferswarm.summary import Summary
from inferswarm.verdict import Client, with_more
from tests.builders import record


def shot(*records: Record, clock: str = "kernel", **run: object) -> Snapshot:
    """The numbers of some requests."""
    summary = Summary()
    summary.add_all(records or [record()])
    return take(summary, Client(clock=clock), run=dict(run))


def said(*shots: Snapshot, blocks: int = 20) -> list[str]:
    """What is to be known of these runs."""
    return cautions([Told("ABC"[at], one, blocks) for at, one in enumerate(shots)])


def test_two_runs_of_the_same_kind_need_no_warning() -> None:
    """Nothing stands at the top then."""
    assert said(shot(), shot()) == []


def test_an_invalid_run_is_named_with_its_reasons() -> None:
    """Its letter and the verdict's own words."""
    made = shot()
    bad = replace(made, verdict=with_more(made.verdict, ["the clock stood still"], []))
    assert said(made, bad) == ["B is INVALID: the clock stood still"]


def test_other_ways_of_measuring_are_named() -> None:
    """Streaming, token source, API and clock, each with what every run has."""
    plain = record(streamed=False)
    assert "streaming (A: streamed, B: not streamed)" in said(shot(), shot(plain))[0]
    chunks = record(output_source="chunks")
    assert "(A: server_usage, B: chunks)" in said(shot(), shot(chunks))[0]
    assert "(A: tgi generate, B: vllm chat)" in said(
        shot(backend="tgi", api="generate"), shot(backend="vllm", api="chat")
    )[0]  # fmt: skip
    assert "(A: kernel, B: process)" in said(shot(), shot(clock="process"))[0]


def test_longer_answers_or_prompts_are_other_work() -> None:
    """From a twentieth on."""
    longer = [record(k=k, output_tokens=4) for k in range(2)]
    assert said(shot(), shot(*longer)) == [
        "the answers were not equally long (mean tokens A: 3.0, B: 4.0): that is other work"
    ]
    assert "the prompts were not" in said(shot(), shot(record(input_tokens=8)))[0]


def test_a_short_run_is_said_to_be_one() -> None:
    """Fewer blocks than there should be."""
    found = said(shot(), shot(), blocks=9)
    assert [one[:12] for one in found] == ["A is short: ", "B is short: "]


def test_a_run_without_a_success_has_nothing_to_compare() -> None:
    """It is INVALID, and that is enough."""
    empty = shot(record(outcome="truncated", chunk_ns=[], output_tokens=0))
    (only,) = said(shot(), empty)
    assert only.startswith("B is INVALID: no request succeeded")
