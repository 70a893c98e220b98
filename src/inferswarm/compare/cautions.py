"""What makes runs hard to compare, whatever their numbers say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from inferswarm.compare.blocks import BLOCKS
from inferswarm.snapshot import Snapshot

OTHER_WORK = 0.05
"""Prompts or answers that differ so much in length are other work."""


@dataclass(frozen=True, slots=True)
class Told:
    """One run by its letter: what its report says, and into how many blocks it was cut."""

    label: str
    shot: Snapshot
    blocks: int


def cautions(runs: Sequence[Told]) -> list[str]:
    """One sentence for each thing to know, the gravest first; none where all is well."""
    return [*_invalid(runs), *_incomparable(runs), *_work(runs), *_short(runs)]


def _invalid(runs: Sequence[Told]) -> Iterator[str]:
    for run in runs:
        if not run.shot.verdict.valid:
            yield f"{run.label} is INVALID: {'; '.join(run.shot.verdict.reasons)}"


def _incomparable(runs: Sequence[Told]) -> Iterator[str]:
    facts: tuple[tuple[str, Callable[[Snapshot], str], str], ...] = (
        ("streaming", _streamed, "TTFT, ITL and TPOT exist only where answers were streamed"),
        ("the source of the token counts", _sources, "tokens are not counted alike"),
        ("the API", _api, "its events, and so what a chunk is, may not be the same"),
        ("the clock of arrival times", _clock, "times of the process are later than the kernel's"),
        ("what throughput is over", _window, "a drain left in makes it lower"),
    )
    for what, read, why in facts:
        values = {run.label: read(run.shot) for run in runs if run.shot.requests.succeeded}
        if len(set(values.values())) > 1:
            told = ", ".join(f"{label}: {value}" for label, value in values.items())
            yield f"not the same in all runs: {what} ({told}); {why}"


def _work(runs: Sequence[Told]) -> Iterator[str]:
    for metric, what in (("input_tokens", "prompts"), ("output_tokens", "answers")):
        means = {run.label: run.shot.metrics[metric].mean for run in runs}
        known = {label: mean for label, mean in means.items() if mean}
        if known and max(known.values()) > min(known.values()) * (1 + OTHER_WORK):
            told = ", ".join(f"{label}: {mean:,.1f}" for label, mean in known.items())
            yield f"the {what} were not equally long (mean tokens {told}): that is other work"


def _short(runs: Sequence[Told]) -> Iterator[str]:
    for run in runs:
        if run.blocks < BLOCKS and run.shot.requests.succeeded:
            yield (
                f"{run.label} is short: it holds {run.blocks} blocks, each as long as a request, so "
                "only large differences can be shown; load longer"
            )


def _streamed(shot: Snapshot) -> str:
    return "streamed" if shot.metrics["ttft"].count else "not streamed"


def _sources(shot: Snapshot) -> str:
    return " and ".join(sorted(shot.tokens.output_by_source)) or "none"


def _api(shot: Snapshot) -> str:
    return " ".join(str(shot.run[key]) for key in ("backend", "api") if shot.run.get(key)) or "-"


def _clock(shot: Snapshot) -> str:
    return shot.client.clock or "unknown"


def _window(shot: Snapshot) -> str:
    return {"load": "the load alone", "run": "the load and its drain"}[shot.window.method]
