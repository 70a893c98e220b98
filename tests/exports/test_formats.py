"""Facts about the table of forms, and about the exports at the end of a run."""

import json
import sys
from pathlib import Path

import pytest

from inferswarm.config.tree import OutputOptions
from inferswarm.errors import InputError, StorageError
from inferswarm.exports.formats import FORMATS, export, formats_of
from inferswarm.exports.source import Source
from inferswarm.reports.build import build
from tests.builders import record

from .folders import run_of


def test_the_option_names_every_form() -> None:
    """What can be asked for is what there is."""
    sentence = str(OutputOptions.model_fields["exports"].description)
    assert all(name in sentence for name in FORMATS)


def test_names_are_looked_up_once_each() -> None:
    """In the order given."""
    assert [one.name for one in formats_of(["llm-d", "csv", "llm-d"], "--x")] == ["llm-d", "csv"]
    assert formats_of([], "--x") == []


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """One line with the flag, the value and what there is."""
    with pytest.raises(InputError, match=r"--x parket: must be one of csv, parquet, llm-d; did"):
        formats_of(["parket"], "--x")


def test_a_form_that_needs_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is done, with the way to get it; others go on without it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"inferswarm\[parquet\]"):
        formats_of(["csv", "parquet"], "--x")
    assert len(formats_of(["csv", "llm-d"], "--x")) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_each_form_is_written_into_the_run_folder(tmp_path: Path, name: str) -> None:
    """Under its own file name, and nothing is left beside it."""
    folder = run_of(tmp_path, [record()])
    before = set(tmp_path.iterdir())
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow (the extra parquet)")
    (path,) = export(folder, build(folder).snapshot, [name])
    assert set(tmp_path.iterdir()) - before == {path} == {tmp_path / FORMATS[name].file}


def test_the_numbers_of_the_run_are_those_given(tmp_path: Path) -> None:
    """They are not read from the records a second time."""
    folder = run_of(tmp_path, [record()])
    shot = build(run_of(tmp_path / "other", [record(), record(k=1)])).snapshot
    (path,) = export(folder, shot, ["llm-d"])
    aggregate = json.loads(path.read_bytes())["results"]["request_performance"]["aggregate"]
    assert aggregate["requests"]["total"] == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    """Every form ends in one line."""
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow (the extra parquet)")
    folder = run_of(tmp_path / "x", [record()])
    with pytest.raises(StorageError, match=r"none/out could not be written"):
        FORMATS[name].write(Source(folder), tmp_path / "none" / "out")
