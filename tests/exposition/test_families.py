"""Facts about Prometheus's text format."""

import math

from inferswarm.exposition.families import Buckets, Declared, Family, render

GAUGE = Declared("a_seconds", "gauge", 'Says "a\\b".\nTwice.', ("x",))


def test_a_value_stands_below_its_help_and_type() -> None:
    """What would break a line is escaped; labels too."""
    family = Family(GAUGE)
    family.add(0.25, {"x": 'q"\\\n'})
    assert render([family]).decode().splitlines() == [
        '# HELP a_seconds Says "a\\\\b".\\nTwice.',
        "# TYPE a_seconds gauge",
        'a_seconds{x="q\\"\\\\\\n"} 0.25',
    ]


def test_a_histogram_has_its_buckets_its_sum_and_its_count() -> None:
    """The last bucket is infinity and equals the count."""
    family = Family(Declared("b", "histogram", "B."), bounds=("0.1", "1"))
    family.add(Buckets((1, 2, 5), 7.5), {"m": "n"})
    assert render([family]).decode().splitlines()[2:] == [
        'b_bucket{m="n",le="0.1"} 1',
        'b_bucket{m="n",le="1"} 2',
        'b_bucket{m="n",le="+Inf"} 5',
        'b_sum{m="n"} 7.5',
        'b_count{m="n"} 5',
    ]


def test_numbers_are_written_as_prometheus_reads_them() -> None:
    """Truth as 0 and 1, and what is no number by its name; no value, no family."""
    family = Family(Declared("c", "gauge", "C."))
    for value in (True, 3.0, math.nan, math.inf, -math.inf):
        family.add(value)
    lines = render([family, Family(GAUGE)]).decode().splitlines()
    assert lines[2:] == ["c 1", "c 3", "c NaN", "c +Inf", "c -Inf"]
