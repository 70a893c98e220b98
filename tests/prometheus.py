"""Debian's Prometheus for tests: a server that scrapes, and its tool."""

import contextlib
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.servers import free_port

STYLE = 3
"""The tool's exit code when it only dislikes names."""


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Debian's Prometheus on loopback, scraping a target every second."""
    if shutil.which("prometheus") is None:
        pytest.skip("needs Prometheus: apt-get install prometheus")
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: vllm, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    url = f"http://127.0.0.1:{free_port()}"
    words = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *words, f"--web.listen-address={url.removeprefix('http://')}"],
            stdout=log,
            stderr=log,
        )
    try:
        end_s = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/-/ready", timeout=2).close()  # noqa: S310 - http
                break
            assert time.monotonic() < end_s, (folder / "prometheus.log").read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def value_of(url: str, query: str) -> float | None:
    """The one value of an expression now; None when it has none."""
    asked = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - http
        found = json.load(answer)["data"]["result"]
    assert len(found) <= 1, found
    return float(found[0]["value"][1]) if found else None


def promtool(*words: str | Path, given: bytes = b"", excused: Iterable[str] = ()) -> None:
    """The tool must find nothing to complain of, but for the style of `excused` names."""
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    done = subprocess.run(
        ["promtool", *map(str, words)], input=given, capture_output=True, check=False, timeout=60
    )
    said = done.stderr.decode().splitlines()
    assert not [line for line in said if line.partition(" ")[0] not in excused], said
    assert done.returncode == (STYLE if said else 0), done.stdout
