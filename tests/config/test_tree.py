"""Facts about the declared options of a run."""

import pytest
from pydantic import ValidationError

from inferswarm.config.sources import options_of
from inferswarm.config.target import TargetOptions
from inferswarm.config.telemetry import TelemetryOptions
from inferswarm.config.tree import (
    ALIASES,
    ENVIRONMENT_ALIASES,
    LoadOptions,
    RunConfig,
    SimulateConfig,
)
from tests.builders import S

TREES = pytest.mark.parametrize("tree", [RunConfig, SimulateConfig])


@TREES
def test_options_are_declared_once(tree: type[RunConfig] | type[SimulateConfig]) -> None:
    """Keys, environment variables and, within one command, flags are unique."""
    options = list(options_of(tree))
    simulates = tree is SimulateConfig
    for names in (
        [option.key for option in options],
        [option.flag for option in options if simulates or not option.key.startswith("simulator.")],
        [option.environment for option in options],
    ):
        told = [name for name in names if name]
        assert len(set(told)) == len(told)


@TREES
def test_every_option_has_a_sentence(tree: type[RunConfig] | type[SimulateConfig]) -> None:
    """Help and documentation never come out empty."""
    for option in options_of(tree):
        assert option.sentence[:1].isupper(), option.key
        assert option.sentence.endswith("."), option.key
        assert option.allowed, option.key


def test_a_run_needs_no_option() -> None:
    """Everything has a default: the built-in simulator, one user, a minute."""
    config = RunConfig()
    assert config.target.url == ""
    assert config.load.users == 1
    assert config.lasting == 60 * S


def test_a_number_of_requests_replaces_the_default_duration() -> None:
    """A run ends by its duration, by its requests, or by whichever comes first."""
    assert RunConfig.model_validate({"load": {"requests": 5}}).lasting is None
    both = RunConfig.model_validate({"load": {"requests": 5, "duration": "3s"}})
    assert both.lasting == 3 * S


def test_a_rate_of_nothing_is_refused() -> None:
    """No user would ever start."""
    with pytest.raises(ValidationError, match="must be above 0/s"):
        LoadOptions.model_validate({"spawn_rate": "0/s"})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("http://h:1/", "http://h:1"),
        ("https://h/v1/", "https://h/v1"),
        (" h ", "http://h"),
        ("[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("", ""),
        (None, ""),
    ],
)
def test_targets_as_people_write_them(given: object, url: str) -> None:
    """With or without a scheme and a trailing slash."""
    assert TargetOptions.model_validate({"url": given}).url == url


@pytest.mark.parametrize("given", ["ftp://h", "http://", "http:///", "://h"])
def test_what_is_no_target_is_refused(given: str) -> None:
    """The refusal says what a target looks like."""
    with pytest.raises(ValidationError, match=r"host\[:port\]"):
        TargetOptions.model_validate({"url": given})


def test_aliases_lead_to_options() -> None:
    """Every old name stands for an option that there is."""
    keys = {option.key for option in options_of(RunConfig)}
    assert set(ALIASES.values()) <= keys
    assert set(ENVIRONMENT_ALIASES.values()) <= keys


@pytest.mark.parametrize("port", ["99999", "x"])
def test_a_collector_has_a_port_that_there_is(port: str) -> None:
    """Else nothing would arrive, and only the notes of the run would say so."""
    with pytest.raises(ValidationError, match=r"(?i)port"):
        TelemetryOptions.model_validate({"otlp": f"http://h:{port}"})


@pytest.mark.parametrize("url", ["", "env", "http://h:4318", "https://h/base/"])
def test_a_collector_as_people_write_it(url: str) -> None:
    """A base URL, or the word for the environment."""
    found = TelemetryOptions.model_validate({"otlp": url})
    assert found.otlp == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["h:4318", "http://", "http://user:key@h", "http://h?key=a", "http://h#a", "grpc://h"]
)
def test_what_is_no_collector_is_refused(url: str) -> None:
    """Nor one with a secret in it, which would be kept with the run."""
    with pytest.raises(ValidationError, match=r"http://|https://"):
        TelemetryOptions.model_validate({"otlp": url})


@pytest.mark.parametrize(
    "given", [{"trace_sample": 1.1}, {"trace_sample": -0.1}, {"otlp_interval": "0s"}]
)
def test_impossible_shares_and_intervals_are_refused(given: dict[str, object]) -> None:
    """A share is from 0 to 1, and an interval lasts."""
    with pytest.raises(ValidationError):
        TelemetryOptions.model_validate(given)


def test_a_request_has_one_trace() -> None:
    """Either a header of the user's own or ours."""
    own = {"target": {"headers": {"TraceParent": "00-a-b-01"}}}
    RunConfig.model_validate(own)
    with pytest.raises(ValidationError, match="leave one out"):
        RunConfig.model_validate(own | {"telemetry": {"trace_sample": 0.5}})
