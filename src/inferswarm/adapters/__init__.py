"""Wire formats: how a prompt becomes a request, and an answer's body becomes chunks of tokens.

An adapter knows one wire format and nothing else: no socket, no clock, no Locust. A new one is a file
with a class of this shape and a row in `adapters.table.BACKENDS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from inferswarm.framing.http1 import Response
from inferswarm.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every request of a run asks for, whatever the wire format. None and 0 are not asked for."""

    model: str = ""
    stream: bool = True
    max_output_tokens: int = 128
    min_output_tokens: int = 0
    ignore_eos: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    best_of: int | None = None
    use_beam_search: bool = False
    stop: tuple[str, ...] = ()
    usage_per_chunk: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def of_length(self, tokens: int | None) -> "Wanted":
        """The same of another length, where one is given; a lower bound never exceeds it."""
        if tokens is None:
            return self
        least = min(self.min_output_tokens, tokens)
        return replace(self, max_output_tokens=tokens, min_output_tokens=least)


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
    carried, where the server said so for every one of them (else empty). `ended` is whether the
    format's own end was seen; `error` the message of an error object inside the answer; `bad_frame`
    what could not be read. `server_ns` has the durations that the server told of this request, under
    names of `timing.SERVER_SPANS`.
    """

    chunk_ns: list[int] = field(default_factory=list)
    chunk_tokens: list[int] = field(default_factory=list)
    reasoning_chunks: int = 0
    streamed: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    count_source: str = ""
    finish_reason: str = ""
    server_ns: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    error: str = ""
    bad_frame: str = ""


class Adapter(Protocol):
    """One wire format.

    `default_model` is what servers of this kind usually call their model; empty where there is no
    such name. `takes_ids` is whether a prompt can be sent as token ids.
    """

    default_model: str
    takes_ids: bool

    def refusal(self, wanted: Wanted) -> str:
        """Why the server would not take such requests, naming option and remedy; empty if it would."""

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """The request that asks for one answer to `prompt`."""

    def read(self, response: Response, prompt: str) -> Answer:
        """Read a 2xx answer to the text `prompt`, complete or cut; never raises."""

    def text(self, response: Response, prompt: str) -> str:
        """The words of a 2xx answer to the text `prompt`, as far as it came; never raises.

        All that `read` counts as chunks: reasoning too, and of several choices one after the other.
        Slow, and asked for only where somebody needs the words.
        """

    def models_request(self) -> HttpRequest | None:
        """The request that lists the server's models, where the format has one."""

    def read_models(self, body: bytes) -> list[str]:
        """Model names from that list; raises ValueError when it is not one."""
