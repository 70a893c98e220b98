"""The nearest valid name, for refusals that say what was probably meant."""

import difflib
from collections.abc import Iterable


def nearest(given: str, known: Iterable[str]) -> str:
    """The known name most like `given`, or nothing when none is near."""
    return next(iter(difflib.get_close_matches(given, list(known), 1, 0.6)), "")


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing when no known name is near."""
    near = nearest(given, known)
    return f"; did you mean {near}?" if near else ""
