"""From a row to a prompt: a line is one, an object or a table's row has one in a column."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from inferswarm.nearest import did_you_mean
from inferswarm.prompts import Prompt
from inferswarm.sources.rows import Placed, Row
from inferswarm.sources.tally import Tally

OWN_COLUMN = "prompt"
"""The name that a prompt's text has in our own files, whose other values are then taken as well."""
TALKS = ("conversations", "conversation", "messages", "items")
"""Columns that hold whole conversations."""


def prompts_of(rows: Iterable[Placed], column: str, tally: Tally) -> Iterator[Prompt]:
    """The prompt of each row; rows without one are told to the tally."""
    for place, row in rows:
        found = prompt_of(row, column)
        if isinstance(found, Prompt):
            tally.add()
            yield found
        else:
            tally.leave_out(place, found)


def prompt_of(row: Row, column: str) -> Prompt | str:
    """The prompt in `column`, or why there is none."""
    if isinstance(row, str):
        return Prompt(text=row)
    if column == OWN_COLUMN and (own := _own(row)):
        return own
    value = row.get(column)
    if isinstance(value, str):
        return Prompt(text=value) if value.strip() else f"`{column}` is empty"
    if column in row:
        held = "nothing" if value is None else f"a {type(value).__name__}, not a text"
        return f"`{column}` holds {held}"
    return f"no column `{column}`; {_instead(column, row)}"


def _own(row: dict[str, Any]) -> Prompt | None:
    """The row as a prompt of ours with all that is known of it; None when it is not one."""
    given = {name: value for name, value in row.items() if value not in (None, "")}
    try:
        found = msgspec.convert(given, Prompt, strict=False)
    except (msgspec.ValidationError, TypeError):
        return None  # its other columns mean something else
    return found if found.text.strip() or found.ids else None


def _instead(column: str, row: dict[str, Any]) -> str:
    if talk := next((name for name in TALKS if name in row), ""):
        return f"it has `{talk}`: `inferswarm prompts sharegpt` takes prompts from conversations"
    names = [str(name) for name in row if name]
    hint = did_you_mean(column, names)
    has = f"it has {', '.join(names[:8]) or 'none'}{hint or '; name one of them'}"
    return f"{has} (--column NAME, or for a run --set prompts.column=NAME)"
