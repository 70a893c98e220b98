"""Tests of the load layer run in a process of their own, because importing it patches the process."""

from pathlib import Path

import pytest

import inferswarm.load  # noqa: F401 - must come before anything else that opens sockets
from tests.load.servers import made_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    return made_certificate(tmp_path_factory.mktemp("tls"))
