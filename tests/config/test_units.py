"""Facts about quantities with units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from inferswarm.config.units import NS_PER_UNIT, Duration, Rate
from tests.builders import FUZZ, MS, S


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("60s", 60 * S), ("200ms", 200 * MS), ("2m", 120 * S), ("2min", 120 * S),
        ("1h30m", 5_400 * S), ("1h 30m 5s", 5_405 * S), ("1d", 86_400 * S), ("1.5s", 1_500 * MS),
        (".5s", 500 * MS), ("2.s", 2 * S), ("5us", 5_000), ("5µs", 5_000), ("7ns", 7), ("0s", 0),
        ("3", 3 * S), (3, 3 * S), (0.25, 250 * MS), ("  4 s ", 4 * S), (Duration(5), 5),
    ],
)  # fmt: skip
def test_durations_as_people_write_them(text: object, ns: int) -> None:
    """Each spelling is whole nanoseconds; a bare number is seconds."""
    assert Duration.parse(text) == ns


@pytest.mark.parametrize(
    "text",
    ["", "s", "5 parsecs", "-5s", "5s later", "1:30", "ms5", "1e3s", None, "nan", "inf", True],
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    """The refusal says what a duration looks like."""
    with pytest.raises(ValueError, match="200ms, 60s, 2m or 1h30m"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0s"), (120 * S, "2m"), (3_600 * S, "1h"), (90 * S, "90s"), (1_500 * MS, "1500ms"),
     (5_000, "5us"), (7, "7ns"), (1_001, "1001ns")],
)  # fmt: skip
def test_durations_are_shown_in_the_largest_whole_unit(ns: int, text: str) -> None:
    """The shortest exact spelling."""
    assert f"{Duration(ns)}" == repr(Duration(ns)) == text


@FUZZ
@given(st.integers(0, 100 * NS_PER_UNIT["d"]))
def test_a_shown_duration_reads_as_the_same(ns: int) -> None:
    """Whatever is stored can be loaded again."""
    assert Duration.parse(str(Duration(ns))) == ns
    assert Duration(ns).seconds == pytest.approx(ns / S)


@pytest.mark.parametrize(
    ("text", "per_s"),
    [("10/s", 10), ("600/min", 10), ("600/m", 10), ("36000/h", 10), ("36000/hour", 10),
     ("2.5/sec", 2.5), ("1 / second", 1), ("60/minute", 1), ("4", 4), (4, 4), (0.5, 0.5), ("0/s", 0)],
)  # fmt: skip
def test_rates_as_people_write_them(text: object, per_s: float) -> None:
    """Each spelling is events per second; so is a bare number."""
    assert Rate.parse(text) == per_s


@pytest.mark.parametrize("text", ["", "/s", "-1/s", "10/day", "10 s", "fast", None, "nan", "1e3"])
def test_what_is_no_rate_is_refused(text: object) -> None:
    """The refusal says what a rate looks like."""
    with pytest.raises(ValueError, match="10/s or 600/min"):
        Rate.parse(text)


@FUZZ
@given(st.integers(0, 10_000_000))
def test_a_shown_rate_reads_as_the_same(thousandths: int) -> None:
    """Whatever is stored can be loaded again."""
    assert Rate.parse(str(Rate(thousandths / 1_000))) == thousandths / 1_000
    assert str(Rate(10)) == repr(Rate(10)) == "10/s"
    assert str(Rate(0.5)) == "0.5/s"


def test_configurations_check_and_store_them_as_written() -> None:
    """Pydantic reads the text, keeps the number and writes the text."""
    for kind, text in ((Duration, "1500ms"), (Rate, "2.5/s")):
        adapter: TypeAdapter[Duration | Rate] = TypeAdapter(kind)
        value = adapter.validate_python(text)
        assert isinstance(value, kind)
        assert adapter.dump_python(value, mode="json") == text
        with pytest.raises(ValidationError):
            adapter.validate_python("soon")
