"""Facts about `inferswarm backends`."""

import pytest

from inferswarm.adapters.table import BACKENDS
from inferswarm.cli.main import main


def test_every_backend_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Name, routes and a sentence."""
    assert main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(BACKENDS)
    for line, backend in zip(lines, BACKENDS.values(), strict=True):
        assert ", ".join(backend.apis) in line
        assert line.endswith(backend.sentence)
