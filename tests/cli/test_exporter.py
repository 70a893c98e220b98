"""Facts about `inferswarm exporter` before it serves."""

import socket

import pytest

from inferswarm.cli.main import main


def test_what_cannot_be_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An address without a scheme, and a port that is taken."""
    assert main(["exporter", "--locust-url", "localhost:8089"]) == 2
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert main(["exporter", "--locust-url", "http://x", "--port", port]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("inferswarm: --locust-url localhost:8089: it must begin with http")
    assert said[1].startswith(f"inferswarm: cannot listen at 127.0.0.1:{port}: ")
