"""Differences in words."""

from inferswarm.compare.estimates import Quantity
from inferswarm.compare.values import Call
from inferswarm.goals.quantities import SHARE

NONE = "no difference could be shown"


def sentence(
    quantity: Quantity, run: str, call: Call, change: float, low: float, high: float
) -> str:
    """A difference that was called, or is too small to be."""
    told = f"{quantity.title} {amount(change, quantity)} (95 % CI {interval(low, high, quantity)})"
    if call == "small":
        return f"no difference that matters: {told}"
    return f"{run} {_verb(quantity, call)}: {told}"


def not_shown(quantity: Quantity, smallest: float) -> str:
    """What can be said where chance could have made the difference."""
    least = percent(smallest, quantity)
    return f"{NONE} (smallest difference that this sample would show: {least})"


def amount(change: float, quantity: Quantity) -> str:
    """A difference with its sign: of shares in percentage points, else in per cent."""
    return f"{'+' if change > 0 else ''}{percent(change, quantity)}"


def percent(change: float, quantity: Quantity) -> str:
    """A difference in per cent of the first run's value, or in percentage points."""
    return f"{_digits(change)} {'points' if quantity.unit == SHARE else '%'}"


def interval(low: float, high: float, quantity: Quantity) -> str:
    """Between what the true difference lies."""
    ends = [f"{'+' if end > 0 else ''}{_digits(end)}" for end in (low, high)]
    return f"{ends[0]}..{ends[1]} {'points' if quantity.unit == SHARE else '%'}"


def _digits(change: float) -> str:
    """Per cent with a digit after the point; large ones without, small ones with two."""
    value = change * 100
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 0.95 else 2
    shown = f"{value:,.{digits}f}"
    return shown if float(shown.replace(",", "")) else f"{0:.{digits}f}"


def _verb(quantity: Quantity, call: Call) -> str:
    if quantity.unit == SHARE:
        return "fails more" if call == "worse" else "fails less"
    if quantity.unit == "/s":
        return "does less" if call == "worse" else "does more"
    return "is slower" if call == "worse" else "is faster"
