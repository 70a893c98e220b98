"""The values between a wire format and the service: a request, what it asks for, how to answer it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import msgspec

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.heads import UVICORN, Headers, Manner

DEFAULT_MAX_TOKENS = 128
MAX_MODEL_LEN = 131_072
_FIRST_ID = 1_000

# Plain ASCII words without quotes or backslashes, so that they need no escaping in JSON.
_WORDS = tuple(
    b" " + word
    for word in (
        b"amber basil cedar delta ember flint grove haven inlet jade kelp lunar maple north ocean "
        b"pearl quartz river stone tidal umber violet willow xenon yarrow zephyr acorn birch coral "
        b"dune elm fern glade heath iris juniper knoll lichen moss nectar opal prairie quill reed "
        b"sage thistle upland vale wheat yew zinnia aspen brook cliff dew estuary field gorge hill "
        b"island lagoon meadow oasis peak"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, fully read. `headers` has lower-case names; `path` is without the query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    accepted_ns: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer; `headers` in the order in which they are sent.

    A `chunked` one has no length in its head: its body is sent as one HTTP chunk.
    """

    status: int
    headers: Headers
    body: bytes
    manner: Manner = UVICORN
    chunked: bool = False


class Generation(msgspec.Struct, frozen=True):
    """What a request wants generated, and what is told of it, in no wire format.

    `prompt` and `request_id` are kept where the format repeats them (`echo` says so for the prompt);
    `details` is whatever more a format tells when it is asked. `cumulative` texts hold all tokens so
    far. The first `reasoning_tokens` are reasoning; `cached_tokens` of the prompt count as cached.
    A prompt came as so many `messages` (0: as a text); `digest` knows it again (`digest_of`), and
    `tokens` are its own, where a prefix cache compares them.
    """

    model: str
    prompt_tokens: int
    max_tokens: int
    stream: bool
    include_usage: bool = False
    running_usage: bool = False
    prompt: str = ""
    request_id: str = ""
    echo: bool = False
    cumulative: bool = False
    details: bool = False
    timings: bool = False
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    messages: int = 0
    digest: str = ""
    tokens: list[str] | list[int] = []

    @property
    def prefill_tokens(self) -> int:
        """Tokens of the prompt that are not cached."""
        return self.prompt_tokens - self.cached_tokens


@dataclass(slots=True)
class Serving:
    """How request `number` is served, as far as it is known: `total` tokens, and when.

    Instants are `clock.now_ns()` readings. `first_ns` and `last_ns` are of the first and the last
    token: its making, where the answer is not streamed. `last_ns` is set just before the last token
    or the whole answer is rendered.
    """

    number: int
    created_s: int
    total: int
    accepted_ns: int = 0
    started_ns: int = 0
    first_ns: int = 0
    last_ns: int = 0

    @property
    def queue_ns(self) -> int:
        """From the arrival of the request to the start of its service."""
        return self.started_ns - self.accepted_ns

    @property
    def prefill_ns(self) -> int:
        """From the start of service to the first token."""
        return self.first_ns - self.started_ns

    @property
    def decode_ns(self) -> int:
        """From the first token to the last."""
        return self.last_ns - self.first_ns


class Answer(ABC):
    """Renders one answer of a known length; tokens are numbered from 0."""

    manner: Manner = UVICORN
    stream_headers: Headers = (("content-type", "text/event-stream; charset=utf-8"),)
    early_head = True
    """Whether the head of a stream is sent before its first token is there."""

    def opening(self) -> tuple[bytes, ...]:
        """Events before the first token; each becomes one HTTP chunk."""
        return ()

    @abstractmethod
    def tokens(self, first: int, after: int) -> bytes:
        """The events that carry tokens `first` up to, not including, `after`; in order, each once."""

    def ending(self) -> tuple[bytes, ...]:
        """Events after the last token."""
        return ()

    def failure(self) -> tuple[bytes, ...]:
        """Events of an error in the middle of the stream; none where the connection breaks."""
        return ()

    @abstractmethod
    def whole(self) -> Reply:
        """The answer that is not streamed."""

    @abstractmethod
    def refusal(self) -> Reply:
        """What replaces the answer when it fails before its first token."""

    def broken(self) -> Reply:
        """What replaces an answer that is not streamed when it fails in the middle."""
        return self.refusal()


class WireFormat(Protocol):
    """One way of asking for a generation."""

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the answer that rejects it."""

    def answer(self, asked: Generation, serving: Serving) -> Answer:
        """The renderer of the answer."""


def words(number: int, first: int, after: int) -> bytes:
    """Text of tokens `first` up to `after` of request `number`: words with a leading space each."""
    if after - first == 1:
        return _WORDS[(number + first) % len(_WORDS)]
    return b"".join(_WORDS[(number + index) % len(_WORDS)] for index in range(first, after))


def token_ids(number: int, first: int, after: int) -> list[int]:
    """Numbers of the same tokens in a made-up vocabulary."""
    return [_FIRST_ID + (number + index) % len(_WORDS) for index in range(first, after)]


def word_count(text: str) -> int:
    """Tokens of a prompt: its words, at least one."""
    return max(1, len(text.split()))


def digest_of(said: Iterable[str]) -> str:
    """A short hash of a prompt: of its one text, or of all its messages in their order."""
    return blake2b("\0".join(said).encode(errors="replace"), digest_size=8).hexdigest()


def sendable(text: str) -> str:
    """A text of a request that is repeated; halves of characters, which JSON can hold, become `?`."""
    return text.encode(errors="replace").decode()
