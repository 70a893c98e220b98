"""The window of a real run: a straggler and a warm-up, from command to summary."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.command import command, records_of, summary_of

ANSWER_S = 0.05
STRAGGLER_S = 6.0


@contextmanager
def serving(slow: int) -> Iterator[str]:
    """A server of answers of one token after 50 ms; its answer number `slow` takes six seconds."""
    body = json.dumps(
        {
            "choices": [{"text": "a", "index": 0, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    answer = head % len(body) + body
    lock, count, ended = threading.Lock(), [0], threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                while connection.recv(65_536):
                    with lock:
                        count[0] += 1
                        number = count[0]
                    ended.wait(STRAGGLER_S if number == slow else ANSWER_S)
                    connection.sendall(answer)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


def run(out: Path, slow: int, *words: str) -> None:
    """Four users for three seconds."""
    with serving(slow) as url:
        ended = command(
            *("run", "--target", url, "--model", "m", "--no-stream", "--users", "4"),
            *("--duration", "3s", "--out", out),
            *words,
        )
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_one_straggler_does_not_halve_the_throughput(tmp_path: Path) -> None:
    """It is in the latencies, and the rates are those of the time in which the load was on."""
    run(tmp_path / "with", 100)
    run(tmp_path / "without", 0)
    found, usual = summary_of(tmp_path / "with"), summary_of(tmp_path / "without")

    assert found.window.method == usual.window.method == "load"
    assert found.window.run_s > STRAGGLER_S
    assert found.throughput.duration_s == pytest.approx(usual.throughput.duration_s, abs=1)
    assert found.throughput.requests_per_s > 0.6 * usual.throughput.requests_per_s
    assert found.requests.succeeded / found.window.run_s < 0.6 * usual.throughput.requests_per_s
    slowest_ms = found.metrics["e2e"].max
    assert slowest_ms is not None
    assert slowest_ms > STRAGGLER_S * 1_000


@pytest.mark.slow
def test_a_warmup_of_requests_leaves_them_out_and_a_later_report_can_choose_another(
    tmp_path: Path,
) -> None:
    """From the same records: what was sent first is in no latency."""
    run(tmp_path / "x", 0, "--warmup", "20")
    found = summary_of(tmp_path / "x")
    assert found.window.requests_sent_in_warmup == 20
    assert found.metrics["e2e"].count == found.requests.succeeded - 20

    again = command("report", tmp_path / "x", "--warmup", "1s")
    assert again.code == 0, again.err
    later = summary_of(tmp_path / "x")
    first_ns = min(record.sent_ns for record in records_of(tmp_path / "x"))
    early = [one for one in records_of(tmp_path / "x") if one.sent_ns < first_ns + 1_000_000_000]
    assert later.window.requests_sent_in_warmup == len(early)
    assert later.window.begin_s == 1

    refused = command("report", tmp_path / "x", "--warmup", "soon")
    assert refused.code == 2
    assert "--warmup soon: it must be a duration" in refused.last_error
