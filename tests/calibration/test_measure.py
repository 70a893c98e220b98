"""Facts about one step: whose options it has, and that its figures are of the simulator's log."""

import tempfile
from pathlib import Path

import pytest

from inferswarm.calibration.measure import PROMPTS, Shape, pace_of, settings, step
from inferswarm.config.tree import RunConfig

SHAPE = Shape(tokens=8, warm_s=0.3, least_s=1.0, rounds=1.1)


def test_a_step_has_the_users_way_of_asking_and_a_load_of_its_own() -> None:
    """What changes the client's cost is taken; target, load and failures are not."""
    config = RunConfig.model_validate(
        {
            "target": {"url": "https://elsewhere:1", "api": "chat", "backend": "vllm"},
            "load": {"users": 7, "workers": 3, "requests": 5, "recorder": "gevent"},
            "timeouts": {"first_byte": "1ms"},
            "simulator": {"itl": "30ms", "error_rate": 0.5, "tokens_per_chunk": 4},
        }
    )
    found = settings(config, SHAPE, 40, "http://127.0.0.1:9")
    pace = pace_of(config)

    assert (found.target.url, found.target.api) == ("http://127.0.0.1:9", "chat")
    assert (found.load.users, found.load.workers, found.load.requests) == (40, 1, None)
    assert found.load.recorder == "gevent"
    assert found.request.max_output_tokens == 8
    assert found.timeouts.first_byte.seconds > 1
    assert (str(pace.itl), pace.error_rate, pace.tokens_per_chunk) == ("30ms", 0, 1)


def test_prompts_tell_requests_apart() -> None:
    """No two have the same number of words."""
    assert len({len(prompt.text.split()) for prompt in PROMPTS}) == len(PROMPTS)


@pytest.mark.parametrize("recorder", ["auto", pytest.param("gevent", marks=pytest.mark.slow)])
def test_a_step_measures_a_real_worker(recorder: str) -> None:
    """Every answer is matched with the log, both metrics have truths, and no file stays."""
    config = RunConfig.model_validate(
        {"load": {"recorder": recorder}, "simulator": {"ttft": "50ms", "itl": "10ms"}}
    )
    before = set(Path(tempfile.gettempdir()).glob("inferswarm-calibrate-*"))
    found = step(config, SHAPE, 6)

    assert found.figures.matched > 6
    assert found.figures.unmatched == 0
    assert found.figures.trouble == ""
    assert found.figures.metrics["ttft"].true_p50 >= 25
    assert found.figures.metrics["itl"].true_p50 >= 5
    assert found.figures.tokens_per_s > 0
    assert found.recorder in ("native", "gevent")
    assert set(Path(tempfile.gettempdir()).glob("inferswarm-calibrate-*")) <= before
