"""TensorRT-LLM behind NVIDIA Triton: `/v2/models/MODEL/generate` and `generate_stream`."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.common import decoded, error_text, told
from inferswarm.adapters.refusals import unknown
from inferswarm.adapters.texts import objects
from inferswarm.framing.http1 import Response
from inferswarm.framing.sse import read_events
from inferswarm.prompts import Prompt

_MOST_TOKENS = 1 << 32
_MOST_NS = 1 << 62
_SPANS = {
    "queue": ("arrival_time_ns", "first_scheduled_time_ns"),
    "prefill": ("first_scheduled_time_ns", "first_token_time_ns"),
    "decode": ("first_token_time_ns", "last_token_time_ns"),
}


class _Body(msgspec.Struct):
    """An event, or a plain answer. A tensor of one element comes as that element, else as a list."""

    text_output: str | list[str] | None = None
    finish_reason: Any = None
    output_log_probs: Any = None
    num_input_tokens: Any = None
    num_output_tokens: Any = None
    arrival_time_ns: Any = None
    first_scheduled_time_ns: Any = None
    first_token_time_ns: Any = None
    last_token_time_ns: Any = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Body)


@dataclass(slots=True)
class _Said:
    """The texts of an answer, with the arrival and the tokens of each, where they were told.

    `rest` are tokens without text since the last text.
    """

    texts: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    tokens: list[int | None] = field(default_factory=list)
    rest: int = 0


class Triton:
    """The models `ensemble` and `tensorrt_llm_bls`, by the input names of the engine's backend.

    Triton takes fields that a model has no input for as parameters, which these models ignore; so
    versions that differ in a name are asked by both.
    """

    default_model = "ensemble"
    takes_ids = False

    def refusal(self, wanted: Wanted) -> str:
        """What the backend rejects, or would make of several answers."""
        if wanted.use_beam_search and wanted.stream:
            return "request.use_beam_search cannot be streamed there; give --no-stream"
        if (wanted.best_of or 1) > 1 and not wanted.use_beam_search:
            return "request.best_of is the width of a beam there; give --use-beam-search too"
        return ""

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """The model's inputs side by side; `extra_body` goes over them.

        The server tells times of its own with `return_perf_metrics: true` there.
        """
        body = {"text_input": prompt.text, **self._inputs(wanted), **wanted.extra_body}
        verb = "generate_stream" if wanted.stream else "generate"
        path = f"/v2/models/{quote(wanted.model, safe='')}/{verb}"
        return HttpRequest("POST", path, msgspec.json.encode(body))

    def _inputs(self, wanted: Wanted) -> dict[str, Any]:
        """Everything but the prompt; lengths are forced by the lower bound."""
        at_least = wanted.max_output_tokens if wanted.ignore_eos else wanted.min_output_tokens
        asked = {
            "temperature": wanted.temperature,
            "top_p": wanted.top_p,
            "top_k": wanted.top_k,
            "seed": wanted.seed,
            "random_seed": wanted.seed,
            "min_tokens": at_least or None,
            "min_length": at_least or None,
            "beam_width": wanted.best_of if wanted.use_beam_search else None,
        }
        return {
            "max_tokens": wanted.max_output_tokens,
            "bad_words": "",
            "stop_words": list(wanted.stop) or "",
            **told(asked),
            "stream": wanted.stream,
            "exclude_input_in_output": True,
            "return_num_input_tokens": True,
            "return_num_output_tokens": True,
        }

    def read(self, response: Response, prompt: str) -> Answer:
        """Chunks, counts and times; there is no end but that of the HTTP answer."""
        answer = Answer(streamed=response.is_event_stream, ended=response.complete)
        if response.is_event_stream:
            _read_stream(response, prompt, answer)
        elif response.complete:
            _read_plain(response, prompt, answer)
        if answer.output_tokens is not None or answer.input_tokens is not None:
            answer.count_source = "server_meta"
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """What follows the prompt; of a beam's sequences the first."""
        said = _Said()
        for body in objects(_DECODER, response):
            if body.error is None:
                _take(body, 0, said)
        if not said.texts:
            return ""
        whole = said.texts[-1] if _accumulates(said.texts) else "".join(said.texts)
        return _without_prompt(whole, prompt)

    def models_request(self) -> None:
        """None: these models go by their usual names, and most of those listed cannot be asked."""
        return

    def read_models(self, body: bytes) -> list[str]:
        """Always raises ValueError."""
        raise ValueError(f"no list of models is asked for here: {body[:200]!r}")


class TritonLlmApi(Triton):
    """The model `tensorrt_llm` of the backend that is built on TensorRT-LLM's LLM API."""

    default_model = "tensorrt_llm"

    def refusal(self, wanted: Wanted) -> str:
        """Inputs that the model lacks would be ignored without a word."""
        if (wanted.best_of or 1) > 1 and wanted.stream:
            return "request.best_of cannot be streamed there; give --no-stream"
        return unknown(
            wanted, "use_beam_search", "ignore_eos", "min_output_tokens", "usage_per_chunk"
        )

    def _inputs(self, wanted: Wanted) -> dict[str, Any]:
        asked = {
            "max_tokens": wanted.max_output_tokens,
            "temperature": wanted.temperature,
            "top_p": wanted.top_p,
            "top_k": wanted.top_k,
            "seed": wanted.seed,
            "best_of": wanted.best_of,
            "stop": list(wanted.stop) or None,
            "exclude_input_from_output": True,
        }
        return {
            **{f"sampling_param_{name}": value for name, value in told(asked).items()},
            "streaming": wanted.stream,
            "return_finish_reason": True,
        }


