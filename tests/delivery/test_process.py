"""Facts about the process that uploads: it follows, finishes, says what failed, and dies with us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inferswarm.delivery.manifest import write_manifest
from inferswarm.delivery.process import Job, Uploader
from inferswarm.delivery.sending import Progress
from inferswarm.errors import StorageError
from inferswarm.storage import Sealer
from inferswarm.stores import Uri
from tests.delivery.runs import RUN, a_run, add_records, place

ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for something that the process does."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def names_at(path: Path) -> list[str]:
    """The files at the place of delivery."""
    return sorted(one.name for one in place(path).path.rglob("*") if one.is_file())


def test_parts_arrive_while_the_run_goes_and_the_rest_at_its_end(tmp_path: Path) -> None:
    """Nothing but sealed parts before, and the manifest with all that it lists after."""
    folder = a_run(tmp_path / "x", 3)
    first = sorted(path.name for path in folder.records.iterdir())
    shown: list[Progress] = []
    with Uploader.of_run(folder.path, place(tmp_path)) as uploader:
        wait_for(lambda: names_at(tmp_path) == first)
        add_records(folder.records, 2, worker=1)
        Sealer(folder).seal_all()
        wait_for(lambda: len(names_at(tmp_path)) == len(first) + 1)
        manifest = write_manifest(folder)
        sent = uploader.finish(shown.append)
    assert sent == len(manifest.files) - len(first) - 1
    assert len(names_at(tmp_path)) == len(manifest.files) + 1
    assert shown[-1].files == len(manifest.files)


def test_what_a_worker_keeps_arrives_sealed(tmp_path: Path) -> None:
    """And nothing else of its folder, which stays as it is."""
    kept = tmp_path / "kept"
    kept.mkdir()
    add_records(kept, 5, worker=2)
    before = sorted(path.name for path in kept.iterdir())
    with Uploader(Job(str(kept), str(place(tmp_path)), parts_only=True)) as uploader:
        uploader.finish()
    assert names_at(tmp_path) == [f"{name}.zst" for name in before]
    assert sorted(path.name for path in kept.iterdir()) == before


def test_what_cannot_be_delivered_is_said(tmp_path: Path) -> None:
    """With the reason; all stays where it is."""
    folder = a_run(tmp_path / "x")
    (tmp_path / "runs").write_text("in the way")
    with (
        Uploader.of_run(folder.path, place(tmp_path)) as uploader,
        pytest.raises(StorageError, match=RUN),
    ):
        uploader.finish()
    assert len(list(folder.records.iterdir())) > 1


def test_a_process_that_dies_is_noticed(tmp_path: Path) -> None:
    """Whether it had begun or not."""
    folder = a_run(tmp_path / "x")
    with Uploader.of_run(folder.path, place(tmp_path)) as uploader:
        assert uploader.pid
        os.kill(uploader.pid, signal.SIGKILL)
        with pytest.raises(StorageError, match="ended unexpectedly"):
            uploader.finish()


def test_a_place_that_is_none_is_said_at_the_end(tmp_path: Path) -> None:
    """The run goes on meanwhile."""
    folder = a_run(tmp_path / "x")
    (tmp_path / "file").touch()
    nowhere = Uri.parse(tmp_path / "file" / "runs" / "x")
    with (
        Uploader(Job(str(folder.path), str(nowhere), patience_s=0.1)) as uploader,
        pytest.raises(StorageError, match="is a file, where a folder is needed"),
    ):
        uploader.finish()


def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    """However that ends."""
    folder = a_run(tmp_path / "x")
    code = (
        "import sys; from pathlib import Path; from inferswarm.delivery.process import Uploader;"
        "from inferswarm.stores import Uri;"
        "uploader = Uploader.of_run(Path(sys.argv[1]), Uri.parse(sys.argv[2]));"
        "uploader.start(); print(uploader.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder.path, place(tmp_path).path],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_for(lambda: bool(names_at(tmp_path)))
        parent.kill()
        parent.wait()
        wait_for(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
