"""JetStream over HTTP: ai-on-gke's wrapper `/generate`, and its own server's `/v1/generate`.

Both stream JSON documents with nothing between them, and end where the HTTP answer ends.
"""

from typing import Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.common import decoded, error_text
from inferswarm.adapters.refusals import unknown
from inferswarm.framing.http1 import Response
from inferswarm.framing.json_stream import read_documents
from inferswarm.prompts import Prompt

_UNKNOWN = (
    *("min_output_tokens", "ignore_eos", "temperature", "top_p", "top_k", "seed", "best_of"),
    *("use_beam_search", "stop", "usage_per_chunk"),
)


class _Sample(msgspec.Struct):
    text: str = ""
    token_ids: list[int] | None = msgspec.field(default=None, name="tokenIds")


class _Content(msgspec.Struct):
    samples: list[_Sample] = []


class _Body(msgspec.Struct):
    """A document of either server."""

    response: str | None = None
    text: str | None = None
    stream_content: _Content | None = msgspec.field(default=None, name="streamContent")
    detail: Any = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Body)


class _JetStream:
    """What both have in common. The server has one model, which requests do not name."""

    default_model = ""
    takes_ids = False

    def refusal(self, wanted: Wanted) -> str:
        """Sampling is the server's own matter: all that requests tell it is a length."""
        return unknown(wanted, *_UNKNOWN)

    def models_request(self) -> None:
        """There is no list."""
        return

    def read_models(self, body: bytes) -> list[str]:
        """Always raises ValueError."""
        raise ValueError(f"this format has no list of models: {body[:200]!r}")


class Wrapper(_JetStream):
    """ai-on-gke's wrapper, which asks the server by gRPC for each request."""

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """`extra_body` goes over our fields."""
        body = {
            "prompt": prompt.text,
            "max_tokens": wanted.max_output_tokens,
            "stream": wanted.stream,
            **wanted.extra_body,
        }
        return HttpRequest("POST", "/generate", msgspec.json.encode(body))

    def read(self, response: Response, prompt: str) -> Answer:
        """A stream is known by its documents: `text` instead of `response`."""
        answer = Answer(ended=response.complete)
        for at_ns, body in _bodies(response, answer):
            answer.streamed = answer.streamed or body.text is not None
            if body.text or body.response:
                answer.chunk_ns.append(at_ns)
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """The texts of its documents."""
        return "".join(body.text or body.response or "" for _, body in _bodies(response, Answer()))


class Native(_JetStream):
    """JetStream's own server, which always streams."""

    def refusal(self, wanted: Wanted) -> str:
        """It has no other way of answering."""
        if not wanted.stream:
            return "there are only streamed answers; leave out --no-stream, or use --api generate"
        return super().refusal(wanted)

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """`extra_body` goes over our fields; fields that the server does not know are rejected."""
        body = {
            "max_tokens": wanted.max_output_tokens,
            "text_content": {"text": prompt.text},
            **wanted.extra_body,
        }
        return HttpRequest("POST", "/v1/generate", msgspec.json.encode(body))

    def read(self, response: Response, prompt: str) -> Answer:
        """Tokens are counted by their ids; a token may come without text."""
        answer = Answer(streamed=True, ended=response.complete)
        for at_ns, body in _bodies(response, answer):
            samples = body.stream_content.samples if body.stream_content else ()
            for sample in samples[:1]:
                if sample.token_ids:
                    answer.chunk_tokens.append(len(sample.token_ids))
                if sample.token_ids or sample.text:
                    answer.chunk_ns.append(at_ns)
        if len(answer.chunk_tokens) == len(answer.chunk_ns) > 0:
            answer.output_tokens = sum(answer.chunk_tokens)
            answer.count_source = "token_ids"
        else:
            answer.chunk_tokens = []
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """The texts of the first sample."""
        contents = (body.stream_content or _Content() for _, body in _bodies(response, Answer()))
        return "".join(sample.text for content in contents for sample in content.samples[:1])


def _bodies(response: Response, answer: Answer) -> list[tuple[int, _Body]]:
    """(arrival_ns, document) of those that could be read and are no error."""
    found = []
    documents = read_documents(response.pieces)
    for at_ns, data in zip(documents.times, documents.data, strict=True):
        body = decoded(_DECODER, data, answer)
        if body is None:
            continue
        if body.error is not None or body.detail is not None:
            why = body.detail if body.error is None else body.error
            answer.error = answer.error or error_text(why)
        else:
            found.append((at_ns, body))
    if not response.complete:
        answer.bad_frame = ""  # half a document is what a cut leaves
    return found


GENERATE = Wrapper()
V1 = Native()
