"""When requests are due whatever the server does: options, and how people write them.

A list of stages, one after another, parted by commas:

| written | meaning |
| --- | --- |
| `200/s 30s` | an even 200/s for 30 s |
| `10/s..50/s 1m`, `10..50/s 1m` | from 10/s to 50/s in a straight line |
| `spike 200/s 5s` | as `200/s 5s`; the word is for the reader |
| `pause 10s` | no arrivals for 10 s |
| `sine 50/s±20/s every 30s for 2m` | 50/s + 20/s * sin(2 pi t / 30s) for 2 minutes |

`for` may stand before the last duration of any stage. For `±` one may write `+-`. Rates and durations
carry their units (`/s`, `/min`, `/h`; `ms`, `s`, `m`, `h`); before `..` or `±` a rate may go without
and takes the unit of the rate after it.

How arrivals are spread at a rate, the process:

| written | meaning |
| --- | --- |
| `poisson` | independent of each other, as from many users; gaps are exponential |
| `constant` | evenly, the first at once |
| `gamma:0.5` | gaps from a gamma distribution of that shape (burstiness): below 1 they come in bursts, 1 is `poisson`, above 1 they are more even |
"""  # noqa: E501 - a row of a table is one line

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import AfterValidator, model_validator

from inferswarm.config.options import Section, option
from inferswarm.config.units import NS_PER_UNIT, Duration, Rate
from inferswarm.nearest import did_you_mean

LEAST_PER_S = Fraction(1, 10)
MOST_PER_S = Fraction(10_000)
LEAST_BURSTINESS = 0.01
MOST_BURSTINESS = 1_000.0
MOST_SCALE = 1_000.0
_NONE = Fraction(0)
_LEAST_PERIOD_NS = 1_000_000
_MOST_DURATION_NS = 30 * NS_PER_UNIT["d"]

_UNIT_NS = {
    name: NS_PER_UNIT[name if name in NS_PER_UNIT else name[0]]
    for name in ("s", "sec", "second", "m", "min", "minute", "h", "hour")
}
_PLUS_MINUS = ("±", "+-", "+/-")
_JOINTS = ("..", *_PLUS_MINUS)
_TOKEN = re.compile(r"\s*(,|\.\.|±|\+/?-|(?:(?!,|\.\.|±|\+/?-)\S)+)")
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_RATE = re.compile(rf"({_NUMBER.pattern})(?:/({'|'.join(_UNIT_NS)}))?")


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rate that goes from one value to another in a straight line; arrivals per second, exact."""

    first_per_s: Fraction
    last_per_s: Fraction
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Sine:
    """A rate that swings around a mean, upwards first; arrivals per second, exact."""

    mean_per_s: Fraction
    amplitude_per_s: Fraction
    period_ns: int
    duration_ns: int


Stage = Ramp | Sine


@dataclass(frozen=True, slots=True)
class Process:
    """How arrivals are spread at a rate: the gamma shape of their gaps, or None when evenly."""

    burstiness: float | None


def parse_process(given: str) -> Process:
    """`poisson`, `constant` or `gamma:SHAPE`; ValueError for anything else."""
    name, colon, shape = given.strip().partition(":")
    if name == "gamma":
        return Process(_burstiness(shape))
    if colon or name not in ("poisson", "constant"):
        near = did_you_mean(name, ("poisson", "constant", "gamma"))
        raise ValueError(f"it must be poisson, constant or gamma:SHAPE, as in gamma:0.5{near}")
    return Process(1.0 if name == "poisson" else None)


def _burstiness(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not LEAST_BURSTINESS <= float(text) <= MOST_BURSTINESS:
        raise ValueError(
            f"the shape after gamma: must be {LEAST_BURSTINESS:g} to {MOST_BURSTINESS:g}, as in "
            "gamma:0.5 (below 1 is burstier than poisson; for even spacing write constant)"
        )
    return float(text)


def exact_rate(per_s: float) -> Fraction:
    """The fraction that a rate was meant to be: 100/min is 5/3 a second, 0.1/s a tenth.

    Raises ValueError outside 0.1/s to 10,000/s.
    """
    rate = Fraction(per_s).limit_denominator(1_000_000)
    if not LEAST_PER_S <= rate <= MOST_PER_S:
        raise ValueError("it must be 0.1/s to 10000/s")
    return rate


def parse_stages(text: str) -> tuple[Stage, ...]:
    """The stages of a list as in this module's table; ValueError says where it fails and why."""
    reader = _Reader(text)
    stages = [_stage(reader)]
    while not reader.ended:
        if not reader.takes(","):
            reader.refuse("a comma must stand between stages")
        stages.append(_stage(reader))
    if not any(
        isinstance(stage, Sine) or stage.first_per_s or stage.last_per_s for stage in stages
    ):
        raise ValueError("no stage has arrivals; add one such as 10/s 30s")
    return tuple(stages)


