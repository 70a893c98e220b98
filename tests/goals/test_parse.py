"""Facts about goals as people write them: what is understood, and how the rest is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.errors import InputError
from inferswarm.goals.parse import parse_limit, parse_slo, read_goals
from inferswarm.goals.quantities import QUANTITIES
from inferswarm.goals.values import PER_REQUEST, Goal, Goals
from inferswarm.metrics import METRICS
from tests.builders import FUZZ, MS

GOOD = [
    ("ttft.p95<500ms", "ttft.p95", "<", 500.0),
    ("itl.p99<=60ms", "itl.p99", "<=", 60.0),
    ("e2e.max<1.5s", "e2e.max", "<", 1500.0),
    ("ttft_due.p99.9<.5s", "ttft_due.p99.9", "<", 500.0),
    ("send_lag.mean<10ms", "send_lag.mean", "<", 10.0),
    ("throughput.requests>10/s", "throughput.requests", ">", 10.0),
    ("throughput.output_tokens>=1000/s", "throughput.output_tokens", ">=", 1000.0),
    ("error_rate<1%", "error_rate", "<", 0.01),
    ("error_rate<=0%", "error_rate", "<=", 0.0),
    ("goodput.share>=99.9%", "goodput.share", ">=", 0.999),
    ("goodput.output_tokens>5/s", "goodput.output_tokens", ">", 5.0),
    ("output_tokens.mean>=100", "output_tokens.mean", ">=", 100.0),
    ("output_tokens.max<=128tokens", "output_tokens.max", "<=", 128.0),
]
BAD = [
    ("", "'' at position 1: a comparison is missing"),
    ("ttft.p95 500ms", "at position 15: a comparison is missing; write it as in ttft.p95<500ms"),
    ("ttft.p95=500ms", "at position 9: = is no comparison; write <, <=, > or >="),
    ("ttft.p95<>500ms", "at position 9: <> is no comparison"),
    ("ttft.p95<500", "at position 13: 500 needs a unit; write ms or s, as in 500ms"),
    ("ttft.p95<500 min", "at position 14: min is not its unit; write ms or s"),
    ("ttft.p95<", "at position 10: a number is missing"),
    ("ttft.p95< fast", "at position 11: fast is no number"),
    ("ttft.p95<-5ms", "at position 10: -5ms is no number; write one that is not negative"),
    ("ttft.p95<1e3ms", "at position 11: e3ms is not its unit"),
    ("ttft.p95<nanms", "nanms is no number"),
    ("ttft.p95>500ms", "at position 9: ttft.p95 is better when lower: write < or <="),
    ("throughput.requests<5/s", "at position 20: throughput.requests is better when higher"),
    ("throughput.requests>5", "at position 22: 5 needs a unit; write /s, as in 5/s"),
    ("error_rate<0.01", "at position 16: 0.01 needs a unit; write %, as in 1%"),
    (
        "ttft<500ms",
        "at position 1: ttft needs a statistic, as in ttft.p95, or give it to --goodput",
    ),
    ("itl<50ms", "at position 1: itl needs a statistic, as in itl.p95"),
    ("ttft.p9<5ms", "unknown statistic p9; did you mean p99"),
    ("ttft.<5ms", "unknown statistic after the dot; write mean, min, p50"),
    ("tfft.p95<5ms", "unknown quantity tfft.p95; did you mean ttft.p95?"),
    ("ttft p95<5ms", "unknown quantity ttft p95; did you mean ttft.p95?"),
    ("speed<5ms", "unknown quantity speed; `inferswarm goals` lists all"),
    ("<5ms", "at position 1: a quantity is missing"),
    (
        "mlperf:llama2-70b",
        "unknown preset mlperf:llama2-70b; did you mean mlperf:llama2-70b-server?",
    ),
    ("mlperf:gpt5", "unknown preset mlperf:gpt5"),
]
BAD_LIMITS = [
    ("ttft.p95<5ms", "at position 1: a limit of each request has no statistic; write ttft"),
    ("itl<5ms", "at position 1: itl has many values in one request; limit tpot"),
    ("send_lag<5ms", "send_lag cannot be a limit of a request; known: ttft, ttft_due, ttfo, tpot"),
    ("error_rate<1%", "error_rate cannot be a limit of a request"),
    ("tppt<5ms", "unknown metric tppt; did you mean tpot?"),
    ("<5ms", "a metric is missing"),
    ("ttft>5ms", "at position 5: a limit is an upper one; write < or <="),
    ("e2e<5", "at position 6: 5 needs a unit; write ms or s, as in 5ms"),
    ("mlperf:llama2-70b-server", "a comparison is missing"),
]


@pytest.mark.parametrize(("text", "quantity", "comparison", "limit"), GOOD)
def test_a_goal_is_understood(text: str, quantity: str, comparison: str, limit: float) -> None:
    """Name, comparison, and the limit in the unit that is published."""
    assert parse_slo(text) == (Goal(text, quantity, comparison, limit),)


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_wrong_goal_is_refused_with_place_and_remedy(text: str, said: str) -> None:
    """The message has the text, the position, and what to write."""
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        parse_slo(text)
    assert text in str(refused.value)


@pytest.mark.parametrize(("text", "said"), BAD_LIMITS)
def test_a_wrong_limit_is_refused_with_place_and_remedy(text: str, said: str) -> None:
    """What has no one value in a request cannot limit one."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_limit(text)


