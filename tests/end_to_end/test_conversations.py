"""Conversations, with real processes: what the simulator received is what was to be said."""

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.prompts import Prompt, Turn
from inferswarm.records import Record
from inferswarm.simulator.generation import digest_of, words
from inferswarm.simulator.process import RunningSimulator
from inferswarm.simulator.truth import TruthRow
from tests.end_to_end.command import (
    command,
    finish,
    record_lines,
    records_of,
    started,
    summary_of,
    wait_for,
)
from tests.end_to_end.test_workers import workers_of

PAUSE_MS = 150
SLACK_NS = 2_000_000
"""Between the clocks of a request's arrival (the kernel's) and of an answer's tokens (the server's)."""
TALKS = [
    Prompt(
        f"question {number} of some words",
        answer=f"reply {number}",
        turns=[Turn(f"and {number} more", f"again {number}"), Turn(f"the end of {number}")],
    )
    for number in range(40)
]
Held = list[TruthRow]


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """A quick simulated server that logs what it received."""
    with RunningSimulator(SimulatorOptions.model_validate({"ttft": "20ms", "itl": "2ms"})) as one:
        yield one


def options(simulator: RunningSimulator, folder: Path, mode: str) -> list[str]:
    """Those of a run of conversations."""
    source = folder / "talks.jsonl"
    source.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in TALKS))
    return [
        "--target", simulator.url, "--api", "chat", "--prompts", str(source),
        "--conversations", mode, "--set", f"prompts.turn_pause={PAUSE_MS}ms",
        "--max-output-tokens", "6", "--out", str(folder / "x"),
    ]  # fmt: skip


def received(simulator: RunningSimulator) -> list[TruthRow]:
    """What the simulator logged until now; it ends with that."""
    simulator.stop()
    return simulator.truth()


def said_by(row: TruthRow) -> str:
    """The text of the answer that the server gave."""
    return words(row.request, 0, row.output_tokens).decode()


def held(rows: Sequence[TruthRow], mode: str) -> list[Held]:
    """The conversations that the server took part in, found by what each request repeats.

    Fails when a request is neither a first turn nor the next one of a conversation that goes on.
    """
    begun = {digest_of([talk.text]): talk for talk in TALKS}
    going: dict[str, list[tuple[Held, list[str], Prompt]]] = defaultdict(list)
    found: list[Held] = []
    for row in sorted(rows, key=lambda one: one.request):
        if going[row.digest]:
            talk, said, prompt = going[row.digest].pop(0)
        else:
            prompt = begun[row.digest]
            talk, said = [], [prompt.text]
            found.append(talk)
        assert row.messages == len(said) == 2 * len(talk) + 1
        assert row.prompt_tokens == sum(len(one.split()) for one in said)
        talk.append(row)
        if row.outcome == "ok" and len(talk) <= len(prompt.turns):
            recorded = (prompt.answer, *(turn.answer for turn in prompt.turns))[len(talk) - 1]
            answer = said_by(row) if mode == "answers" else recorded
            said = [*said, answer, prompt.turns[len(talk) - 1].say]
            going[digest_of(said)].append((talk, said, prompt))
    return found


def assert_pauses(talks: Sequence[Held]) -> None:
    """No turn came sooner than the pause after the answer before it."""
    for talk in talks:
        for row, following in pairwise(talk):
            assert following.accepted_ns - row.token_ns[-1] > PAUSE_MS * 1_000_000 - SLACK_NS


def by_talk(records: Sequence[Record]) -> dict[tuple[int, int], list[Record]]:
    """Records of each (arrival, epoch), in the order of their turns, which begin at 0 without a gap."""
    found = defaultdict(list)
    for record in sorted(records, key=lambda one: one.turn):
        found[record.k, record.epoch].append(record)
    for talk in found.values():
        assert [one.turn for one in talk] == list(range(len(talk)))
        assert len({one.worker for one in talk}) == 1
    return found


