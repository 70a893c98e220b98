"""Goals and goodput as they are shown: a table in the terminal, rows on the page."""

from typing import Any

from msgspec import to_builtins
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from inferswarm.goals.results import GoalResult, GoodputStats
from inferswarm.snapshot import Snapshot

NOTHING = "-"


def parts(shot: Snapshot) -> list[RenderableType]:
    """What a person reads in a terminal; nothing where nothing was asked."""
    shown: list[RenderableType] = []
    if shot.goals:
        shown += [Text(), _table(shot.goals)]
    if shot.goodput is not None:
        shown += [Text(), _goodput(shot.goodput, shot.requests.attempted)]
    return shown


def view(shot: Snapshot) -> dict[str, Any] | None:
    """What the page shows; None where nothing was asked."""
    if not shot.goals and shot.goodput is None:
        return None
    missed = sum(not result.met for result in shot.goals)
    met = len(shot.goals) - missed
    counts = f"{met} of {len(shot.goals)} met" if shot.goals else ""
    return {
        "title": counts and (f"{counts}, {missed} missed" if missed else counts),
        "met": not missed,
        "rows": [to_builtins(result) for result in shot.goals],
        "goodput": to_builtins(shot.goodput),
    }


def amount(value: float | None, unit: str) -> str:
    """A value in its unit: four digits, so that a near miss shows on which side it fell."""
    if value is None:
        return NOTHING
    if unit == "share":
        return f"{value * 100:.4g} %"
    number = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return number + ("" if unit.startswith("/") or not unit else " ") + unit


def _table(results: list[GoalResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("goals", ""):
        table.add_column(column)
    for column in ("measured", "margin"):
        table.add_column(column, justify="right")
    table.add_column("")
    for result in results:
        state = Text("met", "green") if result.met else Text("MISSED", "bold red")
        margin = NOTHING if result.margin is None else f"{result.margin:+.1%}"
        about = "; ".join(filter(None, (result.preset, result.note)))
        table.add_row(Text(result.goal), state, amount(result.value, result.unit), margin, about)
    return table


def _goodput(stats: GoodputStats, attempted: int) -> Text:
    text = Text(
        f"goodput: {stats.good:,} of {attempted:,} requests ({amount(stats.share, 'share')}) within "
        f"{', '.join(stats.limits)}: {amount(stats.requests_per_s, '')} requests/s, "
        f"{amount(stats.output_tokens_per_s, '')} tokens/s"
    )
    for limit, count in stats.missed.items():
        if count:
            untold = stats.untold.get(limit, 0)
            why = f", {untold:,} of them without such a value" if untold else ""
            text.append(f"\n  - not within {limit}: {count:,} successful requests{why}")
    return text
