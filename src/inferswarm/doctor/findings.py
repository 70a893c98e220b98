"""What the doctor has to say: findings, and the exit code that follows from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from inferswarm.errors import EXIT_OK, EXIT_TARGET

EXIT_UNMEASURABLE = 1


class State(StrEnum):
    """How good or bad a finding is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


class Name(StrEnum):
    """What findings are about, in the order in which they are shown."""

    REACHABLE = "reachable"
    TLS = "TLS"
    PROXY = "proxy"
    BACKEND = "backend"
    AUTH = "auth"
    MODEL = "model"
    STREAMED = "streamed"
    WHOLE = "not streamed"
    FRAMING = "framing"
    TEXT = "text"
    ECHO = "prompt echo"
    REASONING = "reasoning"
    FINISH = "finish reason"
    TOKENS = "token counts"
    PER_CHUNK = "tokens per chunk"
    LENGTH = "fixed length"
    KEEP_ALIVE = "keep-alive"
    TIMINGS = "server times"
    CACHED = "cached tokens"
    ERRORS = "errors"
    TIMES = "times seen"
    LIMIT = "limit"


class Measure(StrEnum):
    """What a run can measure."""

    TTFT = "TTFT"
    ITL = "ITL"
    E2E = "E2E"
    COUNTS = "tokens"
    SERVER = "server's part"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `remedy` says what to do about it, where something can be done."""

    name: Name | Measure
    state: State
    sentence: str
    remedy: str = ""


_TARGET = frozenset(
    {
        *(Name.REACHABLE, Name.TLS, Name.PROXY, Name.BACKEND, Name.AUTH, Name.MODEL),
        *(Name.STREAMED, Name.WHOLE, Name.LIMIT),
    }
)
"""A problem with one of these means that the server cannot be loaded at all as the options ask."""


def ok(name: Name | Measure, sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(name, State.OK, sentence)


def note(name: Name | Measure, sentence: str, remedy: str = "") -> Finding:
    """Worth knowing."""
    return Finding(name, State.NOTE, sentence, remedy)


def problem(name: Name | Measure, sentence: str, remedy: str = "") -> Finding:
    """In the way of what the options ask for."""
    return Finding(name, State.PROBLEM, sentence, remedy)


def exit_code(findings: Iterable[Finding]) -> int:
    """4 when the server cannot be loaded, 1 when something cannot be measured as asked, else 0."""
    wrong = {one.name for one in findings if one.state is State.PROBLEM}
    if wrong & _TARGET:
        return EXIT_TARGET
    return EXIT_UNMEASURABLE if wrong else EXIT_OK


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of the names."""
    order: list[Name | Measure] = [*Name, *Measure]
    return sorted(findings, key=lambda one: order.index(one.name))


def hidden(findings: Iterable[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The findings without what a server echoed of keys and headers."""
    return [
        replace(one, sentence=without(one.sentence, secrets), remedy=without(one.remedy, secrets))
        for one in findings
    ]


def without(text: str, secrets: Sequence[str]) -> str:
    """The text with secrets hidden."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
