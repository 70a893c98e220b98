"""Facts about goals as options: texts from a file, a flag or a variable."""

from pathlib import Path

import pytest

from inferswarm.config.sources import Given, from_environment, from_file, from_set, masked, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError

TWO = ("ttft.p95<500ms", "error_rate<1%")


def test_none_are_asked_for_by_default() -> None:
    """A run needs no goal."""
    assert (RunConfig().goals.slo, RunConfig().goals.goodput) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        "goals: {slo: ['ttft.p95<500ms', 'error_rate<1%']}",
        "goals: {slo: 'ttft.p95<500ms, error_rate<1%'}",
        "goals:\n  slo:\n  - ttft.p95<500ms,\n  - error_rate<1%\n",
    ],
)
def test_a_file_holds_a_list_or_one_text(tmp_path: Path, text: str) -> None:
    """Commas part goals wherever they are written."""
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert resolve(RunConfig, from_file(path)).goals.slo == TWO


def test_a_variable_and_set_hold_several() -> None:
    """In one text, since there is only one; the later source replaces the whole list."""
    variable = from_environment(RunConfig, {"INFERSWARM_GOALS_SLO": "ttft.p95<500ms,error_rate<1%"})
    assert resolve(RunConfig, variable).goals.slo == TWO
    assert resolve(RunConfig, [*variable, *from_set(["goals.slo=e2e.p50<1s"])]).goals.slo == (
        "e2e.p50<1s",
    )


@pytest.mark.parametrize("value", [5, {"a": 1}, [1], [["ttft<1s"]]])
def test_what_is_no_text_is_refused(value: object) -> None:
    """The message says what may be given."""
    with pytest.raises(InputError, match=r"goals.slo .*a text or a list of them"):
        resolve(RunConfig, [Given("goals.slo", value, "file")])


def test_goals_are_kept_with_the_run_as_they_are(tmp_path: Path) -> None:
    """What is stored can be read again."""
    config = resolve(RunConfig, [Given("goals.slo", list(TWO), "--slo")])
    assert masked(config)["goals"] == {"slo": list(TWO), "goodput": []}
