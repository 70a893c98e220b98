"""The values between a wire format and the service: a request, what it asks for, how to answer it."""

from dataclasses import dataclass
from typing import Protocol

from inferswarm.config.simulator import SimulatorOptions

DEFAULT_MAX_TOKENS = 128

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
    """A whole HTTP answer; `headers` in the order in which they are sent, after date and server."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Generation:
    """What a request wants generated, in no wire format."""

    model: str
    prompt_tokens: int
    max_tokens: int
    stream: bool
    include_usage: bool = False
    running_usage: bool = False


class Answer(Protocol):
    """Renders one answer of a known length; tokens are numbered from 0."""

    @property
    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """Headers of the streamed answer, after date and server."""

    def opening(self) -> tuple[bytes, ...]:
        """Events before the first token; each becomes one HTTP chunk."""

    def tokens(self, first: int, after: int) -> bytes:
        """The event that carries tokens `first` up to, not including, `after`."""

    def ending(self) -> tuple[bytes, ...]:
        """Events after the last token."""

    def failure(self) -> tuple[bytes, ...]:
        """Events of an error in the middle of the stream."""

    def whole(self) -> Reply:
        """The answer that is not streamed."""

    def refusal(self) -> Reply:
        """The HTTP 500 that replaces the answer."""


class WireFormat(Protocol):
    """One way of asking for a generation."""

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the answer that rejects it."""

    def answer(
        self, generation: Generation, number: int, created_s: int, output_tokens: int
    ) -> Answer:
        """The renderer of request `number`, accepted at Unix second `created_s`."""


def words(number: int, first: int, after: int) -> bytes:
    """Text of tokens `first` up to `after` of request `number`: words with a leading space each."""
    if after - first == 1:
        return _WORDS[(number + first) % len(_WORDS)]
    return b"".join(_WORDS[(number + index) % len(_WORDS)] for index in range(first, after))
