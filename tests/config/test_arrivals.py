"""Facts about how people write when requests are due."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.config.arrivals import (
    ArrivalOptions,
    Process,
    Ramp,
    Sine,
    Stage,
    exact_rate,
    parse_process,
    parse_stages,
)
from inferswarm.config.options import Section
from inferswarm.config.sources import Given, resolve
from inferswarm.errors import InputError
from tests.builders import FUZZ, MS, S


class Tree(Section):
    """A configuration with nothing but arrivals."""

    arrivals: ArrivalOptions = ArrivalOptions()


def hold(per_s: Fraction | int, duration_ns: int) -> Ramp:
    """A rate that stays."""
    return Ramp(Fraction(per_s), Fraction(per_s), duration_ns)


def ramp(first: int, last: int, duration_ns: int) -> Ramp:
    """A rate that goes from one value to another."""
    return Ramp(Fraction(first), Fraction(last), duration_ns)


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("10/s 30s", (hold(10, 30 * S),)),
        ("  10/s   for  30s ", (hold(10, 30 * S),)),
        ("600/min 1h30m", (hold(10, 5_400 * S),)),
        ("100/min 1m", (hold(Fraction(5, 3), 60 * S),)),
        (".5/s 500ms", (hold(Fraction(1, 2), 500 * MS),)),
        ("2./sec 1.5s", (hold(2, 1_500 * MS),)),
        ("10/s..50/s 1m", (ramp(10, 50, 60 * S),)),
        ("10..50/s 1m", (ramp(10, 50, 60 * S),)),
        ("600 .. 3000/min for 1m", (ramp(10, 50, 60 * S),)),
        ("50..0/s 1m", (ramp(50, 0, 60 * S),)),
        ("1.5..2/s 1s", (Ramp(Fraction(3, 2), Fraction(2), S),)),
        ("spike 200/s 5s", (hold(200, 5 * S),)),
        ("1/s 1s,pause 10s , 0/s 2s", (hold(1, S), hold(0, 10 * S), hold(0, 2 * S))),
        ("0.1/s 1s, 10000/s 1s", (hold(Fraction(1, 10), S), hold(10_000, S))),
        (
            "sine 50/s±20/s every 30s for 2m",
            (Sine(Fraction(50), Fraction(20), 30 * S, 120 * S),),
        ),
        ("sine 50 +- 20/s every 30s 2m", (Sine(Fraction(50), Fraction(20), 30 * S, 120 * S),)),
        ("sine 50/s+/-50/s every 1m 1m", (Sine(Fraction(50), Fraction(50), 60 * S, 60 * S),)),
    ],
)
def test_stages_as_people_write_them(text: str, stages: tuple[Stage, ...]) -> None:
    """Each spelling is exact: rates as fractions, durations in nanoseconds."""
    assert parse_stages(text) == stages


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "at character 1 it ends: a rate such as 10/s or 600/min must stand here"),
        ("10/s", "at character 5 it ends: a duration such as 30s, 500ms or 1h30m"),
        ("10/s 30", "at character 6 found '30': a duration such as 30s"),
        ("10/s 0s", "at character 6 found '0s': a duration here must be 1ns to 30d"),
        ("10/s 31d", "at character 6 found '31d': a duration here must be 1ns to 30d"),
        ("10/s -5s", "at character 6 found '-5s': a duration such as 30s"),
        ("10 30s", "at character 1 found '10': a rate such as 10/s"),
        ("10/s 30s 20/s 30s", "at character 10 found '20/s': a comma must stand between stages"),
        ("10/s 30s,", "at character 10 it ends: a rate such as"),
        ("10/s 30s, 50..x/s 1m", "at character 11 found '50': a rate such as"),
        ("10/s..x/s 1m", "at character 7 found 'x/s': a rate such as"),
        ("10/parsec 1m", "at character 1 found '10/parsec': a rate such as"),
        ("0.05/s 1m", "found '0.05/s': a rate here must be 0/s or 0.1/s to 10000/s"),
        ("10001/s 1m", "found '10001/s': a rate here must be 0/s or 0.1/s to 10000/s"),
        ("pause 1m", "no stage has arrivals; add one such as 10/s 30s"),
        ("spkie 10/s 1m", "a stage starts with a rate, spike, pause or sine; did you mean spike?"),
        ("sine 50/s every 30s 1m", "found 'every': ± (or +-) and how far the rate swings"),
        ("sine 50/s±60/s every 30s 1m", "found '60/s': a rate here must be 0.1/s to 50/s"),
        ("sine 9000/s±2000/s every 1s 1m", "a rate here must be 0.1/s to 1000/s"),
        ("sine 0/s±1/s every 1s 1m", "a rate here must be 0.1/s to 10000/s"),
        ("sine 50/s±20/s 30s 1m", "found '30s': every and the period must stand here"),
        ("sine 50/s±20/s every 1us 1m", "found '1us': a duration here must be 1ms to 30d"),
    ],
)
def test_wrong_stages_are_refused_at_their_place(text: str, refusal: str) -> None:
    """The refusal names the character, what was found, and what must stand there."""
    with pytest.raises(ValueError, match=re.escape(refusal)):
        parse_stages(text)


@FUZZ
@given(st.text(alphabet="0123456789./s±+- ,minehpausk", max_size=30))
def test_any_text_is_stages_or_refused(text: str) -> None:
    """Nothing but a ValueError comes out of bad text, and only sound stages out of good."""
    try:
        stages = parse_stages(text)
    except ValueError:
        return
    assert stages
    assert all(stage.duration_ns > 0 for stage in stages)


@pytest.mark.parametrize(
    ("text", "burstiness"),
    [("poisson", 1.0), (" constant", None), ("gamma:0.5", 0.5), ("gamma:1000", 1_000.0)],
)
def test_processes_as_people_write_them(text: str, burstiness: float | None) -> None:
    """Poisson is the gamma process of shape 1."""
    assert parse_process(text) == Process(burstiness)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("poison", "must be poisson, constant or gamma:SHAPE, as in gamma:0.5; did you mean pois"),
        ("poisson:2", "must be poisson, constant or gamma:SHAPE"),
        ("gamma", "shape after gamma: must be 0.01 to 1000"),
        ("gamma:0", "shape after gamma: must be 0.01 to 1000"),
        ("gamma:2/s", "shape after gamma: must be 0.01 to 1000"),
        ("gamma:2000", "for even spacing write constant"),
    ],
)
def test_wrong_processes_are_refused(text: str, refusal: str) -> None:
    """The refusal says what can be written."""
    with pytest.raises(ValueError, match=re.escape(refusal)):
        parse_process(text)


@pytest.mark.parametrize(
    ("per_s", "exact"),
    [(100 / 60, Fraction(5, 3)), (0.1, Fraction(1, 10)), (123.456, Fraction(15432, 125)), (7, 7)],
)
def test_a_rate_is_the_fraction_that_was_meant(per_s: float, exact: Fraction) -> None:
    """What a float cannot hold exactly is mended, so that stages end where they should."""
    assert exact_rate(per_s) == exact


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"rate": "0.05/s"}, "arrivals.rate was given '0.05/s'; it must be 0.1/s to 10000/s"),
        ({"rate": "20000/s"}, "arrivals.rate was given '20000/s'; it must be 0.1/s to 10000/s"),
        ({"stages": "10/s"}, "arrivals.stages was given '10/s'; at character 5 it ends: a durat"),
        ({"process": "even", "rate": 1}, "arrivals.process was given 'even'; it must be poisson"),
        ({"rate": "5/s", "stages": "1/s 1s"}, "rate and stages exclude each other; give one"),
        ({"stages": "1/s 1s", "trace": "a.csv"}, "stages and trace exclude each other"),
        ({"process": "constant"}, "process needs a rate or stages"),
        ({"process": "constant", "trace": "a.csv"}, "process needs a rate or stages"),
        ({"rate": "5/s", "time_scale": "2"}, "time_scale and rate_scale need a trace"),
        ({"trace": "a.csv", "time_scale": "0"}, "arrivals.time_scale was given '0'"),
        ({"trace": "a.csv", "rate_scale": "2000"}, "arrivals.rate_scale was given '2000'"),
    ],
)
def test_wrong_options_end_in_one_sentence(given: dict[str, object], refusal: str) -> None:
    """It names where the option came from, the option, its value and what would do."""
    givens = [Given(f"arrivals.{name}", value, "--set") for name, value in given.items()]
    with pytest.raises(InputError, match=re.escape(refusal)):
        resolve(Tree, givens)


def test_without_options_the_loop_is_closed() -> None:
    """The default asks for no schedule."""
    options = ArrivalOptions()
    assert (options.rate, options.stages, options.trace) == (None, "", None)
