"""Facts about how a warm-up is written."""

import pytest

from inferswarm.config.warmup import MOST_REQUESTS, Warmup, checked, parse_warmup


@pytest.mark.parametrize(
    ("text", "warmup"),
    [
        ("", Warmup()),
        ("none", Warmup()),
        ("0", Warmup()),
        ("30s", Warmup(duration_ns=30_000_000_000)),
        ("1m30s", Warmup(duration_ns=90_000_000_000)),
        ("200", Warmup(requests=200)),
        (" auto ", Warmup(auto=True)),
    ],
)
def test_a_warmup_is_a_span_a_number_of_requests_or_auto(text: str, warmup: Warmup) -> None:
    """A bare number counts requests, a unit makes it a duration."""
    assert parse_warmup(text) == warmup


@pytest.mark.parametrize("text", ["soon", "-5s", "2.5", "10%", str(MOST_REQUESTS + 1), "auto 3s"])
def test_anything_else_is_refused(text: str) -> None:
    """The refusal says what may be written."""
    with pytest.raises(ValueError, match="a duration"):
        parse_warmup(text)


def test_a_file_may_hold_a_plain_number() -> None:
    """YAML reads 200 as a number."""
    assert checked(200) == "200"
    assert checked(None) == ""
