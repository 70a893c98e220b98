"""When a comparison fails, as people write it.

    condition = quantity ( "worse" [ "than" ] | "better" [ "than" ] | "differs" [ "by" ] ) [ margin ]
    margin    = number unit

| written | fails when a later run's value is called |
| --- | --- |
| `ttft.p95 worse than 5%` | worse, and is more than 5 % of the first run's above it |
| `itl.p99 worse than 10ms` | worse, and is more than 10 ms above it |
| `throughput.output_tokens worse than 3%` | worse, and is more than 3 % below it |
| `error_rate worse than 1%` | worse, and is more than one percentage point above it |
| `e2e.mean differs by 10%` | worse or better by more than 10 % |
| `tpot.p50 worse` | worse, by however little |

A quantity without a value in one of the runs fails too: nobody knows.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from inferswarm.compare import words
from inferswarm.compare.estimates import QUANTITIES, SHARES, Quantity
from inferswarm.compare.values import Call, Change, Judged, Row
from inferswarm.errors import InputError
from inferswarm.goals.quantities import UNITS
from inferswarm.nearest import did_you_mean

OPTION = "--fail-if"
DIRECTIONS: dict[str, tuple[Call, ...]] = {
    "worse": ("worse",),
    "better": ("better",),
    "differs": ("worse", "better"),
}
_FILLERS = ("by", "more", "than")
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(.*)")
_EXAMPLE = "write it as in 'ttft.p95 worse than 5%'"
PERCENT = "%"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `margin` is a share of the first run's value, or in its unit if `absolute`."""

    text: str
    quantity: str
    calls: tuple[Call, ...]
    margin: float
    absolute: bool


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    at: int


def read_conditions(texts: Iterable[str]) -> list[Condition]:
    """All conditions, each once; raises InputError that names option, text and position."""
    try:
        found = [parse(text) for text in texts]
    except ValueError as error:
        raise InputError(f"{OPTION}: {error}") from None
    return list(dict.fromkeys(found))


def parse(text: str) -> Condition:
    """One condition; raises ValueError that says where it is wrong and what to write."""
    words_of = [_Word(found[0], found.start() + 1) for found in re.finditer(r"\S+", text)]
    if not words_of:
        raise ValueError(f"a condition is missing; {_EXAMPLE}")
    quantity = _quantity(text, words_of[0])
    end = len(text.rstrip()) + 1
    direction = words_of[1] if len(words_of) > 1 else _Word("", end)
    if direction.text not in DIRECTIONS:
        what = f"{direction.text} is no direction" if direction.text else "a direction is missing"
        hint = did_you_mean(direction.text, DIRECTIONS) or f"; {_EXAMPLE}"
        _refuse(text, direction.at, f"{what}: worse, better or differs{hint}")
    rest = [word for word in words_of[2:] if word.text not in _FILLERS]
    margin, unit = _margin(text, rest, quantity, filled=len(rest) < len(words_of) - 2, end=end)
    absolute = unit not in ("", PERCENT) or not quantity.relative
    return Condition(
        " ".join(word.text for word in words_of),
        quantity.name,
        DIRECTIONS[direction.text],
        margin,
        absolute,
    )


def judged(conditions: Sequence[Condition], rows: Sequence[Row]) -> list[Judged]:
    """How every later run stands to each condition."""
    by_name = {row.name: row for row in rows}
    return [
        Judged(condition.text, change.run, *_judge(condition, by_name[condition.quantity], at))
        for condition in conditions
        for at, change in enumerate(by_name[condition.quantity].changes)
    ]


def _judge(condition: Condition, row: Row, at: int) -> tuple[bool, str]:
    """Whether it fails, and why or why not."""
    change = row.changes[at]
    if change.call == "unknown":
        return None in (row.values[0], row.values[at + 1]), change.said
    size = abs((change.absolute if condition.absolute else change.change) or 0.0)
    beyond = size > condition.margin
    if change.call in condition.calls:
        return beyond, f"{change.said}, {'beyond' if beyond else 'within'} the margin"
    towards = _towards(row, change) in condition.calls
    if change.call == "not shown" and beyond and towards:
        shown = words.amount(change.change or 0.0, QUANTITIES[row.name])
        return (
            False,
            f"{shown} would be beyond the margin, but chance could have made it: load longer",
        )
    return False, change.said


def _towards(row: Row, change: Change) -> Call:
    return "worse" if ((change.change or 0.0) > 0) == row.lower_is_better else "better"


def _quantity(text: str, word: _Word) -> Quantity:
    if word.text not in QUANTITIES:
        _refuse(text, word.at, _not_compared(word))
    return QUANTITIES[word.text]


def _not_compared(word: _Word) -> str:
    metrics = {name.partition(".")[0] for name in QUANTITIES if "." in name}
    hint = did_you_mean(word.text, QUANTITIES)
    if word.text in metrics:
        parts = [name.partition(".")[2] for name in QUANTITIES if name.startswith(f"{word.text}.")]
        hint = f"; write {word.text}.{parts[-1]}, or one of {', '.join(parts)} after the dot"
    known = ", ".join(dict.fromkeys(name.partition(".")[0] for name in QUANTITIES))
    hint = hint or f"; known: {known}, the latencies with mean, {', '.join(SHARES)}"
    return f"{word.text} is not compared{hint}"


def _margin(
    text: str, rest: Sequence[_Word], quantity: Quantity, *, filled: bool, end: int
) -> tuple[float, str]:
    """The margin in the quantity's unit, or as a share, and the unit as it was written."""
    if not rest:
        if filled:
            _refuse(text, end, "a margin is missing, as in 5%")
        return 0.0, ""
    written, at = " ".join(word.text for word in rest), rest[0].at
    found = _NUMBER.fullmatch(written)
    if found is None:
        _refuse(text, at, f"{written} is no margin; write one that is not negative, as in 5%")
    units = {PERCENT: "0.01"} | UNITS[quantity.unit]
    number, unit = float(found[1]), found[2].strip()
    if unit not in units:
        known = " or ".join(name for name in units if name)
        what = f"{unit} is not its unit" if unit else f"{found[1]} needs a unit"
        _refuse(text, at + found.start(2), f"{what}; write {known}, as in {found[1]}%")
    return number * float(units[unit]), unit


def _refuse(text: str, position: int, why: str) -> NoReturn:
    raise ValueError(f"{text!r} at position {position}: {why}")
