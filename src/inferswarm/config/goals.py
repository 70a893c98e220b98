"""The goals of a run as options: texts, whose grammar is `inferswarm.goals.parse`."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from inferswarm.config.options import Section, option


def _apart(given: Any) -> Any:
    """Texts, each of which may hold several with commas between; anything else is refused later."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return given
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


Texts = Annotated[tuple[str, ...], BeforeValidator(_apart)]


class GoalOptions(Section):
    """What is asked of the run and of each request; docs/goals.md has the grammar."""

    slo: Texts = option(
        (),
        "A goal of the run, as in 'ttft.p95<500ms', or a preset; one that is missed ends with exit "
        "code 1. `inferswarm goals` lists what there is.",
        flag="--slo",
    )
    goodput: Texts = option(
        (),
        "A limit of each request, as in 'ttft<500ms'; requests within all of them are counted as "
        "good.",
        flag="--goodput",
    )
