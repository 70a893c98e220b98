"""Facts about building a run's results from what its folder holds."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import yaml

from inferswarm.errors import StorageError
from inferswarm.reports.build import PROGRESS_EVERY, build, write
from inferswarm.storage import RecordWriter, RunFolder
from inferswarm.verdict import Client
from tests.builders import START_NS, S, record


def run_folder(path: Path, count: int = 5, **described: object) -> RunFolder:
    """A run that ended in order, with that many records."""
    folder = killed_folder(path, count)
    folder.client.write_bytes(msgspec.json.encode(Client(workers=1, recorder="told", clock="told")))
    folder.run.write_text(json.dumps({"id": "r", "attempted": count, **described}))
    folder.config.write_text(yaml.safe_dump({"load": {"users": 3}}))
    return folder


def killed_folder(path: Path, count: int = 5) -> RunFolder:
    """A run of which only the records are left."""
    folder = RunFolder.create(path)
    writer = RecordWriter(folder.records, "r", 0, 1 << 30, recorder="thread", clock="kernel")
    for k in range(count):
        writer.write([record(k=k, due_ns=START_NS + k * S, sent_ns=START_NS + k * S)])
    writer.close()
    return folder


def test_a_run_that_ended_in_order_is_valid(tmp_path: Path) -> None:
    """Numbers, description, configuration and the client's own words are brought together."""
    built = build(run_folder(tmp_path))
    assert built.snapshot.verdict.valid
    assert built.snapshot.requests.succeeded == built.summary.succeeded == 5
    assert (built.snapshot.run["id"], built.snapshot.config) == ("r", {"load": {"users": 3}})
    assert built.snapshot.client.recorder == "told"
    assert built.reading.parts == 1


def test_a_killed_run_has_its_numbers_and_is_invalid(tmp_path: Path) -> None:
    """Records alone are enough, and how times were taken is known from their header."""
    shot = build(killed_folder(tmp_path)).snapshot
    assert shot.requests.succeeded == 5
    assert not shot.verdict.valid
    assert "did not end in order" in shot.verdict.reasons[0]
    assert (shot.client.recorder, shot.client.clock) == ("thread", "kernel")


def test_missing_records_are_noticed(tmp_path: Path) -> None:
    """The master counted more than there are."""
    assert not build(run_folder(tmp_path, attempted=6)).snapshot.verdict.valid


@pytest.mark.parametrize("damage", [b"{", b"\xff\n"])
def test_damaged_records_are_noticed(tmp_path: Path, damage: bytes) -> None:
    """A line or a part that cannot be read makes a run INVALID and costs nothing else."""
    for name in ("w0-00001.jsonl", "w1-00001.jsonl"):
        folder = run_folder(tmp_path / name)
        with (folder.records / name).open("ab") as file:
            file.write(damage)
        shot = build(folder).snapshot
        assert not shot.verdict.valid
        assert shot.requests.succeeded == 5


def test_damaged_words_of_the_client_count_as_none(tmp_path: Path) -> None:
    """A half-written client.json is a run that did not end in order."""
    folder = run_folder(tmp_path)
    folder.client.write_bytes(b'{"workers": ')
    assert "did not end in order" in build(folder).snapshot.verdict.reasons[0]


@pytest.mark.parametrize("content", [b"a: [", b"\xff", b"[" * 50_000])
def test_a_description_that_cannot_be_read_costs_only_itself(
    tmp_path: Path, content: bytes
) -> None:
    """The records are reported all the same."""
    folder = run_folder(tmp_path)
    whole = build(folder).summary.attempted
    folder.config.write_bytes(content)
    folder.run.write_bytes(content)
    built = build(folder)
    assert built.summary.attempted == whole > 0
    assert built.snapshot.config == built.snapshot.run == {}


def windowed(path: Path, late_s: int, config: Mapping[str, object], **run: object) -> RunFolder:
    """Forty requests of two users in twenty seconds, the last of them ending so much later."""
    folder = RunFolder.create(path)
    writer = RecordWriter(folder.records, "r", 0, 1 << 30, recorder="thread", clock="kernel")
    for k in range(40):
        at_ns = START_NS + k // 2 * S
        end_ns = at_ns + S + (late_s * S if k == 39 else -1)
        writer.write([record(k=k, due_ns=at_ns, sent_ns=at_ns, end_ns=end_ns)])
    writer.close()
    folder.client.write_bytes(msgspec.json.encode(Client(workers=1)))
    folder.run.write_text(json.dumps({"id": "r", "attempted": 40, **run}))
    folder.config.write_text(yaml.safe_dump(dict(config)))
    return folder


