"""Facts about `inferswarm config`."""

from pathlib import Path

import pytest
import yaml

from inferswarm.cli.main import main
from inferswarm.config.sources import from_file, options_of, resolve
from inferswarm.config.tree import RunConfig


def test_every_option_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With its sentence, its flag and its variable."""
    assert main(["config"]) == 0
    text = capsys.readouterr().out
    for option in options_of(RunConfig):
        assert f"{option.key}\n    {option.sentence}" in text
        names = f"{option.flag}, " if option.flag else ""
        assert f"\n    {names}{option.environment}\n" in text


def test_a_file_is_checked_and_resolved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is a file that gives the same configuration."""
    path = tmp_path / "run.yaml"
    path.write_text("load: {users: 3}\nsimulator: {api_key: hunter2}")
    assert main(["config", "--config", str(path), "--set", "load.duration=90s"]) == 0
    text = capsys.readouterr().out
    shown = yaml.safe_load(text)
    assert (shown["load"]["users"], shown["load"]["duration"]) == (3, "90s")
    assert shown["timeouts"]["total"] == "15m"
    assert "hunter2" not in text
    path.write_text(text)
    assert resolve(RunConfig, from_file(path)).load.users == 3


def test_a_wrong_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the file, the option, and the nearest name."""
    path = tmp_path / "run.yaml"
    path.write_text("load: {usres: 3}")
    assert main(["config", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"{path}: unknown option load.usres" in said
    assert "did you mean load.users?" in said
