"""JetStream's own protocol: gRPC, `jetstream_proto.Orchestrator/Decode`, one message for each token.

The field numbers are those of the service's current definition; the first public version had others
and does not understand these requests.
"""

from functools import lru_cache
from typing import NamedTuple

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.refusals import unknown
from inferswarm.framing import grpc
from inferswarm.framing.http1 import Response
from inferswarm.framing.protobuf import bytes_field, count_packed, fields, message_in, number_field
from inferswarm.prompts import Prompt

DECODE_PATH = "/jetstream_proto.Orchestrator/Decode"
_MAX_TOKENS, _TEXT_CONTENT = 4, 5
_STREAM_CONTENT = 3
_SAMPLES = 1
_TEXT, _TOKEN_IDS = 1, 2
_EXTRA: dict[str, tuple[int, type[str] | type[bool]]] = {
    "lora_adapter_id": (9, str),
    "has_bos": (10, bool),
}
_UNKNOWN = (
    *("min_output_tokens", "ignore_eos", "temperature", "top_p", "top_k", "seed", "best_of"),
    *("use_beam_search", "stop", "usage_per_chunk"),
)
_SHORT_BYTES = 256


class _Carried(NamedTuple):
    """What one message brought of the answer."""

    text: bool = False
    tokens: int = 0


class JetStream:
    """The one route; the server has one model, which requests do not name."""

    default_model = ""
    takes_ids = False

    def refusal(self, wanted: Wanted) -> str:
        """All that requests tell the server is a length; answers are always streamed."""
        if not wanted.stream:
            return "there are only streamed answers; leave out --no-stream, or use --api generate"
        for name, value in wanted.extra_body.items():
            if name not in _EXTRA:
                return f"request.extra_body: {name} is none of {', '.join(_EXTRA)}; leave it out"
            if not isinstance(value, _EXTRA[name][1]):
                return f"request.extra_body: {name} must be a {_EXTRA[name][1].__name__}"
        return unknown(wanted, *_UNKNOWN)

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """A DecodeRequest; `extra_body` may add `lora_adapter_id` and `has_bos`."""
        text = bytes_field(_TEXT, prompt.text.encode("utf-8", "replace"))
        parts = [
            number_field(_MAX_TOKENS, wanted.max_output_tokens),
            bytes_field(_TEXT_CONTENT, text),
        ]
        for name, value in wanted.extra_body.items():
            number, _ = _EXTRA[name]
            parts.append(
                bytes_field(number, value.encode("utf-8", "replace"))
                if isinstance(value, str)
                else number_field(number, bool(value))
            )
        return HttpRequest("POST", DECODE_PATH, grpc.message(b"".join(parts)))

    def read(self, response: Response, prompt: str) -> Answer:
        """Tokens are counted by their ids; a token may come without text, and ids without any."""
        messages = grpc.read_messages(response.pieces)
        answer = Answer(streamed=True, bad_frame=messages.error)
        for at_ns, data in zip(messages.times, messages.data, strict=True):
            try:
                text, tokens = (_known if len(data) < _SHORT_BYTES else _carried)(data)
            except ValueError as error:
                answer.bad_frame = answer.bad_frame or str(error)
                break
            if text or tokens:
                answer.chunk_ns.append(at_ns)
                answer.chunk_tokens.append(tokens)
        _count(answer)
        answer.error = grpc.failure(response)
        answer.ended = grpc.is_over(response)
        if answer.ended and not answer.error and messages.rest and not answer.bad_frame:
            answer.bad_frame = f"{messages.rest} bytes of a message without its end"
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """The texts of the first sample; ids without a text say nothing here."""
        said = []
        for data in grpc.read_messages(response.pieces).data:
            try:
                said.append(_words(data))
            except ValueError:
                break  # `read` says what is wrong
        return b"".join(said).decode("utf-8", "replace")

    def models_request(self) -> None:
        """There is no list."""
        return

    def read_models(self, body: bytes) -> list[str]:
        """Always raises ValueError."""
        raise ValueError(f"this format has no list of models: {body[:200]!r}")


def _count(answer: Answer) -> None:
    """Counts hold only where every chunk told its tokens."""
    if answer.chunk_ns and all(answer.chunk_tokens):
        answer.output_tokens = sum(answer.chunk_tokens)
        answer.count_source = "token_ids"
    else:
        answer.chunk_tokens = []


def _carried(data: bytes) -> _Carried:
    """What a DecodeResponse brought of its first sample; raises ValueError for what is none."""
    return _sample(_first_sample(data))


def _first_sample(data: bytes) -> bytes:
    """The first sample of a DecodeResponse, empty when it has none; raises ValueError."""
    for number, content in fields(data):
        if number == _STREAM_CONTENT:
            samples = [one for at, one in fields(message_in(content)) if at == _SAMPLES]
            return message_in(samples[0]) if samples else b""
    return b""


def _words(data: bytes) -> bytes:
    """The text of the first sample; raises ValueError for what is no message."""
    found = [value for number, value in fields(_first_sample(data)) if number == _TEXT]
    return message_in(found[-1]) if found else b""


def _sample(data: bytes) -> _Carried:
    text, tokens = False, 0
    for number, value in fields(data):
        if number == _TEXT:
            text = bool(value)
        elif number == _TOKEN_IDS:
            tokens += count_packed(value) if isinstance(value, bytes) else 1
    return _Carried(text, tokens)


# The same few tokens make most of any text.
_known = lru_cache(maxsize=4096)(_carried)

GRPC = JetStream()
