"""Facts about `inferswarm prompts`."""

import json
from pathlib import Path

import msgspec
import pytest

from inferswarm.cli.main import main
from inferswarm.cli.prompts import ACTIONS
from inferswarm.prompts import Prompt, Turn
from inferswarm.sources.measures import Stats
from tests.sources.sharegpt_file import write
from tests.tokenizer.making import WORDS, word_tokenizer

Said = pytest.CaptureFixture[str]


def test_sharegpt_writes_a_line_for_each_conversation(tmp_path: Path, capsys: Said) -> None:
    """And says what it left out, with the first rows that hold none."""
    made = write(tmp_path / "talks.json", 500)
    to = tmp_path / "prompts.txt"
    assert main(["prompts", "sharegpt", "--from", f"{tmp_path}/talks.json", "--to", str(to)]) == 0
    said = capsys.readouterr().out
    wanted = [one.prompt for one in made if one.prompt]
    assert to.read_text(encoding="utf-8").count("\n") == len(wanted)
    readable = sum(one.readable for one in made)
    assert f"{len(wanted)} prompts written to {to}, from {readable} conversations; left out" in said
    assert "without a prompt left out: row" in said


def test_sharegpt_keeps_whole_conversations(tmp_path: Path) -> None:
    """As rows of ours, with the recorded answers."""
    said = [("human", "a\nb"), ("gpt", "c"), ("user", "d"), ("bing", "e")]
    row = {"conversations": [{"from": who, "value": what} for who, what in said]}
    (tmp_path / "talks.jsonl").write_text(json.dumps(row))
    words = ["prompts", "sharegpt", "--from", str(tmp_path / "talks.jsonl"), "--turns"]
    assert main([*words, "--to", str(tmp_path / "x.jsonl")]) == 0
    found = msgspec.json.decode((tmp_path / "x.jsonl").read_bytes(), type=Prompt)
    assert found == Prompt("a\nb", answer="c", turns=[Turn("d", "e")])
    assert main([*words, "--to", str(tmp_path / "x.txt")]) == 2


def test_an_existing_object_is_only_replaced_when_asked(tmp_path: Path, capsys: Said) -> None:
    """Before anything is read."""
    to = tmp_path / "x.txt"
    to.write_text("old")
    words = ["prompts", "import", "--from", str(tmp_path / "none.txt"), "--to", str(to)]
    assert main(words) == 2
    assert f"--to {to}: is there already; add --overwrite to replace it" in capsys.readouterr().err
    (tmp_path / "none.txt").write_text("new\n")
    assert main([*words, "--overwrite"]) == 0
    assert to.read_text() == "new\n"


def test_import_takes_a_column(tmp_path: Path, capsys: Said) -> None:
    """Of a table, with a note on rows that have nothing in it."""
    (tmp_path / "x.csv").write_text("id,ask\n1,one\n2,\n3,three\n")
    words = [
        "prompts",
        "import",
        "--from",
        str(tmp_path / "x.csv"),
        "--to",
        str(tmp_path / "x.txt"),
    ]
    assert main([*words, "--column", "ask"]) == 0
    assert (tmp_path / "x.txt").read_text() == "one\nthree\n"
    assert "1 row without a prompt left out: row 2: `ask` is empty" in capsys.readouterr().out
    assert main([*words, "--overwrite"]) == 2
    assert "no column `prompt`; it has id, ask" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("action", "name", "content", "said"),
    [
        ("import", "x.json", '[{"conversations": []}]', "inferswarm prompts sharegpt"),
        ("sharegpt", "x.txt", "just a line\n", "inferswarm prompts import"),
        ("sharegpt", "x.csv", "a,b\n1,2\n", "no `conversations`; it has a, b"),
        ("sharegpt", "x.json", '[{"conversations": []}]', "1 with fewer than two turns"),
    ],
)
def test_a_source_of_another_form_is_refused_in_one_line(
    tmp_path: Path, capsys: Said, action: str, name: str, content: str, said: str
) -> None:
    """With the command that fits, or what it has instead; nothing is written."""
    (tmp_path / name).write_text(content)
    to = tmp_path / "to.txt"
    assert main(["prompts", action, "--from", str(tmp_path / name), "--to", str(to)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not to.exists()


def test_stats_are_shown(tmp_path: Path, capsys: Said) -> None:
    """Counts, repeats, percentiles and a histogram, in characters and in tokens."""
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json")
    lines = [" ".join(WORDS[:count]) for count in (1, 2, 3, 3, 40)]
    (tmp_path / "x.txt").write_text("\n".join(lines))
    assert main(["prompts", "stats", f"{tmp_path}/x.txt", "--tokenizer", str(tokenizer)]) == 0
    said = capsys.readouterr().out
    assert f"5 prompts in {tmp_path}/x.txt, 1 repeat an earlier one (20.0%)" in said
    assert f"longest: prompt 5, '{WORDS[0]} " in said
    tokens = next(line.split() for line in said.splitlines() if line.startswith("tokens "))
    assert tokens == ["tokens", "9.80", "1", "1", "1", "2", "3", "3", "40", "40", "40", "40"]
    assert "\N{FULL BLOCK}" in said


def test_stats_can_be_json(tmp_path: Path, capsys: Said) -> None:
    """One object on stdout and nothing else."""
    (tmp_path / "x.jsonl").write_text('{"ask": "a"}\n{"ask": "a"}\nnope\n')
    words = ["prompts", "stats", str(tmp_path / "x.jsonl"), "--column", "ask", "--json"]
    assert main(words) == 0
    stats = msgspec.json.decode(capsys.readouterr().out, type=Stats)
    assert (stats.prompts, stats.repeated, stats.left_out) == (2, 1, 1)


def test_each_action_has_help(capsys: Said) -> None:
    """With its examples; without an action there is a refusal that leads there."""
    for action in ACTIONS:
        with pytest.raises(SystemExit) as ended:
            main(["prompts", action.NAME, "--help"])
        assert ended.value.code == 0
        assert f"inferswarm prompts {action.NAME} " in capsys.readouterr().out
    assert main(["prompts"]) == 2
    assert "ACTION" in capsys.readouterr().err
