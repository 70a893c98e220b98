"""vLLM's older demonstration server: `POST /generate`, JSON documents with all of the text so far."""

from typing import Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.common import decoded, error_text, told
from inferswarm.framing.http1 import Response
from inferswarm.framing.json_stream import read_documents
from inferswarm.prompts import Prompt


class _Body(msgspec.Struct):
    text: list[str] | str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Body)


class VllmGenerate:
    """The route, streamed and not. It serves one model, which is never named.

    It fails on a prompt of token ids, whose text it would repeat.
    """

    default_model = ""
    takes_ids = False

    def refusal(self, wanted: Wanted) -> str:
        """What `SamplingParams` rejects; and several answers in one stream, whose text jumps."""
        several = (wanted.best_of or 1) > 1
        if wanted.use_beam_search and wanted.temperature != 0:
            return "request.use_beam_search needs --temperature 0 there"
        if several and wanted.stream:
            return "request.best_of is decided when all answers have ended; give --no-stream"
        if several and wanted.temperature == 0 and not wanted.use_beam_search:
            return "request.best_of needs sampling; leave out best_of, or --temperature 0"
        return ""

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """The prompt and the fields of `SamplingParams` that were asked for, side by side."""
        body = {
            "prompt": prompt.text,
            "stream": wanted.stream,
            "max_tokens": wanted.max_output_tokens,
            "min_tokens": wanted.min_output_tokens or None,
            "ignore_eos": wanted.ignore_eos or None,
            "temperature": wanted.temperature,
            "top_p": wanted.top_p,
            "top_k": wanted.top_k,
            "seed": wanted.seed,
            "best_of": wanted.best_of,
            "use_beam_search": wanted.use_beam_search or None,
            "stop": list(wanted.stop) or None,
        }
        return HttpRequest(
            "POST", "/generate", msgspec.json.encode(told(body) | dict(wanted.extra_body))
        )

    def read(self, response: Response, prompt: str) -> Answer:
        """A chunk wherever a sequence grew beyond its prompt; the body's end is the format's own."""
        answer = Answer(ended=response.complete)
        documents = read_documents(response.pieces)
        plain = "json" in response.headers.get("content-type", "").lower()
        answer.streamed = len(documents.data) > 1 or not plain
        longest: dict[int, int] = {}
        for at_ns, data in zip(documents.times, documents.data, strict=True):
            _read_document(data, at_ns, prompt, longest, answer)
        if not response.complete:
            answer.bad_frame = ""  # half a document is what a cut leaves
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """What the last document says after the prompt, sequence by sequence."""
        latest: dict[int, str] = {}
        for data in read_documents(response.pieces).data:
            body = decoded(_DECODER, data, Answer())
            latest.update(enumerate(_texts(body) if body else ()))
        return "".join(latest[at].removeprefix(prompt) for at in sorted(latest))

    def models_request(self) -> HttpRequest | None:
        """There is no list."""
        return None

    def read_models(self, body: bytes) -> list[str]:
        """Always raises ValueError."""
        raise ValueError(f"this format has no list of models: {body[:200]!r}")


def _read_document(
    data: bytes, at_ns: int, prompt: str, longest: dict[int, int], answer: Answer
) -> None:
    """Count the sequences of one document that grew; `longest` is how far each had come."""
    body = decoded(_DECODER, data, answer)
    if body is None:
        return
    if body.error is not None:
        answer.error = answer.error or error_text(body.error)
        return
    for sequence, text in enumerate(_texts(body)):
        # Forks of this server differ in whether they repeat the prompt.
        size = len(text) - (len(prompt) if text.startswith(prompt) else 0)
        if size > longest.get(sequence, 0):
            longest[sequence] = size
            answer.chunk_ns.append(at_ns)


def _texts(body: _Body) -> list[str]:
    """All text so far, of each sequence."""
    return [body.text] if isinstance(body.text, str) else body.text or []


GENERATE = VllmGenerate()
