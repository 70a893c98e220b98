"""From stored records to summary and page: the one way a run's results are made, at its end or later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from inferswarm import ceiling, snapshot
from inferswarm.goals.judge import judged
from inferswarm.goals.stored import stored_goals
from inferswarm.goals.values import Goals
from inferswarm.reports.html import render
from inferswarm.reports.measure import FirstPass
from inferswarm.reports.old_results import results
from inferswarm.snapshot import Snapshot
from inferswarm.storage import Reading, RunFolder, read_records, write_file
from inferswarm.summary import Summary
from inferswarm.telemetry.values import Collected, parse_collected
from inferswarm.verdict import Client, with_more

PROGRESS_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Built:
    """A run's results, ready to be shown or written."""

    summary: Summary
    snapshot: Snapshot
    reading: Reading


def build(
    folder: RunFolder,
    progress: Callable[[int], None] = lambda _: None,
    goals: Goals | None = None,
    warmup: str | None = None,
) -> Built:
    """Read everything a run folder holds; what is missing or damaged is said in the verdict.

    `progress` is called now and then with the number of records read so far. `goals` and `warmup`
    stand in for those that the run was started with.
    """
    goals = goals_of(folder) if goals is None else goals
    run, config = mapping(folder.run), mapping(folder.config)
    first, reading = FirstPass(config, warmup), Reading()
    for number, record in enumerate(read_records(folder, reading), 1):
        first.add(record)
        if number % PROGRESS_EVERY == 0:
            progress(number)
    found = first.second(lambda: read_records(folder, Reading()), run, goals.limits)
    summary = first.summary
    client, ended = _client(folder, reading)
    complete = (
        ended
        and not reading.unreadable_parts
        and not reading.damaged_lines
        and run.get("attempted", summary.attempted) == summary.attempted
    )
    shot = snapshot.take(
        summary,
        client,
        run=run,
        config=config,
        complete=complete,
        measured=found.measured,
        latencies=found.latencies,
        demand=first.demand(run),
    )
    beyond = ceiling.check_run(run, summary.timeline, client.workers)
    verdict = with_more(shot.verdict, found.reasons, found.warnings)
    verdict = with_more(verdict, beyond.reasons, beyond.warnings)
    shot = msgspec.structs.replace(shot, verdict=verdict, prefix_cache=found.cache.stats())
    summary.metrics = found.latencies.metrics  # the curves of the page are of the same requests
    return Built(summary, judged(shot, goals.slo, found.goodput, found.measured), reading)


def goals_of(
    folder: RunFolder, slo: Sequence[str] | None = None, goodput: Sequence[str] | None = None
) -> Goals:
    """The goals that the run was started with, or those given in their place."""
    return stored_goals(mapping(folder.config), slo, goodput)


def write(folder: RunFolder, built: Built) -> None:
    """Write summary, results and page; raises StorageError naming what could not be written."""
    write_file(folder.summary, snapshot.to_json(built.snapshot))
    server = server_metrics(folder)
    write_file(folder.results, results(built.snapshot, server).encode())
    write_file(folder.report, render(built.snapshot, built.summary, server).encode())


def server_metrics(folder: RunFolder) -> Collected:
    """What the server said of itself, as far as it was kept."""
    try:
        return parse_collected(folder.metrics.read_bytes())
    except FileNotFoundError:
        return Collected()
    except (OSError, ValueError) as error:
        return Collected(notes=[f"{folder.metrics.name} cannot be read: {error}"])


def _client(folder: RunFolder, reading: Reading) -> tuple[Client, bool]:
    """How the client fared, and whether it said so at all (a killed run did not)."""
    told = Client(recorder=reading.recorder, clock=reading.clock)
    found = False
    for path in sorted(folder.path.glob("client*.json")):
        try:
            one = msgspec.json.decode(path.read_bytes(), type=Client)
        except (OSError, msgspec.DecodeError, RecursionError):
            continue
        told.merge(one)
        told.workers += one.workers
        told.lost_workers += one.lost_workers
        found = True
    return told, found


def mapping(path: Path) -> dict[str, Any]:
    """What a YAML or JSON file of the run folder holds; empty when it is missing or damaged."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}  # the records are what counts; what describes them is shown as missing
    return found if isinstance(found, dict) else {}
