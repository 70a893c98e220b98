"""`inferswarm compare` of real runs of the simulator: what it calls, refuses, leaves and returns."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from inferswarm.compare.values import Comparison
from tests.end_to_end.command import command

SPREAD = (
    *("--set", "simulator.ttft=40ms", "--set", "simulator.ttft_sigma=0.2"),
    *("--set", "simulator.itl_sigma=0.2", "--max-output-tokens", "12"),
)
"""A server whose times vary as those of a real one do."""

ITL = ("itl.mean", "itl.p50", "tpot.mean", "tpot.p50")
REPETITIONS = 20


def ran(folder: Path, itl: str, seconds: str = "4s", seed: int = 0) -> Path:
    """A run of a simulator with this ITL."""
    ended = command(
        *("run", "--users", "6", "--duration", seconds, "--out", folder, *SPREAD),
        *("--set", f"simulator.itl={itl}", "--set", f"simulator.seed={seed}"),
    )
    assert ended.code == 0, ended.err
    return folder


def compared(folder: Path) -> Comparison:
    """What a comparison left."""
    return msgspec.json.decode((folder / "compare.json").read_bytes(), type=Comparison)


def calls(made: Comparison) -> dict[str, str]:
    """What was called of the one later run."""
    return {row.name: row.changes[0].call for row in made.rows}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs, the later with an ITL that is 20 % longer."""
    folder = tmp_path_factory.mktemp("runs")
    return ran(folder / "before", "20ms"), ran(folder / "after", "24ms", seed=1)


@pytest.mark.slow
def test_a_difference_is_called_and_the_page_is_there(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """ITL and TPOT are slower, what was set is said first, and both files are written."""
    out = tmp_path / "x"
    ended = command("compare", *pair, "--out", out)
    made = compared(out)

    assert ended.code == 0, ended.err
    assert calls(made)["itl.p50"] == calls(made)["tpot.mean"] == "worse"
    assert [run.name for run in made.runs] == ["before", "after"]
    assert {one.key: one.values for one in made.settings} == {
        "simulator.itl": ["20ms", "24ms"],
        "simulator.seed": ["0", "1"],
    }
    assert "B is slower: ITL p50 +" in ended.out
    assert ended.out.index("simulator.itl") < ended.out.index("ITL p50")
    assert "after" in (out / "compare.html").read_text()
    again = command("compare", *pair, "--out", tmp_path / "y")
    assert again.code == 0
    assert compared(tmp_path / "y").rows == made.rows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("itl.p50 worse than 5%", 1),
        ("itl.p50 worse than 60%", 0),
        ("itl.p50 better", 0),
        ("itl.p50 differs by 1ms", 1),
    ],
)
def test_a_condition_that_holds_makes_the_exit_code_1(
    pair: tuple[Path, Path], condition: str, code: int
) -> None:
    """And is said to have FAILED."""
    ended = command("compare", *pair, "--fail-if", condition)
    assert ended.code == code, ended.err
    assert ("FAILED" in ended.out) == (code == 1)


@pytest.mark.slow
def test_three_runs_are_held_against_the_first(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Each has its own table; a copy of the first differs from it in nothing."""
    third = shutil.copytree(pair[0], tmp_path / "third")
    ended = command("compare", *pair, third)
    assert ended.code == 0, ended.err
    assert "B against A" in ended.out
    assert "C against A" in ended.out
    assert "C: 0 worse, 0 better" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs/x",), "needs two runs or more"),
        (("runs/x", "runs/y"), "runs/x: not a run folder"),
        (("x", "./x"), "two of the runs are the same"),
        (("x", "y", "--fail-if", "ttft.p95 wors"), "--fail-if: 'ttft.p95 wors' at position 10"),
        (("x", "y", "--floor", "many"), "--floor many: must be per cent"),
        (("x", "y", "--warmup", "many"), "--warmup many: it must be a duration"),
        (tuple("abcdefghi"), "9 runs were given; at most 8"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Exit code 2, and nothing is made."""
    ended = command("compare", *arguments, "--out", "out", cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.last_error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_results_are_not_overwritten(pair: tuple[Path, Path]) -> None:
    """A folder that holds something is refused."""
    ended = command("compare", *pair, "--out", pair[0])
    assert ended.code == 2
    assert "already holds" in ended.last_error


@pytest.mark.slow
def test_ten_per_cent_of_itl_are_called_and_nothing_is_not(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Twenty pairs with the difference are all called; of twenty without, none in its ITL.

    Of the whole table at most one in twenty should call anything where nothing differs; the machine is
    shared, so three are allowed.
    """
    plain = [ran(tmp_path / f"plain{seed}", "20ms", "4s", seed) for seed in range(REPETITIONS)]
    slower = [
        ran(tmp_path / f"slow{seed}", "22ms", "4s", 100 + seed) for seed in range(REPETITIONS)
    ]
    different = [pair_calls(*both) for both in zip(plain, slower, strict=True)]
    same = [pair_calls(*both) for both in zip(plain, [*plain[1:], plain[0]], strict=True)]
    shown = sum(found["itl.p50"] == "worse" for found in different)
    wrong = [name for found in same for name, call in found.items() if call in {"worse", "better"}]
    tables = sum(bool({"worse", "better"} & set(found.values())) for found in same)
    record_property("calls_of_the_difference", shown)
    record_property("tables_with_a_wrong_call", tables)

    assert [found["itl.p50"] for found in different] == ["worse"] * REPETITIONS
    assert not {*wrong} & {*ITL}, wrong
    assert tables <= 3, wrong


def pair_calls(first: Path, later: Path) -> dict[str, str]:
    """What is called of two runs."""
    out = later.parent / f"{first.name}-{later.name}"
    ended = command("compare", first, later, "--out", out)
    assert ended.code == 0, ended.err
    return calls(compared(out))
