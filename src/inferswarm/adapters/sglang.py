"""SGLang: its native `/generate`, and what it does not know of OpenAI's routes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.common import decoded, error_text, merged, told
from inferswarm.adapters.openai import COMPLETIONS as _PLAIN_OPENAI
from inferswarm.adapters.openai import Count, OpenAI
from inferswarm.adapters.refusals import unknown
from inferswarm.adapters.texts import in_order, payloads
from inferswarm.framing.http1 import Response
from inferswarm.framing.sse import read_events
from inferswarm.prompts import Prompt
from inferswarm.scales import NS_PER_S

_UNKNOWN = ("use_beam_search", "best_of")
_DONE = b"[DONE]"
_LONGEST_S = 1e9


class _Meta(msgspec.Struct):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cached_tokens: Count | None = None
    finish_reason: Any = None
    queue_time: float | None = None
    e2e_latency: float | None = None
    decode_throughput: float | None = None


class _Body(msgspec.Struct):
    """An event, or one sequence of a plain answer."""

    text: str | None = None
    meta_info: _Meta | None = None
    index: int | None = None
    error: Any = None


class _Ids(msgspec.Struct):
    output_ids: list[Any] | None = None


_DECODER = msgspec.json.Decoder(_Body | list[_Body])
_IDS_DECODER = msgspec.json.Decoder(_Ids)


class Generate:
    """The native route. The model is not named in requests."""

    default_model = ""
    takes_ids = True

    def refusal(self, wanted: Wanted) -> str:
        """It has neither beam search nor a best of several answers."""
        return unknown(wanted, *_UNKNOWN)

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """Prompt and `sampling_params`; an object of that name in `extra_body` is merged into ours."""
        sampling = {
            "max_new_tokens": wanted.max_output_tokens,
            "min_new_tokens": wanted.min_output_tokens or None,
            "ignore_eos": wanted.ignore_eos or None,
            "temperature": wanted.temperature,
            "top_p": wanted.top_p,
            "top_k": wanted.top_k,
            "sampling_seed": wanted.seed,
            "stop": list(wanted.stop) or None,
        }
        asked = {"input_ids": prompt.ids} if prompt.ids else {"text": prompt.text}
        body = {**asked, "sampling_params": told(sampling), "stream": wanted.stream}
        full = merged(body, "sampling_params", wanted.extra_body)
        return HttpRequest("POST", "/generate", msgspec.json.encode(full))

    def read(self, response: Response, prompt: str) -> Answer:
        """Chunks with the tokens of each, counts and end of a streamed or plain answer."""
        answer = Answer()
        sequences: dict[int, _Sequence] = {}
        if response.is_event_stream:
            answer.streamed = True
            events = read_events(response.pieces)
            for at_ns, data in zip(events.times, events.data, strict=True):
                if data == _DONE:
                    answer.ended = True
                elif data:
                    _read_object(data, at_ns, sequences, answer)
        elif response.complete:
            answer.ended = True
            last_ns = response.pieces[-1][0] if response.pieces else 0
            _read_object(response.body, last_ns, sequences, answer)
        _add_up(list(sequences.values()), answer)
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """Sequence by sequence, whether each event repeats the text before it or not."""
        sequences: dict[int, _Sequence] = {}
        said: dict[int, list[str]] = {}
        for data in payloads(response):
            _read_object(data, 0, sequences, Answer())
            for place, body in _numbered(data, Answer()):
                said.setdefault(place, []).append(body.text or "")
        return in_order(
            (place, text)
            for place, texts in said.items()
            for text in (_latest(texts) if sequences[place].is_cumulative() else texts)
        )

    def models_request(self) -> HttpRequest:
        """`GET /v1/models`."""
        return _PLAIN_OPENAI.models_request()

    def read_models(self, body: bytes) -> list[str]:
        """The `id` of each entry of `data`; raises ValueError when it is no list of models."""
        return _PLAIN_OPENAI.read_models(body)


class SGLangOpenAI(OpenAI):
    """OpenAI's routes as SGLang speaks them."""

    def refusal(self, wanted: Wanted) -> str:
        """Its routes skip what they do not know, so that only we can say so."""
        return unknown(wanted, *_UNKNOWN)


