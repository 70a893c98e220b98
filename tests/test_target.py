"""Facts about the target: where to connect, and the very bytes of a request."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inferswarm import __version__
from inferswarm.adapters import HttpRequest
from inferswarm.config.target import TargetOptions
from inferswarm.errors import InputError
from inferswarm.proxies import Proxy
from inferswarm.target import Endpoint, GrpcWire, Wire, request_headers, secrets_of
from inferswarm.traces import Traces, traceparent
from tests.builders import FUZZ

POST = HttpRequest("POST", "/v1/completions", b'{"a": 1}')


def target(url: str = "h:8000", **options: object) -> TargetOptions:
    """Options of a target; no key of the environment reaches a test."""
    return TargetOptions.model_validate({"url": url, "api_key_env": "", **options})


def lines(wire: Wire, request: HttpRequest = POST) -> list[str]:
    """The lines of a request's head."""
    head, blank, _ = wire.bytes_of(request).partition(b"\r\n\r\n")
    assert blank
    return head.decode().split("\r\n")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("h", "h", 80),
        ("h:8000", "h", 8000),
        ("https://h", "h", 443),
        ("https://h:1/v1", "h", 1),
        ("[::1]:8000", "::1", 8000),
        ("http://[::1]", "::1", 80),
        ("HTTP.example", "http.example", 80),
    ],
)
def test_where_to_connect(url: str, host: str, port: int) -> None:
    """Host and port of any URL, with the port of its scheme unless it names one."""
    endpoint = Endpoint.of(target(url))
    assert (endpoint.host, endpoint.port) == (host, port)
    assert (endpoint.tls is not None) is url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        *("h:99999", "h:x", "h:-1", "h:0", "[::1", "[::1:8000", "[zz]:1"),
        *("user@h", "h?a=b", "h#c", "h/ü"),
    ],
)
def test_an_impossible_host_or_port_is_refused(url: str) -> None:
    """The options themselves refuse it, whoever gives them."""
    with pytest.raises(ValidationError) as refused:
        target(url)
    assert url in str(refused.value)


