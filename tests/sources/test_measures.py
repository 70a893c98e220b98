"""Facts about what is said of a set of prompts."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from inferswarm.prompts import Prompt, Turn
from inferswarm.sources import measures
from inferswarm.sources.measures import Measuring, Stats, spread


def words(texts: Sequence[str]) -> list[int]:
    """A tokenizer whose tokens are words."""
    return [len(text.split()) for text in texts]


def measured(prompts: list[Prompt], *, tokens: bool = True) -> Stats:
    """What is said of them."""
    measuring = Measuring()
    told = list(measuring.take(prompts, words if tokens else None))
    assert told[-1] == len(prompts)
    return measuring.stats("x", 3)


def test_prompts_are_counted_and_the_longest_is_shown() -> None:
    """With those that repeat an earlier one, and those of several turns."""
    stats = measured(
        [
            Prompt("a b"),
            Prompt("a b"),
            Prompt("c" * 200),
            Prompt("a b"),
            Prompt("d", turns=[Turn("e")]),
        ]
    )
    assert (stats.prompts, stats.left_out, stats.repeated, stats.with_turns) == (5, 3, 2, 1)
    assert (stats.longest.number, stats.longest.chars, stats.longest.head) == (3, 200, "c" * 80)
    assert [(one.unit, one.min, one.max) for one in stats.lengths] == [
        ("characters", 1, 200),
        ("tokens", 1, 2),
    ]
    assert stats.lengths[0].mean == pytest.approx(210 / 5)


def test_tokens_are_only_told_where_they_are_known() -> None:
    """By a tokenizer, or by the rows."""
    assert [one.unit for one in measured([Prompt("a b")], tokens=False).lengths] == ["characters"]
    told = measured([Prompt("a b", input_tokens=7)], tokens=False)
    assert told.lengths[1].max == 7


def test_repeats_are_counted_in_parts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that many prompts need little memory."""
    monkeypatch.setattr(measures, "_HASHES_AT_ONCE", 10)
    assert measured([Prompt(f"say {n % 40}") for n in range(100)]).repeated == 60


def test_percentiles_are_lengths_that_occur() -> None:
    """By nearest rank: at least so many in a hundred are not longer."""
    found = spread("tokens", Counter(dict.fromkeys(range(1, 101), 2))).percentiles
    assert found == {
        "p1": 1,
        "p5": 5,
        "p25": 25,
        "p50": 50,
        "p75": 75,
        "p90": 90,
        "p95": 95,
        "p99": 99,
    }
    assert set(spread("tokens", Counter({7: 3})).percentiles.values()) == {7}


@pytest.mark.parametrize(
    "counts",
    [
        {5: 1},
        {5: 3, 6: 1},
        dict.fromkeys(range(1_000), 1),
        {1: 990, 2: 9, 10_000: 1},
        {3: 1, 9_999: 1},
    ],
)
def test_the_histogram_has_every_prompt_once(counts: dict[int, int]) -> None:
    """In bins of one width that join, and one for what is far longer."""
    bins = spread("tokens", Counter(counts)).histogram
    assert sum(one.count for one in bins) == sum(counts.values())
    for one in bins:
        assert one.count == sum(n for length, n in counts.items() if one.low <= length <= one.high)
    assert all(one.high + 1 == after.low for one, after in pairwise(bins))
    assert len({one.high - one.low for one in bins[:-1]}) <= 1
    assert len(bins) <= 21
