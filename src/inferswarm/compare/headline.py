"""What a comparison comes to, in a few sentences."""

from collections.abc import Iterator, Sequence

from inferswarm.compare import words
from inferswarm.compare.estimates import QUANTITIES
from inferswarm.compare.values import Change, Row

FIRST_SAID = ("p50", "mean", "p95", "p90", "p99")
"""Of several numbers of one metric that were called alike, the one that is said."""
CALLED = ("worse", "better")


def headlines(rows: Sequence[Row]) -> list[str]:
    """For each later run what was called, a sentence for each metric, or that nothing was."""
    if not rows:
        return []
    return [
        sentence
        for at, change in enumerate(rows[0].changes)
        for sentence in _of_run(change.run, [(row, row.changes[at]) for row in rows])
    ]


def tally(rows: Sequence[Row], run: str) -> str:
    """How many of a run's numbers were called what."""
    calls = [change.call for row in rows for change in row.changes if change.run == run]
    counts = {call: calls.count(call) for call in ("worse", "better", "small", "not shown")}
    told = [
        f"{counts['worse']} worse",
        f"{counts['better']} better",
        f"{counts['small']} differ too little to matter",
        f"{counts['not shown']} with no difference shown",
    ]
    unknown = calls.count("unknown")
    return ", ".join([*told, *([f"{unknown} not judged"] if unknown else [])])


def _of_run(run: str, cells: list[tuple[Row, Change]]) -> list[str]:
    called = [(row, change) for row, change in cells if change.call in CALLED]
    if called:
        return list(_by_metric(called))
    judged = [(row, change) for row, change in cells if change.smallest is not None]
    if not judged:
        return [f"{run}: nothing could be judged"]
    return [f"{run}: {words.NONE} that matters, in {len(judged)} comparisons; {_least(judged)}"]


def _by_metric(called: list[tuple[Row, Change]]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[tuple[Row, Change]]] = {}
    for row, change in called:
        metric, _, statistic = row.name.partition(".")
        own = metric if statistic in FIRST_SAID else row.name
        groups.setdefault((own, change.call), []).append((row, change))
    for group in groups.values():
        yield min(group, key=_place)[1].said


def _place(cell: tuple[Row, Change]) -> int:
    statistic = cell[0].name.partition(".")[2]
    return FIRST_SAID.index(statistic) if statistic in FIRST_SAID else 0


def _least(judged: list[tuple[Row, Change]]) -> str:
    """How small a difference would have shown, for the numbers that are asked for most."""
    wanted = {"ttft.p95", "itl.p50", "e2e.p50", "throughput.output_tokens"}
    told = [
        f"{row.title} {words.percent(change.smallest or 0.0, QUANTITIES[row.name])}"
        for row, change in judged
        if row.name in wanted
    ]
    return f"differences that would have shown: {', '.join(told)}" if told else "see the table"
