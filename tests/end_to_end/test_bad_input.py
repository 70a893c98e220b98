"""What is wrong ends in one clear line and the right exit code, and loses nothing measured."""

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.records import PartHeader, encode_line
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import Ended, answering, command, records_of, summary_of

QUICK = SimulatorOptions.model_validate({"ttft": "10ms", "itl": "2ms"})


def http(status: str, body: bytes = b"{}") -> bytes:
    """A whole answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def run(tmp_path: Path, *arguments: str | Path) -> Ended:
    """A short run into a new folder."""
    return command("run", "--users", "2", "--duration", "2s", "--out", tmp_path / "x", *arguments)


def test_an_unreachable_target_is_refused_before_the_run(tmp_path: Path) -> None:
    """Nothing listens: exit code 4, one line, no folder."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        ended = run(tmp_path, "--target", f"127.0.0.1:{holder.getsockname()[1]}")

    assert ended.code == 4
    assert len(ended.err.splitlines()) == 1
    assert "cannot connect" in ended.last_error
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (http("401 Unauthorized"), "INFERSWARM_API_KEY"),
        (http("404 Not Found"), "--model"),
        (http("500 Internal Server Error"), "HTTP 500"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (http("200 OK", b"<html>"), "not a list of models"),
    ],
)
def test_a_target_that_refuses_its_model_list_is_told(
    tmp_path: Path, answer: bytes, says: str
) -> None:
    """Key, path, server error or wrong port: the line says what to do."""
    with answering(answer) as url:
        ended = run(tmp_path, "--target", url)

    assert ended.code == 4
    assert len(ended.err.splitlines()) == 1
    assert says in ended.last_error


def test_a_target_that_hangs_is_told(tmp_path: Path) -> None:
    """It accepts and never answers: with a model given, the outcome is a counted timeout."""
    with answering(b"") as url:
        ended = run(tmp_path, "--target", url, "--model", "m", "--set", "timeouts.first_byte=300ms")

    assert ended.code == 4
    assert set(summary_of(tmp_path / "x").requests.by_outcome) == {"timeout_first_byte"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http("401 Unauthorized"), "http_401"),
        (http("404 Not Found"), "http_404"),
        (http("500 Internal Server Error"), "http_500"),
        (http("200 OK", b"<html>"), "bad_frame"),
        (http("200 OK", b'{"error":"no"}'), "stream_error"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "bad_frame"),
    ],
)
def test_with_a_model_given_refusals_are_counted_outcomes(
    tmp_path: Path, answer: bytes, kind: str
) -> None:
    """Each request that is refused is one record of the right kind, with the body's first bytes."""
    with answering(answer) as url:
        ended = run(tmp_path, "--target", url, "--model", "m", "--set", "load.give_up_after=20")
    found = summary_of(tmp_path / "x")

    assert ended.code == 4
    assert set(found.requests.by_outcome) == {kind}
    assert kind in ended.last_error
    assert len(records_of(tmp_path / "x")) == found.requests.attempted


