"""Facts about the few sentences that stand on top."""

from inferswarm.compare.estimates import QUANTITIES
from inferswarm.compare.headline import headlines, tally
from inferswarm.compare.table import compared
from tests.compare.sample import known

SAME = {name: known(100.0) for name in QUANTITIES}


def test_one_sentence_for_each_metric_that_was_called() -> None:
    """The median where it was called, for each later run."""
    slower = {name: known(130.0) for name in ("itl.mean", "itl.p50", "itl.p95", "e2e.p99")}
    rows = compared([SAME, SAME | slower, SAME], ["A", "B", "C"]).rows
    said = headlines(rows)
    assert [one.split(" +")[0] for one in said[:2]] == [
        "B is slower: ITL p50",
        "B is slower: E2E p99",
    ]
    assert said[2].startswith("C: no difference could be shown that matters, in 28 comparisons;")
    assert "ITL p50 " in said[2]
    assert tally(rows, "B") == (
        "4 worse, 0 better, 0 differ too little to matter, 24 with no difference shown"
    )


def test_rates_are_said_each() -> None:
    """Requests and tokens per second are two quantities, not two statistics of one."""
    more = {f"throughput.{name}": known(130.0) for name in ("requests", "output_tokens")}
    said = headlines(compared([SAME, SAME | more], ["A", "B"]).rows)
    assert [one.split(":")[0] for one in said] == ["B does more", "B does more"]


def test_runs_that_cannot_be_judged_are_said_so() -> None:
    """Nothing was shown, but nothing could have been either."""
    short = {name: known(100.0, None) for name in QUANTITIES}
    rows = compared([short, short], ["A", "B"]).rows
    assert headlines(rows) == ["B: nothing could be judged"]
    assert tally(rows, "B").endswith("28 not judged")
    assert headlines([]) == []