def test_certificates_are_verified_unless_told_not_to() -> None:
    """The safe way is the default."""
    safe, unsafe = (
        Endpoint.of(target("https://h")).tls,
        Endpoint.of(target("https://h", insecure=True)).tls,
    )
    assert safe is not None
    assert unsafe is not None
    assert (safe.verify_mode, safe.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (unsafe.verify_mode, unsafe.check_hostname) == (ssl.CERT_NONE, False)


def test_certificates_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """A missing file, and one that is no PEM."""
    (tmp_path / "noise.pem").write_text("noise")
    for path in (tmp_path / "none.pem", tmp_path / "noise.pem"):
        with pytest.raises(InputError, match=r"target.ca_file .*give a PEM file"):
            Endpoint.of(target("https://h", ca_file=path))


def test_the_bytes_of_a_request() -> None:
    """A complete HTTP/1.1 request with the length of its body."""
    wire = Wire.of(target("http://h:8000/", headers={"X-Team": "search"}))
    assert wire.bytes_of(POST) == (
        b"POST /v1/completions HTTP/1.1\r\n"
        b"Host: h:8000\r\n"
        b"User-Agent: inferswarm/" + __version__.encode() + b"\r\n"
        b"Accept: text/event-stream, application/json\r\n"
        b"Accept-Encoding: identity\r\n"
        b"X-Team: search\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: 8\r\n"
        b"\r\n"
        b'{"a": 1}'
    )


def test_a_request_without_a_body_has_no_length() -> None:
    """A GET is only a head."""
    sent = Wire.of(target()).bytes_of(HttpRequest("GET", "/v1/models"))
    assert sent.endswith(b"\r\n\r\n")
    assert b"content-" not in sent.lower()


@pytest.mark.parametrize(
    ("url", "host"),
    [("[::1]:8000/v1", "[::1]:8000"), ("https://h", "h")],
)
def test_the_host_header_is_the_host_of_the_url(url: str, host: str) -> None:
    """With its port and brackets."""
    assert f"Host: {host}" in lines(Wire.of(target(url)))


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("h", "/v1/completions"),
        ("h/", "/v1/completions"),
        ("h/v1", "/v1/completions"),
        ("h/v1/", "/v1/completions"),
        ("h/models/a/v1", "/models/a/v1/completions"),
        ("h/proxy", "/proxy/v1/completions"),
        ("h/v12", "/v12/v1/completions"),
    ],
)
def test_the_path_of_the_target_goes_before_the_route(url: str, route: str) -> None:
    """A doubled /v1 is avoided, as clients of OpenAI give it in their base URL."""
    assert lines(Wire.of(target(url)))[0] == f"POST {route} HTTP/1.1"


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("h", "/v2/models/ensemble/generate"),
        ("h/v2/models/mine", "/v2/models/mine/generate"),
        ("h/v2/models/mine/", "/v2/models/mine/generate"),
        ("h/triton/v2/models/mine/versions/2", "/triton/v2/models/mine/versions/2/generate"),
    ],
)
def test_a_model_in_the_targets_path_goes_before_the_requests_own(url: str, route: str) -> None:
    """Users of Triton give it there, with its version or without."""
    request = HttpRequest("POST", "/v2/models/ensemble/generate", b"{}")
    assert lines(Wire.of(target(url)), request)[0] == f"POST {route} HTTP/1.1"


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the variable that the options name; without one there is no header."""
    monkeypatch.setenv("MY_KEY", "abc")
    assert "Authorization: Bearer abc" in lines(Wire.of(target(api_key_env="MY_KEY")))
    assert not [line for line in lines(Wire.of(target(api_key_env="NO_KEY"))) if "Auth" in line]
    assert request_headers(target(), {"": "x"}) == {}


def test_a_key_file_goes_before_the_environment(tmp_path: Path) -> None:
    """Its outer white space is no part of the key."""
    (tmp_path / "key").write_text(" abc\n")
    options = target(api_key_env="MY_KEY", api_key_file=tmp_path / "key")
    assert request_headers(options, {"MY_KEY": "other"}) == {"Authorization": "Bearer abc"}


def test_white_space_around_a_key_of_the_environment_is_no_part_of_it() -> None:
    """Secrets mounted into a container often end with a line feed."""
    options = target(api_key_env="MY_KEY")
    assert request_headers(options, {"MY_KEY": "abc\n"}) == {"Authorization": "Bearer abc"}


def test_a_header_of_ones_own_wins_over_the_key() -> None:
    """Who writes the header means it."""
    options = target(api_key_env="K", headers={"Authorization": "Basic x"})
    assert request_headers(options, {"K": "abc"}) == {"Authorization": "Basic x"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_key_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Missing or not text: the refusal names the file and never shows what is in it."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"target.api_key_file"):
        request_headers(target(api_key_file=path), {})


def test_a_proxy_is_told_the_whole_url_and_its_own_header() -> None:
    """For plain HTTP; in a tunnel the target sees neither."""
    options = {"proxy": "http://me:secret@p:3128"}
    head = lines(Wire.of(target("h:8000/llm", **options)))
    assert head[:2] == ["POST http://h:8000/llm/v1/completions HTTP/1.1", "Host: h:8000"]
    assert "Proxy-Authorization: Basic bWU6c2VjcmV0" in head
    tunnelled = lines(Wire.of(target("https://h/llm", **options)))
    assert tunnelled[0] == "POST /llm/v1/completions HTTP/1.1"
    assert not [line for line in tunnelled if line.startswith("Proxy")]


def test_the_endpoint_knows_the_way() -> None:
    """The proxy, and whether connections are kept."""
    endpoint = Endpoint.of(target("h", proxy="p:3128", keep_alive=False))
    assert (endpoint.proxy, endpoint.keep_alive) == (Proxy("p", 3128), False)
    assert Endpoint.of(target("127.0.0.1")).keep_alive


def test_without_keep_alive_the_server_is_told_so() -> None:
    """By the header for it, which is not sent else."""
    assert "Connection: close" in lines(Wire.of(target(keep_alive=False)))
    assert not [line for line in lines(Wire.of(target())) if line.startswith("Connection")]


def test_what_a_proxy_must_not_leak_is_a_secret() -> None:
    """Its password, alone and as it goes over the wire."""
    secrets = secrets_of(target(proxy="http://me:open-sesame@p:3128"), {})
    assert {"open-sesame", "bWU6b3Blbi1zZXNhbWU="} <= {*secrets}


@pytest.fixture(scope="module")
def client_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem, key.pem, both.pem, other.pem (another key) and locked.pem."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("client")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    for key, more in (
        ("other", ["-nodes"]),
        ("locked", ["-passout", "pass:open-sesame"]),
        ("key", ["-nodes"]),
    ):
        out = ["-keyout", f"{key}.pem", "-out", "cert.pem"]
        command = [openssl, "req", "-x509", *new_key, "-days", "2", "-subj", "/CN=c", *more, *out]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
    both = (folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes()
    (folder / "both.pem").write_bytes(both)
    (folder / "noise.pem").write_text("noise")
    return folder


@pytest.mark.parametrize("names", [("both", None), ("cert", "key")])
def test_a_client_certificate_may_hold_its_key_or_not(
    client_files: Path, names: tuple[str, str | None]
) -> None:
    """In one file, or in two."""
    assert Endpoint.of(with_client(client_files, *names)).tls is not None


@pytest.mark.parametrize(
    ("cert", "key", "why"),
    [
        ("none", None, r"target.client_cert .*none.pem: No such file or directory; check the path"),
        ("cert", "none", r"target.client_key .*none.pem: No such file or directory"),
        ("noise", None, r"target.client_cert .*noise.pem: .*; give PEM files that belong together"),
        ("cert", None, r"target.client_cert .*cert.pem: .*; give PEM files"),
        ("cert", "other", r"target.client_key .*other.pem: .*MISMATCH; give PEM files"),
        ("cert", "locked", r"target.client_key .*locked.pem: the key is encrypted; give one"),
        (None, "key", r"target.client_key: .*give target.client_cert"),
    ],
)
def test_a_client_certificate_that_cannot_be_used_is_refused(
    client_files: Path, cert: str | None, key: str | None, why: str
) -> None:
    """In one line that names the file and the option; nobody is asked for a passphrase."""
    with pytest.raises(InputError, match=why) as refused:
        Endpoint.of(with_client(client_files, cert, key))
    assert "\n" not in str(refused.value)


def with_client(folder: Path, cert: str | None, key: str | None) -> TargetOptions:
    """Options with these files of a folder."""
    files = {"client_cert": cert, "client_key": key}
    return target("https://h", **{k: folder / f"{v}.pem" for k, v in files.items() if v})


LINE_ENDS = st.text(st.sampled_from("ab\r\n: "), max_size=20)


@FUZZ
@given(st.dictionaries(LINE_ENDS, LINE_ENDS, max_size=3), LINE_ENDS)
def test_no_header_can_start_another_line(headers: dict[str, str], path: str) -> None:
    """Whatever is in names, values or paths, a head has as many lines as it should."""
    wire = Wire("h", "", tuple(headers.items()))
    sent = wire.bytes_of(HttpRequest("GET", f"/{path}"))
    assert sent.count(b"\r\n") == 6 + len(headers)
    assert sent.count(b"\n") == sent.count(b"\r") == 6 + len(headers)
    assert sent.count(b"\r\n\r\n") == 1


def grpc_headers(wire: GrpcWire, request: HttpRequest = POST) -> dict[str, str]:
    """The headers of a call, by another reader of HTTP/2; the body must follow them unframed."""
    data = wire.bytes_of(request)
    length = int.from_bytes(data[:3], "big")
    assert data[3:9] == b"\x01\x04\0\0\0\0"
    assert data[9 + length :] == request.body
    return {str(name): str(value) for name, value in Decoder().decode(data[9 : 9 + length])}


def test_a_call_has_the_headers_of_grpc() -> None:
    """The target's own go with them, in lower case as HTTP/2 wants it, and its path before ours."""
    wire = GrpcWire.of(target("https://h:9000/base/", headers={"X-Team": "a B"}))

    assert grpc_headers(wire) == {
        ":method": "POST",
        ":scheme": "https",
        ":path": "/base/v1/completions",
        ":authority": "h:9000",
        "te": "trailers",
        "content-type": "application/grpc",
        "user-agent": f"inferswarm/{__version__}",
        "grpc-accept-encoding": "identity",
        "x-team": "a B",
    }


