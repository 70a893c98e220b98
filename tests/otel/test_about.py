"""Facts about what is said of a run with all that a collector gets."""

import pytest

from inferswarm.config.tree import RunConfig
from inferswarm.otel.about import About, error_type

RUN = {"id": "r1", "model": "llama"}


def about(
    url: str = "http://h:8000/secret/path", run: dict[str, str] = RUN, **target: str
) -> About:
    """Of a run against a target."""
    config = RunConfig.model_validate({"target": {"url": url, **target}})
    return About.of(config, run)


def test_the_attributes_are_those_of_the_conventions() -> None:
    """Host and port of the target, and nothing else of its address."""
    assert about(backend="vllm", api="chat").attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "llama",
        "server.address": "h",
        "server.port": 8000,
    }


@pytest.mark.parametrize(
    ("backend", "api", "operation"),
    [
        ("openai", "completions", "text_completion"),
        ("tgi", "chat", "chat"),
        ("tgi", "generate", "text_completion"),
        ("jetstream", "grpc", "text_completion"),
    ],
)
def test_the_operation_follows_from_the_route(backend: str, api: str, operation: str) -> None:
    """Routes that take messages chat."""
    found = about(backend=backend, api=api)
    assert found.attributes["gen_ai.operation.name"] == operation
    assert found.span_name == f"{operation} llama"


@pytest.mark.parametrize(("url", "port"), [("http://h", 80), ("https://h", 443), ("h:9", 9)])
def test_the_port_is_that_of_the_scheme_unless_given(url: str, port: int) -> None:
    """Always a number."""
    assert about(url).attributes["server.port"] == port


def test_without_a_model_nothing_is_said_of_it() -> None:
    """Neither as an attribute nor in the name of spans."""
    found = about(run={"id": "r", "model": ""})
    assert "gen_ai.request.model" not in found.attributes
    assert found.span_name == "text_completion"


def test_each_run_is_an_instance_of_its_own() -> None:
    """Of our service, or of the one that the environment names."""
    ours = about().resource("")
    assert (ours["service.name"], ours["service.instance.id"]) == ("inferswarm", "r1")
    assert about().resource("load")["service.name"] == "load"


@pytest.mark.parametrize(
    ("kind", "spelled"), [("http_503", "503"), ("timeout_idle", "timeout_idle")]
)
def test_a_status_is_its_own_error_type(kind: str, spelled: str) -> None:
    """As the conventions for HTTP have it."""
    assert error_type(kind) == spelled
