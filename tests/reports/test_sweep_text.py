"""Facts about a sweep in the terminal."""

from io import StringIO

from rich.console import Console

from inferswarm.limits.loads import RATE
from inferswarm.reports.sweep_text import line, table
from tests.limits.sample import point, sweep


def test_a_line_tells_a_point_and_how_it_came_out() -> None:
    """Load, throughput, latencies and outcome."""
    assert "10/s" in line(point(10), RATE)
    assert "TTFT p50/p95/p99 200/200/200 ms" in line(point(10), RATE)
    assert line(point(10), RATE).endswith("0 errors: met")
    assert "missed ttft.p95<500ms (was 9" in line(point(10, 900), RATE)


def test_the_table_has_a_row_for_each_point() -> None:
    """The goal that was missed stands where others are met; percentiles of few are marked."""
    console = Console(file=StringIO(), width=200, color_system=None)
    console.print(table(sweep(point(10), point(20, 900), point(30, reasons=("late",))), RATE))
    assert isinstance(console.file, StringIO)
    head, *rows = console.file.getvalue().splitlines()

    assert head.split()[0] == "rate"
    assert [row.split()[0] for row in rows] == ["10/s", "20/s", "30/s"]
    assert [row.split()[-1] for row in rows] == ["met", "ttft.p95<500ms", "INVALID"]
    assert "~200" in rows[0]
