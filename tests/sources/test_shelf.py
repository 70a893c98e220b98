"""Facts about many prompts beside a plan."""

from pathlib import Path

from inferswarm.prompts import Prompt, Turn
from inferswarm.sources.shelf import shelved, taken


def test_few_prompts_stand_in_the_plan(tmp_path: Path) -> None:
    """There is no file."""
    few = [Prompt("one"), Prompt("two", 1)]
    with shelved(few, tmp_path) as told:
        assert told == {"prompts": few}
        assert not list(tmp_path.iterdir())


def test_many_prompts_are_in_a_file_while_the_run_goes(tmp_path: Path) -> None:
    """With all that is known of them; afterwards it is gone."""
    many = [
        Prompt(f"say {n}" * 20, n, input_tokens=n + 1, turns=[Turn("more", "no")])
        for n in range(20_000)
    ]
    with shelved(many, tmp_path) as told:
        assert told["prompts"] == []
        assert taken(told["prompts_file"]) == many
        assert Path(told["prompts_file"]).stat().st_size < 1_000_000
    assert not list(tmp_path.iterdir())
