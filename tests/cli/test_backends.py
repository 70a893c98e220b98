"""Facts about `inferswarm backends`."""

import pytest

from inferswarm.adapters.table import ADAPTERS
from inferswarm.cli.main import main


def test_every_backend_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Name, routes and a sentence."""
    assert main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(ADAPTERS)
    for line, backend in zip(lines, ADAPTERS.values(), strict=True):
        assert ", ".join(backend.adapter.apis) in line
        assert line.endswith(backend.sentence)
