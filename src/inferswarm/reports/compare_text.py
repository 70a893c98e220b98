"""A comparison as a person reads it in a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inferswarm.compare import words
from inferswarm.compare.estimates import QUANTITIES
from inferswarm.compare.headline import headlines, tally
from inferswarm.compare.values import Call, Change, Comparison, Judged, Row
from inferswarm.reports.text import number

STYLES: dict[Call, str] = {"worse": "red", "better": "green", "small": "", "not shown": "dim"}
SHOWN: dict[Call, str] = {"small": "too small to matter", "unknown": "cannot be judged"}
MOST_SETTINGS = 20


def result(made: Comparison) -> RenderableType:
    """Runs, warnings, settings, the table with its calls, conditions."""
    parts: list[RenderableType] = [*_runs(made), *_warnings(made), Text(), *_settings(made)]
    for at, run in enumerate(made.runs[1:], 1):
        parts += [Text(), _table(made, at)]
        parts.append(Text(f"{run.label}: {tally(made.rows, run.label)}", "dim"))
    parts += [Text(), *(Text(said, "bold") for said in headlines(made.rows))]
    if made.conditions:
        parts += [Text(), *map(_condition, made.conditions)]
    return Group(*parts)


def _runs(made: Comparison) -> Iterator[Text]:
    for run in made.runs:
        text = Text(f"{run.label}  ", "bold")
        text.append(run.name, "default not bold")
        text.append(f"  {'VALID' if run.valid else 'INVALID'}", "green" if run.valid else "red")
        told = f"  {run.requests:,} requests, {run.blocks} blocks of {number(run.block_s)} s"
        text.append(told, "dim not bold")
        yield text


def _warnings(made: Comparison) -> Iterator[Text]:
    for warning in made.warnings:
        yield Text(f"  - {warning}", "yellow")


def _settings(made: Comparison) -> Iterator[RenderableType]:
    if not made.settings:
        yield Text("the same configuration")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("configured differently", *(run.label for run in made.runs)):
        table.add_column(column, overflow="fold")
    for setting in made.settings[:MOST_SETTINGS]:
        table.add_row(Text(setting.key), *map(Text, setting.values))
    yield table
    if len(made.settings) > MOST_SETTINGS:
        yield Text(f"and {len(made.settings) - MOST_SETTINGS} more")


def _table(made: Comparison, at: int) -> Table:
    first, later = made.runs[0].label, made.runs[at].label
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{later} against {first}")
    for column in (first, later, "difference", "95 % CI", "would show"):
        table.add_column(column, justify="right")
    table.add_column("call")
    for row in made.rows:
        if any(value is not None for value in (row.values[0], row.values[at])):
            table.add_row(*_cells(row, at))
    return table


def _cells(row: Row, at: int) -> list[Text]:
    change, quantity = row.changes[at - 1], QUANTITIES[row.name]
    style = STYLES.get(change.call, "dim")
    values = [Text(_value(row, place)) for place in (0, at)]
    if change.change is None or change.low is None or change.high is None:
        return [Text(row.title), *values, Text("-"), Text("-"), Text("-"), Text(change.said, "dim")]
    return [
        Text(row.title),
        *values,
        Text(words.amount(change.change, quantity), style),
        Text(words.interval(change.low, change.high, quantity), style),
        Text(words.percent(change.smallest or 0.0, quantity), "dim"),
        Text(_called(change), style),
    ]


def _called(change: Change) -> str:
    return SHOWN.get(change.call, change.call)


def _value(row: Row, at: int) -> str:
    value = row.values[at]
    if value is not None and row.unit == "share":
        return f"{value:.2%}"
    return (
        f"{number(value)} {row.unit}" if value is not None and row.unit == "ms" else number(value)
    )


def _condition(one: Judged) -> Text:
    text = Text("FAILED  " if one.failed else "passed  ", "bold red" if one.failed else "green")
    text.append(f"{one.condition}", "default not bold")
    text.append(f"  {one.run}: {one.said}", "default not bold")
    return text
