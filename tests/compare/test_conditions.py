"""Facts about --fail-if: what is understood, what is refused, and what fails."""

import pytest

from inferswarm.compare.bootstrap import Estimate
from inferswarm.compare.conditions import Condition, judged, parse, read_conditions
from inferswarm.compare.estimates import QUANTITIES
from inferswarm.compare.table import compared
from inferswarm.errors import InputError
from tests.compare.sample import known

BOTH = ("worse", "better")


@pytest.mark.parametrize(
    ("text", "quantity", "calls", "margin", "absolute"),
    [
        ("ttft.p95 worse than 5%", "ttft.p95", ("worse",), 0.05, False),
        ("  ttft.p95   worse  than  5 % ", "ttft.p95", ("worse",), 0.05, False),
        ("ttft.p95 worse 5%", "ttft.p95", ("worse",), 0.05, False),
        ("itl.p99 worse by more than .5%", "itl.p99", ("worse",), 0.005, False),
        ("e2e.mean differs by 10%", "e2e.mean", BOTH, 0.1, False),
        ("e2e.mean differs", "e2e.mean", BOTH, 0.0, False),
        ("tpot.p50 better than 1%", "tpot.p50", ("better",), 0.01, False),
        ("itl.p99 worse than 10ms", "itl.p99", ("worse",), 10.0, True),
        ("ttft_due.p90 worse than 1.5 s", "ttft_due.p90", ("worse",), 1500.0, True),
        (
            "throughput.output_tokens worse than 3%",
            "throughput.output_tokens",
            ("worse",),
            0.03,
            False,
        ),
        ("throughput.requests worse than 2/s", "throughput.requests", ("worse",), 2.0, True),
        ("error_rate worse than 1%", "error_rate", ("worse",), 0.01, True),
        ("error_rate worse", "error_rate", ("worse",), 0.0, True),
    ],
)
def test_what_is_understood(
    text: str, quantity: str, calls: tuple[str, ...], margin: float, *, absolute: bool
) -> None:
    """Quantity, direction, margin; fillers and blanks as people write them."""
    found = parse(text)
    assert (found.quantity, found.calls) == (quantity, calls)
    assert found.margin == pytest.approx(margin)
    assert found.absolute is absolute
    assert found.text == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("ttft.p96 worse", 1, "did you mean ttft.p9"),
        ("ttft worse than 5%", 1, "ttft is not compared; write ttft.p99, or one of mean, p50"),
        ("speed worse than 5%", 1, "speed is not compared; known: ttft, ttft_due, itl"),
        ("ttft.p95", 9, "a direction is missing: worse, better or differs; write it as in"),
        ("ttft.p95 wors than 5%", 10, "wors is no direction: worse, better or differs; did you mean w"),
        ("ttft.p95 > 5%", 10, "> is no direction"),
        ("ttft.p95 worse than", 20, "a margin is missing, as in 5%"),
        ("ttft.p95 worse than five", 21, "five is no margin; write one that is not negative"),
        ("ttft.p95 worse than -5%", 21, "-5% is no margin"),
        ("ttft.p95 worse than 5", 22, "5 needs a unit; write % or ms or s, as in 5%"),
        ("ttft.p95 worse than 5/s", 22, "/s is not its unit; write % or ms or s"),
        ("throughput.requests worse than 5ms", 33, "ms is not its unit; write % or /s"),
        ("error_rate worse than 5 ms", 25, "ms is not its unit; write %, as in 5%"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_what_to_write(text: str, position: int, said: str) -> None:
    """The text, the position that counts from 1, the remedy."""
    with pytest.raises(ValueError, match="position") as refused:
        parse(text)
    assert str(refused.value).startswith(f"{text!r} at position {position}: ")
    assert said in str(refused.value)


def test_the_option_is_named() -> None:
    """As every refusal of what a user gave; a condition given twice is one."""
    with pytest.raises(InputError, match=r"^--fail-if: 'x' at position 1: "):
        read_conditions(["x"])
    with pytest.raises(InputError, match=r"^--fail-if: a condition is missing; write it as in"):
        read_conditions(["  "])
    assert len(read_conditions(["itl.p50 worse", "itl.p50  worse"])) == 1


def failing(text: str, first: Estimate, later: Estimate) -> tuple[bool, str]:
    """Whether a condition fails for a run of which one number is another, and what is said."""
    same = {name: known(100.0) for name in QUANTITIES}
    condition = parse(text)
    pair = [same | {condition.quantity: one} for one in (first, later)]
    (found,) = judged([condition], compared(pair, ["A", "B"]).rows)
    assert (found.condition, found.run) == (text, "B")
    return found.failed, found.said


@pytest.mark.parametrize(
    ("text", "later", "fails"),
    [
        ("e2e.mean worse than 5%", 110.0, True),
        ("e2e.mean worse than 15%", 110.0, False),
        ("e2e.mean worse than 5%", 90.0, False),
        ("e2e.mean better than 5%", 90.0, True),
        ("e2e.mean differs by 5%", 90.0, True),
        ("e2e.mean differs by 5%", 110.0, True),
        ("e2e.mean worse than 9ms", 110.0, True),
        ("e2e.mean worse than 11ms", 110.0, False),
        ("e2e.mean worse", 110.0, True),
        ("e2e.mean worse", 103.0, False),  # chance could have made it
        ("throughput.requests worse than 5%", 90.0, True),
        ("throughput.requests worse than 5%", 110.0, False),
    ],
)
def test_it_fails_when_called_and_beyond_the_margin(
    text: str, later: float, *, fails: bool
) -> None:
    """Both must hold."""
    assert failing(text, known(100.0), known(later))[0] is fails


def test_beyond_the_margin_but_not_shown_is_said() -> None:
    """It passes, and a reader learns that a longer run may say otherwise."""
    failed, said = failing("e2e.mean worse than 2%", known(100.0), known(103.0))
    assert not failed
    assert said == "+3.0 % would be beyond the margin, but chance could have made it: load longer"


def test_within_the_margin_is_said() -> None:
    """What was called, and that it is allowed."""
    failed, said = failing("e2e.mean worse than 15%", known(100.0), known(110.0))
    assert not failed
    assert said.startswith("B is slower: E2E mean +10.0 %")
    assert said.endswith("within the margin")


@pytest.mark.parametrize(("first", "later"), [(None, 1.0), (1.0, None), (None, None)])
def test_a_number_that_is_missing_fails(first: float | None, later: float | None) -> None:
    """Nobody knows whether it is worse."""
    failed, said = failing("ttft.p95 worse than 5%", known(first), known(later))
    assert failed
    assert "no value" in said


def test_a_number_without_an_error_does_not() -> None:
    """A run that is too short for a percentile fails nothing by that, and it is said."""
    failed, said = failing("ttft.p99 worse than 5%", known(100.0, None), known(200.0))
    assert not failed
    assert said == "cannot be judged: for a reason"


def test_every_later_run_is_held_to_every_condition() -> None:
    """In the order of the conditions."""
    same = {name: known(100.0) for name in QUANTITIES}
    worse = same | {"e2e.mean": known(150.0)}
    asked = [Condition("x", "e2e.mean", ("worse",), 0.0, absolute=False), parse("itl.p50 worse")]
    found = judged(asked, compared([same, same, worse], ["A", "B", "C"]).rows)
    assert [(one.condition, one.run, one.failed) for one in found] == [
        ("x", "B", False),
        ("x", "C", True),
        ("itl.p50 worse", "B", False),
        ("itl.p50 worse", "C", False),
    ]
