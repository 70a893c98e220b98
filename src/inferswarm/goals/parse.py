"""Goals as people write them.

    goal   = quantity comparison number unit | preset
    limit  = metric ( "<" | "<=" ) number ( "ms" | "s" )

| written | meaning |
| --- | --- |
| `ttft.p95<500ms` | a statistic of a metric: mean, min, p50, p90, p95, p99, p99.9, max |
| `throughput.output_tokens>1000/s` | successful work per second |
| `error_rate<1%`, `goodput.share>=95%` | a share of all attempted requests |
| `mlperf:llama2-70b-server` | all goals of a preset |
| `ttft<500ms` | a limit of every single request, for goodput |

Blanks may stand between the parts. Units must be written, but for counts of tokens.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NoReturn, TypeVar

from inferswarm.errors import InputError
from inferswarm.goals.presets import PREFIX, PRESETS
from inferswarm.goals.quantities import GOODPUT, LOW, MS, QUANTITIES, STATISTICS, UNITS
from inferswarm.goals.values import COMPARISONS, PER_REQUEST, Goal, Goals, Limit
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.nearest import did_you_mean
from inferswarm.scales import NS_PER_MS

_COMPARISON = re.compile(r"[<>=!≤≥]+")
_VALUE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(.*)")
_ALL = "; `inferswarm goals` lists all"
ValueT = TypeVar("ValueT", Goal, Limit)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was written, in three parts; positions count characters from 1."""

    whole: str
    name: str
    comparison: str
    value: str
    name_at: int
    comparison_at: int
    value_at: int


def read_goals(slo: Iterable[str], goodput: Iterable[str]) -> Goals:
    """All goals and limits, each once; raises InputError that names option, text and position."""
    goals = _each("--slo (goals.slo)", slo, parse_slo)
    limits = _each("--goodput (goals.goodput)", goodput, parse_limit)
    about = [goal.text for goal in goals if goal.quantity in {one.name for one in GOODPUT}]
    if about and not limits:
        raise InputError(
            f"--slo (goals.slo): {about[0]!r} needs limits of a request to tell which are good: "
            "add one, as in --goodput 'ttft<500ms'"
        )
    return Goals(tuple(goals), tuple(limits))


def parse_slo(text: str) -> tuple[Goal, ...]:
    """One goal, or those of a preset; raises ValueError that says where and what to write."""
    whole = text.strip()
    if not whole.startswith(PREFIX):
        return (_goal(_split(text)),)
    preset = PRESETS.get(whole)
    if preset is None:
        raise ValueError(f"unknown preset {whole}{did_you_mean(whole, PRESETS) or _ALL}")
    return tuple(replace(_goal(_split(goal)), preset=whole) for goal in preset.goals)


def parse_limit(text: str) -> tuple[Limit]:
    """One limit of a request; raises ValueError that says where and what to write."""
    parts = _split(text)
    if parts.name not in PER_REQUEST:
        _refuse(parts, parts.name_at, _no_limit(parts.name))
    if parts.comparison[0] != LOW:
        _refuse(parts, parts.comparison_at, f"a limit is an upper one; write {LOW} or {LOW}=")
    number, unit = _number(parts, UNITS[MS])
    return (
        Limit(
            text=f"{parts.name}{parts.comparison}{number}{unit}",
            metric=parts.name,
            comparison=parts.comparison,
            limit_ns=int(Decimal(number) * Decimal(UNITS[MS][unit]) * NS_PER_MS),
        ),
    )


def _each(
    option: str, texts: Iterable[str], parse: Callable[[str], Iterable[ValueT]]
) -> list[ValueT]:
    """What all texts say, without repetitions."""
    found: dict[str, ValueT] = {}
    try:
        for text in texts:
            for value in parse(text):
                found.setdefault(value.text, value)
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None
    return list(found.values())


def _split(text: str) -> _Parts:
    """Name, comparison and value, whatever they are."""
    whole = text.strip()
    found = _COMPARISON.search(whole)
    if found is None:
        end = len(whole) + 1
        hint = "a comparison is missing; write it as in ttft.p95<500ms"
        _refuse(_Parts(whole, whole, "", "", 1, end, end), end, hint)
    rest = whole[found.end() :]
    value = rest.lstrip()
    parts = _Parts(
        whole=whole,
        name=whole[: found.start()].rstrip(),
        comparison=found[0].replace("≤", "<=").replace("≥", ">="),
        value=value,
        name_at=1,
        comparison_at=found.start() + 1,
        value_at=found.end() + len(rest) - len(value) + 1,
    )
    if parts.comparison not in COMPARISONS:
        _refuse(parts, parts.comparison_at, f"{found[0]} is no comparison; write <, <=, > or >=")
    return parts


def _goal(parts: _Parts) -> Goal:
    quantity = QUANTITIES.get(parts.name)
    if quantity is None:
        _refuse(parts, parts.name_at, _no_quantity(parts.name))
    if quantity.better and quantity.better != parts.comparison[0]:
        right = "lower: write <" if quantity.better == LOW else "higher: write >"
        why = f"{parts.name} is better when {right} or {right[-1]}="
        _refuse(parts, parts.comparison_at, why)
    units = UNITS[quantity.unit]
    number, unit = _number(parts, units)
    return Goal(
        text=f"{parts.name}{parts.comparison}{number}{unit}",
        quantity=parts.name,
        comparison=parts.comparison,
        limit=float(Decimal(number) * Decimal(units[unit])),
    )


def _number(parts: _Parts, units: Mapping[str, str]) -> tuple[str, str]:
    """Digits and unit of the value."""
    found = _VALUE.fullmatch(parts.value)
    if found is None:
        what = f"{parts.value} is no number" if parts.value else "a number is missing"
        _refuse(parts, parts.value_at, f"{what}; write one that is not negative, as in 500")
    number, unit = found[1], found[2].strip()
    if unit not in units:
        known = " or ".join(name for name in units if name)
        what = f"{unit} is not its unit" if unit else f"{number} needs a unit"
        example = "1%" if "%" in units else f"{number}{next(iter(units))}"
        _refuse(parts, parts.value_at + found.start(2), f"{what}; write {known}, as in {example}")
    return number, unit


def _no_quantity(name: str) -> str:
    metric, dot, statistic = name.partition(".")
    if metric in METRIC_BY_NAME and not dot:
        limit = ", or give it to --goodput as a limit of each request" * (metric in PER_REQUEST)
        return f"{metric} needs a statistic, as in {metric}.p95{limit}"
    if metric in METRIC_BY_NAME:
        hint = did_you_mean(statistic, STATISTICS) or f"; write {', '.join(STATISTICS)}"
        return f"unknown statistic {statistic or 'after the dot'}{hint}"
    what = f"unknown quantity {name}" if name else "a quantity is missing"
    return f"{what}{did_you_mean(name, QUANTITIES) or _ALL}"


def _no_limit(name: str) -> str:
    known = ", ".join(PER_REQUEST)
    metric, dot, _ = name.partition(".")
    if metric in PER_REQUEST and dot:
        return f"a limit of each request has no statistic; write {metric}, or give it to --slo"
    if metric == "itl":
        return f"itl has many values in one request; limit tpot, their mean (known: {known})"
    if metric in METRIC_BY_NAME or name in QUANTITIES:
        return f"{name} cannot be a limit of a request; known: {known}"
    what = f"unknown metric {name}" if name else "a metric is missing"
    return f"{what}{did_you_mean(name, PER_REQUEST)}; known: {known}"


def _refuse(parts: _Parts, position: int, why: str) -> NoReturn:
    raise ValueError(f"{parts.whole!r} at position {position}: {why}")
