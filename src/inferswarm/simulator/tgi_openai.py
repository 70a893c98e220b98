"""The OpenAI routes of TGI."""

from typing import Any

import msgspec

from inferswarm.simulator.bodies import ChatBody, CompletionBody, OpenAIFormat
from inferswarm.simulator.compatible import DONE, CompatibleAnswer
from inferswarm.simulator.generation import Reply
from inferswarm.simulator.heads import HYPER
from inferswarm.simulator.tgi_replies import (
    CORS,
    EVENT_STREAM,
    error_object,
    json_reply,
    worded,
)

_FINGERPRINT = "3.3.6-simulated"
_FAILED = "Request failed during generation: simulated"


class _TgiOpenAIAnswer(CompatibleAnswer):
    counts_on = False
    manner = HYPER
    stream_headers = (*EVENT_STREAM, ("x-accel-buffering", "no"), *CORS)

    def failure(self) -> tuple[bytes, ...]:
        """An error event, which always says 422, and the end mark."""
        error = {"message": _FAILED, "http_status_code": 422}
        return (b"data: %b\n\n" % msgspec.json.encode({"error": error}), DONE)

    def refusal(self) -> Reply:
        """HTTP 424."""
        return json_reply(424, error_object(_FAILED, "generation"))


class ChatAnswer(_TgiOpenAIAnswer):
    """Of /v1/chat/completions: every event names the role."""

    def _object(self, name: str, choices: list[Any], usage: object) -> dict[str, Any]:
        return {
            "object": name,
            "id": "",
            "created": self.serving.created_s,
            "model": self.asked.model,
            "system_fingerprint": _FINGERPRINT,
            "choices": choices,
            "usage": usage,
        }

    def piece(self, text: str, *, thinks: bool, finish: str | None) -> dict[str, Any]:
        """A chunk; TGI knows no reasoning, so all of it is content."""
        del thinks
        delta = {"role": "assistant", "content": text}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion.chunk", [choice], None)

    def end(self) -> tuple[dict[str, Any], ...]:
        """The usage, when it was asked for."""
        if not self.asked.include_usage:
            return ()
        usage = self.usage(self.serving.total)
        return (self._object("chat.completion.chunk", [], usage),)

    def body(self, text: str, thoughts: str) -> Reply:
        """A chat completion."""
        message = {"role": "assistant", "content": thoughts + text}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        usage = self.usage(self.serving.total)
        return json_reply(200, self._object("chat.completion", [choice], usage))


class CompletionAnswer(_TgiOpenAIAnswer):
    """Of /v1/completions: the last chunk itself has the usage, asked for or not."""

    def _object(self, text: str, finish: str, usage: object) -> dict[str, Any]:
        return {
            "object": "text_completion",
            "id": "",
            "created": self.serving.created_s,
            "model": self.asked.model,
            "system_fingerprint": _FINGERPRINT,
            "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}],
            "usage": usage,
        }

    def piece(self, text: str, *, thinks: bool, finish: str | None) -> dict[str, Any]:
        """A chunk, whose fields are in another order than those of the last one."""
        del thinks
        if finish:
            return self._object(text, finish, self.usage(self.serving.total))
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": ""}
        return {
            "object": "text_completion",
            "id": "",
            "created": self.serving.created_s,
            "choices": [choice],
            "model": self.asked.model,
            "system_fingerprint": _FINGERPRINT,
        }

    def end(self) -> tuple[dict[str, Any], ...]:
        """Nothing more."""
        return ()

    def body(self, text: str, thoughts: str) -> Reply:
        """A completion."""
        del thoughts
        return json_reply(200, self._object(text, self.finish, self.usage(self.serving.total)))


COMPLETIONS = OpenAIFormat(CompletionBody, CompletionAnswer, worded, strict=False)
CHAT = OpenAIFormat(ChatBody, ChatAnswer, worded, strict=False)
