"""The schedule that the options describe."""

from pathlib import Path

from inferswarm.arrivals import Arrivals
from inferswarm.arrivals.process import Even, Renewal, UnitProcess
from inferswarm.arrivals.rates import Profile, profile_of, steady
from inferswarm.arrivals.schedule import Schedule
from inferswarm.arrivals.trace import TraceArrivals
from inferswarm.arrivals.trace_file import read_trace
from inferswarm.config.arrivals import (
    ArrivalOptions,
    Process,
    exact_rate,
    parse_process,
    parse_stages,
)


def build_arrivals(options: ArrivalOptions, trace: bytes = b"") -> Arrivals | None:
    """The schedule of an open loop, or None when the options ask for a closed one.

    `trace` is what `packed_trace` made of it, for those who may not have the file. Raises InputError
    for a trace that cannot be used.
    """
    if trace:
        return TraceArrivals.unpack(trace)
    if options.trace is not None:
        return _read(options, options.trace)
    profile = _profile(options)
    if profile is None:
        return None
    return Schedule(_process(parse_process(options.process), options.seed), profile)


def packed_trace(options: ArrivalOptions) -> bytes:
    """The trace of these options, scaled, as bytes; none where there is no trace.

    Raises InputError for one that cannot be used.
    """
    return b"" if options.trace is None else _read(options, options.trace).pack()


def _read(options: ArrivalOptions, path: Path) -> TraceArrivals:
    return read_trace(path, options.time_scale, options.rate_scale, options.seed)


def _profile(options: ArrivalOptions) -> Profile | None:
    if options.stages:
        return profile_of(parse_stages(options.stages))
    return None if options.rate is None else steady(exact_rate(options.rate))


def _process(process: Process, seed: int) -> UnitProcess:
    return Even() if process.burstiness is None else Renewal(process.burstiness, seed)
