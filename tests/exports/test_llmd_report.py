"""Facts about a run as an llm-d Benchmark Report v0.2."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from msgspec.structs import replace

from inferswarm.exchange import Outcome
from inferswarm.exports.llmd_report import LATENCIES, report, write
from inferswarm.exports.source import Source
from inferswarm.metrics import METRICS
from inferswarm.records import Record
from inferswarm.reports.build import build
from inferswarm.snapshot import Snapshot
from tests.builders import FUZZ, MS, START_NS, S, failure, record
from tests.many_records import runs

from .folders import RUN, damage, run_of
from .llmd_form import SCHEMA

VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def shot_of(path: Path, records: list[Record], **config: object) -> Snapshot:
    """The numbers of a run."""
    return build(run_of(path, records, **config)).snapshot


def reported(shot: Snapshot) -> dict[str, Any]:
    """The report as JSON gives it back, which keeps to the form."""
    made: dict[str, Any] = json.loads(json.dumps(report(shot, "folder"), allow_nan=False))
    VALIDATOR.validate(made)
    return made


def standardized(shot: Snapshot) -> dict[str, Any]:
    """How the load is described."""
    found: dict[str, Any] = reported(shot)["scenario"]["load"]["standardized"]
    return found


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Ten successes a second apart, a failure and a request cut by the end of the run."""
    made = [
        record(
            k=k, due_ns=START_NS + k * S, sent_ns=START_NS + k * S, end_ns=START_NS + (k + 1) * S
        )
        for k in range(10)
    ]
    made += [failure(k=10), failure(Outcome.CANCELLED, k=11)]
    return shot_of(tmp_path_factory.mktemp("run"), made, load={"users": 4})


def test_form_refuses_what_is_not_of_it(shot: Snapshot) -> None:
    """The restated schema is closed: a strange name, unit or missing mean does not pass."""
    latency = ("results", "request_performance", "aggregate", "latency")
    for place, name, value in (
        ((), "version", "0.1"),
        (("run",), "uid", None),
        (latency, "x", {}),
        ((*latency, "request_latency"), "units", "tokens/s"),
        ((*latency, "request_latency"), "mean", None),
    ):
        made = part = reported(shot)
        for step in place:
            part = part[step]
        part[name] = value
        with pytest.raises(ValidationError):
            VALIDATOR.validate(made)


def test_latencies_are_in_seconds_by_their_names(shot: Snapshot) -> None:
    """Each of ours has its counterpart, with mean, ends and quantiles."""
    there = reported(shot)["results"]["request_performance"]["aggregate"]["latency"]
    assert set(there) == {name for name, _ in LATENCIES.values()}
    first = there["time_to_first_token"]
    assert first["units"] == "s"
    assert first["mean"] == pytest.approx(0.2)
    assert set(first) - {"units"} == {"mean", "min", "p50", "p90", "p95", "p99", "p99p9", "max"}
    assert there["request_latency"]["max"] == pytest.approx(0.4)
    assert there["time_per_output_token"]["units"] == "s/token"
    assert there["time_per_output_token"]["mean"] == pytest.approx(0.1)
    assert there["inter_token_latency"]["p50"] == pytest.approx(0.1, rel=0.002)


def test_counts_and_rates(shot: Snapshot) -> None:
    """Cut requests are incomplete, not failures; rates are those of the report."""
    aggregate = reported(shot)["results"]["request_performance"]["aggregate"]
    counts = aggregate["requests"]
    assert (counts["total"], counts["failures"], counts["incomplete"]) == (12, 1, 1)
    assert counts["output_length"]["mean"] == 3
    assert counts["input_length"]["units"] == "count"
    rates = aggregate["throughput"]
    assert rates["output_token_rate"]["mean"] == shot.throughput.output_tokens_per_s > 0
    assert rates["total_token_rate"]["mean"] == shot.throughput.total_tokens_per_s
    assert rates["request_rate"] == {"units": "queries/s", "mean": shot.throughput.requests_per_s}


def test_run_says_when_and_whether_it_counts(shot: Snapshot) -> None:
    """Id, start and length; the verdict stands where a reader looks first."""
    ended = replace(shot, run=shot.run | {"ended": "2026-02-02T02:41:00+00:00"})
    run = reported(ended)["run"]
    assert run["uid"] == RUN["id"]
    begun, over = (datetime.fromisoformat(run["time"][end]) for end in ("start", "end"))
    assert (over - begun).total_seconds() == 60
    assert float(run["time"]["duration"][2:-1]) == pytest.approx(shot.window.run_s)
    assert run["keywords"][1] in run["description"].lower()


