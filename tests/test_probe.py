"""Facts about the look at the target before any load, with real servers on 127.0.0.1."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from inferswarm.adapters.openai import COMPLETIONS
from inferswarm.config.sources import Given, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InferswarmError, InputError, TargetError
from inferswarm.probe import find_model
from tests.builders import plain_answer
from tests.servers import IPV6, answering, free_port

MODELS = plain_answer(b'{"data": [{"id": "tiny"}, {"id": "other"}]}')


def config(url: str, **options: object) -> RunConfig:
    """A run against this target; no key of the environment reaches a test."""
    given: dict[str, object] = {
        "target.url": url,
        "target.api_key_env": "",
        "timeouts.connect": "5s",
    }
    given |= {name.replace("__", "."): value for name, value in options.items()}
    return resolve(RunConfig, [Given(key, value, "test") for key, value in given.items()])


def refusal(url: str, **options: object) -> str:
    """Why this target is refused: one line that names it."""
    with pytest.raises(TargetError) as refused:
        find_model(config(url, **options), COMPLETIONS)
    message = str(refused.value)
    assert url in message
    assert "\n" not in message
    return message


def test_the_first_model_of_the_list_is_asked_for() -> None:
    """Without a model given, the server decides."""
    with answering(MODELS) as server:
        assert find_model(config(f"127.0.0.1:{server.port}"), COMPLETIONS) == "tiny"
    assert server.head.startswith("GET /v1/models HTTP/1.1\r\n")


def test_a_given_model_needs_no_list() -> None:
    """The server is only connected to."""
    with answering(None) as server:
        url = f"127.0.0.1:{server.port}"
        assert find_model(config(url, target__model="mine"), COMPLETIONS) == "mine"
    assert server.requests == []


def test_the_probe_uses_path_headers_and_key(tmp_path: Path) -> None:
    """What the load will send, the probe sends too."""
    (tmp_path / "key").write_text("abc\n")
    with answering(MODELS) as server:
        options = {"target__api_key_file": str(tmp_path / "key"), "target__headers": {"X-T": "1"}}
        find_model(config(f"http://127.0.0.1:{server.port}/llm/v1/", **options), COMPLETIONS)
    assert server.head.startswith("GET /llm/v1/models HTTP/1.1\r\n")
    assert "Authorization: Bearer abc\r\n" in server.head
    assert "X-T: 1\r\n" in server.head


def test_an_ipv6_literal_is_a_target() -> None:
    """With its brackets in the URL."""
    try:
        with answering(MODELS, host=IPV6) as server:
            assert find_model(config(f"http://[::1]:{server.port}"), COMPLETIONS) == "tiny"
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    assert f"Host: [::1]:{server.port}\r\n" in server.head


def test_a_closed_port_is_explained() -> None:
    """Nobody listens there, also when the model is given."""
    url = f"http://127.0.0.1:{free_port()}"
    for options in ({}, {"target__model": "mine"}):
        assert "is the server up on that port?" in refusal(url, **options)


def test_a_name_that_does_not_resolve_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's own words and the option to check; no name server is asked in a test."""

    def resolve_nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve_nothing)
    message = refusal("http://no-such-host:8000")
    assert "does not resolve (Name or service not known)" in message
    assert "check --target" in message


@pytest.mark.parametrize("host", ["a..b", ".a", "a" * 64])
def test_a_name_that_cannot_be_one_is_explained(host: str) -> None:
    """An empty label, and one that is too long: refused before anything is asked."""
    with pytest.raises(InferswarmError) as refused:
        find_model(config(f"http://{host}:8000"), COMPLETIONS)
    assert host in str(refused.value)


def test_a_server_that_never_answers_is_explained() -> None:
    """After the time to connect, which the message names, the probe gives up."""
    with answering(None) as server:
        message = refusal(f"http://127.0.0.1:{server.port}", timeouts__connect="200ms")
    assert "no answer to GET /v1/models within 0.2 s" in message
    assert "--model" in message


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (b"401 Unauthorized", "it wants a key: set MY_KEY or --api-key-file"),
        (b"403 Forbidden", "the key is not accepted: check MY_KEY or --api-key-file"),
        (b"404 Not Found", "no model list there: check --target and --backend"),
        (b"500 Internal Server Error", "see the server's log"),
        (b"302 Found", "see the server's log"),
    ],
)
def test_a_refusing_server_is_explained(status: bytes, remedy: str) -> None:
    """Status and remedy are in the message."""
    with answering(plain_answer(b"{}", status)) as server:
        message = refusal(f"http://127.0.0.1:{server.port}", target__api_key_env="MY_KEY")
    assert f"answered HTTP {status[:3].decode()}; " in message
    assert remedy in message


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"", b"\x00" * 99])
def test_what_is_not_http_is_explained(answer: bytes) -> None:
    """Another kind of server, one that hangs up, and noise."""
    with answering(answer) as server:
        assert "is it the right port?" in refusal(f"http://127.0.0.1:{server.port}")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data": 5}', b"", b"\xff"])
