"""Facts about patience: pauses grow and are spread, and time is bounded by the size."""

import pytest

from inferswarm.stores.bounds import BLOCK_BYTES, PATIENT, Bounds


def test_pauses_double_and_are_spread() -> None:
    """Each pause is between half of and all of twice the last one."""
    bounds = Bounds(pause_s=1.0)
    for attempt, longest in [(2, 1.0), (3, 2.0), (4, 4.0)]:
        pauses = {bounds.pause_before(attempt) for _ in range(50)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 1


def test_the_time_of_a_transfer_grows_with_its_size() -> None:
    """A large object has as many times a request's time as it has blocks, and a few more."""
    assert PATIENT.whole_s(0) == pytest.approx(2 * PATIENT.request_s)
    assert PATIENT.whole_s(10 * BLOCK_BYTES) == pytest.approx(12 * PATIENT.request_s)


def test_a_request_has_time_for_a_slow_block() -> None:
    """A block may take as long as the slowest rate needs, besides connecting and silence."""
    bounds = Bounds(connect_s=1, silence_s=2, least_bytes_per_s=BLOCK_BYTES)
    assert bounds.request_s == pytest.approx(4.0)
