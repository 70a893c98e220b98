"""Facts about `inferswarm locust`: whatever follows is Locust's own."""

import subprocess
import sys

import pytest

from inferswarm.cli.main import parser


def locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command to its end."""
    command = [sys.executable, "-m", "inferswarm", "locust", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_locust_answers_itself() -> None:
    """With its own words and its own exit code."""
    told = locust("--version")
    assert told.returncode == 0
    assert told.stdout.startswith("locust 2.47")
    refused = locust("-f", "/none/such.py", "--headless")
    assert refused.returncode == 1
    assert "such.py" in refused.stderr


@pytest.mark.parametrize(
    "words", [("-f", "x.py", "--host", "http://h"), ("--users=3",), ("x", "-t", "5s", "--", "y")]
)
def test_no_word_is_taken_for_ours(words: tuple[str, ...]) -> None:
    """Options first or last, in their order."""
    parsed, unknown = parser().parse_known_args(["locust", *words])
    assert unknown == []
    assert [word for word in parsed.arguments if word != "--"] == [w for w in words if w != "--"]
