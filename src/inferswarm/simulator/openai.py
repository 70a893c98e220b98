"""The OpenAI routes as vLLM 0.32 speaks them: rendering of answers and errors."""

import json
from dataclasses import dataclass
from functools import partial

import msgspec

from inferswarm.simulator.bodies import ChatBody, CompletionBody, OpenAIFormat
from inferswarm.simulator.generation import Answer, Generation, Reply, Serving, words
from inferswarm.simulator.replies import error_object, reply, worded

_FINGERPRINT = b',"system_fingerprint":"vllm-0.32.0-51a1b1e5"'
_DONE = b"data: [DONE]\n\n"
_STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("vary", "Origin"))
_CONTENT, _REASONING = b'"delta":{"content":"', b'"delta":{"reasoning":"'
_INTERNAL = ("Internal server error", "InternalServerError", None, 500)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Where the two routes differ."""

    id_prefix: bytes
    object_name: bytes
    stream_object_name: bytes
    before_text: bytes
    after_text: bytes
    after_last_text: bytes
    after_tokens: bytes
    running_details: bytes
    role: bytes
    role_end: bytes
    whole_before_text: bytes
    whole_after_text: bytes
    whole_after_finish: bytes
    whole_end: bytes


_COMPLETION = _Dialect(
    id_prefix=b"cmpl-",
    object_name=b"text_completion",
    stream_object_name=b"text_completion",
    before_text=b'{"index":0,"text":"',
    after_text=b'","logprobs":null,"finish_reason":null,"stop_reason":null',
    after_last_text=b'","logprobs":null,"finish_reason":"%b","stop_reason":null',
    after_tokens=b',"prompt_token_ids":null,"token_ids":null}]',
    running_details=b"",
    role=b"",
    role_end=b"",
    whole_before_text=b'{"index":0,"text":"',
    whole_after_text=b'","logprobs":null,"finish_reason":"%b","stop_reason":null,"token_ids":null',
    whole_after_finish=b',"prompt_logprobs":null,"prompt_token_ids":null,"routed_experts":null}]',
    whole_end=b',"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
)
_CHAT = _Dialect(
    id_prefix=b"chatcmpl-",
    object_name=b"chat.completion",
    stream_object_name=b"chat.completion.chunk",
    before_text=b'{"index":0,"delta":{"content":"',
    after_text=b'"},"logprobs":null,"finish_reason":null',
    after_last_text=b'"},"logprobs":null,"finish_reason":"%b","stop_reason":null',
    after_tokens=b',"token_ids":null}]',
    running_details=b',"completion_tokens_details":null',
    role=b'{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,'
    b'"finish_reason":null}]',
    role_end=b',"prompt_token_ids":null,"prompt_text":null}\n\n',
    whole_before_text=b'{"index":0,"message":{"role":"assistant","content":"',
    whole_after_text=b'","refusal":null,"annotations":null,"audio":null,"function_call":null,'
    b'"reasoning":null},"logprobs":null,"finish_reason":"%b","stop_reason":null,"token_ids":null',
    whole_after_finish=b',"routed_experts":null}]',
    whole_end=b',"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,'
    b'"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
)


class OpenAIAnswer(Answer):
    """Renders one answer of either route."""

    stream_headers = _STREAM_HEADERS

    def __init__(self, dialect: _Dialect, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked, in a dialect."""
        self._dialect, self._asked, self._serving = dialect, asked, serving
        self._number, self._total = serving.number, serving.total
        self._reasoning = min(asked.reasoning_tokens, serving.total)
        self._finish = b"length" if serving.total >= asked.max_tokens else b"stop"
        # Everything between the name of the object and the choices.
        self._named = b'","created":%d,"model":%b,"choices":[' % (
            serving.created_s,
            msgspec.json.encode(asked.model),
        )
        self._id = b'{"id":"%b%016x","object":"' % (dialect.id_prefix, serving.number)
        self._event = b"data: %b%b%b" % (self._id, dialect.stream_object_name, self._named)
        self._before_text = self._event + dialect.before_text
        self._after_text = dialect.after_text + dialect.after_tokens

    def _usage(self, written: int, details: bytes) -> bytes:
        prompt = self._asked.prompt_tokens
        return b',"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d%b}' % (
            prompt,
            prompt + written,
            written,
            details,
        )

    def _running_usage(self, written: int) -> bytes:
        if not self._asked.running_usage:
            return b""
        return self._usage(written, self._dialect.running_details)

    def opening(self) -> tuple[bytes, ...]:
        """The role event of chat; nothing for completions."""
        dialect = self._dialect
        if not dialect.role:
            return ()
        return (self._event + dialect.role + self._running_usage(0) + dialect.role_end,)

    def tokens(self, first: int, after: int) -> bytes:
        """One event; the last one carries the finish reason."""
        before = self._before_text
        if first < self._reasoning:
            if after > self._reasoning:
                return self.tokens(first, self._reasoning) + self.tokens(self._reasoning, after)
            before = before.replace(_CONTENT, _REASONING)
        text = words(self._number, first, after)
        usage = self._running_usage(after)
        if after < self._total:
            return b"%b%b%b%b}\n\n" % (before, text, self._after_text, usage)
        finished = self._dialect.after_last_text % self._finish + self._dialect.after_tokens
        print_ = b"" if self._asked.include_usage else _FINGERPRINT
        return b"%b%b%b%b%b}\n\n" % (before, text, finished, usage, print_)

    def ending(self) -> tuple[bytes, ...]:
        """The usage event, when it was asked for, and the end mark."""
        if not self._asked.include_usage:
            return (_DONE,)
        cached = self._cached()
        details = b',"prompt_tokens_details":%b' % cached if cached else b""
        usage = self._usage(self._total, details) + _FINGERPRINT
        metrics = b',"metrics":' + self._metrics() if self._asked.timings else b""
        return (b"%b]%b%b}\n\n" % (self._event, usage, metrics), _DONE)

    def failure(self) -> tuple[bytes, ...]:
        """An error event, spaced as vLLM spaces it, and the end mark."""
        return (f"data: {json.dumps(error_object(*_INTERNAL))}\n\n".encode(), _DONE)

    def _cached(self) -> bytes:
        cached = self._asked.cached_tokens
        return b'{"cached_tokens":%d}' % cached if cached else b""

    def _metrics(self) -> bytes:
        """What `--enable-per-request-metrics` tells: its first token counts from scheduling."""
        serving = self._serving
        busy_s = (serving.prefill_ns + serving.decode_ns) / 1e9
        told = {
            "time_to_first_token_ms": serving.prefill_ns / 1e6,
            "generation_time_ms": serving.decode_ns / 1e6,
            "queue_time_ms": serving.queue_ns / 1e6,
            "mean_itl_ms": serving.decode_ns / 1e6 / max(1, self._total - 1),
            "tokens_per_second": self._total / busy_s if busy_s else None,
        }
        return msgspec.json.encode(told)

    def whole(self) -> Reply:
        """The answer as one JSON object."""
        dialect, reasoning = self._dialect, self._reasoning
        details = b',"prompt_tokens_details":%b,"completion_tokens_details":%b' % (
            self._cached() or b"null",
            b'{"reasoning_tokens":%d}' % reasoning if reasoning else b"null",
        )
        after_text = dialect.whole_after_text % self._finish
        if reasoning:
            thoughts = b'"reasoning":"%b"' % words(self._number, 0, reasoning)
            after_text = after_text.replace(b'"reasoning":null', thoughts)
        end = dialect.whole_end
        if self._asked.timings:
            end = end.replace(b'"metrics":null', b'"metrics":' + self._metrics())
        pieces = (
            self._id + dialect.object_name + self._named + dialect.whole_before_text,
            words(self._number, reasoning, self._total),
            after_text + dialect.whole_after_finish + b',"service_tier":null' + _FINGERPRINT,
            self._usage(self._total, details) + end,
        )
        return reply(200, msgspec.Raw(b"".join(pieces)))

    def refusal(self) -> Reply:
        """HTTP 500 with an error object."""
        return reply(500, error_object(*_INTERNAL))


COMPLETIONS = OpenAIFormat(CompletionBody, partial(OpenAIAnswer, _COMPLETION), worded)
CHAT = OpenAIFormat(ChatBody, partial(OpenAIAnswer, _CHAT), worded)
