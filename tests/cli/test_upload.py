"""Facts about where results cannot be brought: said at once, with exit code 2."""

from pathlib import Path

import pytest

from inferswarm.cli.main import main
from inferswarm.storage import RunFolder
from tests.builders import record
from tests.exports.folders import run_of
from tests.servers import answering

Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished run."""
    return run_of(tmp_path / "x", [record()])


def test_the_web_is_not_asked_before_it_is_refused(folder: RunFolder, capsys: Said) -> None:
    """It can only be read."""
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as server:
        to = f"http://127.0.0.1:{server.port}/results"
        assert main(["upload", str(folder.path), "--to", to]) == 2
        assert server.requests == []
    assert "http:// can be read, not written; give a path or a bucket" in capsys.readouterr().err
    assert not folder.manifest.exists()


def test_a_file_in_the_way_is_named(folder: RunFolder, tmp_path: Path, capsys: Said) -> None:
    """By `upload`, and by a run before it sends anything."""
    (tmp_path / "afile").touch()
    told = f"{tmp_path}/afile is a file, where a folder is needed; choose another place"
    assert main(["upload", str(folder.path), "--to", str(tmp_path / "afile")]) == 2
    assert told in capsys.readouterr().err
    out = tmp_path / "out"
    assert main(["run", "--upload", str(tmp_path / "afile"), "--out", str(out)]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()
