"""Facts about the refusal of options for which a format has no word."""

from inferswarm.adapters import Wanted
from inferswarm.adapters.refusals import unknown


def test_what_was_not_given_is_not_refused() -> None:
    """Neither defaults, nor the best of one answer, nor options that were not named."""
    assert unknown(Wanted(best_of=1, seed=3), "best_of", "stop", "temperature") == ""


def test_each_option_that_was_given_is_named_with_the_remedy() -> None:
    """A value of 0 is given too."""
    wanted = Wanted(temperature=0.0, stop=("x",), seed=0)
    assert unknown(wanted, "seed") == "request.seed is not known there; leave it out"
    assert unknown(wanted, "temperature", "stop", "seed") == (
        "request.temperature, request.stop and request.seed are not known there; leave them out"
    )
