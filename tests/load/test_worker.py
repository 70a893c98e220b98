"""Facts about a worker process that has no master yet."""

import subprocess
import sys

from tests.servers import free_port


def test_it_ends_with_its_input_while_it_looks_for_its_master() -> None:
    """A master that is away is looked for during minutes; a worker that nobody wants does not stay."""
    with subprocess.Popen(
        [sys.executable, "-m", "inferswarm.load.worker"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            told = f"127.0.0.1:{free_port()} token\n".encode()
            _, said = process.communicate(told, timeout=30)
        finally:
            process.kill()
    assert b"the input was closed" in said
