"""`inferswarm sweep` and `inferswarm search`, with real processes: what they leave, find and say."""

import csv
import shlex
import signal
import socket
from pathlib import Path

import msgspec
import pytest

from inferswarm.limits.points import Sweep
from tests.end_to_end.command import command, finish, started, summary_of, wait_for
from tests.test_docs import DOCS, shown

CAPACITY_PER_S = 80.0
HIDDEN = (
    *("--set", "simulator.max_concurrency=16", "--set", "simulator.ttft=200ms"),
    *("--max-output-tokens", "1", "--arrivals", "constant"),
)
"""A server of 16 places that needs 200 ms for each request: 80 requests per second."""


def swept(folder: Path) -> Sweep:
    """What a sweep or a search left."""
    return msgspec.json.decode((folder / "sweep.json").read_bytes(), type=Sweep)


def test_a_sweep_leaves_a_run_for_each_point_and_one_report(tmp_path: Path) -> None:
    """Two points are two run folders, two lines of CSV, and the same simulator."""
    out = tmp_path / "x"
    ended = command(
        *("sweep", "--concurrencies", "1,3", "--requests", "6", "--max-output-tokens", "2"),
        *("--slo", "ttft.p50<100s", "--out", out),
    )
    found = swept(out)

    assert ended.code == 0, ended.err
    assert [point.load for point in found.points] == [1, 3]
    assert [point.folder for point in found.points] == ["01-concurrency-1", "02-concurrency-3"]
    assert all(point.succeeded == 6 and point.met for point in found.points)
    runs = [summary_of(out / point.folder) for point in found.points]
    assert [shot.run["users"] for shot in runs] == [1, 3]
    assert len({shot.run["target"] for shot in runs}) == 1
    assert runs[0].config["prompts"]["seed"] != runs[1].config["prompts"]["seed"]
    assert all((out / point.folder / "report.html").exists() for point in found.points)
    rows = list(csv.DictReader((out / "sweep.csv").read_text().splitlines()))
    assert [row["load"] for row in rows] == ["1.0", "3.0"]
    assert "01-concurrency-1" in (out / "sweep.html").read_text()
    assert "the highest point that met the goals: 3 users" in ended.out
    assert [line[:5] for line in ended.out.splitlines()[2:4]] == ["1/2  ", "2/2  "]


@pytest.mark.slow
def test_ctrl_c_reports_the_finished_points(tmp_path: Path) -> None:
    """The second point goes on for an hour; after Ctrl-C the first is reported, and 130 returned."""
    out = tmp_path / "x"
    with started(
        *("sweep", "--rates", "20,0.2", "--requests", "10", "--max-output-tokens", "2"),
        *("--out", out),
    ) as process:
        wait_for(lambda: any(out.glob("02-*/records/*.jsonl")), 60)
        process.send_signal(signal.SIGINT)
        ended = finish(process)

    assert ended.code == 130, ended.err
    assert [point.load for point in swept(out).points] == [20]
    assert swept(out).ended == "interrupted"
    assert (out / "sweep.html").exists()
    assert (out / "02-rate-0.2" / "summary.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep",), "one of the arguments --rates --concurrencies is required"),
        (("sweep", "--rates", "ten"), "--rates: 'ten' is no rate"),
        (("sweep", "--rates", "1,2", "--rate", "3"), "--rate: sweep sets the rate"),
        (("sweep", "--rates", "1,2", "--users", "3"), "load.users"),
        (("sweep", "--concurrencies", "4,1", "--workers", "2"), "load.workers"),
        (("sweep", "--rates", "1", "--bind", "127.0.0.1:5557"), "load.bind"),
        (("search",), "search needs a goal"),
        (("search", "--slo", "ttft.p95<1s", "--from", "9", "--to", "3"), "must go upwards"),
        (("search", "--slo", "ttft.p95<1s", "--to", "3", "--start", "4"), "must lie between"),
        (("search", "--slo", "ttft.p95<1s", "--precision", "0"), "--precision 0"),
        (("search", "--slo", "ttft.p95"), "a comparison is missing"),
    ],
)
def test_what_cannot_be_is_refused_before_any_load(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """One line, exit code 2, and no folder."""
    ended = command(*arguments, cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.last_error
    assert not list(tmp_path.iterdir())


def test_a_target_that_is_not_there_ends_with_4(tmp_path: Path) -> None:
    """As of a single run, in one line, and no folder is left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ended = command(
        "sweep", "--rates", "1", "--target", f"127.0.0.1:{port}", "--out", tmp_path / "x"
    )
    assert ended.code == 4
    assert "cannot connect" in ended.last_error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_goal_that_nothing_meets_ends_with_1(tmp_path: Path) -> None:
    """Even the lowest load asked for misses, which is said."""
    out = tmp_path / "x"
    ended = command(
        *("search", "--by", "concurrency", "--to", "1", "--slo", "ttft.p50<1ms"),
        *("--requests", "4", "--max-output-tokens", "2", "--out", out),
    )
    assert ended.code == 1, ended.err
    assert "no concurrency met the goals: even the lowest measured, 1 user, missed" in ended.out
    assert swept(out).found is not None
    assert "error_rate<1%" in swept(out).slo


@pytest.mark.slow
@pytest.mark.parametrize("start", ["20", "70", "200"])
def test_a_search_finds_a_hidden_capacity(start: str, tmp_path: Path) -> None:
    """From below, beside and above: within 5 % of what the server can do."""
    out = tmp_path / "x"
    with started(
        *("search", "--slo", "ttft.p95<250ms", "--start", start, "--precision", "4%"),
        *("--duration", "3s", "--out", out, *HIDDEN),
    ) as process:
        output, error = process.communicate(timeout=300)

    assert process.returncode == 0, error
    found = swept(out).found
    assert found is not None
    assert found.limit == pytest.approx(CAPACITY_PER_S, rel=0.05), output


@pytest.mark.slow
def test_examples_of_the_page_run(tmp_path: Path) -> None:
    """Those marked so do what they say, and end with 0."""
    lines = shown(DOCS / "limits.md", "limits")
    assert [line[0] for line in lines] == ["sweep", "search"]
    for line in lines:
        ended = command(*line, cwd=tmp_path)
        assert ended.code == 0, shlex.join(line) + ended.out + ended.err
        assert "report: runs/" in ended.out
