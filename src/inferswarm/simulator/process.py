"""Running the simulated server in a child process, for tests, the demo and calibration."""

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from inferswarm import children
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.errors import LoadProcessError
from inferswarm.simulator.truth import TruthRow, read_truth

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0
_API_KEY_ENV = "INFERSWARM_SIMULATOR_CHILD_API_KEY"
_SOURCES = str(Path(__file__).resolve().parents[2])


class RunningSimulator:
    """A simulated server on a port of 127.0.0.1 while the context lasts.

    After it, `truth` gives the rows of the requests. The child ends with this process, however that
    ends. Raises LoadProcessError when the child does not start or does not end well.
    """

    def __init__(
        self, options: SimulatorOptions | None = None, port: int = 0, *, truth: bool = True
    ) -> None:
        """A server that is not started yet; `port` 0 picks a free one.

        Without `truth` it keeps no log, however long it runs.
        """
        self._options = options or SimulatorOptions()
        self.port = port
        self._folder = tempfile.TemporaryDirectory(prefix="simulator-")
        self._truth_path = Path(self._folder.name, "truth.jsonl")
        self._child: subprocess.Popen[bytes] | None = None
        self._keeps_truth = truth
        self._rows: list[TruthRow] | None = None
        self._code: int | None = None

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the server; 0 when it does not run."""
        return self._child.pid if self._child else 0

    def __enter__(self) -> Self:
        """Start, and return when the server listens."""
        self._child = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment(),
            # The terminal's Ctrl-C is for us: the server must still answer what is under way.
            start_new_session=True,
        )
        try:
            self.port = self._announced_port(self._child)
        except BaseException:
            # Whatever went wrong, an interrupt included, the child must not stay.
            self._child.kill()
            self._child.communicate()
            self._child = None
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    def stop(self) -> None:
        """Stop the server and read its truth; does nothing when it was stopped before.

        However the server ended, this does not raise: `truth` does.
        """
        child, self._child = self._child, None
        if child is None:
            return
        with self._folder:
            children.end([child], _STOP_TIMEOUT_S)
            self._code = child.returncode
            if self._keeps_truth and not self._code:
                self._rows = read_truth(self._truth_path)

    def truth(self) -> list[TruthRow]:
        """One row per request, in the order in which they ended; stops the server if it runs."""
        self.stop()
        if self._rows is None:
            raise LoadProcessError(f"the simulated server kept no truth (exit code {self._code})")
        return self._rows

    def _command(self) -> list[str]:
        options = self._options.model_dump_json(exclude={"api_key"})
        command = [sys.executable, "-m", "inferswarm.simulator", "--lifeline"]
        command += ["--port", str(self.port)]
        command += ["--truth", str(self._truth_path)] if self._keeps_truth else []
        command += ["--options", options]
        return command + (["--api-key-env", _API_KEY_ENV] if self._options.api_key else [])

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [_SOURCES, os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path}
        if self._options.api_key:
            environment[_API_KEY_ENV] = self._options.api_key.get_secret_value()
        return environment

    def _announced_port(self, child: subprocess.Popen[bytes]) -> int:
        assert child.stdout is not None
        ready, _, _ = select.select([child.stdout], [], [], _START_TIMEOUT_S)
        line = child.stdout.readline().decode() if ready else ""
        if not line.startswith("listening "):
            raise LoadProcessError(
                f"the simulated server did not start on port {self.port}; its message is above"
            )
        return int(line.split()[1])
