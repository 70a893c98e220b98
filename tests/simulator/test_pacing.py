"""Draws repeat, keep their medians and never drift."""

import statistics
from itertools import islice, pairwise

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.units import Duration
from inferswarm.simulator.pacing import (
    Fate,
    chunk_count,
    draws,
    due_offsets_ns,
    fate,
    output_tokens,
)

_MS = 1_000_000


def _offsets(options: SimulatorOptions, count: int, number: int = 0) -> list[int]:
    return list(islice(due_offsets_ns(options, draws(options, number)), count))


def test_constant_pace() -> None:
    """The first chunk is due after the TTFT, each further one an ITL later, exactly."""
    options = SimulatorOptions(ttft=Duration(50_000_000), itl=Duration(20_000_000))
    assert _offsets(options, 4) == [50 * _MS, 70 * _MS, 90 * _MS, 110 * _MS]


def test_several_tokens_per_chunk() -> None:
    """More tokens per chunk keep the tokens per second."""
    options = SimulatorOptions(
        ttft=Duration(50_000_000), itl=Duration(20_000_000), tokens_per_chunk=4
    )
    assert _offsets(options, 3) == [50 * _MS, 130 * _MS, 210 * _MS]
    assert chunk_count(options, 9) == 3


def test_lognormal_pace_has_its_median() -> None:
    """With a sigma the option is the median of the gaps."""
    options = SimulatorOptions(itl=Duration(20_000_000), itl_sigma=0.5, ttft_sigma=0.3)
    offsets = _offsets(options, 20_001)
    gaps = [after - before for before, after in pairwise(offsets)]
    assert statistics.median(gaps) == pytest.approx(20 * _MS, rel=0.05)
    assert max(gaps) > 2 * min(gaps)


def test_draws_repeat() -> None:
    """The same seed and number give the same times, other numbers and seeds other ones."""
    options = SimulatorOptions(itl_sigma=0.5, seed=7)
    other = SimulatorOptions(itl_sigma=0.5, seed=-7)
    assert _offsets(options, 9, number=3) == _offsets(options, 9, number=3)
    assert _offsets(options, 9, number=3) != _offsets(options, 9, number=4)
    assert _offsets(options, 9, number=3) != _offsets(other, 9, number=3)


def test_fates_have_their_rates() -> None:
    """One draw decides among the failures, each as often as its rate says."""
    options = SimulatorOptions(
        error_rate=0.1, stream_error_rate=0.2, hangup_rate=0.3, hang_rate=0.15
    )
    fates = [fate(options, draws(options, number)) for number in range(5000)]
    wanted = {
        Fate.HTTP_ERROR: 0.1, Fate.STREAM_ERROR: 0.2, Fate.HANGUP: 0.3, Fate.HANG: 0.15,
        Fate.ANSWERED: 0.25,
    }  # fmt: skip
    for outcome, rate in wanted.items():
        assert fates.count(outcome) / len(fates) == pytest.approx(rate, abs=0.03)


def test_output_tokens() -> None:
    """A fixed length never exceeds what the request allows."""
    assert output_tokens(SimulatorOptions(), 30) == 30
    assert output_tokens(SimulatorOptions(output_tokens=20), 30) == 20
    assert output_tokens(SimulatorOptions(output_tokens=40), 30) == 30
