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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NoReturn

from inferswarm.errors import InputError
from inferswarm.goals.presets import PREFIX, PRESETS
from inferswarm.goals.quantities import GOODPUT, LOW, MS, QUANTITIES, STATISTICS, UNITS
from inferswarm.goals.values import COMPARISONS, PER_REQUEST, Goal, Goals, Limit
from inferswarm.metrics import METRIC_BY_NAME, NS_PER_MS
from inferswarm.nearest import did_you_mean

_COMPARISON = re.compile(r"[<>=!≤≥]+")
_VALUE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(.*)")
_ALL = "; `inferswarm goals` lists all"


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
    _upper(parts, f"{parts.name} is better when lower")
    number, unit = _number(parts, UNITS[MS])
    return (
        Limit(
            text=f"{parts.name}{parts.comparison}{number}{unit}",
            metric=parts.name,
            comparison=parts.comparison,
            limit_ns=int(Decimal(number) * Decimal(UNITS[MS][unit]) * NS_PER_MS),
        ),
    )


def _each[ValueT: (Goal, Limit)](
    option: str, texts: Iterable[str], parse: object
) -> list[ValueT]: ...
