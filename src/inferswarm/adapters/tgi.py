"""Text Generation Inference: `/generate` and `/generate_stream`, and how it takes OpenAI's routes."""

from dataclasses import replace
from typing import Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.common import decoded, error_text, merged, model_at, told
from inferswarm.adapters.openai import Count, OpenAI
from inferswarm.adapters.refusals import unknown
from inferswarm.adapters.texts import objects
from inferswarm.framing.http1 import Response
from inferswarm.framing.sse import read_events
from inferswarm.prompts import Prompt
from inferswarm.scales import NS_PER_MS

_UNKNOWN = ("ignore_eos", "min_output_tokens", "use_beam_search")
_INFO = HttpRequest("GET", "/info")
_MOST = 1 << 32
_SPANS = {"queue": "x-queue-time", "total": "x-total-time"}


class _Token(msgspec.Struct):
    text: str | None = None
    special: bool = False


class _Details(msgspec.Struct):
    finish_reason: str | None = None
    generated_tokens: Count | None = None
    input_length: Count | None = None


class _Body(msgspec.Struct):
    """An event, or the whole of a plain answer."""

    token: _Token | None = None
    generated_text: str | None = None
    details: _Details | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Body)


class Generate:
    """The native routes. The server has one model, which requests do not name."""

    default_model = ""
    takes_ids = False

    def refusal(self, wanted: Wanted) -> str:
        """What the router does not know, or its validation answers with 422."""
        if (wanted.best_of or 1) > 1:
            if wanted.stream:
                return "request.best_of cannot be streamed there; give --no-stream"
            if wanted.seed is not None:
                return "request.best_of goes without a seed there; leave out --request-seed"
            if wanted.temperature == 0:
                return "request.best_of needs sampling there; leave out --temperature 0"
        return unknown(wanted, *_UNKNOWN)

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """Prompt and `parameters`; an object `parameters` in `extra_body` is merged into ours.

        The server takes neither a temperature of 0, which is asked for as no sampling, nor a top_p
        of 1, which is left out.
        """
        parameters = {
            "max_new_tokens": wanted.max_output_tokens,
            "details": True,
            **_sampling(wanted),
            "seed": wanted.seed,
            "best_of": wanted.best_of,
            "stop": list(wanted.stop) or None,
        }
        body = {"inputs": prompt.text, "parameters": told(parameters)}
        path = "/generate_stream" if wanted.stream else "/generate"
        full = merged(body, "parameters", wanted.extra_body)
        return HttpRequest("POST", path, msgspec.json.encode(full))

    def read(self, response: Response, prompt: str) -> Answer:
        """Chunks, counts and end; a stream ends with the event that repeats the whole text."""
        if response.is_event_stream:
            return _read_stream(response)
        return _read_plain(response) if response.complete else Answer()

    def text(self, response: Response, prompt: str) -> str:
        """The whole text where it came, else its tokens so far."""
        tokens = []
        for body in objects(_DECODER, response):
            if body.generated_text is not None:
                return body.generated_text
            if body.token is not None and not body.token.special:
                tokens.append(body.token.text or "")
        return "".join(tokens)

    def models_request(self) -> HttpRequest:
        """`GET /info`."""
        return _INFO

    def read_models(self, body: bytes) -> list[str]:
        """The `model_id` of the one model; raises ValueError when there is none."""
        return model_at(body, "model_id")


