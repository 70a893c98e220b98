"""The schedule that the options describe."""

from inferswarm.arrivals import Arrivals
from inferswarm.arrivals.process import Even, Renewal, UnitProcess
from inferswarm.arrivals.rates import Profile, profile_of, steady
from inferswarm.arrivals.schedule import Schedule
from inferswarm.arrivals.trace_file import read_trace
from inferswarm.config.arrivals import (
    ArrivalOptions,
    Process,
    exact_rate,
    parse_process,
    parse_stages,
)


def build_arrivals(options: ArrivalOptions) -> Arrivals | None:
    """The schedule of an open loop, or None when the options ask for a closed one.

    Raises InputError for a trace that cannot be used.
    """
    if options.trace is not None:
        return read_trace(options.trace, options.time_scale, options.rate_scale, options.seed)
    profile = _profile(options)
    if profile is None:
        return None
    return Schedule(_process(parse_process(options.process), options.seed), profile)


def _profile(options: ArrivalOptions) -> Profile | None:
    if options.stages:
        return profile_of(parse_stages(options.stages))
    return None if options.rate is None else steady(exact_rate(options.rate))


def _process(process: Process, seed: int) -> UnitProcess:
    return Even() if process.burstiness is None else Renewal(process.burstiness, seed)
