"""A run killed at any moment: every record that was whole on disk is in the report made later."""

import io
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from tests.end_to_end.command import children_of, command, started, summary_of, wait_for

TIMES = 20
SEED = 20_261_123


def options(out: Path, kept: Path) -> list[str]:
    """A short run with two workers and small parts that are sealed and uploaded all the time."""
    return [
        "--users", "16", "--workers", "2", "--duration", "30s", "--max-output-tokens", "6",
        "--set", "simulator.ttft=5ms", "--set", "simulator.itl=1ms",
        "--set", "output.part_time=300ms", "--upload", str(kept), "--out", str(out),
    ]  # fmt: skip


def family_of(pid: int) -> list[int]:
    """A process and all that it started, and they."""
    return [pid, *(one for child in children_of(pid) for one in family_of(child))]


def kill_all(run: subprocess.Popen[str]) -> list[str]:
    """End a run with its master, workers, simulator and uploader, without a word; what they were."""
    family = family_of(run.pid)
    modules = [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2] for pid in family]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    run.communicate(timeout=30)
    return [module.decode() for module in modules]


def whole_lines(records: Path) -> Iterator[bytes]:
    """Whole lines of all parts but their headers, each part counted in one of its forms."""
    for path in sorted(records.iterdir()):
        if path.name.startswith("."):
            continue
        content = path.read_bytes()
        if path.name.endswith(".zst"):
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)) as unpacked:
                content = unpacked.read()
        elif path.with_name(f"{path.name}.zst").exists():
            continue
        yield from content[: content.rfind(b"\n") + 1].splitlines()[1:]


def outcomes_on_disk(records: Path) -> Counter[tuple[int, int]]:
    """(worker, arrival) of every record that is whole on disk, by plain JSON and not by our reader."""
    found = (json.loads(line) for line in whole_lines(records))
    return Counter((one.get("worker", 0), one["k"]) for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("time_of", range(TIMES))
def test_no_whole_record_is_lost_by_a_kill(tmp_path: Path, time_of: int) -> None:
    """Killed at a seeded moment between its first record and its end; report and upload go on."""
    out, kept = tmp_path / "x", tmp_path / "kept"
    moment = random.Random(SEED + time_of)
    with started("run", *options(out, kept), cwd=tmp_path) as run:
        wait_for(lambda: any((out / "records").glob("w*")), seconds=60)
        time.sleep(moment.uniform(0, 6))
        modules = kill_all(run)
    on_disk = outcomes_on_disk(out / "records")
    ended = command("report", out)
    requests = summary_of(out).requests

    assert {"inferswarm.load.worker", "inferswarm.delivery", "inferswarm.simulator"} < {*modules}
    assert ended.code == 0, ended.err
    assert set(on_disk.values()) <= {1}
    # A last line that lacks but its line break is a record too, one of each worker at most.
    assert 0 <= requests.attempted - on_disk.total() <= 2
    assert (out / "report.html").stat().st_size > 100_000
    assert not summary_of(out).verdict.valid
    assert command("upload", out).code == 0
    (there,) = (kept / "runs").iterdir()
    assert outcomes_on_disk(there / "records") == on_disk
    manifest = json.loads((there / "manifest.json").read_text())
    assert (manifest["ended"], manifest["records"]) == (False, requests.attempted)
