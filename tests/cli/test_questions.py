"""Facts about what a run knows of its prompts besides the prompts."""

import json
from pathlib import Path

import pytest

from inferswarm.cli.questions import asked_before, described, planned, trace_notes
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt
from inferswarm.prompts.recipe import Recipe
from inferswarm.sources.read import LoadedPrompts
from inferswarm.storage import RunFolder

ASKED = LoadedPrompts([Prompt("a b c d", group="0"), Prompt("a b x y", group="0")])
SYNTHETIC = LoadedPrompts([Prompt("a")], recipe=Recipe(pieces=["a"]))
ALONE = RunConfig()


def trace_in(folder: Path) -> RunConfig:
    """A configuration with a trace."""
    path = folder / "trace.csv"
    path.write_text("time_s,input_tokens\n0,5\n1,6\n")
    return RunConfig.model_validate({"arrivals": {"trace": str(path)}})


def run_at(path: Path, **said: object) -> RunFolder:
    """A run folder that says this of itself."""
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(said))
    return RunFolder(path)


def test_prompts_are_known_by_their_hash() -> None:
    """Others, or other ways to make them, have another."""
    hashes = {described(asked, ALONE)["prompts_sha256"] for asked in (ASKED, SYNTHETIC)}
    hashes.add(described(LoadedPrompts([Prompt("a")]), ALONE)["prompts_sha256"])
    assert len(hashes) == 3
    assert described(ASKED, ALONE)["prompts_sha256"] in hashes


def test_what_a_group_shares_is_described() -> None:
    """For the verdict."""
    assert described(ASKED, ALONE)["shared_prefix_tokens"] == 1
    assert described(SYNTHETIC, ALONE)["shared_prefix_tokens"] == 0


def test_the_newest_run_with_the_same_prompts_is_found(tmp_path: Path) -> None:
    """At the same server, unsalted, in the same folder; whatever cannot be read is passed over."""
    same = {"prompts_sha256": "h", "target": "t", "prompts_salted": False}
    run_at(tmp_path / "a", id="old", started="2026-01-01", **same)
    run_at(tmp_path / "b", id="new", started="2026-01-02", **same)
    run_at(tmp_path / "c", id="salted", started="2026-01-03", **{**same, "prompts_salted": True})
    run_at(tmp_path / "d", id="elsewhere", started="2026-01-03", **{**same, "target": "u"})
    (run_at(tmp_path / "e").run).write_bytes(b"{")
    now = {**same, "simulated": False}
    own = run_at(tmp_path / "f", id="own", started="2026-01-09", **now)
    assert asked_before(now, own) == {"prompts_asked_before": "new"}
    for changed in ({"prompts_salted": True}, {"simulated": True}, {"prompts_sha256": "i"}):
        assert asked_before(now | changed, own) == {}


def test_the_plan_has_the_trace_and_the_recipe(tmp_path: Path) -> None:
    """And a trace that cannot be used is refused here."""
    plan = planned(SYNTHETIC, trace_in(tmp_path))
    assert plan["recipe"] == SYNTHETIC.recipe
    assert plan["trace"]
    assert planned(ASKED, ALONE) == {"recipe": None, "trace": b""}
    with pytest.raises(InputError, match="check the path"):
        planned(ASKED, RunConfig.model_validate({"arrivals": {"trace": "nowhere.csv"}}))


def test_whose_lengths_prompts_have_is_noted(tmp_path: Path) -> None:
    """Prompts of a file keep theirs; synthetic ones are of the trace's, exactly or nearly."""
    config = trace_in(tmp_path)
    (own,) = trace_notes(ASKED, config)
    assert "its input lengths are not used" in own
    assert not list(trace_notes(SYNTHETIC, config))
    assert not list(trace_notes(ASKED, ALONE))
    (near,) = trace_notes(LoadedPrompts([], recipe=Recipe(exact=False)), config)
    assert "near the recorded lengths" in near
