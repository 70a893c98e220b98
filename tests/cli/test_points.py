"""Facts about the configuration of each point of a sweep or a search."""

from collections.abc import Sequence

import pytest

from inferswarm.cli.main import parser
from inferswarm.cli.points import Outcome, Plan, config_at
from inferswarm.cli.search import precision
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from inferswarm.limits.loads import CONCURRENCY, RATE, Axis
from inferswarm.limits.points import Point


def nothing(_: Sequence[Point]) -> None:
    """No further point."""


def config(*arguments: str, axis: Axis = RATE, load: float = 5, number: int = 0) -> RunConfig:
    """What a point of a sweep would be run with."""
    parsed = parser().parse_args(["sweep", axis.flag, "1", *arguments])
    plan = Plan("sweep", axis, nothing, lambda _: Outcome("", 0))
    return config_at(parsed, plan, load, number)


def test_the_load_is_that_of_the_point() -> None:
    """A rate makes an open loop, a concurrency users."""
    assert config(load=2.5).arrivals.rate == 2.5
    users = config(axis=CONCURRENCY, load=7)
    assert (users.load.users, users.arrivals.open_loop) == (7, False)


@pytest.mark.parametrize(
    ("arguments", "duration", "warmup"),
    [
        ((), "20s", "5s"),
        (("--duration", "3s"), "3s", "750ms"),
        (("--duration", "3s", "--warmup", "none"), "3s", "none"),
        (("--requests", "10"), "None", ""),
        (("--requests", "10", "--warmup", "2"), "None", "2"),
    ],
)
def test_how_long_a_point_is_and_what_is_left_out(
    arguments: tuple[str, ...], duration: str, warmup: str
) -> None:
    """Twenty seconds with a quarter left out, unless something else was asked for."""
    load = config(*arguments).load
    assert (str(load.duration), load.warmup) == (duration, warmup)


def test_each_point_draws_for_itself() -> None:
    """Seeds of arrivals and prompts are the given ones plus the point's number."""
    third = config("--seed", "40", "--set", "arrivals.seed=7", number=2)
    assert (third.prompts.seed, third.arrivals.seed) == (42, 9)


def test_a_process_of_arrivals_is_that_of_each_rate() -> None:
    """`--arrivals` needs no rate beside it."""
    assert config("--arrivals", "constant").arrivals.process == "constant"


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.02", 0.02), (" 100% ", 1)])
def test_precision_is_a_share(text: str, share: float) -> None:
    """In per cent or as a number."""
    assert precision(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "0", "101%", "five", "-1%", "nan"])
def test_no_precision_is_refused(text: str) -> None:
    """The message says what it must be."""
    with pytest.raises(InputError, match=r"it must be 0\.1% to 100%"):
        precision(text)