class _Reader:
    """The words of a list of stages, one after another."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [(found[1], found.start(1)) for found in _TOKEN.finditer(text)]
        self._at = 0

    @property
    def ended(self) -> bool:
        """Whether no word is left."""
        return self._at == len(self._words)

    @property
    def next(self) -> str:
        """The next word, or nothing at the end."""
        return "" if self.ended else self._words[self._at][0]

    def takes(self, *words: str) -> bool:
        """Whether one of these words is next, which is then taken."""
        found = self.next in words
        self._at += found
        return found

    def refuse(self, remedy: str) -> NoReturn:
        """Say what was found at this place, and what must stand there instead."""
        place = len(self._text) if self.ended else self._words[self._at][1]
        found = f"found {self.next!r}" if self.next else "it ends"
        raise ValueError(f"at character {place + 1} {found}: {remedy}")

    def rate(
        self, least: Fraction = LEAST_PER_S, most: Fraction = MOST_PER_S, *, bare: bool = False
    ) -> Fraction:
        """A rate, per second; with `bare` it takes its unit from the rate behind the next word."""
        found = _RATE.fullmatch(self.next)
        unit = found and (found[2] or (self._unit_ahead() if bare else None))
        if not found or not unit:
            self.refuse("a rate such as 10/s or 600/min must stand here")
        per_s = Fraction(found[1]) * NS_PER_UNIT["s"] / _UNIT_NS[unit]
        if not (LEAST_PER_S <= per_s <= most or per_s == least):
            zero = "" if least else "0/s or "
            self.refuse(f"a rate here must be {zero}0.1/s to {Rate(most)}")
        self._at += 1
        return per_s

    def _unit_ahead(self) -> str | None:
        ahead = [word for word, _ in self._words[self._at + 1 : self._at + 3]]
        found = _RATE.fullmatch(ahead[1]) if len(ahead) == 2 and ahead[0] in _JOINTS else None
        return found[2] if found else None

    def duration(self, least_ns: int = 1) -> int:
        """A duration with its unit, in nanoseconds."""
        try:
            duration = Duration.parse(self.next if self.next[-1:].isalpha() else "")
        except ValueError:
            self.refuse("a duration such as 30s, 500ms or 1h30m must stand here")
        if not least_ns <= duration <= _MOST_DURATION_NS:
            self.refuse(f"a duration here must be {Duration(least_ns)} to 30d")
        self._at += 1
        return int(duration)


def _stage(reader: _Reader) -> Stage:
    if reader.takes("sine"):
        return _sine(reader)
    if reader.takes("pause"):
        reader.takes("for")
        return Ramp(_NONE, _NONE, reader.duration())
    if not reader.takes("spike") and reader.next[:1].isalpha():
        near = did_you_mean(reader.next, ("spike", "pause", "sine"))
        reader.refuse(f"a stage starts with a rate, spike, pause or sine{near}")
    first = last = reader.rate(_NONE, bare=True)
    if reader.takes(".."):
        last = reader.rate(_NONE)
    reader.takes("for")
    return Ramp(first, last, reader.duration())


def _sine(reader: _Reader) -> Sine:
    mean = reader.rate(bare=True)
    if not reader.takes(*_PLUS_MINUS):
        reader.refuse("± (or +-) and how far the rate swings must stand here, as in 50/s±20/s")
    amplitude = reader.rate(most=min(mean, MOST_PER_S - mean))
    if not reader.takes("every"):
        reader.refuse("every and the period must stand here, as in every 30s")
    period_ns = reader.duration(least_ns=_LEAST_PERIOD_NS)
    reader.takes("for")
    return Sine(mean, amplitude, period_ns, reader.duration())


def _a_process(text: str) -> str:
    parse_process(text)
    return text


def _some_stages(text: str) -> str:
    if text:
        parse_stages(text)
    return text


def _in_range(rate: Rate) -> Rate:
    exact_rate(rate)
    return rate


class ArrivalOptions(Section):
    """When requests are due in open loop; without rate, stages and trace the loop is closed."""

    rate: Annotated[Rate, AfterValidator(_in_range)] | None = option(
        None, "Requests per second, sent whether or not answers come.", flag="--rate"
    )
    process: Annotated[str, AfterValidator(_a_process)] = option(
        "poisson",
        "How arrivals are spread at a rate: poisson, constant, or gamma:SHAPE (below 1 bursty).",
        flag="--arrivals",
    )
    stages: Annotated[str, AfterValidator(_some_stages)] = option(
        "",
        "Rates one after another, as in `10/s 30s, 10..50/s 1m, spike 200/s 5s, pause 10s, "
        "sine 50/s±20/s every 30s for 2m`.",
        flag="--stages",
    )
    trace: Path | None = option(
        None,
        "File of recorded arrivals to replay: CSV of Azure or BurstGPT, JSON lines of Mooncake, "
        "or columns time_s, input_tokens, output_tokens.",
        flag="--trace",
    )
    time_scale: float = option(
        1.0,
        "How much faster a trace is replayed: 2 halves all its times.",
        ge=1 / MOST_SCALE,
        le=MOST_SCALE,
    )
    rate_scale: float = option(
        1.0,
        "Share of a trace's rows that is replayed: 0.5 a seeded half, 2 each row twice.",
        ge=1 / MOST_SCALE,
        le=MOST_SCALE,
    )
    seed: int = option(0, "Seed of the arrival times.")

    @property
    def open_loop(self) -> bool:
        """Whether requests are due by a schedule."""
        return bool(self.rate or self.stages or self.trace)

    @property
    def told(self) -> str:
        """The schedule in a few words; empty for a closed loop."""
        if self.trace is not None:
            return f"trace {self.trace.name}"
        return f"{self.process} {self.stages or self.rate}" if self.open_loop else ""

    @property
    def ends(self) -> bool:
        """Whether the schedule has an end of its own."""
        return bool(self.stages or self.trace)

    @model_validator(mode="after")
    def _one_origin(self) -> "ArrivalOptions":
        given = [name for name in ("rate", "stages", "trace") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; give one")
        if self.trace is None and (self.time_scale, self.rate_scale) != (1, 1):
            raise ValueError("time_scale and rate_scale need a trace")
        if self.process != "poisson" and given not in (["rate"], ["stages"]):
            raise ValueError("process needs a rate or stages")
        return self
