"""Facts about the tour of one route: the model's name, the limits, what is left out."""

import pytest

from inferswarm.adapters.table import route
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.sources import Given, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.doctor.client import Client
from inferswarm.doctor.findings import Name
from inferswarm.doctor.seen import Purpose
from inferswarm.doctor.tour import ANSWER_TOKENS, StopError, Tour
from inferswarm.simulator.process import RunningSimulator
from tests.builders import plain_answer
from tests.servers import answering


def config(url: str, **given: object) -> RunConfig:
    """A run against this target."""
    values: dict[str, object] = {"target.url": url, "target.api_key_env": ""}
    values |= {key.replace("__", "."): one for key, one in given.items()}
    return resolve(RunConfig, [Given(key, one, "t") for key, one in values.items()])


def gone(settings: RunConfig, backend: str, api: str, limit_s: float = 20) -> Tour:
    """A tour that was taken."""
    with Client(settings.target, 5, limit_s) as client:
        tour = Tour(client, settings, route(backend, api))
        tour.go()
    return tour


def test_requests_carry_the_options_of_the_run_and_are_short() -> None:
    """The temperature is sent, the length is not."""
    with RunningSimulator(SimulatorOptions.model_validate({"ttft": "5ms", "itl": "1ms"})) as one:
        tour = gone(config(one.url, request__temperature=0.5), "vllm", "chat")

    first = tour.seen[0]
    assert (first.wanted.temperature, first.wanted.max_output_tokens) == (0.5, ANSWER_TOKENS)
    assert first.wanted.model == tour.model == "simulated"
    assert all(seen.record.output_tokens <= 24 for seen in tour.seen)


def test_what_a_format_has_no_word_for_is_skipped_with_its_reason() -> None:
    """JetStream's own server only streams, and knows no fixed lengths."""
    options = SimulatorOptions.model_validate({"backend": "jetstream", "ttft": "5ms", "itl": "1ms"})
    with RunningSimulator(options) as one:
        tour = gone(config(one.url), "jetstream", "v1")

    assert set(tour.skipped) == {Purpose.WHOLE, Purpose.EXACT}
    assert [seen.purpose for seen in tour.seen] == [Purpose.STREAMED] * 2 + [Purpose.WRONG]
    assert tour.seen[-1].trick == "an empty object"


def test_time_that_is_over_ends_the_tour() -> None:
    """What was not looked at is told."""
    with answering(plain_answer(b'{"data":[{"id":"m"}]}')) as server:
        tour = gone(config(f"127.0.0.1:{server.port}", target__model="m"), "vllm", "chat", 0)

    assert tour.seen == []
    assert tour.looked().out_of_time


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (plain_answer(b'{"data":[]}'), Name.MODEL),
        (plain_answer(b"<p>"), Name.MODEL),
        (plain_answer(b"{}", b"403 Forbidden"), Name.AUTH),
        (b"garbage\r\n", Name.BACKEND),
    ],
)
def test_without_a_models_name_there_is_no_tour(answer: bytes, name: Name) -> None:
    """A server that lists none, lists nonsense, refuses, or is no server of this kind."""
    with answering(answer) as server, pytest.raises(StopError) as stopped:
        gone(config(f"127.0.0.1:{server.port}"), "vllm", "completions")
    assert stopped.value.finding.name is name