def test_headers_of_a_call_are_not_remembered() -> None:
    """Neither remembered by the server, so that a call depends on none before it, nor by proxies."""
    data = GrpcWire("http", "h", "", (("x-key", "secret"),)).bytes_of(POST)
    decoder = Decoder()
    decoded = list(decoder.decode(data[9 : 9 + int.from_bytes(data[:3], "big")]))

    assert not decoder.header_table.dynamic_entries
    assert [str(part) for part in decoded[-1]] == ["x-key", "secret"]
    assert not decoded[-1].indexable


def test_an_endpoint_of_grpc_asks_for_http2_and_tunnels() -> None:
    """A proxy could not read it, with TLS or without."""
    assert Endpoint.of(target(), "http2").needs_tunnel
    assert Endpoint.of(target("https://h"), "http2").framing == "http2"
    assert Endpoint.of(target("https://h")).needs_tunnel
    assert not Endpoint.of(target()).needs_tunnel


TRACE = Traces("r", 1.0).id_of(1)


def test_a_request_with_a_trace_tells_the_server() -> None:
    """In one more line of its head; those after it have none."""
    wire = Wire.of(target())
    plain, traced = wire.bytes_of(POST), wire.bytes_of(POST, TRACE)
    head, _, body = traced.partition(b"\r\n\r\n")
    told = f"traceparent: {traceparent(TRACE)}"
    assert head.decode().split("\r\n").count(told) == 1
    assert body == POST.body
    assert len(traced) - len(plain) == len(told) + 2
    assert wire.bytes_of(POST) == plain


def test_a_call_with_a_trace_tells_the_server() -> None:
    """In one more pair of its metadata; those after it have none."""
    wire = GrpcWire("http", "h", "", (("x-key", "secret"),))
    plain, traced = wire.bytes_of(POST), wire.bytes_of(POST, TRACE)
    found = [
        [str(part) for part in pair]
        for pair in Decoder().decode(traced[9 : 9 + int.from_bytes(traced[:3], "big")])
    ]
    assert found[-2:] == [["x-key", "secret"], ["traceparent", traceparent(TRACE)]]
    assert traced.endswith(POST.body)
    assert wire.bytes_of(POST) == plain
