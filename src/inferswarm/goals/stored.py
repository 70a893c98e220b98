"""The goals of a run that is over: those it was started with, or others in their place."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from inferswarm.config.goals import GoalOptions
from inferswarm.errors import InputError
from inferswarm.goals.parse import read_goals
from inferswarm.goals.values import Goals


def stored_goals(
    config: dict[str, Any], slo: Sequence[str] | None = None, goodput: Sequence[str] | None = None
) -> Goals:
    """What the kept configuration asks for; lists given here go before those in it.

    Raises InputError for what cannot be understood.
    """
    given = {"slo": slo, "goodput": goodput}
    kept = config.get("goals") or {}
    try:
        asked = GoalOptions.model_validate(
            kept | {name: texts for name, texts in given.items() if texts is not None}
        )
    except (ValidationError, TypeError):
        raise InputError(
            "config.yaml: its section goals is not understood; correct it or take it out"
        ) from None
    return read_goals(asked.slo, asked.goodput)
