"""Facts about finding a source wherever it is."""

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from inferswarm.errors import InputError
from inferswarm.sources.built_in import PROMPTS
from inferswarm.sources.opening import opened
from inferswarm.sources.rows import Row
from inferswarm.sources.tally import Tally
from inferswarm.stores import Uri, store_for
from inferswarm.stores.errors import DeniedError, MissingError, StoreError
from tests import clouds
from tests.sources.files import written
from tests.sources.web import File, serving

LINES = b"one\ntwo\n"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INFERSWARM_CACHE", str(tmp_path / "cache"))


def rows(source: str) -> list[Row]:
    """All rows of a source."""
    with opened(source, Tally(source)) as found:
        return [row for _, row in found.rows]


def test_nothing_is_the_built_in_prompts() -> None:
    """A source that needs no file."""
    assert rows("") == list(PROMPTS)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_path_is_a_file_here(tmp_path: Path, prefix: str) -> None:
    """As it stands, or as a URL."""
    assert rows(prefix + written(tmp_path, "x.txt", LINES)) == ["one", "two"]


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.parquet"])
def test_tables_are_read_from_disk(tmp_path: Path, name: str) -> None:
    """And the file is closed afterwards."""
    path = tmp_path / name
    if name == "x.parquet":
        parquet.write_table(pa.table({"say": ["one", "two"]}), path)
    else:
        path.write_bytes(b"say\none\ntwo\n")
    assert rows(str(path)) == [{"say": "one"}, {"say": "two"}]


def test_a_web_address_is_a_file_elsewhere() -> None:
    """Its form is that of the name in its path."""
    with serving(File(b'{"a": 1}\n'), "x.jsonl") as file:
        assert rows(f"{file.url}?download=true") == [{"a": 1}]


@pytest.mark.parametrize("cloud", [clouds.gs, clouds.s3])
def test_objects_in_buckets_are_read(
    cloud: Callable[[], AbstractContextManager[clouds.Cloud]],
) -> None:
    """Plain and compressed; what is not there is named before anything else."""
    with cloud() as running, running.in_use():
        for name, content in (
            ("deep/x.txt", LINES),
            ("x.txt.gz", gzip.compress(LINES)),
            ("x.txt.zst", zstandard.compress(LINES)),
        ):
            uri = f"{running.uri}/{name}"
            store_for(Uri.parse(uri)).put_bytes(content, Uri.parse(uri))
            assert rows(uri) == ["one", "two"]
        with pytest.raises(MissingError, match=r"none\.txt"):
            rows(f"{running.uri}/none.txt")
        missing = f"{running.uri}-other/x.txt"
        with pytest.raises((MissingError, DeniedError)) as refused:
            rows(missing)
    assert isinstance(refused.value, StoreError)
    assert "-other" in str(refused.value)


def test_an_unknown_kind_of_address_is_refused() -> None:
    """With those that are known."""
    with pytest.raises(InputError, match="ftp:// is not known"):
        rows("ftp://host/x.txt")
