"""What was asked of a server and what came: the values that the rules look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from inferswarm.adapters import Wanted
from inferswarm.adapters.table import Route
from inferswarm.doctor.certificate import Tls
from inferswarm.exchange import Exchange, Outcome
from inferswarm.framing import http1, http2
from inferswarm.framing.http1 import EndFinder, Response
from inferswarm.prompts import Prompt
from inferswarm.reading import Asked, read_exchange
from inferswarm.records import Record

_READERS = {"http1": http1.read_response, "http2": http2.read_response}


class Purpose(StrEnum):
    """Why a request was sent."""

    STREAMED = "streamed"
    WHOLE = "not streamed"
    EXACT = "fixed length"
    COUNTED = "counts per chunk"
    WRONG = "wrong on purpose"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and its answer, as bytes with times, as HTTP, and as a run would record it."""

    purpose: Purpose
    wanted: Wanted
    prompt: str
    exchange: Exchange
    response: Response
    record: Record
    trick: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was answered in full."""
        return self.record.ok

    @property
    def timed_out(self) -> bool:
        """Whether it took too long."""
        return self.record.outcome in (Outcome.TIMEOUT_FIRST_BYTE, Outcome.TIMEOUT_TOTAL)

    @property
    def promised(self) -> bool:
        """Whether the answer said that its connection stays open."""
        finder = EndFinder()
        return finder.feed(self.exchange.tape.data) and finder.keep_alive


@dataclass(frozen=True, slots=True)
class Listing:
    """The server's list of models; `trouble` is why it could not be had."""

    path: str
    status: int = 0
    names: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """The first connection to the server; `trouble` is why there is none, with its outcome."""

    url: str
    addresses: tuple[str, ...] = ()
    address: str = ""
    connect_ns: int = 0
    tls_ns: int | None = None
    tls: Tls | None = None
    proxy: str = ""
    trouble: str = ""
    failure: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A route to try, and why it may be the right one; `model` is a name that was found with it."""

    backend: str
    api: str
    points: int
    reasons: tuple[str, ...] = ()
    model: str = ""

    def __str__(self) -> str:
        """As it is shown."""
        return f"{self.backend} {self.api}"


@dataclass(frozen=True, slots=True)
class Looked:
    """All that was seen of one server.

    `stream` is whether a run would ask for streams; `skipped` why requests of a purpose were not
    sent; `model_given` whether the user named the model. `choices` are the routes that were thought
    of, best first, when none was given.
    """

    way: Route
    model: str
    stream: bool
    seen: tuple[Seen, ...] = ()
    listing: Listing | None = None
    skipped: Mapping[Purpose, str] = field(default_factory=dict)
    model_given: bool = False
    key_given: bool = False
    choices: tuple[Choice, ...] = ()
    rejected: tuple[str, ...] = ()
    out_of_time: bool = False

    def of(self, *purposes: Purpose) -> list[Seen]:
        """The requests of these purposes."""
        return [one for one in self.seen if one.purpose in purposes]

    def good(self, *purposes: Purpose) -> list[Seen]:
        """Those of them that were answered in full."""
        return [one for one in self.of(*purposes) if one.ok]

    @property
    def asked(self) -> Purpose:
        """The mode that a run would use."""
        return Purpose.STREAMED if self.stream else Purpose.WHOLE


def read(
    exchange: Exchange, purpose: Purpose, wanted: Wanted, prompt: str, way: Route, trick: str = ""
) -> Seen:
    """Read an exchange as a run would."""
    question = Prompt(prompt)
    asked = Asked(0, 0, question, way.backend, way.api, wanted.stream)
    response = response_of(exchange)
    record = read_exchange(exchange, asked, way.adapter)
    return Seen(purpose, wanted, prompt, exchange, response, record, trick)


def response_of(exchange: Exchange) -> Response:
    """The answer as HTTP."""
    return _READERS[exchange.framing](exchange.tape, closed=exchange.failure is None)
