"""Prompts as users have them, from their file to the report of a run."""

import json
from pathlib import Path

import msgspec
import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from inferswarm.sources.measures import Stats
from inferswarm.stores import Uri, store_for
from tests import clouds
from tests.end_to_end.command import Ended, command, records_of, summary_of
from tests.end_to_end.test_locust_file import locust
from tests.sources.sharegpt_file import COUNT, write
from tests.tokenizer.making import byte_tokenizer

QUICK = SimulatorOptions.model_validate({"ttft": "5ms", "itl": "1ms"})
FILE = """from inferswarm.load.user import InferenceUser
class MyUser(InferenceUser):
    settings = {}
"""


def notes_of(folder: Path) -> list[str]:
    """What the run's description says of its prompts."""
    notes: list[str] = json.loads((folder / "run.json").read_bytes())["notes"]
    return notes


def run(*words: object, out: Path) -> Ended:
    """A short run against a simulator."""
    with RunningSimulator(QUICK) as simulator:
        given = (
            "--target",
            simulator.url,
            "--requests",
            40,
            "--users",
            4,
            "--max-output-tokens",
            3,
        )
        return command("run", *given, "--out", out, *map(str, words))


def test_without_a_tokenizer_run_and_report_say_that_lengths_were_not_checked(
    tmp_path: Path,
) -> None:
    """The first lines of the output, `run.json`, the result, and the page."""
    (tmp_path / "x.txt").write_text("".join(f"say {n}\n" for n in range(50)))
    ended = run("--prompts", tmp_path / "x.txt", "--max-prompts", 20, out=tmp_path / "o")
    assert ended.code == 0, ended.err
    said = "no tokenizer is given, so their lengths were not checked"
    first, second = ended.out.splitlines()[:2]
    assert first == f"prompts {tmp_path}/x.txt: 50 read; 20 used, sampled by seed 0"
    assert said in second
    assert notes_of(tmp_path / "o") == [first, second]
    assert ended.out.count(said) == 2
    assert said in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


def test_many_prompts_reach_every_worker(tmp_path: Path) -> None:
    """More than a plan should hold: workers read them from a file, which is gone afterwards."""
    (tmp_path / "x.txt").write_text("".join(f"{n} {'word ' * 40}\n" for n in range(20_000)))
    given = ("--prompts", tmp_path / "x.txt", "--max-prompts", 20_000, "--workers", 2)
    ended = run(*given, out=tmp_path / "o")
    assert ended.code == 0, ended.err
    records = records_of(tmp_path / "o")
    assert {one.worker for one in records} == {0, 1}
    assert max(one.prompt for one in records) > 10_000
    assert not list((tmp_path / "o").glob(".*"))


def test_prompts_are_read_before_anything_is_started(tmp_path: Path) -> None:
    """What is wrong with them ends the command with code 2, and no folder is made."""
    (tmp_path / "x.csv").write_text("question\nwhy\n")
    ended = command("run", "--prompts", tmp_path / "x.csv", "--out", tmp_path / "o")
    assert ended.code == 2
    assert "no column `prompt`; it has question" in ended.last_error
    assert not (tmp_path / "o").exists()


def test_a_locust_file_reads_what_needs_a_process_of_its_own(tmp_path: Path) -> None:
    """Prompts of a bucket filtered by a tokenizer, although Locust's process is patched."""
    tokenizer = byte_tokenizer(tmp_path / "tokenizer.json")
    with clouds.s3() as cloud, cloud.in_use(), RunningSimulator(QUICK) as simulator:
        uri = Uri.parse(f"{cloud.uri}/x.txt")
        store_for(uri).put_bytes(b"ab\nabcdefg\n" + b"x" * 50 + b"\n", uri)
        settings = {
            "request.max_output_tokens": 3,
            "prompts.source": str(uri),
            "prompts.tokenizer": str(tokenizer),
            "prompts.max_tokens": 20,
            "output.out": str(tmp_path / "o"),
        }
        arguments = ("-u", "2", "-r", "2", "-t", "2s", "-s", "5", "--host", simulator.url)
        ended = locust(tmp_path, FILE.format(settings), *arguments)
    assert ended.returncode == 0, ended.stderr
    assert notes_of(tmp_path / "o") == [
        f"prompts {uri}: 3 read, 1 shorter than 4 tokens and 1 longer than 20 tokens left out; 1 used"
    ]
    assert {record.prompt_chars for record in records_of(tmp_path / "o")} == {7}


@pytest.mark.slow
def test_a_large_file_of_conversations_goes_all_the_way(tmp_path: Path) -> None:
    """50,000 with the quirks of real ones: into a bucket, measured, filtered, and asked."""
    made = write(tmp_path / "talks.json")
    tokenizer = byte_tokenizer(tmp_path / "tokenizer.json")
    wanted = [one.prompt for one in made if one.prompt]
    with clouds.gs() as cloud, cloud.in_use():
        uri = f"{cloud.uri}/prompts.txt"
        took = command("prompts", "sharegpt", "--from", tmp_path / "talks.json", "--to", uri)
        assert took.code == 0, took.err
        assert f"{len(wanted):,} prompts written to {uri}" in took.out
        measured = command("prompts", "stats", uri, "--tokenizer", tokenizer, "--json")
        ended = run("--prompts", uri, "--tokenizer", tokenizer, out=tmp_path / "o")
    stats = msgspec.json.decode(measured.out, type=Stats)
    assert (COUNT, stats.prompts) == (50_000, len(wanted))
    assert stats.repeated > 1_000
    assert ended.code == 0, ended.err
    (note,) = notes_of(tmp_path / "o")
    assert f"{len(wanted):,} read" in note
    assert note.endswith("left out; 1,000 used, sampled by seed 0")
    assert summary_of(tmp_path / "o").requests.succeeded == 40
    assert all(4 <= record.prompt_chars <= 1_024 for record in records_of(tmp_path / "o"))
