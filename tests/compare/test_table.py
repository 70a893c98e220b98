"""Facts about the whole table: what it calls where something differs, and where nothing does."""

import pytest

from inferswarm.compare.bootstrap import Estimate
from inferswarm.compare.estimates import QUANTITIES
from inferswarm.compare.table import Compared, compared
from tests.compare.sample import estimated, known, served

SAME = {name: known(100.0) for name in QUANTITIES}


def calls(made: Compared, run: str = "B") -> dict[str, str]:
    """What was called, by quantity."""
    return {
        row.name: change.call for row in made.rows for change in row.changes if change.run == run
    }


def against(**changed: Estimate) -> Compared:
    """A run with a few other numbers against one without."""
    later = SAME | {name.replace("__", "."): one for name, one in changed.items()}
    return compared([SAME, later], ["A", "B"])


def test_each_call_has_its_reason() -> None:
    """Slower, faster, too small to matter, not shown, not known; in words too."""
    made = against(
        ttft__p50=known(120.0),
        throughput__requests=known(120.0),
        itl__mean=known(101.0, 0.0001),
        e2e__p95=known(103.0),
        tpot__p99=known(150.0, None),
    )
    said = {row.name: row.changes[0].said for row in made.rows}
    found = calls(made)
    assert made.comparisons == len(QUANTITIES) - 1
    assert found["ttft.p50"] == "worse"
    assert said["ttft.p50"].startswith("B is slower: TTFT p50 +20.0 % (95 % CI +")
    assert found["throughput.requests"] == "better"
    assert said["throughput.requests"].startswith("B does more: Requests/s +20.0 %")
    assert found["itl.mean"] == "not shown"  # its first run is not known so well
    assert found["e2e.p95"] == "not shown"
    assert said["e2e.p95"].startswith("no difference could be shown (smallest difference")
    assert found["tpot.p99"] == "unknown"
    assert said["tpot.p99"] == "cannot be judged: for a reason"


def test_a_small_difference_that_is_certain_is_said_not_to_matter() -> None:
    """It is there, and below the floor."""
    sure = {name: known(100.0, 0.0001) for name in QUANTITIES}
    made = compared([sure, sure | {"e2e.mean": known(101.0, 0.0001)}], ["A", "B"])
    (change,) = (row.changes[0] for row in made.rows if row.name == "e2e.mean")
    assert change.call == "small"
    assert change.said.startswith("no difference that matters: E2E mean +1.0 %")
    assert calls(compared([sure, sure | {"e2e.mean": known(101.0, 0.0001)}], ["A", "B"], 0.005))[
        "e2e.mean"
    ] == "worse"  # fmt: skip


def test_every_later_run_is_held_against_the_first_in_one_family() -> None:
    """Two later runs are twice as many comparisons, so each needs more to be called."""
    later = SAME | {"e2e.mean": known(104.9)}
    two = compared([SAME, later], ["A", "B"])
    three = compared([SAME, later, SAME], ["A", "B", "C"])
    assert (two.comparisons, three.comparisons) == (len(QUANTITIES), 2 * len(QUANTITIES))
    chances = [
        next(row.changes[0].p_holm for row in made.rows if row.name == "e2e.mean")
        for made in (two, three)
    ]
    assert chances[0] is not None
    assert chances[1] == pytest.approx(2 * chances[0])
    assert calls(three, "C")["e2e.mean"] == "not shown"


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_of_many_tables_without_a_difference_few_call_any(alike: float) -> None:
    """Of 24 pairs of runs of one server at most 3 have a call of any kind, with no floor to help."""
    wrong = 0
    for seed in range(24):
        pair = [
            estimated(served(f"{seed}{side}{alike}", 240, 3, alike=alike), f"{seed}{side}", 120)
            for side in "ab"
        ]
        wrong += bool({"worse", "better", "small"} & set(calls(compared(pair, "AB", 0.0)).values()))
    assert wrong <= 3


def test_a_difference_that_is_there_is_called() -> None:
    """Gaps that are 10 % longer are called in ITL and TPOT, and nothing is called of the TTFT."""
    pair = [
        estimated(served("first", 400, 12)),
        estimated(served("later", 400, 12, slower=1.1)),
    ]
    found = calls(compared(pair, "AB"))
    assert [found[f"{name}.p50"] for name in ("itl", "tpot", "ttft")] == [
        "worse",
        "worse",
        "not shown",
    ]
