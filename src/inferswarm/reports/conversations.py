"""Conversations as a person reads them: how many there were, and how their turns compare."""

from collections.abc import Callable
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from inferswarm.conversations import BY_TURN
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.snapshot import ConversationStats, MetricStats

COLUMNS = {
    "ttft": (("TTFT p50", "p50"), ("TTFT p95", "p95")),
    "e2e": (("E2E p50", "p50"), ("E2E p95", "p95")),
    "input_tokens": (("Input tokens, mean", "mean"),),
}
"""What is shown of each metric of a turn: (title of the column, field of its `MetricStats`)."""


def sentence(stats: ConversationStats) -> str:
    """How many were begun and held to their end, and what became of the others."""
    ended = stats.cut - stats.failed
    why = [f"{stats.failed:,} by a failed turn"] if stats.failed else []
    why += [f"{ended:,} by the end of the load"] if ended > 0 else []
    cut = f"; {stats.cut:,} cut ({', '.join(why)})" if stats.cut else ""
    return f"{stats.started:,} conversations, {stats.complete:,} complete{cut}"


def cells(stats: ConversationStats) -> list[tuple[str, int, list[tuple[str, float | None]]]]:
    """(turn, its good answers, (unit, value) for each of `COLUMNS`) of every turn."""
    rows = []
    for one in stats.by_turn:
        shown = [
            _cell(name, one.metrics.get(name), field)
            for name in BY_TURN
            for _, field in COLUMNS[name]
        ]
        rows.append((one.turn, one.metrics["e2e"].count, shown))
    return rows


def view(stats: ConversationStats | None) -> dict[str, Any] | None:
    """What the page shows; None where there were no conversations."""
    if stats is None:
        return None
    titles = [title for name in BY_TURN for title, _ in COLUMNS[name]]
    rows = [
        {"turn": turn, "count": count, "cells": [{"unit": u, "value": v} for u, v in shown]}
        for turn, count, shown in cells(stats)
    ]
    return {"sentence": sentence(stats), "columns": titles, "rows": rows}


def parts(
    stats: ConversationStats | None, shown: Callable[[float | None], str]
) -> list[RenderableType]:
    """What the terminal shows; `shown` writes a number."""
    if stats is None:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("turn")
    for column in ("answers", *(title for name in BY_TURN for title, _ in COLUMNS[name])):
        table.add_column(column, justify="right")
    for turn, count, values in cells(stats):
        table.add_row(turn, f"{count:,}", *(shown(value) for _, value in values))
    return [Text(), Text(sentence(stats)), table]


def _cell(name: str, stats: MetricStats | None, field: str) -> tuple[str, float | None]:
    unit = METRIC_BY_NAME[name].unit
    return unit, None if stats is None else getattr(stats, field)
