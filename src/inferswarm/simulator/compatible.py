"""The OpenAI routes as TGI and SGLang speak them: the shape is theirs, the rendering is shared."""

from abc import abstractmethod
from typing import Any

from inferswarm.simulator.generation import Answer, Generation, Reply, Serving, words
from inferswarm.simulator.templates import TEXT, around_text, event

DONE = b"data: [DONE]\n\n"


class CompatibleAnswer(Answer):
    """Renders an answer from the objects that a server's shape gives for it."""

    counts_on = True
    """Whether the server knows running counts, told with every event."""

    def __init__(self, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked."""
        self.asked, self.serving = asked, serving
        self._counts = asked.running_usage and self.counts_on
        self.finish = "length" if serving.total >= asked.max_tokens else "stop"
        self.reasoning = min(asked.reasoning_tokens, serving.total)
        self._around = {
            thinks: around_text(self.piece(TEXT, thinks=thinks, finish=None), b"data: ", b"\n\n")
            for thinks in (False, True)
        }

    @abstractmethod
    def piece(self, text: str, *, thinks: bool, finish: str | None) -> dict[str, Any]:
        """The object with a piece of the text, or of the reasoning; the last one has `finish`."""

    @abstractmethod
    def end(self) -> tuple[dict[str, Any], ...]:
        """Objects between the last piece and the end mark."""

    @abstractmethod
    def body(self, text: str, thoughts: str) -> Reply:
        """The answer that is not streamed."""

    def usage(self, written: int) -> dict[str, Any]:
        """The three counts of every server."""
        prompt = self.asked.prompt_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
        }

    def text(self, first: int, after: int) -> str:
        """The words of some tokens."""
        return words(self.serving.number, first, after).decode()

    def tokens(self, first: int, after: int) -> bytes:
        """One event, or two where reasoning ends within."""
        border = self.reasoning
        if first < border < after:
            return self.tokens(first, border) + self.tokens(border, after)
        if after == self.serving.total or self._counts:
            return self._own(first, after)
        before, behind = self._around[first < border]
        return before + words(self.serving.number, first, after) + behind

    def _own(self, first: int, after: int) -> bytes:
        """An event that differs from the others in more than its text."""
        last = after == self.serving.total
        finish = self.finish if last else None
        tree = self.piece(self.text(first, after), thinks=first < self.reasoning, finish=finish)
        if self._counts:
            tree["usage"] = self.usage(after)
        return event(tree)

    def ending(self) -> tuple[bytes, ...]:
        """What the shape ends with, and the end mark."""
        return (*map(event, self.end()), DONE)

    def whole(self) -> Reply:
        """The answer as one JSON object."""
        border, total = self.reasoning, self.serving.total
        return self.body(self.text(border, total), self.text(0, border))
