"""JetStream's gRPC service: what its calls ask for, and its messages and failures."""

from collections.abc import Callable
from urllib.parse import quote

from inferswarm.adapters.jetstream import DECODE_PATH
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.framing import grpc
from inferswarm.framing.protobuf import (
    bytes_field,
    count_packed,
    fields,
    message_in,
    number_field,
    varint,
)
from inferswarm.simulator.generation import (
    DEFAULT_MAX_TOKENS,
    MAX_MODEL_LEN,
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    WireFormat,
    token_ids,
    word_count,
    words,
)

HEALTH_PATH = "/jetstream_proto.Orchestrator/HealthCheck"
_HEADERS = (("content-type", "application/grpc"),)
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def failed(name: str, message: str) -> Reply:
    """A call that ends with this status and no message."""
    status = (
        ("grpc-status", str(grpc.STATUSES.index(name))),
        ("grpc-message", quote(message, safe=_PRINTABLE)),
    )
    return Reply(200, _HEADERS + status, b"")


BROKEN = failed("INTERNAL", "Internal server error")


class _DecodeAnswer(Answer):
    """Each event is a DecodeResponse."""

    stream_headers = _HEADERS

    def __init__(self, asked: Generation, serving: Serving) -> None:
        self._number = serving.number

    def tokens(self, first: int, after: int) -> bytes:
        """One sample with the text and the ids of some tokens."""
        ids = b"".join(map(varint, token_ids(self._number, first, after)))
        sample = bytes_field(1, words(self._number, first, after)) + bytes_field(2, ids)
        return bytes_field(3, bytes_field(1, sample))

    def failure(self) -> tuple[bytes, ...]:
        """Nothing but the status says so."""
        return (b"",)

    def whole(self) -> Reply:
        """There is none: calls are always streamed."""
        return BROKEN

    def refusal(self) -> Reply:
        """As the server answers when it takes no more."""
        return failed("RESOURCE_EXHAUSTED", "There are too many requests being queued")


class _Decode:
    """See `generation.WireFormat`."""

    answer = _DecodeAnswer

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What a DecodeRequest asks for; one sample, of text or of token ids."""
        try:
            given = dict(fields(_only_message(request.body)))
            prompt_tokens = _prompt_tokens(given)
        except ValueError as error:
            return failed("INTERNAL", f"Exception deserializing request! {error}")
        max_tokens, samples = given.get(4, DEFAULT_MAX_TOKENS), given.get(8, 1)
        if not (isinstance(max_tokens, int) and 0 < max_tokens <= MAX_MODEL_LEN):
            return failed("INVALID_ARGUMENT", f"max_tokens must be 1 to {MAX_MODEL_LEN}")
        if samples not in (0, 1):
            return failed("INVALID_ARGUMENT", "This simulated server makes one sample a request")
        if not prompt_tokens:
            return failed("INVALID_ARGUMENT", "text_content or token_content must be given")
        return Generation(options.model, prompt_tokens, max_tokens, stream=True)


def _only_message(body: bytes) -> bytes:
    found = grpc.read_messages([(0, body)])
    if found.error or found.rest or len(found.data) != 1:
        raise ValueError(found.error or "not one whole message")
    return found.data[0]


def _prompt_tokens(given: dict[int, int | bytes]) -> int:
    """Words of the text, or token ids; 0 without a prompt."""
    content = message_in(given.get(5, given.get(6, b"")))
    inner = dict(fields(content)).get(1, b"")
    if isinstance(inner, int):
        return 1
    if 6 in given:
        return count_packed(inner)
    return word_count(inner.decode("utf-8", "replace")) if inner else 0


def _health(_: Request) -> bytes:
    """A HealthCheckResponse that says yes."""
    return number_field(1, 1)


GENERATING: dict[str, WireFormat] = {DECODE_PATH: _Decode()}
PLAIN: dict[str, Callable[[Request], bytes]] = {HEALTH_PATH: _health}