@dataclass(slots=True)
class _Sequence:
    """What the events of one sequence said; `chars` and `tokens` have an entry for each of them.

    Whether each event repeats all text so far is a setting of the server, which no field tells.
    `last` holds the newest event as it came.
    """

    times: list[int] = field(default_factory=list)
    chars: list[int] = field(default_factory=list)
    tokens: list[int | None] = field(default_factory=list)
    last: bytes = b""
    _text: str = ""
    _continued: int = 0
    _replaced: int = 0

    def add(self, at_ns: int, body: _Body, data: bytes) -> None:
        """Take in an event. A server without a tokenizer sends no text, only a running count."""
        tokens = body.meta_info.completion_tokens if body.meta_info else None
        text = body.text or ""
        self.times.append(at_ns)
        self.tokens.append(tokens)
        self.chars.append((tokens or 0) if body.text is None else len(text))
        # A text that stands still, or loses its end to a stop string, speaks for neither way.
        if not self._text.startswith(text):
            grows = text.startswith(self._text)
            self._continued += bool(self._text) and grows
            self._replaced += not grows
        self._text = text
        self.last = data

    def is_cumulative(self) -> bool:
        """Whether every event repeats the text before it.

        Token ids tell, where they are sent: all so far, or the new ones only. Else most of the texts
        that changed must begin with the one before them. Where none changed it may be one text that
        stood still, or one word again and again: then tokens must not have come before the last
        event, which may have brought an end token alone.
        """
        ids, tokens = decoded(_IDS_DECODER, self.last, Answer()), self.tokens[-1]
        if ids is not None and ids.output_ids is not None and tokens is not None:
            return len(ids.output_ids) >= tokens
        if self._continued or self._replaced:
            return self._continued > self._replaced
        spoken = zip(self.chars[:-1], self.tokens[:-1], strict=True)
        return len({tokens for chars, tokens in spoken if chars}) < 2

    def chunks(self) -> Iterator[tuple[int, int | None]]:
        """(arrival_ns, tokens since the chunk before) of each event that brought text."""
        cumulative = self.is_cumulative()
        longest = counted = 0
        for at_ns, chars, tokens in zip(self.times, self.chars, self.tokens, strict=True):
            if chars > longest:
                yield at_ns, None if tokens is None else max(0, tokens - counted)
                longest = chars if cumulative else 0
                counted = tokens or counted


def _read_object(data: bytes, at_ns: int, sequences: dict[int, _Sequence], answer: Answer) -> None:
    """Read an event, or a plain answer: an object, or a list of them where several were asked for."""
    for sequence, body in _numbered(data, answer):
        sequences.setdefault(sequence, _Sequence()).add(at_ns, body, data)
        _read_meta(body.meta_info or _Meta(), answer)


def _numbered(data: bytes, answer: Answer) -> Iterator[tuple[int, _Body]]:
    """(sequence, what came of it) of an object or a list; an error in it becomes the answer's."""
    found = decoded(_DECODER, data, answer)
    for place, body in enumerate(found if isinstance(found, list) else [found]):
        if body is None:
            continue
        if body.error is not None:
            answer.error = answer.error or error_text(body.error)
        else:
            yield (place if body.index is None else body.index), body


def _latest(texts: list[str]) -> list[str]:
    """The last text that is none of nothing."""
    return [text for text in texts if text][-1:]


def _read_meta(meta: _Meta, answer: Answer) -> None:
    """Keep counts, end and times; an abort is an error although it comes as a reason to finish."""
    if meta.prompt_tokens is not None:
        answer.input_tokens = meta.prompt_tokens
    if meta.cached_tokens is not None:
        answer.cached_tokens = meta.cached_tokens
    reason = meta.finish_reason
    if reason:
        kind = reason.get("type") if isinstance(reason, dict) else reason
        answer.finish_reason, answer.ended = error_text(kind), True
        if kind == "abort":
            answer.error = answer.error or error_text(reason)
    spans = {"queue": meta.queue_time, "decode": _decode_s(meta), "total": meta.e2e_latency}
    for name, seconds in spans.items():
        if seconds is not None and 0 <= seconds <= _LONGEST_S:
            answer.server_ns[name] = int(seconds * NS_PER_S)


def _decode_s(meta: _Meta) -> float | None:
    """Its decode throughput is the tokens after the first divided by the time that they took."""
    if not meta.decode_throughput or meta.completion_tokens is None:
        return None
    return (meta.completion_tokens - 1) / meta.decode_throughput


def _add_up(sequences: list[_Sequence], answer: Answer) -> None:
    """Chunks of all sequences in order of time, and the sum of their tokens."""
    chunks = [chunk for sequence in sequences for chunk in sequence.chunks()]
    if len(sequences) > 1:
        chunks.sort(key=lambda chunk: chunk[0])
    answer.chunk_ns = [at_ns for at_ns, _ in chunks]
    tokens = [tokens for _, tokens in chunks if tokens is not None]
    if len(tokens) == len(chunks) and any(tokens):
        answer.chunk_tokens = tokens
    totals = [[count for count in one.tokens if count is not None] for one in sequences]
    if totals and all(totals):
        answer.output_tokens = sum(counts[-1] for counts in totals)
    if answer.output_tokens is not None or answer.input_tokens is not None:
        answer.count_source = "server_meta"


GENERATE = Generate()
CHAT = SGLangOpenAI(chat=True)
COMPLETIONS = SGLangOpenAI(chat=False, takes_ids=True)
