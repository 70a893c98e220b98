"""Facts about the schedule that options describe."""

from pathlib import Path

import pytest

from inferswarm.arrivals import Arrival
from inferswarm.arrivals.build import build_arrivals, packed_trace
from inferswarm.config.arrivals import ArrivalOptions
from inferswarm.errors import InputError
from tests.builders import S


def test_without_options_there_is_no_schedule() -> None:
    """The loop is closed: users ask when they are free."""
    assert build_arrivals(ArrivalOptions()) is None


def test_a_trace_is_replayed_with_its_scales(tmp_path: Path) -> None:
    """Times, scales and seed come from the options."""
    path = tmp_path / "trace.csv"
    path.write_text("time_s\n0\n10\n", encoding="utf-8")
    arrivals = build_arrivals(ArrivalOptions(trace=path, time_scale=5))
    assert arrivals is not None
    assert [arrivals.due(k) for k in range(3)] == [0, 2 * S, None]


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Before any load is sent."""
    with pytest.raises(InputError, match="check the path"):
        build_arrivals(ArrivalOptions(trace=tmp_path / "nowhere.csv"))


def test_gamma_of_shape_one_is_poisson() -> None:
    """To the nanosecond."""
    poisson = build_arrivals(ArrivalOptions.model_validate({"rate": "9/s"}))
    gamma = build_arrivals(ArrivalOptions.model_validate({"rate": "9/s", "process": "gamma:1"}))
    assert poisson is not None
    assert gamma is not None
    assert [poisson.due(k) for k in range(300)] == [gamma.due(k) for k in range(300)]


def test_a_packed_trace_goes_before_its_file(tmp_path: Path) -> None:
    """A worker on another machine has no such file; scales are in what was packed."""
    path = tmp_path / "trace.csv"
    path.write_text("time_s,input_tokens\n0,7\n10,8\n", encoding="utf-8")
    options = ArrivalOptions(trace=path, time_scale=5)
    packed = packed_trace(options)
    path.unlink()
    arrivals = build_arrivals(options, packed)
    assert arrivals is not None
    assert arrivals.at(1) == Arrival(1, 2 * S, input_tokens=8)


def test_without_a_trace_nothing_is_packed() -> None:
    """Rules need no rows."""
    assert packed_trace(ArrivalOptions.model_validate({"rate": "9/s"})) == b""
