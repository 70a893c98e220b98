"""Facts about a visit to real servers on 127.0.0.1: what is asked, and when it stops."""

import contextlib
import http.server
import threading
from collections.abc import Iterator

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.sources import Given, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.doctor.examine import Visit, examine
from inferswarm.doctor.findings import Name
from inferswarm.doctor.seen import Purpose
from inferswarm.errors import InputError
from inferswarm.exchange import Outcome
from inferswarm.simulator.process import RunningSimulator
from tests.builders import plain_answer
from tests.end_to_end.command import answering
from tests.servers import free_port


def visit(url: str, **given: object) -> Visit:
    """A visit; no key of the environment reaches it."""
    values: dict[str, object] = {"target.url": url, "target.api_key_env": ""}
    values |= {key.replace("__", "."): one for key, one in given.items()}
    return examine(resolve(RunConfig, [Given(key, one, "t") for key, one in values.items()]), 20)


def quick(**options: object) -> RunningSimulator:
    """A quick simulated server."""
    given = {"ttft": "5ms", "itl": "2ms", **options}
    return RunningSimulator(SimulatorOptions.model_validate(given))


def test_a_known_backend_is_asked_a_handful_of_requests() -> None:
    """Both modes twice, a fixed length, a running count, and one that is wrong."""
    with quick() as simulator:
        found = visit(simulator.url, target__backend="vllm")

    assert found.stopped is None
    assert found.looked is not None
    purposes = [one.purpose for one in found.looked.seen]
    assert purposes == [
        *(Purpose.STREAMED, Purpose.STREAMED, Purpose.WHOLE, Purpose.WHOLE),
        *(Purpose.EXACT, Purpose.COUNTED, Purpose.WRONG),
    ]
    assert [one.ok for one in found.looked.seen] == [True] * 6 + [False]
    assert len(simulator.truth()) == 7
    assert found.looked.choices == ()


def test_the_mode_of_a_run_goes_first() -> None:
    """Asked for without streams, plain answers are looked at before streams."""
    with quick() as simulator:
        found = visit(simulator.url, target__backend="vllm", target__stream=False)

    assert found.looked is not None
    assert (found.looked.stream, found.looked.seen[0].purpose) == (False, Purpose.WHOLE)


def test_a_server_that_fails_is_not_asked_again_and_again() -> None:
    """One request of each mode, and no more."""
    with quick(error_rate=1.0) as simulator:
        found = visit(simulator.url, target__backend="vllm")

    assert found.looked is not None
    assert [one.purpose for one in found.looked.seen] == [Purpose.STREAMED, Purpose.WHOLE]


def test_a_wrong_route_gives_way_to_the_next() -> None:
    """A list of models promises completions, but only chat is there."""
    with quick(backend="sglang") as simulator:
        found = visit(simulator.url, target__api="chat")

    assert found.looked is not None
    assert (found.looked.way.backend, found.looked.way.api) == ("sglang", "chat")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"target__backend": "vlm"}, "vllm"),
        ({"target__backend": "tgi", "target__api": "x"}, "target.api"),
        ({"target__backend": "tgi", "request__ignore_eos": True}, "ignore_eos"),
        ({"target__backend": "sax"}, "--model"),
        ({"target__backend": "sax", "target__stream": True, "target__model": "m"}, "stream"),
    ],
)
def test_what_a_run_refuses_is_refused_before_any_connection(
    given: dict[str, object], says: str
) -> None:
    """Nothing listens there, and still it is a wrong input."""
    with pytest.raises(InputError, match=says):
        visit(f"127.0.0.1:{free_port()}", **given)


@contextlib.contextmanager
def bare(answer: bytes) -> Iterator[str]:
    """A server that has nothing but POST /generate, with this answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.say(405 if self.path == "/generate" else 404, b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            there = self.path == "/generate"
            self.say(200 if there else 404, answer if there else b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing on stderr."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "backend", "vain"),
    [
        (b'{"text": ["and so on"]}', "vllm", 0),
        (b'{"response": "and so on"}', "jetstream", 2),
    ],
)
def test_a_bare_route_is_tried_as_each_format_until_one_fits(
    answer: bytes, backend: str, vain: int
) -> None:
    """A format is told by its answer where nothing else tells it."""
    with bare(answer) as url:
        found = visit(url, target__stream=False)

    assert found.looked is not None
    assert found.looked.way.backend == backend
    assert len(found.looked.rejected) == vain


def test_an_answer_of_no_format_is_told_as_such() -> None:
    """All that were tried are named."""
    with bare(b'{"something": 1}') as url:
        found = visit(url, target__stream=False)

    assert found.looked is None
    assert found.stopped is not None
    assert "tried: vllm generate: " in found.stopped.sentence


def test_an_option_that_the_likeliest_backend_does_not_know_is_refused() -> None:
    """Another format that happens to be there is no way out."""
    with quick(backend="tgi") as simulator, pytest.raises(InputError, match="ignore_eos"):
        visit(simulator.url, request__ignore_eos=True)


def test_nobody_listening_is_told() -> None:
    """As a connection that failed."""
    found = visit(f"127.0.0.1:{free_port()}")
    assert (found.reached.failure, found.looked) == (Outcome.CONNECT, None)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", Name.BACKEND),
        (plain_answer(b'{"detail":"no"}', b"401 Unauthorized"), Name.AUTH),
        (plain_answer(b"{}", b"404 Not Found"), Name.BACKEND),
        (plain_answer(b"<p>"), Name.BACKEND),
    ],
)
def test_servers_of_another_kind_stop_the_visit(answer: bytes, name: Name) -> None:
    """Garbage, a missing key, nothing known there, a page whatever is asked."""
    with answering(answer) as url:
        found = visit(url)

    assert found.looked is None
    assert found.stopped is not None
    assert found.stopped.name is name