def lengths(talks: Sequence[Sequence[object]]) -> Counter[int]:
    """How many conversations have how many turns."""
    return Counter(map(len, talks))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["answers", "recorded"])
def test_users_hold_whole_conversations(
    simulator: RunningSimulator, tmp_path: Path, mode: str
) -> None:
    """Thirty of three turns by four users of two workers: each turn repeats what was said before."""
    ended = command(
        "run", *options(simulator, tmp_path, mode),
        "--users", 4, "--workers", 2, "--requests", 30,
    )  # fmt: skip
    records, talks = records_of(tmp_path / "x"), held(received(simulator), mode)
    found = summary_of(tmp_path / "x")

    assert ended.code == 0, ended.err
    assert lengths(talks) == {3: 30}
    assert_pauses(talks)
    assert sorted((one.k, one.turn) for one in records) == [
        (k, turn) for k in range(30) for turn in range(3)
    ]
    for talk in by_talk(records).values():
        for one, following in pairwise(talk):
            assert following.due_ns >= one.end_ns + PAUSE_MS * 1_000_000
    assert "30 conversations, 30 complete" in ended.out
    assert found.conversations is not None
    assert (found.conversations.complete, found.conversations.cut) == (30, 0)
    assert [one.metrics["ttft"].count for one in found.conversations.by_turn] == [30] * 3


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_schedule_starts_conversations_and_none_goes_on_after_its_end(
    simulator: RunningSimulator, tmp_path: Path, workers: int
) -> None:
    """Every arrival is a first turn when it is due; the others follow the answers."""
    ended = command(
        "run", *options(simulator, tmp_path, "answers"),
        "--rate", "20/s", "--duration", "5s", "--workers", workers,
    )  # fmt: skip
    records, talks = records_of(tmp_path / "x"), held(received(simulator), "answers")
    found = summary_of(tmp_path / "x")
    first = [one for one in records if not one.turn]
    end_ns = min(one.due_ns for one in first) + 5_200_000_000

    assert ended.code == 0, ended.err
    assert lengths(talks) == lengths(list(by_talk(records).values()))
    assert_pauses(talks)
    assert [one.k for one in first] == list(range(len(first)))
    assert max(one.due_ns for one in records) < end_ns
    assert found.conversations is not None
    assert found.conversations.started == len(first)
    assert found.conversations.complete == sum(one.turn == 2 for one in records)
    assert found.conversations.cut > 0
    assert found.conversations.failed == 0
    missed = [reason for reason in found.verdict.reasons if "sent in time" in reason]
    assert all(" 0 never" in reason for reason in missed)  # late they may be, on a busy machine


@pytest.mark.slow
@pytest.mark.parametrize("loop", [("--users", "8"), ("--rate", "30/s")])
def test_a_killed_worker_takes_only_its_own_conversations(
    simulator: RunningSimulator, tmp_path: Path, loop: tuple[str, str]
) -> None:
    """Nobody goes on with half of one; arrivals that others take over begin anew, with another epoch."""
    out = tmp_path / "x"
    arguments = [*options(simulator, tmp_path, "answers"), *loop, "--duration", "9s"]
    with started("run", *arguments, "--workers", 2) as run:
        wait_for(lambda: record_lines(out) > 60)
        os.kill(workers_of(run)[1], signal.SIGKILL)
        ended = finish(run)
    records, talks = records_of(out), held(received(simulator), "answers")
    by_key = Counter((one.k, one.turn, one.epoch) for one in records)

    assert ended.code == 0, ended.err
    assert set(by_key.values()) == {1}
    assert_pauses(talks)
    assert {one.epoch for one in records} == {0, 1}
    kept = {len(talk) for talk in by_talk(records).values()}
    assert kept <= {1, 2, 3}
    assert len(talks) >= len(by_talk(records))
    assert any("workers lost" in reason for reason in summary_of(out).verdict.reasons)
