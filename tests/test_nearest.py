"""Facts about naming what was probably meant."""

import pytest

from inferswarm.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("given", "near"), [("usres", "users"), ("durations", "duration"), ("zzz", ""), ("", "")]
)
def test_nearest_is_the_most_alike_or_nothing(given: str, near: str) -> None:
    """A typing error finds its name, nonsense finds none."""
    assert nearest(given, ["users", "duration", "requests"]) == near


def test_did_you_mean_is_a_clause_or_nothing() -> None:
    """The hint can be appended to a sentence as it is."""
    assert did_you_mean("usres", ["users"]) == "; did you mean users?"
    assert did_you_mean("zzz", ["users"]) == ""
    assert did_you_mean("users", []) == ""