def test_half_a_stream_is_truncated(tmp_path: Path) -> None:
    """Connections closed in the middle never count as success."""
    with RunningSimulator(QUICK.model_copy(update={"hangup_rate": 1.0})) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--requests", "6", "--users", "2"),
            *("--max-output-tokens", "8", "--out", tmp_path / "x"),
        )

    assert ended.code == 4
    assert summary_of(tmp_path / "x").requests.by_outcome == {"truncated": 6}


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no prompt"), (b"\n \n", "no prompt"), (None, "No such")],
)
def test_prompts_that_cannot_be_used_are_refused(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    """Empty, undecodable and missing files are named, with the line where there is one."""
    path = tmp_path / "prompts.txt"
    if content is not None:
        path.write_bytes(content)
    ended = run(tmp_path, "--prompts", path)

    assert ended.code == 2
    assert says in ended.last_error
    assert str(path) in ended.last_error


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    """A file where the folder should be: nobody can write there, root included."""
    (tmp_path / "file").write_text("")
    ended = command("run", "--requests", "1", "--out", tmp_path / "file" / "x")

    assert ended.code == 2
    assert "cannot be written" in ended.last_error


def test_wrong_options_name_the_nearest(tmp_path: Path) -> None:
    """A mistyped flag, key or backend is answered with the right one."""
    assert "--users" in command("run", "--usres", "3").last_error
    assert "load.users" in command("run", "--set", "load.usres=3").last_error
    assert "vllm" in command("run", "--backend", "vlm").last_error
    assert {command("run", flag, "x").code for flag in ("--usres", "--users", "--backend")} == {2}


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_loses_no_record(tmp_path: Path) -> None:
    """What was written stays, the rest is kept elsewhere and named, and the run says so."""
    spill = tmp_path / "spill"
    spill.mkdir()

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    with RunningSimulator(QUICK) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--users", "8", "--requests", "80"),
            *("--max-output-tokens", "32", "--out", tmp_path / "x"),
            preexec_fn=small_files_only,
            env={**os.environ, "TMPDIR": str(spill)},
        )
        answered = len(simulator.truth())
    (spilled,) = spill.glob("inferswarm-*/*.jsonl")
    written = len(records_of(tmp_path / "x"))
    spilled.rename(tmp_path / "x" / "records" / spilled.name)

    assert ended.code == 5
    assert "File too large" in ended.err
    assert str(spilled) in ended.err
    assert 10 < written < 80
    assert len(records_of(tmp_path / "x")) == answered
    assert command("report", tmp_path / "x").code == 0


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tiny disk needs root: run as root")
def test_a_really_full_disk_is_told(tmp_path: Path) -> None:
    """The same on a file system of 200 kB: ENOSPC, exit code 5, no record lost."""
    disk, spill = tmp_path / "disk", tmp_path / "spill"
    disk.mkdir()
    spill.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.decode().strip()}")
    try:
        with RunningSimulator(QUICK) as simulator:
            ended = command(
                *("run", "--target", simulator.url, "--users", "8", "--duration", "60s"),
                *("--max-output-tokens", "32", "--out", disk / "x"),
                env={**os.environ, "TMPDIR": str(spill)},
            )
            answered = len(simulator.truth())
        on_disk = len(records_of(disk / "x"))
        (spilled,) = spill.glob("inferswarm-*/*.jsonl")
        elsewhere = len(spilled.read_bytes().splitlines()) - 1
    finally:
        subprocess.run(["umount", disk], check=True)

    assert ended.code == 5
    assert "No space left" in ended.err
    assert on_disk + elsewhere == answered


def test_a_folder_without_records_is_no_run(tmp_path: Path) -> None:
    """`report` refuses it, and names what is missing."""
    ended = command("report", tmp_path)

    assert ended.code == 2
    assert "records/" in ended.last_error


@pytest.mark.slow
def test_a_part_of_another_format_is_named_and_costs_only_itself(tmp_path: Path) -> None:
    """An unknown format version does not stop the report of the other parts."""
    out = tmp_path / "x"
    command("run", "--requests", "3", "--out", out)
    header = PartHeader(
        format="other/9", run="r", worker=9, part=1, recorder="gevent", clock="process"
    )
    (out / "records" / "w9-00001.jsonl").write_bytes(encode_line(header))
    ended = command("report", out)

    assert ended.code == 0
    assert "w9-00001.jsonl" in ended.out
    assert summary_of(out).requests.attempted == 3


def test_help_shows_examples_for_every_command() -> None:
    """`--help` of each sub-command ends in examples that begin with the command's name."""
    for name in ("run", "simulate", "report", "backends", "config"):
        ended = command(name, "--help")
        assert ended.code == 0
        assert f"inferswarm {name}" in ended.out.split("example", 1)[1]


def test_output_into_a_closed_pipe_is_no_error() -> None:
    """`inferswarm config | head -1` ends quietly."""
    piped = subprocess.run(
        f"{sys.executable} -m inferswarm config | head -1",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
    )

    assert piped.stderr == ""
    assert piped.stdout.startswith("target.url")
