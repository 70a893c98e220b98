"""Facts about options described for a form."""

from typing import Any

from inferswarm.config.catalog import catalog
from inferswarm.config.options import Section, option
from inferswarm.config.sources import options_of
from inferswarm.config.tree import RunConfig
from inferswarm.config.units import Duration


class _Tree(Section):
    inner: RunConfig = RunConfig()
    secret: str = option("", "A secret.", secret=True)


def by_key(**more: Any) -> dict[str, dict[str, Any]]:
    """The catalog of a run."""
    return {one["key"]: one for one in catalog(RunConfig, RunConfig(), **more)}


def test_every_option_is_described_but_those_left_out() -> None:
    """In the order of their declaration, with what the declaration says."""
    keys = [one.key for one in options_of(RunConfig)]
    assert list(by_key()) == keys
    assert list(by_key(left_out=("load.bind", "output.out"))) == [
        key for key in keys if key not in ("load.bind", "output.out")
    ]
    users = by_key()["load.users"]
    assert users["section"] == "load"
    assert users["name"] == "users"
    assert users["allowed"] == "a whole number of at least 1 and at most 1000000"
    assert users["default"] == users["value"] == 1
    assert users["sentence"].startswith("Clients that")


def test_what_an_option_takes_decides_its_kind() -> None:
    """A field of the form is made for each."""
    kinds = {key: one["kind"] for key, one in by_key().items()}
    assert kinds["load.recorder"] == "choice"
    assert kinds["target.stream"] == "switch"
    assert kinds["request.temperature"] == "number"
    assert kinds["timeouts.connect"] == "text"
    assert kinds["goals.slo"] == "list"
    assert kinds["request.extra_body"] == "mapping"
    assert by_key()["load.recorder"]["choices"] == ["auto", "native", "gevent"]


def test_what_is_suggested_can_be_chosen_or_not() -> None:
    """It stays a text."""
    backend = by_key(suggested={"target.backend": ["vllm"]})["target.backend"]
    assert (backend["kind"], backend["choices"]) == ("text", ["vllm"])


def test_values_are_those_of_the_operator_and_secrets_are_hidden() -> None:
    """The form begins with what would hold anyway."""
    load = RunConfig().load.model_copy(update={"grace": Duration.parse("5s")})
    usual = _Tree(inner=RunConfig(load=load), secret="of the operator")
    told = {one["key"]: one for one in catalog(_Tree, usual)}
    assert told["inner.load.grace"]["value"] == "5s"
    assert told["inner.load.grace"]["default"] == "30s"
    assert told["secret"]["value"] == "***"
