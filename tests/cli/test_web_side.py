"""Facts about what the command line makes of the web side's flags."""

import argparse
from pathlib import Path

import pytest

from inferswarm.cli.main import parser
from inferswarm.cli.web_side import SERVICE_TOKEN, allowed_targets, web_options
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from inferswarm.secret import PASSWORD, USER


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SERVICE_TOKEN, USER, PASSWORD):
        monkeypatch.delenv(name, raising=False)


def parsed(*arguments: str) -> argparse.Namespace:
    """What `inferswarm run` makes of them."""
    return parser().parse_args(["run", *arguments])


def test_on_loopback_nobody_need_say_who_they_are() -> None:
    """The form's options come along, without those that only the operator sets."""
    web = web_options(parsed("--web"), RunConfig())
    assert (web["where"], web["token"], web["user"]) == ("127.0.0.1:8089", "", "")
    keys = {option["key"] for option in web["options"]}
    assert "load.users" in keys
    assert not keys & {"target.api_key_file", "load.bind", "output.upload", "output.out"}


def test_beyond_loopback_a_token_or_a_login_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either will do."""
    with pytest.raises(InputError, match="needs a token or a login"):
        web_options(parsed("--web", "0.0.0.0:8089"), RunConfig())
    file = tmp_path / "login"
    file.write_text("ann:correct horse", "utf-8")
    web = web_options(parsed("--web", "0.0.0.0:8089", "--web-login-file", str(file)), RunConfig())
    assert (web["user"], web["password"]) == ("ann", "correct horse")
    monkeypatch.setenv(SERVICE_TOKEN, "a-token-of-the-test")
    assert web_options(parsed("--web", "0.0.0.0:8089"), RunConfig())["token"]


def test_a_login_comes_from_the_environment_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the flag the variables are nothing to us."""
    with pytest.raises(InputError, match=USER):
        web_options(parsed("--web", "--web-login"), RunConfig())
    monkeypatch.setenv(USER, "ann")
    monkeypatch.setenv(PASSWORD, "correct horse")
    assert web_options(parsed("--web", "--web-login"), RunConfig())["user"] == "ann"
    assert web_options(parsed("--web"), RunConfig())["user"] == ""


@pytest.mark.parametrize("where", ["8089", "host:", ":8089", "host:port"])
def test_an_address_has_host_and_port(where: str) -> None:
    """The refusal shows one."""
    with pytest.raises(InputError, match=r"must be HOST:PORT, as in 127\.0\.0\.1:8089"):
        web_options(parsed("--web", where), RunConfig())


def test_runs_may_load_the_configured_target_and_those_allowed() -> None:
    """Without a target, this machine."""
    config = RunConfig.model_validate({"target": {"url": "https://vllm.example"}})
    assert allowed_targets(parsed("--allow-target", "a:1"), config) == ("vllm.example:443", "a:1")
    assert "127.0.0.1" in allowed_targets(parsed(), RunConfig())
