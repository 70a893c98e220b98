"""Metrics as values, and Prometheus's text format (0.0.4) of them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric: its name with its unit, its kind, one sentence, and the names of its labels."""

    name: str
    kind: Kind
    sentence: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Buckets:
    """A classic histogram: how many values are at most each bound (the last is infinity), their sum."""

    upto: tuple[int, ...]
    total: float


@dataclass(slots=True)
class Family:
    """A metric with its values: numbers, or for a histogram `Buckets` over `bounds`."""

    declared: Declared
    values: list[tuple[Labels, float | Buckets]] = field(default_factory=list)
    bounds: tuple[str, ...] = ()

    def add(self, value: float | Buckets, labels: Mapping[str, str] | None = None) -> None:
        """One more value under these labels."""
        self.values.append((tuple((labels or {}).items()), value))


def render(families: Iterable[Family]) -> bytes:
    """What is scraped; a family without values is left out."""
    lines: list[str] = []
    for family in families:
        if not family.values:
            continue
        declared = family.declared
        lines.append(f"# HELP {declared.name} {_help(declared.sentence)}")
        lines.append(f"# TYPE {declared.name} {declared.kind}")
        for labels, value in family.values:
            if isinstance(value, Buckets):
                lines += _histogram(declared.name, family.bounds, labels, value)
            else:
                lines.append(f"{declared.name}{_braces(_inside(labels))} {_number(value)}")
    return "".join(f"{line}\n" for line in lines).encode()


def _histogram(name: str, bounds: tuple[str, ...], labels: Labels, value: Buckets) -> Iterable[str]:
    inside = _inside(labels)
    before = f"{inside}," if inside else ""
    for bound, upto in zip((*bounds, "+Inf"), value.upto, strict=True):
        yield f'{name}_bucket{{{before}le="{bound}"}} {upto}'
    yield f"{name}_sum{_braces(inside)} {_number(value.total)}"
    yield f"{name}_count{_braces(inside)} {value.upto[-1]}"


def _inside(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _braces(inside: str) -> str:
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _help(sentence: str) -> str:
    return sentence.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if isinstance(value, int) or (math.isfinite(value) and value == int(value)):
        return str(int(value))
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else ("+Inf" if value > 0 else "-Inf")
