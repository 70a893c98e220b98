"""SAX behind HTTP: Google's small server around its client, and front ends of the same route."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.common import decoded, error_text, merged, told
from inferswarm.adapters.openai import OpenAI
from inferswarm.adapters.refusals import unknown
from inferswarm.framing.http1 import Response
from inferswarm.prompts import Prompt

_PATH = "/generate"
_PLAIN_OPENAI = OpenAI(chat=False)


class _Body(msgspec.Struct):
    """An answer that is an object."""

    choices: list[Any] | None = None
    text: str | list[str] | None = None
    error: Any = None
    detail: Any = None


_Texts = list[tuple[str, Any] | str]
_Found = _Body | _Texts
_DECODER: msgspec.json.Decoder[_Found | str] = msgspec.json.Decoder(_Found | str)
_INNER_DECODER: msgspec.json.Decoder[_Found] = msgspec.json.Decoder(_Found)


class SaxQuery:
    """The documented server: a query with `extra_inputs`, answered by a list of [text, score]."""

    default_model = ""
    takes_ids = False

    def refusal(self, wanted: Wanted) -> str:
        """It cannot stream, names no model by itself, and hands on four sampling options."""
        return _unfit(wanted) or unknown(
            wanted,
            *("min_output_tokens", "ignore_eos", "seed", "stop", "best_of", "use_beam_search"),
        )

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """An object `extra_inputs` in `extra_body` is merged into ours."""
        inputs = {
            "temperature": wanted.temperature,
            "per_example_max_decode_steps": wanted.max_output_tokens,
            "per_example_top_k": wanted.top_k,
            "per_example_top_p": wanted.top_p,
        }
        body = {"model": wanted.model, "query": prompt.text, "extra_inputs": told(inputs)}
        full = merged(body, "extra_inputs", wanted.extra_body)
        return HttpRequest("POST", _PATH, msgspec.json.encode(full))

    def read(self, response: Response, prompt: str) -> Answer:
        """One text, in whichever of the known forms the answer has; only OpenAI's tells counts."""
        answer = Answer()
        if not response.complete:
            return answer
        answer.ended = True
        body = _decoded(response.body, answer)
        if isinstance(body, _Body) and body.choices is not None:
            return _PLAIN_OPENAI.read(response, prompt)
        if _text(body, answer):
            answer.chunk_ns.append(response.pieces[-1][0])
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """The same text."""
        body = _decoded(response.body, Answer()) if response.complete else None
        if isinstance(body, _Body) and body.choices is not None:
            return _PLAIN_OPENAI.text(response, prompt)
        return _text(body, Answer())

    def models_request(self) -> None:
        """None: its list is of models' paths with no word on which of them answer."""
        return

    def read_models(self, body: bytes) -> list[str]:
        """Always raises ValueError."""
        raise ValueError(f"no list of models is asked for here: {body[:200]!r}")


class SaxPrompt(SaxQuery):
    """The fields that Google's Locust benchmark tool sends."""

    def refusal(self, wanted: Wanted) -> str:
        """It cannot stream, names no model by itself, and has no word for these."""
        return _unfit(wanted) or unknown(wanted, "min_output_tokens", "ignore_eos", "seed", "stop")

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """All fields side by side; `extra_body` goes over them."""
        body = {
            "model": wanted.model,
            "prompt": prompt.text,
            "n": 1,
            "best_of": wanted.best_of or 1,
            "use_beam_search": wanted.use_beam_search,
            "temperature": wanted.temperature,
            "top_p": wanted.top_p,
            "top_k": wanted.top_k,
            "max_tokens": wanted.max_output_tokens,
            "stream": False,
        }
        full = told(body) | dict(wanted.extra_body)
        return HttpRequest("POST", _PATH, msgspec.json.encode(full))


class SaxOpenAI(OpenAI):
    """OpenAI's completions, under the route of the other servers."""

    def __init__(self) -> None:
        super().__init__(chat=False)

    def refusal(self, wanted: Wanted) -> str:
        """It cannot stream, and names no model by itself."""
        return _unfit(wanted) or super().refusal(wanted)

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """OpenAI's body."""
        return replace(super().request(prompt, wanted), path=_PATH)


def _unfit(wanted: Wanted) -> str:
    """What none of these servers can do."""
    if wanted.stream:
        return "SAX cannot stream over HTTP; give --no-stream"
    if not wanted.model:
        return "target.model is needed: give --model, as in --model /sax/test/lm2b"
    return ""


def _decoded(data: bytes, answer: Answer) -> _Body | _Texts | None:
    """The answer's object or list; the server may have made a JSON text of it first."""
    found = decoded(_DECODER, data, answer)
    if isinstance(found, str):
        return decoded(_INNER_DECODER, found.encode(), answer)
    return found


def _text(body: _Body | _Texts | None, answer: Answer) -> str:
    """The first of its texts; an error instead of one is the answer's."""
    if isinstance(body, list):
        first = body[0] if body else ""
        return first if isinstance(first, str) else first[0]
    if body is None:
        return ""
    if body.error is not None or body.detail is not None:
        answer.error = _reason(body.detail if body.error is None else body.error)
    return "".join(body.text[:1]) if isinstance(body.text, list) else body.text or ""


def _reason(detail: Any) -> str:
    """FastAPI's reason: a text, or a list of what is wrong with which field."""
    if not isinstance(detail, list):
        return error_text(detail)
    fields = [one for one in detail if isinstance(one, Mapping)]
    wrong = (f"{_place(one.get('loc'))}: {one.get('msg')}" for one in fields)
    return "; ".join(wrong) or error_text(None)


def _place(loc: Any) -> str:
    return ".".join(map(str, loc)) if isinstance(loc, list) else str(loc)


QUERY = SaxQuery()
PROMPT = SaxPrompt()
OPENAI = SaxOpenAI()