def _read_stream(response: Response, prompt: str, answer: Answer) -> None:
    said = _Said()
    events = read_events(response.pieces)
    for at_ns, data in zip(events.times, events.data, strict=True):
        body = decoded(_DECODER, data, answer)
        if body is not None and _read_common(body, answer):
            _take(body, at_ns, said)
    if _accumulates(said.texts):
        answer.chunk_ns = _grown(said, prompt)
    else:
        _read_increments(said, prompt, answer)


def _read_plain(response: Response, prompt: str, answer: Answer) -> None:
    """The whole answer in one object; of a beam's sequences the first is the answer."""
    body = decoded(_DECODER, response.body, answer)
    if body is None or not _read_common(body, answer):
        return
    texts = body.text_output if isinstance(body.text_output, list) else [body.text_output or ""]
    text = _without_prompt(texts[0], prompt) if texts else ""
    if not text:
        return
    answer.chunk_ns.append(response.pieces[-1][0])
    if len(texts) == 1:
        answer.output_tokens = _told_output(body, answer, echoed=text != texts[0])


def _told_output(body: _Body, answer: Answer, *, echoed: bool) -> int | None:
    """How many tokens the server says that it made; it counts a prompt that it repeats."""
    counted = _count(body.num_output_tokens)
    if counted and not echoed:
        return counted
    if counted and answer.input_tokens is not None and counted > answer.input_tokens:
        return counted - answer.input_tokens
    return _log_probs(body.output_log_probs)


def _read_common(body: _Body, answer: Answer) -> bool:
    """Take in an error, or what may come with any text; False for an error."""
    if body.error is not None:
        answer.error = answer.error or error_text(body.error)
        return False
    answer.input_tokens = _count(body.num_input_tokens) or answer.input_tokens
    if isinstance(body.finish_reason, str) and body.finish_reason not in ("", "None"):
        answer.finish_reason = body.finish_reason
    for span, (start, end) in _SPANS.items():
        since, until = _whole(getattr(body, start)), _whole(getattr(body, end))
        if since and until and since <= until <= _MOST_NS:
            answer.server_ns[span] = until - since
    return True


def _take(body: _Body, at_ns: int, said: _Said) -> None:
    """Keep an event's text; tokens of an event without one belong to the next that has."""
    text = body.text_output
    text = "".join(text[:1]) if isinstance(text, list) else text
    tokens = _count(body.num_output_tokens)
    if not text:
        said.rest += tokens or 0
        return
    said.texts.append(text)
    said.times.append(at_ns)
    said.tokens.append(None if tokens is None else tokens + said.rest)
    said.rest = 0


def _accumulates(texts: list[str]) -> bool:
    """Whether each text repeats those before it: most of the changed ones begin with the last."""
    balance, before = 0, ""
    for text in texts:
        if before and not before.startswith(text):
            balance += 1 if text.startswith(before) else -1
        before = text
    return balance > 0


def _grown(said: _Said, prompt: str) -> list[int]:
    """When the text grew beyond the prompt. Tokens are not told in a way that fits such texts."""
    grown, longest = [], 0
    for at_ns, text in zip(said.times, said.texts, strict=True):
        size = len(_without_prompt(text, prompt))
        if size > longest:
            grown.append(at_ns)
            longest = size
    return grown


def _read_increments(said: _Said, prompt: str, answer: Answer) -> None:
    """Every text is a chunk; a prompt that is repeated stands before the first."""
    if said.texts and not _without_prompt(said.texts[0], prompt):
        del said.texts[0], said.times[0], said.tokens[0]
    answer.chunk_ns = said.times
    tokens = [count for count in said.tokens if count]
    if tokens and len(tokens) == len(said.times):
        answer.chunk_tokens = tokens
        answer.output_tokens = sum(tokens) + said.rest


def _without_prompt(text: str, prompt: str) -> str:
    """What follows the prompt where a text begins with it, white space around it aside."""
    words, start = prompt.strip(), text.lstrip()
    if not words or not start.startswith(words):
        return text
    return start[len(words) :].removeprefix(prompt[len(prompt.rstrip()) :])


def _log_probs(values: Any) -> int | None:
    """Tokens by their log probabilities; where these were not asked for, zeros stand for them."""
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    numbers = isinstance(values, list) and all(isinstance(one, int | float) for one in values)
    return len(values) if numbers and any(values) else None


def _count(value: Any) -> int | None:
    """A number of tokens; zeros stand for those that were not asked for."""
    number = _whole(value)
    return number if number and number <= _MOST_TOKENS else None


def _whole(value: Any) -> int | None:
    """A whole number as JSON, or as the text that some versions make of it."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


GENERATE = Triton()
LLM_API = TritonLlmApi()