class TgiOpenAI(OpenAI):
    """OpenAI's routes as TGI speaks them: it knows fewer fields, and completions no stream options.

    It takes a model's name for that of a LoRA adapter, except for `tgi`.
    """

    default_model = "tgi"

    def refusal(self, wanted: Wanted) -> str:
        """Its routes skip what they do not know, so that only we can say so."""
        return unknown(wanted, *_UNKNOWN, "top_k", "best_of", "usage_per_chunk")

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """OpenAI's body without what would be rejected or not understood."""
        known = replace(wanted, top_p=None) if wanted.top_p == 1 else wanted
        if wanted.stream and not self.chat:
            known = replace(known, stream=False, extra_body={"stream": True, **wanted.extra_body})
        return super().request(prompt, known)

    def models_request(self) -> HttpRequest:
        """`GET /info`: older versions have no OpenAI list."""
        return _INFO

    def read_models(self, body: bytes) -> list[str]:
        """The `model_id` of the one model; raises ValueError when there is none."""
        return model_at(body, "model_id")


def _sampling(wanted: Wanted) -> dict[str, Any]:
    """How to sample. The server's own default is greedy, and so is a bare temperature of 1."""
    if wanted.temperature == 0:
        return {"do_sample": False}
    top_p = None if wanted.top_p == 1 else wanted.top_p
    samples = (
        wanted.temperature is not None
        or top_p is not None
        or wanted.top_k is not None
        or (wanted.best_of or 1) > 1
    )
    return {
        "do_sample": samples or None,
        "temperature": wanted.temperature,
        "top_p": top_p,
        "top_k": wanted.top_k,
    }


def _read_stream(response: Response) -> Answer:
    """One event is one token; what a special one or one without text took goes to the next chunk."""
    answer = Answer(streamed=True)
    events = read_events(response.pieces)
    tokens = pending = 0
    for at_ns, data in zip(events.times, events.data, strict=True):
        body = decoded(_DECODER, data, answer)
        if body is None or not _speaks(body, answer):
            continue
        if body.token is not None:
            tokens += 1
            pending += 1
            if body.token.text and not body.token.special:
                answer.chunk_ns.append(at_ns)
                answer.chunk_tokens.append(pending)
                pending = 0
    if answer.output_tokens is None and tokens:
        answer.output_tokens, answer.count_source = tokens, "token_ids"
    if answer.output_tokens != tokens:
        answer.chunk_tokens = []
    return answer


def _read_plain(response: Response) -> Answer:
    """The answer of `/generate`: its headers have counts and times whatever the body says."""
    answer = Answer(ended=True)
    last_ns = response.pieces[-1][0] if response.pieces else 0
    body = decoded(_DECODER, response.body, answer)
    if body is not None and _speaks(body, answer) and body.generated_text:
        answer.chunk_ns.append(last_ns)
    _read_headers(response.headers, answer)
    return answer


def _speaks(body: _Body, answer: Answer) -> bool:
    """Take in an error, or the end with its details; False for an error."""
    if body.error is not None:
        answer.error = answer.error or error_text(body.error)
        return False
    answer.ended = answer.ended or body.generated_text is not None
    if body.details is not None:
        answer.finish_reason = body.details.finish_reason or ""
        _read_counts(body.details.input_length, body.details.generated_tokens, answer)
    return True


def _read_headers(headers: dict[str, str], answer: Answer) -> None:
    told_in, told_out = (_number(headers, f"x-{kind}-tokens") for kind in ("prompt", "generated"))
    _read_counts(told_in, told_out, answer)
    for span, name in _SPANS.items():
        if (ms := _number(headers, name)) is not None:
            answer.server_ns[span] = ms * NS_PER_MS


def _read_counts(input_tokens: int | None, output_tokens: int | None, answer: Answer) -> None:
    """Keep the counts that were told."""
    if input_tokens is not None:
        answer.input_tokens = input_tokens
    if output_tokens is not None:
        answer.output_tokens = output_tokens
    if input_tokens is not None or output_tokens is not None:
        answer.count_source = "server_meta"


def _number(headers: dict[str, str], name: str) -> int | None:
    """A header that is a whole number of a possible size."""
    text = headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))):
        return None
    return number if (number := int(text)) <= _MOST else None


GENERATE = Generate()
CHAT = TgiOpenAI(chat=True)
COMPLETIONS = TgiOpenAI(chat=False)
