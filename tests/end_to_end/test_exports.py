"""Exports of real runs, made when they end."""

import csv
import json
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.delivery.manifest import read_manifest
from inferswarm.exports.formats import FORMATS
from inferswarm.simulator.process import RunningSimulator
from inferswarm.storage import RunFolder
from tests.end_to_end.command import command, records_of, summary_of
from tests.end_to_end.test_locust_file import FILE, locust


def lines_of(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV by column."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_the_exports_asked_for(tmp_path: Path) -> None:
    """Beside its report, with the same numbers, told in the terminal and listed in the manifest."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (the extra parquet)")
    out = tmp_path / "x"
    ended = command(
        *("run", "--requests", 40, "--users", 8, "--max-output-tokens", 6, "--out", out),
        *("--export", "csv,llm-d", "--export", "parquet", "--set", "simulator.error_rate=0.1"),
    )
    assert ended.code == 0, ended.err
    assert ended.out.count("export: ") == 3
    records = {one.k: one for one in records_of(out)}
    lines = {int(line["k"]): line for line in lines_of(out / "requests.csv")}
    rows = {row["k"]: row for row in parquet.read_table(out / "requests.parquet").to_pylist()}
    assert records.keys() == lines.keys() == rows.keys() == set(range(40))
    for k, one in records.items():
        assert lines[k]["success"] == str(one.ok)
        assert rows[k]["chunk_ns"] == one.chunk_ns
    numbers = json.loads((out / "llm-d-report.json").read_bytes())
    counts = numbers["results"]["request_performance"]["aggregate"]["requests"]
    assert counts["failures"] == summary_of(out).requests.failed
    manifest = read_manifest(RunFolder(out))
    assert manifest is not None
    assert {form.file for form in FORMATS.values()} <= set(manifest.by_path)


def test_a_form_that_is_none_is_refused_before_the_load(tmp_path: Path) -> None:
    """No run folder is made."""
    ended = command("run", "--requests", 1, "--export", "parket", "--out", tmp_path / "x")
    assert ended.code == 2
    assert "--export parket: must be one of csv, parquet, llm-d" in ended.last_error
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_points_of_a_sweep_have_them_too(tmp_path: Path) -> None:
    """Each in its own folder."""
    words = ("sweep", "--concurrencies", "1,2", "--requests", 4, "--max-output-tokens", 4)
    ended = command(*words, "--export", "csv", "--out", tmp_path / "s")
    assert ended.code == 0, ended.err
    made = sorted((tmp_path / "s").glob("*/requests.csv"))
    assert [len(lines_of(path)) for path in made] == [4, 4]


@pytest.mark.slow
def test_a_process_of_locust_leaves_them_too(tmp_path: Path) -> None:
    """By the settings of its user."""
    out = tmp_path / "x"
    content = FILE.format(out=out).replace("}", ', "output.exports": "csv,parquet"}')
    options = SimulatorOptions.model_validate({"ttft": "20ms", "itl": "5ms"})
    with RunningSimulator(options) as simulator:
        arguments = ("-u", "2", "-r", "2", "-t", "6s", "-s", "5", "--host", simulator.url)
        ended = locust(tmp_path, content, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert (out / "requests.csv").is_file(), ended.stderr
    lines = lines_of(out / "requests.csv")
    assert len(lines) == summary_of(out).requests.attempted > 0
    assert (out / "requests.parquet").stat().st_size > 0
