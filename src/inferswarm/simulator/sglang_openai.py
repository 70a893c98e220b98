"""The OpenAI routes of SGLang."""

from typing import Any

from inferswarm.simulator import fastapi
from inferswarm.simulator.bodies import ChatBody, CompletionBody, OpenAIFormat
from inferswarm.simulator.compatible import DONE, CompatibleAnswer
from inferswarm.simulator.generation import Reply
from inferswarm.simulator.replies import Refusal
from inferswarm.simulator.sglang import worded
from inferswarm.simulator.templates import event

_FAILED = Refusal(500, "Internal server error", "InternalServerError")


class _SGLangOpenAIAnswer(CompatibleAnswer):
    def usage(self, written: int) -> dict[str, Any]:
        """The counts in SGLang's order, with cached tokens when the server reports them."""
        counts = super().usage(written)
        cached = self.asked.cached_tokens
        return {
            "prompt_tokens": counts["prompt_tokens"],
            "total_tokens": counts["total_tokens"],
            "completion_tokens": written,
            "prompt_tokens_details": {"cached_tokens": cached} if cached else None,
            "reasoning_tokens": min(written, self.reasoning),
        }

    def failure(self) -> tuple[bytes, ...]:
        """An error event and the end mark."""
        error = {"object": "error", "message": _FAILED.message, "type": _FAILED.kind}
        return (event({"error": error | {"param": None, "code": _FAILED.status}}), DONE)

    def refusal(self) -> Reply:
        """HTTP 500 with an error object."""
        return worded(_FAILED)

    def _object(self, name: str, choices: list[Any], usage: object) -> dict[str, Any]:
        return {
            "id": f"{self.serving.number:032x}",
            "object": name,
            "created": self.serving.created_s,
            "model": self.asked.model,
            "choices": choices,
            "usage": usage,
        }


class ChatAnswer(_SGLangOpenAIAnswer):
    """Of /v1/chat/completions: the role comes first, the finish reason has a chunk of its own."""

    def _delta(
        self, role: str | None, content: str | None, thoughts: str | None, finish: str | None
    ) -> dict[str, Any]:
        delta = {"role": role, "content": content, "reasoning_content": thoughts}
        choice = {"index": 0, "delta": delta | {"tool_calls": None}, "logprobs": None}
        choice |= {"finish_reason": finish, "matched_stop": None}
        return self._object("chat.completion.chunk", [choice], None)

    def opening(self) -> tuple[bytes, ...]:
        """The role, and no text."""
        return (event(self._delta("assistant", "", None, None)),)

    def piece(self, text: str, *, thinks: bool, finish: str | None) -> dict[str, Any]:
        """A chunk of the answer or of the reasoning; the finish reason comes later."""
        del finish
        return self._delta(None, None if thinks else text, text if thinks else None, None)

    def end(self) -> tuple[dict[str, Any], ...]:
        """The finish reason, and the usage when it was asked for."""
        finished = self._delta(None, None, None, self.finish)
        if not self.asked.include_usage:
            return (finished,)
        usage = self.usage(self.serving.total)
        return (finished, self._object("chat.completion.chunk", [], usage))

    def body(self, text: str, thoughts: str) -> Reply:
        """A chat completion."""
        message = {"role": "assistant", "content": text, "reasoning_content": thoughts or None}
        choice = {"index": 0, "message": message | {"tool_calls": None}, "logprobs": None}
        choice |= {"finish_reason": self.finish, "matched_stop": None}
        body = self._object("chat.completion", [choice], self.usage(self.serving.total))
        return fastapi.json_reply(200, body | {"metadata": {"weight_version": "default"}})


class CompletionAnswer(_SGLangOpenAIAnswer):
    """Of /v1/completions."""

    def _choice(self, text: str, finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "logprobs": None}
        return choice | {"finish_reason": finish, "matched_stop": None}

    def piece(self, text: str, *, thinks: bool, finish: str | None) -> dict[str, Any]:
        """A chunk of the answer."""
        del thinks
        return self._object("text_completion", [self._choice(text, finish)], None)

    def end(self) -> tuple[dict[str, Any], ...]:
        """The usage, when it was asked for."""
        if not self.asked.include_usage:
            return ()
        return (self._object("text_completion", [], self.usage(self.serving.total)),)

    def body(self, text: str, thoughts: str) -> Reply:
        """A completion."""
        choices = [self._choice(thoughts + text, self.finish)]
        body = self._object("text_completion", choices, self.usage(self.serving.total))
        return fastapi.json_reply(200, body | {"metadata": {"weight_version": "default"}})


COMPLETIONS = OpenAIFormat(CompletionBody, CompletionAnswer, worded, strict=False)
CHAT = OpenAIFormat(ChatBody, ChatAnswer, worded, strict=False)