def test_a_list_that_is_none_is_explained(body: bytes) -> None:
    """Another kind of web server; giving the model avoids the question."""
    with answering(plain_answer(body)) as server:
        assert refusal(f"http://127.0.0.1:{server.port}").endswith("give --model")


def test_a_server_without_a_model_is_explained() -> None:
    """There is nothing to ask."""
    with answering(plain_answer(b'{"data": []}')) as server:
        assert "serves no model" in refusal(f"http://127.0.0.1:{server.port}")


def test_https_to_a_plain_port_is_explained() -> None:
    """The port answers, but not in TLS."""
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        message = refusal(f"https://127.0.0.1:{server.port}")
    assert "TLS failed" in message
    assert "does the port speak https?" in message


def test_https_to_a_port_that_says_nothing_is_explained() -> None:
    """A handshake that never ends is no connection."""
    with answering(None) as server:
        message = refusal(f"https://127.0.0.1:{server.port}", timeouts__connect="200ms")
    assert "no connection within 0.2 s" in message


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command, which makes the certificate, is not installed")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(path.with_suffix(".key")), "-out", str(path),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + path.with_suffix(".key").read_bytes())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """The server's side of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_self_signed_certificate_is_not_accepted(tls: ssl.SSLContext) -> None:
    """The message says why, and both remedies."""
    with answering(MODELS, tls=tls) as server:
        message = refusal(f"https://127.0.0.1:{server.port}")
    assert "self-signed certificate" in message
    assert "--ca-file or --insecure" in message
    assert server.requests == []


@pytest.mark.parametrize("remedy", ["ca_file", "insecure"])
def test_both_remedies_accept_a_self_signed_certificate(
    certificate: Path, tls: ssl.SSLContext, remedy: str
) -> None:
    """Trusting the certificate, or not asking for one."""
    value: object = certificate if remedy == "ca_file" else True
    with answering(MODELS, tls=tls) as server:
        url = f"https://127.0.0.1:{server.port}"
        assert find_model(config(url, **{f"target__{remedy}": value}), COMPLETIONS) == "tiny"


def test_the_probe_goes_by_the_proxy() -> None:
    """As the load will: told the whole URL, with the proxy's own header."""
    with answering(MODELS) as proxy:
        by = f"http://me:secret@127.0.0.1:{proxy.port}"
        assert (
            find_model(config("http://h.example:8000/llm", target__proxy=by), COMPLETIONS) == "tiny"
        )
    assert proxy.head.startswith("GET http://h.example:8000/llm/v1/models HTTP/1.1\r\n")
    assert "\r\nHost: h.example:8000\r\n" in proxy.head
    assert "\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n" in proxy.head


@pytest.mark.parametrize("url", ["http://h.example", "https://h.example"])
def test_a_proxy_that_refuses_is_explained(url: str) -> None:
    """With a remedy, and without the password."""
    with answering(plain_answer(b"{}", b"407 Proxy Authentication Required")) as proxy:
        by = f"http://me:secret@127.0.0.1:{proxy.port}"
        message = refusal(url, target__proxy=by)
    assert "HTTP 407; " in message
    assert "proxy" in message
    assert "secret" not in message


def test_a_proxy_that_is_not_there_is_explained() -> None:
    """By its own address."""
    by = f"127.0.0.1:{free_port()}"
    assert f"cannot connect by the proxy {by}" in refusal("http://h.example", target__proxy=by)


@pytest.mark.parametrize("key", ["abc\n", "abc\r\nX-Evil: 1", "schlüssel", "\u2028"])
def test_a_strange_key_adds_no_header_and_ends_in_no_crash(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either it is sent as one header, or it is refused in one line."""
    monkeypatch.setenv("MY_KEY", key)
    with answering(MODELS) as server:
        try:
            find_model(
                config(f"127.0.0.1:{server.port}", target__api_key_env="MY_KEY"), COMPLETIONS
            )
        except InferswarmError as refused:
            assert isinstance(refused, InputError | TargetError)  # noqa: PT017
            return
    assert "\r\nX-Evil" not in server.head


@pytest.mark.parametrize("path", ["/a b", "/ü", "/a\x01b"])
def test_a_strange_path_ends_in_no_crash(path: str) -> None:
    """Either it is asked for, or it is refused in one line."""
    with answering(plain_answer(b"{}", b"404 Not Found")) as server, pytest.raises(InferswarmError):
        find_model(config(f"127.0.0.1:{server.port}{path}"), COMPLETIONS)