@pytest.mark.parametrize("name", PER_REQUEST)
def test_every_metric_of_one_request_can_be_limited(name: str) -> None:
    """In whole nanoseconds, whatever the unit."""
    (limit,) = parse_limit(f" {name} <= 1.5 s ")
    assert (limit.text, limit.metric, limit.limit_ns) == (f"{name}<=1.5s", name, 1_500 * MS)


def test_every_statistic_of_every_metric_can_be_a_goal() -> None:
    """There is no latency that cannot be asked for."""
    for metric in METRICS:
        for statistic in ("mean", "min", "p50", "p90", "p95", "p99", "p99.9", "max"):
            unit = "ms" if metric.unit == "ms" else ""
            (goal,) = parse_slo(f"{metric.name}.{statistic}<=5{unit}")
            assert goal.quantity in QUANTITIES
            assert goal.limit == 5


def test_blanks_and_signs_of_print_do_not_matter() -> None:
    """One goal has one text, however it was typed."""
    spaced, printed = parse_slo("  ttft.p95  <=  500  ms "), parse_slo("ttft.p95≤500ms")
    assert spaced == printed == parse_slo("ttft.p95<=500ms")


def test_a_preset_stands_for_its_goals() -> None:
    """Each knows where it came from."""
    first, second = parse_slo("mlperf:llama2-70b-interactive")
    assert (first.text, second.text) == ("ttft_due.p99<=450ms", "tpot.p99<=40ms")
    assert {first.preset, second.preset} == {"mlperf:llama2-70b-interactive"}


def test_a_goal_given_twice_is_one() -> None:
    """The first of them stays, in its place."""
    goals = read_goals(["tpot.p99<=40ms", "error_rate<1%", "mlperf:llama2-70b-interactive"], [])
    assert [goal.text for goal in goals.slo] == [
        "tpot.p99<=40ms",
        "error_rate<1%",
        "ttft_due.p99<=450ms",
    ]
    assert goals.slo[0].preset == ""


def test_goals_on_goodput_need_limits() -> None:
    """Else nobody knows what is good."""
    with pytest.raises(InputError, match=r"goodput.share>95%' needs limits of a request"):
        read_goals(["goodput.share>95%"], [])
    assert len(read_goals(["goodput.share>95%"], ["ttft<1s"]).limits) == 1
    assert read_goals([], []) == Goals()


@pytest.mark.parametrize(
    ("slo", "goodput", "option"),
    [(["x"], [], "--slo (goals.slo): "), ([], ["x"], "--goodput (goals.goodput): ")],
)
def test_a_refusal_names_the_option(slo: list[str], goodput: list[str], option: str) -> None:
    """It ends the command as wrong input."""
    with pytest.raises(InputError) as refused:
        read_goals(slo, goodput)
    assert str(refused.value).startswith(option)
    assert refused.value.exit_code == 2


@FUZZ
@given(st.text(max_size=30) | st.from_regex(r"[a-z_.]{0,9}[<>=]{0,3}[0-9.]{0,4} ?[a-z%/]{0,3}"))
def test_whatever_is_typed_is_understood_or_refused(text: str) -> None:
    """Nothing else happens, and what is understood reads back as itself."""
    for parse in (parse_slo, parse_limit):
        try:
            (value, *_) = parse(text)
        except ValueError:
            continue
        assert parse(value.text)[0].text == value.text
