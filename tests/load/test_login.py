"""Facts about how often somebody may try to log in."""

from inferswarm.load.login import MOST_FAILURES, MOST_FAILURES_OF_ALL, WINDOW_S, Attempts


def test_too_many_failures_of_one_address_make_it_wait() -> None:
    """Others may go on, and it may again when the oldest of them is a minute old."""
    attempts = Attempts()
    for second in range(MOST_FAILURES):
        assert attempts.wait_s("a", second) == 0
        attempts.failed("a", second)
    assert attempts.wait_s("a", 10) == WINDOW_S - 10
    assert attempts.wait_s("b", 10) == 0
    assert attempts.wait_s("a", WINDOW_S + 0.5) == 0


def test_too_many_failures_of_all_make_everybody_wait() -> None:
    """So many addresses guess no faster than a few, and what is kept is bounded."""
    attempts = Attempts()
    for number in range(MOST_FAILURES_OF_ALL):
        attempts.failed(f"address {number}", 1.0)
    assert attempts.wait_s("another", 2.0) == WINDOW_S - 1.0
    assert attempts.wait_s("another", WINDOW_S + 2) == 0
