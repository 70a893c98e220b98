"""Our user under plain `locust -f`, without our command line."""

import subprocess
import sys
from pathlib import Path

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import records_of, summary_of

FILE = """from inferswarm.load.user import InferenceUser
class MyUser(InferenceUser):
    settings = {{"request.max_output_tokens": 6, "output.out": "{out}"}}
"""


def locust(folder: Path, content: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`locust -f` with this file, without its web UI."""
    path = folder / "locustfile.py"
    path.write_text(content)
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", path, "--headless", "--only-summary", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_three_lines_make_a_load_test(tmp_path: Path) -> None:
    """Locust's own statistics and our run folder both tell what the server answered."""
    options = SimulatorOptions.model_validate({"ttft": "20ms", "itl": "5ms"})
    out = tmp_path / "x"
    with RunningSimulator(options) as simulator:
        arguments = ("-u", "3", "-r", "3", "-t", "3s", "-s", "5", "--host", simulator.url)
        ended = locust(tmp_path, FILE.format(out=out), *arguments)
        truth = simulator.truth()

    assert ended.returncode == 0, ended.stderr
    assert summary_of(out).requests.succeeded == len(truth) > 10
    assert "completions stream" in ended.stderr + ended.stdout
    assert {record.output_tokens for record in records_of(out)} == {6}


def test_a_wrong_setting_ends_the_test_in_one_line(tmp_path: Path) -> None:
    """The class is named as the origin, and Locust exits with our code for wrong input."""
    content = FILE.format(out=tmp_path / "x").replace("max_output_tokens", "max_output_tokns")
    ended = locust(tmp_path, content, "-u", "1", "-t", "2s", "--host", "http://127.0.0.1:9")

    assert ended.returncode == 2
    assert "MyUser.settings: unknown option request.max_output_tokns" in ended.stderr
    assert "did you mean request.max_output_tokens" in ended.stderr