@pytest.mark.parametrize("late_s", [0, 30, 3_000])
def test_a_straggler_changes_no_throughput(tmp_path: Path, late_s: int) -> None:
    """However long one answer takes, the rates are over the time in which the load was on."""
    shot = build(windowed(tmp_path / "x", late_s, {})).snapshot
    assert (shot.throughput.duration_s, shot.throughput.requests_per_s) == (19, 2)
    assert shot.concurrency.mean == pytest.approx(2)
    assert shot.window.requests_ended_in_drain == 2
    assert shot.metrics["ttft"].count == shot.requests.attempted == 40


def test_a_load_ended_from_outside_is_measured_until_then(tmp_path: Path) -> None:
    """`run.json` says when; it does not count where the load came to its own end."""
    at_ns = START_NS + 30 * S
    for reason, seconds in (("duration", 30), ("requests", 19)):
        folder = windowed(tmp_path / reason, 60, {}, reason=reason, load_ended_ns=at_ns)
        assert build(folder).snapshot.throughput.duration_s == seconds


@pytest.mark.parametrize(("kept", "given"), [("5s", None), ("", "5s"), ("9s", "10")])
def test_a_warmup_is_left_out_of_everything(tmp_path: Path, kept: str, given: str | None) -> None:
    """As the run was started with, or as it is given later."""
    folder = windowed(tmp_path / "x", 0, {"load": {"warmup": kept}})
    built = build(folder, warmup=given)
    window = built.snapshot.window
    assert (window.begin_s, window.end_s, window.warmup) == (5, 19, given or kept)
    assert (window.requests_sent_in_warmup, built.snapshot.metrics["ttft"].count) == (10, 30)
    assert built.summary.metric("ttft").count == 30
    assert built.snapshot.requests.attempted == built.summary.attempted == 40
    assert built.snapshot.throughput.requests_per_s == 2


def test_a_warmup_longer_than_the_load_is_a_reason(tmp_path: Path) -> None:
    """Then nothing is left out, and the verdict says why."""
    shot = build(windowed(tmp_path / "x", 0, {"load": {"warmup": "5m"}})).snapshot
    assert "nothing is left after a warm-up of 5m" in shot.verdict.reasons[0]
    assert shot.metrics["ttft"].count == 40


def test_a_warmup_that_finds_no_steady_state_is_a_warning(tmp_path: Path) -> None:
    """The run is too short for it: nothing is left out."""
    shot = build(windowed(tmp_path / "x", 0, {"load": {"warmup": "auto"}})).snapshot
    assert shot.verdict.valid
    assert "found no steady state (the load was on for 19 whole buckets" in shot.verdict.warnings[0]
    assert (shot.window.begin_s, shot.window.suggested_warmup_s) == (0, None)


def test_stages_have_no_single_steady_state(tmp_path: Path) -> None:
    """A schedule that changes its rate is not called unsteady for it."""
    config = {"load": {"warmup": "auto"}, "arrivals": {"stages": "2/s 10s, 4/s 10s"}}
    shot = build(windowed(tmp_path / "x", 0, config)).snapshot
    assert "the rate of its schedule changes" in shot.verdict.warnings[0]


@pytest.mark.parametrize(
    ("load", "ended", "due"),
    [
        ({"duration": "20s"}, {"reason": "schedule"}, 40),
        ({"duration": "30s"}, {"reason": "schedule"}, 60),
        ({"duration": "30s", "requests": 40}, {"reason": "schedule"}, 40),
        ({"requests": 50}, {"reason": "schedule"}, 50),
        ({}, {"reason": "interrupted", "load_ended_ns": START_NS + 22 * S}, 44),
    ],
)
def test_arrivals_that_were_due_and_never_sent_are_a_reason(
    tmp_path: Path, load: dict[str, object], ended: dict[str, object], due: int
) -> None:
    """How many were due follows from the schedule and from how long it was played."""
    config = {"load": load, "arrivals": {"rate": "2/s", "process": "constant"}}
    folder = windowed(tmp_path / "x", 0, config, arrivals="constant 2/s", **ended)
    reasons = build(folder).snapshot.verdict.reasons
    assert any(f"of {due} arrivals" in reason for reason in reasons) == (due > 40)