def test_a_server_is_what_a_client_knows_of_it(shot: Snapshot) -> None:
    """Its engine and model, and that its version is not known."""
    known = replace(shot, run=shot.run | {"model": "m", "api": "chat", "target": "http://h:1"})
    (server,) = reported(known)["scenario"]["stack"]
    assert server["standardized"] == {
        "kind": "generic",
        "tool": "vllm",
        "tool_version": "unknown",
        "model": "m",
        "api": "chat",
        "endpoint": "http://h:1",
    }


def test_what_has_no_place_stands_in_ours(shot: Snapshot) -> None:
    """Verdict, window and the metrics without a counterpart are there as in `summary.json`."""
    ours = reported(shot)["results"]["observability"]["inferswarm"]
    assert ours["verdict"]["valid"] == shot.verdict.valid
    assert ours["window"]["end_s"] == shot.window.end_s
    assert ours["metrics"]["ttft_due"]["unit"] == "ms"
    assert ours["client"]["workers"] == 2
    counted = {metric.name for metric in METRICS if shot.metrics[metric.name].count}
    assert set(ours["metrics"]) == counted - {*LATENCIES, "input_tokens", "output_tokens"}


@pytest.mark.parametrize(
    ("config", "run", "expected"),
    [
        ({}, {"users": 7}, {"concurrency": 7}),
        ({"arrivals": {"rate": "600/min"}}, {"users": 1, "arrivals": "p"}, {"rate_qps": 10.0}),
        ({"arrivals": {"rate": None, "stages": "1/s 3s"}}, {"users": 1, "arrivals": "p"}, {}),
        ({"arrivals": {"rate": "nonsense"}}, {"users": 1, "arrivals": "p"}, {}),
        ({"arrivals": ["?"]}, {}, {}),
        ({"prompts": {"source": "synthetic"}}, {}, {"source": "random"}),
        ({"prompts": {"conversations": "answers"}}, {}, {"multi_turn": {"enabled": True}}),
        ({"prompts": {"conversations": "first"}}, {}, {}),
        (
            {"request": {"max_output_tokens": 9, "ignore_eos": True}},
            {},
            {"output_seq_len": {"distribution": "fixed", "value": 9}},
        ),
        ({"request": {"max_output_tokens": 9, "ignore_eos": False}}, {}, {}),
        (
            {"request": {"max_output_tokens": 9, "ignore_eos": True}, "arrivals": {"trace": "t"}},
            {},
            {},
        ),
    ],
)
def test_load_is_described_as_far_as_the_form_goes(
    shot: Snapshot, config: dict[str, Any], run: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A rate or a number of users, lengths that were enforced; nothing that was not so."""
    found = standardized(replace(shot, config=config, run=run))
    always = {"tool": "inferswarm", "tool_version": "unknown", "parallelism": 2}
    lengths = {"input_seq_len": {"distribution": "fixed", "value": 7}}
    assert found == always | {"source": "sampled"} | lengths | expected


def test_lengths_of_prompts_are_the_measured_ones(tmp_path: Path) -> None:
    """Where they differ: their mean and their ends."""
    shot = shot_of(tmp_path, [record(k=k, input_tokens=10 * (k + 1)) for k in range(3)])
    assert standardized(shot)["input_seq_len"] == {
        "distribution": "other",
        "value": 20,
        "min": 10,
        "max": 30,
    }


@pytest.mark.parametrize("made", [[], [failure(k=k) for k in range(3)]])
def test_a_run_without_a_success(tmp_path: Path, made: list[Record]) -> None:
    """No latency is invented, and no load whose prompts nobody counted."""
    told = reported(shot_of(tmp_path, made))
    aggregate = told["results"]["request_performance"]["aggregate"]
    assert aggregate["latency"] == {}
    assert aggregate["requests"] == {"total": len(made), "failures": len(made), "incomplete": 0}
    assert "load" not in told["scenario"]
    assert told["run"]["keywords"][1] == "invalid"


@FUZZ
@given(runs(max_size=8))
def test_any_run_keeps_to_the_form(
    tmp_path_factory: pytest.TempPathFactory, made: list[Record]
) -> None:
    """Whatever was measured."""
    assert reported(shot_of(tmp_path_factory.mktemp("run"), made))["version"] == "0.2"


def test_the_file_is_the_report(tmp_path: Path) -> None:
    """Of a damaged run too, whose folder's name stands in for an id that is lost."""
    folder = damage(run_of(tmp_path / "x", [record(chunk_ns=[MS])]))
    folder.run.unlink()
    path = tmp_path / "out.json"
    write(Source(folder), path)
    made = json.loads(path.read_bytes())
    VALIDATOR.validate(made)
    assert made["run"]["uid"] == "x"
    assert "INVALID: " in made["run"]["description"]
