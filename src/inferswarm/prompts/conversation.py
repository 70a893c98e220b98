"""Conversations: which prompt each turn of one is, and how what was said before is put. Pure rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from inferswarm.prompts import Message, Prompt

Mode = Literal["first", "answers", "recorded"]
"""What is asked of prompts with several turns, as `prompts.conversations` names it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt whose turns are asked one after another, and the answers to them so far."""

    prompt: Prompt
    mode: Mode = "first"
    answers: tuple[str, ...] = ()

    @property
    def turn(self) -> int:
        """The turn that comes next, from 0."""
        return len(self.answers)

    @property
    def turns(self) -> int:
        """How many turns are asked."""
        return 1 if self.mode == "first" else 1 + len(self.prompt.turns)

    @property
    def goes_on(self) -> bool:
        """Whether another turn comes after this one."""
        return self.turn + 1 < self.turns

    @property
    def needs_answers(self) -> bool:
        """Whether the next turn repeats what the server answers to this one."""
        return self.goes_on and self.mode == "answers"

    def asks(self) -> Prompt:
        """The prompt of this turn."""
        return prompt_of_turn(self.prompt, self.turn, self.answers)

    def answered(self, text: str) -> "Conversation":
        """The conversation after the server answered `text` to this turn."""
        answer = text if self.mode == "answers" else recorded_answers(self.prompt)[self.turn]
        return replace(self, answers=(*self.answers, answer))


def recorded_answers(prompt: Prompt) -> tuple[str, ...]:
    """The answers that were recorded, one for each turn."""
    return (prompt.answer, *(turn.answer for turn in prompt.turns))


def prompt_of_turn(prompt: Prompt, turn: int, answers: Sequence[str]) -> Prompt:
    """Turn `turn` (from 0) of a prompt, with what was said before as its history.

    `answers` are those to the turns before it, in their order. Turn 0 keeps the prompt's own history,
    which all later ones repeat. Raises IndexError when there is no such turn.
    """
    if not turn and not prompt.turns:
        return prompt
    if not turn:
        return msgspec.structs.replace(prompt, turns=[], answer="")
    said = [prompt.text, *(one.say for one in prompt.turns)]
    history = list(prompt.history)
    for asked, answer in zip(said[:turn], answers, strict=True):
        history += [Message("user", asked), Message("assistant", answer)]
    return Prompt(
        text=said[turn],
        index=prompt.index,
        output_tokens=prompt.turns[turn - 1].output_tokens,
        group=prompt.group,
        history=history,
    )


def as_messages(prompt: Prompt) -> list[Message]:
    """What a chat route is sent: all that was said before, and the prompt as the user's."""
    return [*prompt.history, Message("user", prompt.text)]


def as_text(prompt: Prompt) -> str:
    """What a route that knows no messages is sent: the prompt itself, or all that was said as one text.

    An answer follows what it answers as a completion does, on a new line unless it begins with white
    space; anything else begins after a blank line. So the text of a turn begins with that of the turn
    before and its answer.
    """
    text = ""
    for message in as_messages(prompt) if prompt.history else ():
        if not text:
            text = message.content
        elif message.role == "assistant":
            text += message.content if message.content[:1].isspace() else f"\n{message.content}"
        else:
            text += f"\n\n{message.content}"
    return text or prompt.text


def flattened(prompt: Prompt) -> Prompt:
    """The same prompt without a history: as the one text that stands for both."""
    if not prompt.history:
        return prompt
    return msgspec.structs.replace(
        prompt, text=as_text(prompt), history=[], ids=[], input_tokens=None
    )


def characters(prompt: Prompt) -> int:
    """Length of all that is sent, what was said before included."""
    return len(prompt.text) + sum(len(message.content) for message in prompt.history)


def why_not(prompts: Sequence[Prompt], mode: Mode) -> str:
    """Why some of the prompts cannot be asked with all their turns; empty if all can."""
    if mode == "first":
        return ""
    for prompt in prompts:
        if prompt.turns and prompt.ids and not prompt.text:
            return (
                f"prompt {prompt.index} has several turns and only token ids, which cannot be repeated "
                "as what was said before; give its text, or use prompts.conversations first"
            )
        if mode == "recorded" and not all(recorded_answers(prompt)[: len(prompt.turns)]):
            return (
                f"prompt {prompt.index} has a turn after an answer that was not recorded; use "
                "prompts.conversations answers, or first"
            )
    return ""


def note(prompts: Sequence[Prompt], mode: Mode) -> str:
    """What whoever reads the results must know of the turns of these prompts, in a sentence."""
    several = sum(bool(prompt.turns) for prompt in prompts)
    if mode == "first":
        if not several:
            return ""
        return (
            f"prompts: {several:,} of {len(prompts):,} have further turns, which are not asked; "
            "--conversations answers asks them"
        )
    if not several:
        return f"prompts: none has further turns, so --conversations {mode} changes nothing"
    said = "the server's own answers" if mode == "answers" else "the recorded answers"
    return (
        f"prompts: {several:,} of {len(prompts):,} are conversations, each turn with what was said "
        f"before and {said}; lengths were checked of first turns alone"
    )
