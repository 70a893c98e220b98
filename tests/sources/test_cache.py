"""Facts about downloading once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm.errors import InputError, StorageError
from inferswarm.folders import cache_folder
from inferswarm.sources.cache import local_copy
from inferswarm.stores import Uri
from inferswarm.stores.errors import MissingError, UnreachableError
from tests import clouds
from tests.sources.web import File, serving

# Large enough that no socket takes all of it before somebody reads.
BODY = b"".join(b"prompt %07d\n" % n for n in range(1_500_000))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INFERSWARM_CACHE", str(tmp_path / "cache"))


def contents() -> list[str]:
    """What is kept."""
    return sorted(path.name for path in (cache_folder(os.environ) / "prompts/content").iterdir())


def test_a_local_file_is_read_where_it_is(tmp_path: Path) -> None:
    """Nothing is copied."""
    assert local_copy(Uri.parse(tmp_path / "x.txt")) == tmp_path / "x.txt"
    assert not (tmp_path / "cache").exists()


def test_an_object_is_downloaded_once() -> None:
    """Its name is the digest of its content; progress is told while it comes."""
    told: list[tuple[str, int, int]] = []
    with serving(File(BODY)) as file:
        first = local_copy(Uri.parse(file.url), lambda *one: told.append(one))
        again = local_copy(Uri.parse(file.url))
    assert first.read_bytes() == BODY
    assert again == first
    assert contents() == [first.name]
    assert len(first.name) == 64
    assert file.whole == 1
    assert told[-1] == ("downloading prompts.txt", len(BODY), len(BODY))


def test_a_changed_object_is_downloaded_again() -> None:
    """Its tag tells; the same content under another name is kept once."""
    with serving(File(b"one\n")) as file:
        first = local_copy(Uri.parse(file.url))
        file.content, file.tag = b"two\n", "second"
        assert local_copy(Uri.parse(file.url)).read_bytes() == b"two\n"
        file.content, file.tag = b"one\n", "third"
        assert local_copy(Uri.parse(f"{file.url}?other")) == first
    assert len(contents()) == 2


def test_without_a_tag_nobody_knows_whether_it_changed() -> None:
    """So it is downloaded each time."""
    with serving(File(b"one\n", tag="")) as file:
        local_copy(Uri.parse(file.url))
        file.content = b"two\n"
        assert local_copy(Uri.parse(file.url)).read_bytes() == b"two\n"


def test_a_content_of_another_size_is_not_used() -> None:
    """A file that was cut on disk is downloaded again."""
    with serving(File(b"one two\n")) as file:
        path = local_copy(Uri.parse(file.url))
        path.write_bytes(b"one")
        assert local_copy(Uri.parse(file.url)).read_bytes() == b"one two\n"


def test_a_download_that_is_cut_leaves_nothing() -> None:
    """It is refused with how much came or where it broke, and no part of it is kept."""
    with (
        serving(File(BODY, sent=100_000)) as file,
        pytest.raises(UnreachableError, match=r"http://"),
    ):
        local_copy(Uri.parse(file.url))
    assert contents() == []


def test_an_object_that_is_not_there_is_named() -> None:
    """Before anything is made of it."""
    with clouds.gs() as cloud, cloud.in_use(), pytest.raises(MissingError, match=r"none\.txt"):
        local_copy(Uri.parse(f"{cloud.uri}/none.txt"))


def test_a_bucket_is_refused_before_it_is_asked() -> None:
    """No credentials and no network are needed to know that an object is missing."""
    with pytest.raises(InputError, match="gs://bucket/: names no object; give one in it"):
        local_copy(Uri.parse("gs://bucket"))


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "cache").write_text("a file")
    with serving(File(b"one\n")) as file, pytest.raises(StorageError, match="INFERSWARM_CACHE"):
        local_copy(Uri.parse(file.url))


def test_runs_at_the_same_time_share_one_download() -> None:
    """Six processes that want the same object get it whole, and it is fetched once."""
    script = (
        "import sys; from inferswarm.sources.cache import local_copy; "
        "from inferswarm.stores import Uri; "
        "print(local_copy(Uri.parse(sys.argv[1])).stat().st_size)"
    )
    with serving(File(BODY)) as file:
        running = [
            subprocess.Popen([sys.executable, "-c", script, file.url], stdout=subprocess.PIPE)
            for _ in range(6)
        ]
        said = [process.communicate(timeout=60)[0] for process in running]
    assert {int(one) for one in said} == {len(BODY)}
    assert file.whole == 1
    assert len(contents()) == 1