def test_a_trace_that_is_gone_leaves_the_arrivals_unknown(tmp_path: Path) -> None:
    """The report is made all the same."""
    config = {"arrivals": {"trace": str(tmp_path / "gone.csv")}}
    folder = windowed(tmp_path / "x", 0, config, arrivals="trace gone.csv", reason="schedule")
    assert build(folder).snapshot.verdict.valid


def test_answers_shorter_than_asked_are_a_warning(tmp_path: Path) -> None:
    """What was asked stands in the configuration; a stop text may end any answer."""
    asked = {"max_output_tokens": 64, "ignore_eos": True}
    for request, said in ((asked, True), ({**asked, "stop": ["."]}, False)):
        folder = windowed(tmp_path / str(said), 0, {"request": request})
        warnings = build(folder).snapshot.verdict.warnings
        assert any("shorter than the 64 tokens" in warning for warning in warnings) == said


def test_progress_is_told_now_and_then(tmp_path: Path) -> None:
    """Once for each thousand records."""
    told: list[int] = []
    build(killed_folder(tmp_path, 2 * PROGRESS_EVERY + 5), told.append)
    assert told == [PROGRESS_EVERY, 2 * PROGRESS_EVERY]


def test_writing_makes_summary_and_page(tmp_path: Path) -> None:
    """Building twice from the same records writes the same numbers."""
    folder = run_folder(tmp_path)
    write(folder, build(folder))
    first = folder.summary.read_bytes()
    assert json.loads(first)["requests"]["succeeded"] == 5
    assert b"<html" in folder.report.read_bytes()[:500].lower()
    write(folder, build(folder))
    assert folder.summary.read_bytes() == first


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the file that could not be written."""
    folder = run_folder(tmp_path)
    folder.summary.mkdir()
    with pytest.raises(StorageError, match=r"summary.json could not be written"):
        write(folder, build(folder))


def test_hits_that_nothing_explains_are_told(tmp_path: Path) -> None:
    """As shares, and in a sentence; with a salt they speak against the run."""
    folder = killed_folder(tmp_path, count=0)
    writer = RecordWriter(folder.records, "r", 1, 1 << 30, recorder="thread", clock="kernel")
    writer.write([record(k=k, prompt=k, input_tokens=100, cached_tokens=80) for k in range(9)])
    writer.close()
    shot = build(folder).snapshot
    assert shot.prefix_cache is not None
    assert (shot.prefix_cache.cached_share, shot.prefix_cache.unexplained_share) == (0.8, 0.8)
    assert any("80% of the input tokens" in warning for warning in shot.verdict.warnings)
    folder.config.write_text(yaml.safe_dump({"prompts": {"salt": True}}))
    assert any("began with a salt" in reason for reason in build(folder).snapshot.verdict.reasons)


def test_what_a_run_knows_of_its_prompts_explains_hits(tmp_path: Path) -> None:
    """A start that prompts share, or an earlier run that asked them."""
    folder = killed_folder(tmp_path, count=0)
    writer = RecordWriter(folder.records, "r", 1, 1 << 30, recorder="thread", clock="kernel")
    writer.write([record(k=k, prompt=k, input_tokens=100, cached_tokens=80) for k in range(9)])
    writer.close()
    for told, said in (
        ({"shared_prefix_tokens": 80}, False),
        ({"prompts_asked_before": "x-1"}, True),
    ):
        folder.run.write_text(json.dumps(told))
        warnings = build(folder).snapshot.verdict.warnings
        assert any("run x-1 asked" in warning for warning in warnings) == said
        assert not any("although" in warning for warning in warnings)


def test_each_answer_is_held_against_what_it_was_asked_for(tmp_path: Path) -> None:
    """Not against one length for all."""
    folder = killed_folder(tmp_path, count=0)
    writer = RecordWriter(folder.records, "r", 1, 1 << 30, recorder="thread", clock="kernel")
    writer.write([record(k=k, asked_tokens=k + 3, output_tokens=k + 3) for k in range(200)])
    writer.close()
    folder.config.write_text(yaml.safe_dump({"request": {"ignore_eos": True}}))
    assert not any("tokens that" in one for one in build(folder).snapshot.verdict.warnings)
