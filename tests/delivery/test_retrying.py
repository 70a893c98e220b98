"""Facts about trying again: it helps against what passes, and ends."""

import time

import pytest

from inferswarm.delivery import retrying
from inferswarm.delivery.retrying import Pauses, retried
from inferswarm.stores.errors import DeniedError, StoreError, UnreachableError


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE_S", 0.01)


class Line:
    """Fails so often, and then gives what was asked for."""

    def __init__(self, failing: int, error: type[StoreError] = UnreachableError) -> None:
        self.tries = 0
        self._failing = failing
        self._error = error

    def ask(self) -> str:
        """Try once."""
        self.tries += 1
        if self.tries <= self._failing:
            raise self._error(f"try {self.tries}")
        return "there"


def test_what_passes_is_tried_again_and_told() -> None:
    """Until it works."""
    line, told = Line(3), []
    assert retried(line.ask, 60, lambda error: told.append(str(error))) == "there"
    assert told == ["try 1", "try 2", "try 3"]


def test_what_does_not_pass_is_tried_once() -> None:
    """A missing right stays missing."""
    line = Line(3, DeniedError)
    with pytest.raises(DeniedError):
        retried(line.ask, 60)
    assert line.tries == 1


def test_patience_ends() -> None:
    """With the last error."""
    line = Line(10**9)
    begun = time.monotonic()
    with pytest.raises(UnreachableError):
        retried(line.ask, 0.1)
    assert 1 < line.tries < 10
    assert time.monotonic() - begun < 30


def test_pauses_double_up_to_a_bound() -> None:
    """A bucket that is gone for an hour is not asked all the time."""
    pauses = Pauses()
    taken = [pauses.take() for _ in range(20)]
    assert taken[:3] == [0.01, 0.02, 0.04]
    assert taken[-1] == retrying.LONGEST_PAUSE_S
    assert taken == sorted(taken)
