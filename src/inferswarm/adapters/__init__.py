"""Wire formats: how a prompt becomes a request, and an answer's body becomes chunks of tokens.

An adapter knows one server family's format and nothing else: no socket, no clock, no Locust. A new
one is a file with a class of this shape and a row in `adapters.table.ADAPTERS`.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from inferswarm.framing.http1 import Response
from inferswarm.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every request of a run asks for, whatever the wire format."""

    api: str = "completions"
    model: str = ""
    stream: bool = True
    max_output_tokens: int = 128
    ignore_eos: bool = False
    temperature: float | None = None
    extra_body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as a value; `path` is relative to the target's URL."""

    method: str
    path: str
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """What an answer's body said, in arrival order.

    `chunk_ns` has the arrival instant of each chunk that carried tokens; `chunk_tokens` how many each
    carried, where the server said so (else empty). `ended` is whether the format's own end was seen;
    `error` the message of an error object inside the answer; `bad_frame` what could not be read.
    """

    chunk_ns: list[int] = field(default_factory=list)
    chunk_tokens: list[int] = field(default_factory=list)
    reasoning_chunks: int = 0
    streamed: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    count_source: str = ""
    finish_reason: str = ""
    ended: bool = False
    error: str = ""
    bad_frame: str = ""


class Adapter(Protocol):
    """One wire format."""

    name: str
    apis: tuple[str, ...]

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """The request that asks for one answer to `prompt`."""

    def read(self, response: Response) -> Answer:
        """Read a 2xx answer, complete or cut; never raises."""

    def models_request(self) -> HttpRequest | None:
        """The request that lists the server's models, where the format has one."""

    def read_models(self, body: bytes) -> list[str]:
        """Model names from that list; raises ValueError when it is not one."""
