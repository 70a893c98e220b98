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
        shown += [Text(), _goodput(shot.goodput)]
    return shown


def view(shot: Snapshot) -> dict[str, Any] | None:
    """What the page shows; None where nothing was asked."""
    if not shot.goals and shot.goodput is None:
        return None
    missed, asked = sum(not result.met for result in shot.goals), len(shot.goals)
    return {
        "state": f"{missed} of {asked} GOALS MISSED" if missed else "GOALS MET",
        "met": not missed,
        "rows": [{"goal": result.goal, "met": result.met} | _row(result) for result in shot.goals],
        "goodput": to_builtins(shot.goodput),
    }


def amount(value: float | None, unit: str, limit: float | None = None) -> str:
    """A value in its unit: four digits, or as many as tell it from the limit."""
    if value is None:
        return NOTHING
    factor, sign = (100, " %") if unit == "share" else (1, unit if unit[:1] == "/" else f" {unit}")
    shown = value * factor
    beside = None if limit is None or value == limit else limit * factor
    digits = next(n for n in range(4, 18) if n == 17 or float(f"{shown:.{n}g}") != beside)
    plain = digits == 4 and abs(shown) >= 10_000
    return (f"{shown:,.0f}" if plain else f"{shown:.{digits}g}") + sign.rstrip()


def _table(results: list[GoalResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("goals", ""):
        table.add_column(column)
    for column in ("measured", "margin"):
        table.add_column(column, justify="right")
    table.add_column("")
    for result in results:
        state = Text("met", "green") if result.met else Text("MISSED", "bold red")
        table.add_row(Text(result.goal), state, *_row(result).values())
    return table


def _row(result: GoalResult) -> dict[str, str]:
    """In words here for both: how many digits a value needs depends on its limit."""
    return {
        "measured": amount(result.value, result.unit, result.limit),
        "margin": NOTHING if result.margin is None else f"{result.margin:+.1%}",
        "about": "; ".join(filter(None, (result.preset, result.note))),
    }


def _goodput(stats: GoodputStats) -> Text:
    share = amount(stats.share, "share")
    text = Text(
        f"goodput: {stats.good:,} of {stats.attempted:,} requests ({share}) within "
        f"{', '.join(stats.limits)}: {amount(stats.requests_per_s, '')} requests/s, "
        f"{amount(stats.output_tokens_per_s, '')} tokens/s"
    )
    for limit, count in stats.missed.items():
        if count:
            untold = stats.untold.get(limit, 0)
            why = f", {untold:,} of them without such a value" if untold else ""
            text.append(f"\n  - not within {limit}: {count:,} successful requests{why}")
    return text
