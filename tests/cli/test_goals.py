"""Facts about `inferswarm goals`."""

import pytest

from inferswarm.cli.main import main
from inferswarm.goals.presets import PRESETS
from inferswarm.goals.quantities import QUANTITIES
from inferswarm.goals.values import PER_REQUEST
from inferswarm.metrics import METRICS


def test_everything_that_can_be_asked_for_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Metrics, other quantities, presets with their goals, and limits of a request."""
    assert main(["goals"]) == 0
    words = set(capsys.readouterr().out.replace(",", " ").split())
    assert {metric.name for metric in METRICS} <= words
    assert {name for name, one in QUANTITIES.items() if not one.metric} <= words
    assert set(PRESETS) <= words
    assert {goal for preset in PRESETS.values() for goal in preset.goals} <= words
    assert set(PER_REQUEST) <= words
