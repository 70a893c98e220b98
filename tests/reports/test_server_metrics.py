"""Facts about the server's own curves below the client's."""

from inferswarm.reports.server_metrics import panels, value_at
from inferswarm.telemetry.values import Collected, Series


def series(title: str, panel: str = "P", unit: str = "", **labels: str) -> Series:
    """A line that rises from 0 to 10 in ten seconds."""
    points = [(0, 0.0), (10_000, 10.0)]
    return Series(
        name=title, title=title, panel=panel, unit=unit, source="s", labels=labels, points=points
    )


def test_values_lie_on_the_line_through_their_neighbours() -> None:
    """And outside there are none."""
    points = [(10, 1.0), (20, 3.0), (20, 5.0), (30, 5.0)]
    assert [value_at(points, at) for at in (5, 10, 15, 20, 25, 31)] == [None, 1, 2, 3, 5, None]


def test_lines_of_one_panel_stand_together() -> None:
    """With their unit in its title and a colour each."""
    made = panels(
        Collected(series=[series("a", unit="ms"), series("b", "Q"), series("c", unit="ms")]),
        [0, 5_000],
    )
    assert [(one["title"], [line["name"] for line in one["lines"]]) for one in made] == [
        ("P, ms", ["a", "c"]),
        ("Q", ["b"]),
    ]
    assert [line["color"] for line in made[0]["lines"]] == ["p50", "p95"]
    assert made[0]["lines"][0]["values"] == [0.0, 5.0]


def test_labels_are_named_where_they_tell_lines_apart() -> None:
    """Two GPUs of one cluster."""
    lines = [series("use", gpu="0", cluster="c"), series("use", gpu="1", cluster="c")]
    (made,) = panels(Collected(series=lines), [0])
    assert [line["name"] for line in made["lines"]] == ["use 0", "use 1"]
