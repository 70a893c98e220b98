"""The master that the service starts for itself, and starts again should it end."""

import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from inferswarm import children
from inferswarm.remote import MasterClient

TOKEN_VARIABLE = "INFERSWARM_SERVICE_TOKEN"  # noqa: S105 - its name
AGAIN_S = 2.0
END_LIMIT_S = 60.0
_log = logging.getLogger(__name__)


class EmbeddedMaster:
    """`inferswarm master --web` as a child; it ends its run in order when we end, or are killed."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        """`arguments` are those of `inferswarm master`, without `--web`."""
        self._token = secrets.token_hex(16)
        self._port = _free_port()
        self._arguments = list(arguments)
        self._log = log
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="master", daemon=True)

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._process is not None:
            children.end([self._process], END_LIMIT_S)
        self._thread.join(END_LIMIT_S)

    @property
    def client(self) -> MasterClient:
        """The way to talk to it."""
        return MasterClient(f"http://127.0.0.1:{self._port}", self._token)

    def _start(self) -> None:
        command = [sys.executable, "-m", "inferswarm", "master", "--with-parent"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--web", f"127.0.0.1:{self._port}", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, TOKEN_VARIABLE: self._token},
            )

    def _keep(self) -> None:
        while self._process is not None:
            code = self._process.wait()
            if self._ending.wait(AGAIN_S):
                return
            _log.error(
                "the master ended with code %d; it is started again, see %s", code, self._log
            )
            self._start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
