"""`inferswarm doctor`, as a user would run it: against every backend, and what goes wrong."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from inferswarm.cli.arguments import configuration
from inferswarm.cli.main import parser
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.tree import RunConfig
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import Ended, answering, command, finish, started
from tests.servers import answering as serving
from tests.servers import free_port

BACKENDS = {
    "openai": ("vllm", "completions"),  # the simulated list says that vLLM owns the model
    "vllm": ("vllm", "completions"),
    "tgi": ("tgi", "generate"),
    "sglang": ("sglang", "generate"),
    "tensorrt_llm_triton": ("tensorrt_llm_triton", "generate"),
    "sax": ("sax", "query"),
    "jetstream": ("jetstream", "grpc"),
}
ROUTES = [
    ("openai", "openai", "chat"),
    ("vllm", "vllm", "generate"),
    ("tgi", "tgi", "chat"),
    ("sglang", "sglang", "completions"),
    ("tensorrt_llm_triton", "tensorrt_llm_triton", "llmapi"),
    ("jetstream", "jetstream", "v1"),
    ("jetstream", "jetstream", "generate"),
]


def simulated(**options: Any) -> RunningSimulator:
    """A quick simulated server."""
    given = {"ttft": "10ms", "itl": "3ms", **options}
    return RunningSimulator(SimulatorOptions.model_validate(given))


def doctor(*arguments: str | Path, **options: object) -> Ended:
    """The command to its end."""
    return command("doctor", *arguments, **options)


def problems(ended: Ended) -> str:
    """The lines that are marked as problems; there is no other error."""
    assert ended.err == ""
    return "\n".join(line for line in ended.out.splitlines() if line.startswith("PROBLEM"))


def accepted(line: str) -> RunConfig:
    """What the real command line makes of a command that was printed."""
    words = shlex.split(line)
    assert words[:2] == ["inferswarm", "run"]
    parsed, unknown = parser().parse_known_args(words[1:])
    assert not unknown
    return configuration(RunConfig, parsed)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_is_recognised_and_its_command_runs(backend: str, tmp_path: Path) -> None:
    """Without --backend: all is fine, and the command that is printed does a run."""
    with simulated(backend=backend) as simulator:
        ended = doctor("--target", simulator.url)
        line = ended.out.splitlines()[-1].strip()
        meant = accepted(line)
        words = [word for word in shlex.split(line)[1:] if word not in ("--duration", "1m")]
        ran = command(
            *words, "--requests", "8", "--max-output-tokens", "8", "--out", tmp_path / "x"
        )

    assert (problems(ended), ended.code) == ("", 0)
    assert (meant.target.backend, meant.target.api) == BACKENDS[backend]
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(("backend", "named", "api"), ROUTES)
def test_a_named_route_is_looked_at(backend: str, named: str, api: str) -> None:
    """Every format, by name; the JSON has what the screen has."""
    with simulated(backend=backend) as simulator:
        ended = doctor("--target", simulator.url, "--backend", named, "--api", api, "--json")
    found = json.loads(ended.out)

    assert ended.code == found["exit_code"] == 0, ended.out
    assert (found["backend"], found["api"]) == (named, api)
    assert {one["state"] for one in found["findings"]} <= {"ok", "note"}
    assert {"reachable", "model", "streamed", "times seen"} <= {
        one["name"] for one in found["findings"]
    }
    assert accepted(found["command"]).target.api == api


def test_a_server_that_tells_more_is_asked_for_it() -> None:
    """Chunks of several tokens, reasoning, times and cached tokens are all found."""
    options = {"tokens_per_chunk": 4, "reasoning_tokens": 5, "cached_tokens": 2}
    with simulated(backend="vllm", server_timings=True, **options) as simulator:
        ended = doctor("--target", simulator.url, "--backend", "vllm", "--api", "chat")

    assert ended.code == 0
    for says in ("`reasoning`", "usage_per_chunk=true", "queue, prefill, decode", "told: 2, 2"):
        assert says in ended.out


def test_what_cannot_be_measured_as_asked_is_exit_code_1() -> None:
    """A running count is asked for where nobody sends one."""
    with simulated(backend="vllm") as simulator:
        ended = doctor(
            *("--target", simulator.url, "--backend", "vllm", "--api", "generate"),
            *("--set", "request.usage_per_chunk=true"),
        )

    assert ended.code == 1
    assert "usage_per_chunk" in problems(ended)


def test_nobody_listening_is_exit_code_4() -> None:
    """One line says so, with the remedy."""
    ended = doctor("--target", f"127.0.0.1:{free_port()}")
    assert ended.code == 4
    assert "cannot connect" in problems(ended)
    assert len(ended.out.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "named", [(), ("--backend", "openai"), ("--backend", "vllm", "--model", "m")]
)
def test_a_key_is_asked_for_and_never_shown(named: tuple[str, ...]) -> None:
    """401 without and with a wrong one; with the right one all is fine."""
    with simulated(api_key="open-sesame") as simulator:
        words = ("--target", simulator.url, *named)
        environment = {key: one for key, one in os.environ.items() if key != "INFERSWARM_API_KEY"}
        missing = doctor(*words, env=environment)
        wrong = doctor(*words, env={**environment, "INFERSWARM_API_KEY": "close-sesame"})
        right = doctor(*words[:2], env={**environment, "INFERSWARM_API_KEY": "open-sesame"})

    assert (missing.code, wrong.code, right.code) == (4, 4, 0)
    assert "wants a key -> set INFERSWARM_API_KEY" in problems(missing)
    assert "does not accept the key" in problems(wrong)
    assert "sesame" not in missing.out + wrong.out + right.out


def test_a_silent_server_ends_at_the_limit() -> None:
    """It accepts and never answers."""
    before_s = time.monotonic()
    with answering(b"") as url:
        ended = doctor("--target", url, "--limit", "1s")

    assert ended.code == 4
    assert "keeps silent" in problems(ended)
    assert time.monotonic() - before_s < 30


@pytest.mark.parametrize("named", [(), ("--backend", "vllm")])
def test_garbage_is_told(named: tuple[str, ...]) -> None:
    """Another protocol on the port."""
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        ended = doctor("--target", url, *named)

    assert ended.code == 4
    assert "does not speak HTTP" in problems(ended)


def test_a_self_signed_certificate_is_told(tmp_path: Path) -> None:
    """Not accepted, with both remedies; not verified when told so."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command, which makes the certificate, is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ("-nodes", "-days", "2", "-subj", "/CN=doctored", "-keyout", key, "-out", cert)
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", *made], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving(b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", tls=context) as server:
        url = f"https://127.0.0.1:{server.port}"
        refused, insecure = doctor("--target", url), doctor("--target", url, "--insecure")

    assert (refused.code, insecure.code) == (4, 4)
    assert "self-signed certificate -> give --ca-file or --insecure" in problems(refused)
    # Two days are left within the second in which it was made, one afterwards.
    assert re.search("certificate of doctored, expires in [12] days; not verified", insecure.out)
    assert "none of the formats" in problems(insecure)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --target"),
        (("--target", "x", "--limit", "0s"), "--limit 0s"),
        (("--target", "x", "--limit", "soon"), "--limit soon"),
        (("--target", "x", "--backend", "vlm"), "did you mean vllm"),
        (("--target", "x", "--users", "3"), "--users"),
    ],
)
def test_wrong_input_is_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    """In one line on stderr."""
    ended = doctor(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert says in ended.err


def test_ctrl_c_ends_it_cleanly() -> None:
    """Exit code 130, one line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        with started("doctor", "--target", target) as process:
            listener.accept()[0].close()  # the look at the connection itself
            asking, _ = listener.accept()
            with asking:
                assert asking.recv(9999).startswith(b"GET ")
                process.send_signal(signal.SIGINT)
                ended = finish(process)

    assert (ended.code, ended.err) == (130, "inferswarm: interrupted\n")
