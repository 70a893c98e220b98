"""Facts about what can be measured, and about the command that is printed."""

from typing import Any

import pytest

from inferswarm.cli.arguments import configuration
from inferswarm.cli.main import parser
from inferswarm.config.sources import Given, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.doctor.advice import command, fitting, measures
from inferswarm.doctor.findings import Measure, State
from inferswarm.doctor.seen import Listing, Looked, Seen
from tests.doctor.examples import EVENTS, GOOD, PLAIN, looked, status, streamed, whole
from tests.doctor.test_about_answers import (
    AT_ONCE,
    COUNTED,
    MANY,
    METRICS,
    TOLD,
    UNSTREAMED,
    UNTOLD,
)
from tests.doctor.test_about_asking import exact


def config(**given: Any) -> RunConfig:
    """A run against some target, with options by key."""
    values = {
        "target.url": "http://h:1",
        **{key.replace("__", "."): one for key, one in given.items()},
    }
    return resolve(RunConfig, [Given(key, value, "test") for key, value in values.items()])


def of(
    seen: list[Seen], measure: Measure, *, stream: bool = True, **given: Any
) -> tuple[State, str]:
    """What is said of one measure."""
    found = measures(looked(*seen, stream=stream), config(**given))
    (one,) = [one for one in found if one.name is measure]
    return one.state, one.sentence


@pytest.mark.parametrize(
    ("seen", "measure", "stream", "state", "says"),
    [
        ([GOOD], Measure.TTFT, True, State.OK, "first chunk"),
        ([PLAIN], Measure.TTFT, False, State.NOTE, "not without streams"),
        ([UNSTREAMED], Measure.TTFT, True, State.PROBLEM, "does not stream"),
        ([UNSTREAMED], Measure.ITL, True, State.PROBLEM, "does not stream"),
        ([AT_ONCE], Measure.ITL, True, State.PROBLEM, "arrive together"),
        ([streamed(EVENTS[0])], Measure.ITL, True, State.NOTE, "too short"),
        ([GOOD], Measure.ITL, True, State.OK, "a token each"),
        ([TOLD], Measure.ITL, True, State.OK, "with the tokens that each"),
        ([MANY, COUNTED], Measure.ITL, True, State.OK, "usage_per_chunk"),
        ([MANY], Measure.ITL, True, State.NOTE, "is not told"),
        ([UNTOLD], Measure.ITL, True, State.NOTE, "is not told"),
        ([GOOD], Measure.E2E, True, State.OK, "each request"),
        ([GOOD], Measure.COUNTS, True, State.OK, "exact"),
        ([UNTOLD], Measure.COUNTS, True, State.NOTE, "chunks are counted"),
        ([whole(b'{"choices":[{"text":"a"}]}')], Measure.COUNTS, False, State.NOTE, "not told"),
        ([GOOD], Measure.SERVER, True, State.NOTE, "no times"),
        ([METRICS], Measure.SERVER, False, State.OK, "queue, decode told by the server"),
    ],
)
def test_what_a_run_will_measure(
    seen: list[Seen], measure: Measure, state: State, says: str, *, stream: bool
) -> None:
    """From the answers in the mode that a run would use."""
    found = of(seen, measure, stream=stream)
    assert found[0] is state, found
    assert says in found[1]


def test_a_running_count_that_is_asked_for_must_come() -> None:
    """Else what the options ask for cannot be measured."""
    assert of([GOOD], Measure.COUNTS, request__usage_per_chunk=True)[0] is State.PROBLEM
    assert of([TOLD], Measure.COUNTS, request__usage_per_chunk=True)[0] is State.OK


def test_nothing_is_promised_without_an_answer() -> None:
    """A refusal is no measurement."""
    assert measures(looked(status(b"500 I", b"")), config()) == []


def back(words: list[str]) -> RunConfig:
    """What the real command line makes of them."""
    parsed, unknown = parser().parse_known_args(words[1:])
    assert not unknown
    return configuration(RunConfig, parsed)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"target__insecure": True, "target__keep_alive": False, "target__client_cert": "a b.pem"},
        {"request__temperature": 0.5, "request__extra_body": {"a": {"b": [1, "x"]}}},
        {"load__users": 3, "load__duration": "90s", "timeouts__idle": "5s", "load__workers": 2},
        {"load__requests": 50},
        {"arrivals__rate": "5/s"},
        {"target__model": "some/model", "target__stream": False},
    ],
)
def test_the_command_resolves_to_what_was_meant(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every option that is not as usual is in it, and the parser takes it."""
    monkeypatch.delenv("INFERSWARM_API_KEY", raising=False)
    meant = fitting(config(**given), looked(GOOD, PLAIN, stream=given.get("target__stream", True)))
    words, left_out = command(meant)
    assert left_out == []
    assert back(words).model_dump() == meant.model_dump()


def test_secrets_are_left_out_by_name() -> None:
    """They are never on the screen; the user is told which they were."""
    given = config(
        target__headers={"X-Team": "hushhush"},
        target__proxy="http://u:hushhush@p:1",
        request__extra_body={"api_key": "hushhush"},
        request__stop=["end"],
    )
    words, left_out = command(given)
    assert "hushhush" not in " ".join(words)
    assert left_out == ["target.headers", "target.proxy", "request.extra_body"]
    assert words[-2:] == ["--stop", "end"]


@pytest.mark.parametrize(
    ("found", "key", "value"),
    [
        (looked(GOOD), "target.stream", True),
        (looked(UNSTREAMED), "target.stream", False),
        (looked(GOOD, exact(3)), "request.ignore_eos", True),
        (looked(GOOD, exact(9)), "request.ignore_eos", False),
        (looked(MANY, COUNTED), "request.usage_per_chunk", True),
        (looked(GOOD, COUNTED), "request.usage_per_chunk", False),
        (looked(GOOD, listing=Listing("/", 200, ("m",))), "target.model", ""),
        (looked(GOOD, listing=Listing("/", 200, ("m", "n"))), "target.model", "m"),
        (looked(GOOD), "load.users", 8),
    ],
)
def test_options_follow_from_what_was_seen(found: Looked, key: str, value: object) -> None:
    """Only what works is put into the command."""
    section, name = key.split(".")
    assert getattr(getattr(fitting(config(), found), section), name) == value
