"""Facts about the presets."""

import pytest

from inferswarm.goals.parse import parse_slo
from inferswarm.goals.presets import PRESETS, Preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_two_p99s_from_the_scheduled_instant(name: str) -> None:
    """MLPerf counts from when a query was to be sent; so does `ttft_due`."""
    first, second = parse_slo(name)
    assert (first.quantity, second.quantity) == ("ttft_due.p99", "tpot.p99")
    assert (first.limit, second.limit) == (PRESETS[name].ttft_ms, PRESETS[name].tpot_ms)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_where_it_is_from(name: str) -> None:
    """A source of MLCommons at a fixed commit, and the round."""
    preset = PRESETS[name]
    assert isinstance(preset, Preset)
    assert preset.source.startswith("https://github.com/mlcommons/")
    assert preset.since[0] == "v"


@pytest.mark.parametrize("name", [name for name in PRESETS if name.endswith("-interactive")])
def test_interactive_is_stricter_than_server(name: str) -> None:
    """For the same model, in both limits."""
    interactive, server = PRESETS[name], PRESETS[name.replace("-interactive", "-server")]
    assert interactive.ttft_ms < server.ttft_ms
    assert interactive.tpot_ms < server.tpot_ms
