"""Facts about what is told of a run's folder."""

import json
from pathlib import Path

import pytest

from inferswarm.facts import facts_of
from inferswarm.storage import RunFolder


def folder_of(path: Path, run: dict[str, object], requests: dict[str, int] | None) -> RunFolder:
    """A folder with these descriptions; without `requests` the report is not there yet."""
    folder = RunFolder(path)
    folder.run.write_text(json.dumps(run))
    if requests is not None:
        folder.summary.write_text(json.dumps({"requests": requests}))
    return folder


@pytest.mark.parametrize(
    ("run", "requests", "final"),
    [
        ({"reason": "duration"}, {"attempted": 3, "succeeded": 2}, "done"),
        ({"reason": "duration"}, {"attempted": 3, "succeeded": 0}, "failed"),
        ({"reason": "duration", "trouble": "x"}, {"succeeded": 2}, "failed"),
        ({"reason": "stopped"}, {"attempted": 0}, "cancelled"),
        ({"reason": "interrupted"}, {"succeeded": 2}, "interrupted"),
        ({}, {"succeeded": 2}, "interrupted"),
        ({"reason": "duration"}, None, None),
    ],
)
def test_how_a_run_ended(
    tmp_path: Path, run: dict[str, object], requests: dict[str, int] | None, final: str | None
) -> None:
    """By its own description and its numbers; nothing before these are there."""
    assert facts_of(folder_of(tmp_path, run, requests)).get("final") == final


def test_where_a_run_has_arrived_is_told(tmp_path: Path) -> None:
    """Also by a master that was not there then; half of a run has arrived nowhere."""
    folder = folder_of(tmp_path, {"id": "x"}, None)
    folder.arrived.write_text("gs://bucket/runs/x")
    assert "uploaded" not in facts_of(folder)
    folder = folder_of(tmp_path, {"id": "x"}, {})
    assert facts_of(folder)["uploaded"] == "gs://bucket/runs/x"
