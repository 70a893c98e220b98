"""The table of a comparison: every number of every run, and what is called different."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inferswarm.compare import words
from inferswarm.compare.bootstrap import Estimate
from inferswarm.compare.calls import (
    FLOOR,
    Difference,
    difference,
    holm,
    is_shown,
    is_worse,
    matters,
    smallest,
)
from inferswarm.compare.estimates import QUANTITIES, Quantity
from inferswarm.compare.values import Call, Change, Row

Estimates = dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Compared:
    """The rows, and how many differences were judged together."""

    rows: list[Row]
    comparisons: int


def compared(runs: Sequence[Estimates], labels: Sequence[str], floor: float = FLOOR) -> Compared:
    """All quantities of all runs, each later one against the first."""
    found = {
        (name, label): difference(quantity, runs[0][name], later[name], floor)
        for name, quantity in QUANTITIES.items()
        for label, later in zip(labels[1:], runs[1:], strict=True)
    }
    judged = {key: one for key, one in found.items() if isinstance(one, Difference)}
    chances = holm([one.p for one in judged.values()])
    corrected = {
        key: replace(one, p_holm=chance)
        for (key, one), chance in zip(judged.items(), chances, strict=True)
    }
    rows = [
        Row(
            name=name,
            title=quantity.title,
            unit=quantity.unit,
            lower_is_better=quantity.lower,
            values=[one[name].value for one in runs],
            changes=[
                change(
                    quantity, label, corrected.get((name, label), found[name, label]), len(judged)
                )
                for label in labels[1:]
            ],
        )
        for name, quantity in QUANTITIES.items()
    ]
    return Compared(rows, len(judged))


def change(quantity: Quantity, run: str, found: Difference | str, comparisons: int) -> Change:
    """One cell of the table; a text says why nothing can be called."""
    if isinstance(found, str):
        return Change(run, "unknown", f"cannot be judged: {found}")
    least, call = smallest(quantity, found, comparisons), _call(quantity, found)
    said = (
        words.not_shown(quantity, least)
        if call == "not shown"
        else words.sentence(quantity, run, call, found.change, found.low, found.high)
    )
    return Change(
        run=run,
        call=call,
        said=said,
        change=found.change,
        absolute=found.absolute,
        low=found.low,
        high=found.high,
        p=found.p,
        p_holm=found.p_holm,
        floor=found.floor,
        smallest=least,
    )


def _call(quantity: Quantity, found: Difference) -> Call:
    if not is_shown(found):
        return "not shown"
    if not matters(found):
        return "small"
    return "worse" if is_worse(quantity, found) else "better"
