"""Conversations as ShareGPT and its kin have them, and the prompts in them.

A row holds a list of turns, each with who speaks and what is said, under names that differ from file
to file. System turns are skipped and empty ones dropped; of what is left there must be two.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from inferswarm.prompts import Prompt, Turn
from inferswarm.sources.prompt_rows import TALKS
from inferswarm.sources.rows import Placed, Row
from inferswarm.sources.tally import Tally

USER, ASSISTANT = "user", "assistant"
SPEAKERS = {
    **dict.fromkeys(("human", "user", "prompter"), USER),
    **dict.fromkeys(("gpt", "assistant", "model", "bot"), ASSISTANT),
    **dict.fromkeys(("chatgpt", "bing", "bard", "claude"), ASSISTANT),
}
"""Who speaks, as the files spell it; anybody else (system, tool, ...) is skipped."""
_WHO = ("from", "role", "speaker")
_WHAT = ("value", "content", "text")
FEW = "fewer than two turns"
NOBODY = "no turn of a human"


@dataclass(frozen=True, slots=True)
class Said:
    """One turn."""

    speaker: str
    text: str


@dataclass(slots=True)
class Sorted:
    """How many conversations there were, and how many of which kind were left out."""

    read: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, why: str) -> None:
        """One is of no use."""
        self.left_out[why] = self.left_out.get(why, 0) + 1

    @property
    def told(self) -> str:
        """How many were left out and why; empty when none were."""
        return ", ".join(f"{count:,} with {why}" for why, count in self.left_out.items())


def prompts_of(
    rows: Iterable[Placed], tally: Tally, seen: Sorted, *, turns: bool = False
) -> Iterator[Prompt]:
    """The first human turn of each conversation, or with `turns` all of it, answers included.

    Rows that hold no conversation are told to the tally, conversations of no use to `seen`.
    """
    for place, row in rows:
        talk = conversation(row)
        if isinstance(talk, str):
            tally.leave_out(place, talk)
            continue
        tally.add()
        seen.read += 1
        found = _prompt(talk, turns=turns)
        if isinstance(found, Prompt):
            yield found
        else:
            seen.leave_out(found)


def conversation(row: Row) -> list[Said] | str:
    """What human and assistant say in turn, or why the row holds no conversation."""
    if isinstance(row, str):
        return "a line of text, no conversation; `inferswarm prompts import` takes such files"
    held = next((row[name] for name in TALKS if isinstance(row.get(name), list)), None)
    if held is None:
        names = ", ".join(map(str, row)) or "none"
        return f"no `{TALKS[0]}`; it has {names[:200]}"
    spoken = [_said(turn) for turn in held if isinstance(turn, dict)]
    return [said for said in spoken if said.speaker and said.text.strip()]


def _said(turn: dict[str, Any]) -> Said:
    who = next((turn[name] for name in _WHO if name in turn), "")
    what = next((turn[name] for name in _WHAT if isinstance(turn.get(name), str)), "")
    return Said(SPEAKERS.get(str(who).strip().lower(), ""), what)


def _prompt(talk: list[Said], *, turns: bool) -> Prompt | str:
    """The prompt in a conversation, or why there is none."""
    if len(talk) < 2:
        return FEW
    from_human = list(itertools.dropwhile(lambda said: said.speaker != USER, talk))
    if not from_human:
        return NOBODY
    if not turns:
        return Prompt(text=from_human[0].text.strip())
    first, *more = _exchanges(from_human)
    return Prompt(text=first.say, answer=first.answer, turns=more)


def _exchanges(talk: list[Said]) -> list[Turn]:
    """Turns of a human, each with its answer; what one says in several turns is one."""
    runs = [
        "\n\n".join(said.text.strip() for said in group)
        for _, group in itertools.groupby(talk, key=lambda said: said.speaker)
    ]
    pairs = itertools.zip_longest(runs[::2], runs[1::2], fillvalue="")
    return [Turn(say, answer) for say, answer in pairs]
