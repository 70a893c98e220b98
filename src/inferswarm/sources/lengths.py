"""Lengths in tokens, as people write them.

| written | meaning |
| --- | --- |
| `512` | always 512 |
| `uniform:100..900` | any whole number from 100 to 900, both included |
| `normal:512,128` | normal with mean 512 and standard deviation 128; below 1 it is drawn again |
| `lognormal:512,128` | lognormal; 512 and 128 are mean and standard deviation of the lengths themselves, not of their logarithms |
| `lengths.csv` | a file of lines `length,weight`: each length as often as its weight says |

The length of prompt i follows from the seed and i alone, on every machine.
"""  # noqa: E501 - a row of a table is one line

import math
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from inferswarm import draws
from inferswarm.errors import InputError
from inferswarm.nearest import did_you_mean

MOST_TOKENS = 10_000_000
_MOST_ROWS = 1_000_000
_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = re.compile(r"(\d+)\s*\.\.\s*(\d+)")
_PAIR = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})")
_FORMS = "512, uniform:100..900, normal:512,128, lognormal:512,128 or the path of a file"
_Draw = Callable[[Callable[[], float]], float]


@dataclass(frozen=True, slots=True)
class Lengths:
    """A distribution of lengths in tokens, each at least 1; `written` is how somebody asked for it."""

    written: str
    draw: _Draw

    def at(self, i: int, *key: object) -> int:
        """The length of prompt i; `key` tells apart what must not be drawn alike, seed included."""
        uniform = draws.generator("length", *key, i)
        while True:
            length = round(self.draw(uniform))
            if 1 <= length <= MOST_TOKENS:
                return length


def read_lengths(written: str, option: str) -> Lengths:
    """The distribution that `option` was given; raises InputError in one line with the remedy."""
    text = written.strip()
    try:
        return Lengths(text, _draw(text))
    except ValueError as error:
        raise InputError(f"{option} {written!r}: {error}") from None


def _draw(text: str) -> _Draw:
    if text.isascii() and text.isdecimal():
        only = _within(int(text))
        return lambda _: only
    name, colon, rest = text.partition(":")
    if colon and name in _KINDS:
        return _KINDS[name](rest.strip())
    return _histogram(text)


def _within(length: int) -> int:
    if not 1 <= length <= MOST_TOKENS:
        raise ValueError(f"a length must be 1 to {MOST_TOKENS:,} tokens")
    return length


def _uniform(rest: str) -> _Draw:
    found = _RANGE.fullmatch(rest)
    if not found:
        raise ValueError("write the least and the greatest length, as in uniform:100..900")
    least, most = (_within(int(bound)) for bound in found.groups())
    if least > most:
        raise ValueError(f"the least length must stand first: uniform:{most}..{least}")
    return lambda uniform: least + int(uniform() * (most - least + 1))


def _moments(name: str, rest: str) -> tuple[float, float]:
    """Mean and standard deviation."""
    found = _PAIR.fullmatch(rest)
    if not found:
        raise ValueError(f"write mean and standard deviation, as in {name}:512,128")
    mean, deviation = map(float, found.groups())
    if not 1 <= mean <= MOST_TOKENS:
        raise ValueError(f"the mean must be 1 to {MOST_TOKENS:,} tokens")
    if deviation > 10 * mean:
        raise ValueError("the standard deviation must be at most ten times the mean")
    return mean, deviation


def _normal(rest: str) -> _Draw:
    mean, deviation = _moments("normal", rest)
    return lambda uniform: mean + deviation * draws.normal(uniform)


def _lognormal(rest: str) -> _Draw:
    mean, deviation = _moments("lognormal", rest)
    variance = draws.ln(1 + (deviation / mean) ** 2)
    centre, sigma = draws.ln(mean) - variance / 2, math.sqrt(variance)
    return lambda uniform: draws.exp(centre + sigma * draws.normal(uniform))


_KINDS = {"uniform": _uniform, "normal": _normal, "lognormal": _lognormal}


def _histogram(path: str) -> _Draw:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        near = did_you_mean(path.partition(":")[0], _KINDS) if ":" in path else ""
        raise ValueError(f"{reason}; give {_FORMS} of `length,weight` lines{near}") from None
    rows = _rows(lines)
    lengths = [length for length, _ in rows]
    bounds = list(accumulate(weight for _, weight in rows))
    if not rows or not 0 < bounds[-1] < math.inf:
        raise ValueError("its weights must add up to more than 0; write lines such as 512,3")
    last = len(rows) - 1
    return lambda uniform: lengths[min(last, bisect_right(bounds, uniform() * bounds[-1]))]


def _rows(lines: list[str]) -> list[tuple[int, float]]:
    """Lengths and weights; blank lines, a header and lines with # are left out."""
    if len(lines) > _MOST_ROWS:
        raise ValueError(f"it has more than {_MOST_ROWS:,} lines; put lengths together")
    rows: list[tuple[int, float]] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#") or (not rows and text.replace(" ", "") == _HEADER):
            continue
        found = _PAIR.fullmatch(text)
        if not found or not found[1].isdecimal():
            raise ValueError(f"line {number} is {text[:40]!r}; it must be `length,weight`: 512,3")
        if float(found[2]) > 0:
            rows.append((_within(int(found[1])), float(found[2])))
    return rows


_HEADER = "length,weight"
