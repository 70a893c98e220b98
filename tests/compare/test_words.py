"""Facts about how differences read."""

import pytest

from inferswarm.compare import words
from inferswarm.compare.estimates import QUANTITIES
from inferswarm.compare.values import Call

ITL, ERRORS = QUANTITIES["itl.p50"], QUANTITIES["error_rate"]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (0.101, "+10.1 %"),
        (-0.0234, "-2.3 %"),
        (0.0042, "+0.42 %"),
        (2.5, "+250 %"),
        (0.0, "0.00 %"),
    ],
)
def test_a_difference_has_its_sign_and_few_digits(change: float, shown: str) -> None:
    """In per cent."""
    assert words.amount(change, ITL) == shown


def test_a_rounded_nothing_has_no_sign_of_its_own() -> None:
    """No `-0.00`."""
    assert words.percent(-0.00001, ITL) == "0.00 %"


@pytest.mark.parametrize(
    ("name", "call", "said"),
    [
        ("itl.p50", "worse", "B is slower: ITL p50 +10.1 % (95 % CI +9.7..+10.5 %)"),
        ("itl.p50", "better", "B is faster: ITL p50 +10.1 % (95 % CI +9.7..+10.5 %)"),
        ("throughput.requests", "worse", "B does less: Requests/s +10.1 % (95 % CI +9.7..+10.5 %)"),
        (
            "error_rate",
            "worse",
            "B fails more: Error rate +10.1 points (95 % CI +9.7..+10.5 points)",
        ),
        (
            "error_rate",
            "better",
            "B fails less: Error rate +10.1 points (95 % CI +9.7..+10.5 points)",
        ),
        ("itl.p50", "small", "no difference that matters: ITL p50 +10.1 % (95 % CI +9.7..+10.5 %)"),
    ],
)
def test_a_call_is_a_sentence(name: str, call: Call, said: str) -> None:
    """With the number, the difference and its interval."""
    assert words.sentence(QUANTITIES[name], "B", call, 0.101, 0.097, 0.105) == said


def test_nothing_shown_says_what_would_have_been() -> None:
    """So that a reader knows how much the sample is worth."""
    assert words.not_shown(ITL, 0.034) == (
        "no difference could be shown (smallest difference that this sample would show: 3.4 %)"
    )
    assert words.not_shown(ERRORS, 0.034).endswith("3.4 points)")
