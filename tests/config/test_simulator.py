"""Facts about the options of the simulated server."""

import pytest
from pydantic import ValidationError

from inferswarm.config.simulator import SimulatorOptions
from tests.builders import MS


def test_the_default_server_is_constant_and_without_faults() -> None:
    """Without options its timing is exact, so that a client can be checked against it."""
    default = SimulatorOptions()
    assert (default.ttft, default.itl) == (200 * MS, 20 * MS)
    assert default.ttft_sigma == default.itl_sigma == 0
    assert default.error_rate == default.hangup_rate == default.hang_rate == 0
    assert (default.tokens_per_chunk, default.max_concurrency, default.api_key) == (1, 0, None)


@pytest.mark.parametrize("name", ["error_rate", "stream_error_rate", "hangup_rate", "hang_rate"])
def test_shares_lie_between_nothing_and_all(name: str) -> None:
    """A share below 0 or above 1 is refused."""
    assert getattr(SimulatorOptions.model_validate({name: 1}), name) == 1
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValidationError):
            SimulatorOptions.model_validate({name: wrong})


def test_shares_of_failures_add_up_to_at_most_all() -> None:
    """No request can fail twice."""
    with pytest.raises(ValidationError, match=r"add up to 1\.2"):
        SimulatorOptions(error_rate=0.6, hang_rate=0.6)


def test_the_key_is_not_shown() -> None:
    """Printing the options does not tell the secret."""
    assert "hunter2" not in repr(SimulatorOptions.model_validate({"api_key": "hunter2"}))
