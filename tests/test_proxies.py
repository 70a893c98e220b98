"""Facts about proxies: which one is used for a target, what it is told, and what it may answer."""

import base64
import os
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from inferswarm.config.target import TargetOptions
from inferswarm.errors import InputError
from inferswarm.proxies import Proxy, TunnelError, is_loopback, open_tunnel, proxy_of

SECRET = "http://me:p%40ss@proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a test names only the proxies that the test sets."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def target(url: str = "http://h.example:8000", proxy: str = "") -> TargetOptions:
    """Options of a target."""
    return TargetOptions.model_validate({"url": url, "proxy": proxy})


@pytest.mark.parametrize(
    ("variables", "url", "host"),
    [
        ({}, "http://h.example", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://h.example", "p"),
        ({"http_proxy": "p:1"}, "http://h.example", "p"),
        ({"HTTP_PROXY": "http://q:1", "http_proxy": "http://p:1"}, "http://h.example", "p"),
        ({"HTTP_PROXY": "http://p:1"}, "https://h.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://h.example", "p"),
        ({"ALL_PROXY": "http://p:1"}, "http://h.example", "p"),
        ({"ALL_PROXY": "http://p:1"}, "https://h.example", "p"),
        ({"ALL_PROXY": "http://q:1", "HTTP_PROXY": "http://p:1"}, "http://h.example", "p"),
        ({"ALL_PROXY": "none"}, "http://h.example", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "other"}, "http://h.example", "p"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, "http://h.example", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a, .example"}, "http://h.example", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "h.example:8"}, "http://h.example:8", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "h.example:9"}, "http://h.example:8", "p"),
        ({"ALL_PROXY": "http://p:1"}, "http://localhost:8000", None),
        ({"ALL_PROXY": "http://p:1"}, "https://127.3.2.1", None),
        ({"ALL_PROXY": "http://p:1"}, "http://[::1]:8000", None),
        ({"ALL_PROXY": "http://p:1"}, "http://[2001:db8::1]:8000", "p"),
    ],
)
def test_the_environment_names_a_proxy_with_the_usual_meaning(
    variables: dict[str, str], url: str, host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By scheme, then for all; small letters first; never for what NO_PROXY or loopback excepts."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_of(target(url))
    assert (found.host if found else None) == host


def test_the_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL is used for any target, also on this machine; `none` turns the environment's off."""
    monkeypatch.setenv("HTTP_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", "*")
    assert proxy_of(target("http://127.0.0.1:1", proxy="q:8080")) == Proxy("q", 8080)
    monkeypatch.delenv("NO_PROXY")
    assert proxy_of(target(proxy="none")) is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "::1")),
        *((host, False) for host in ("localhost.example", "10.0.0.1", "::2", "127.1.example", "")),
    ],
)
def test_what_is_loopback_by_its_name(host: str, *, loopback: bool) -> None:
    """No name is looked up for it."""
    assert is_loopback(host) is loopback


def test_user_and_password_become_a_header_and_are_never_shown() -> None:
    """Percent signs are taken off; neither `repr` nor the message of an error holds them."""
    proxy = proxy_of(target(proxy=SECRET))
    assert proxy is not None
    expected = base64.b64encode(b"me:p@ss").decode()
    assert proxy.headers == {"Proxy-Authorization": f"Basic {expected}"}
    assert "p@ss" in proxy.secrets
    assert expected in proxy.secrets
    assert "ss" not in repr(proxy)
    assert "Basic" not in repr(proxy)


@pytest.mark.parametrize(
    "wrong",
    ["socks5://p:1", "https://me:secret@p:1", "http://", "http://me:secret@p:x", "p:0", "***"],
)
def test_what_is_no_http_proxy_is_refused_without_showing_it(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that names its origin: the option, or the environment's variable."""
    with pytest.raises(ValidationError) as refused:
        target(proxy=wrong)
    (error,) = refused.value.errors(include_input=False)
    assert error["loc"] == ("proxy",)
    assert "secret" not in error["msg"]

    monkeypatch.setenv("https_proxy", wrong)
    with pytest.raises(InputError, match=r"^environment HTTPS_PROXY: .*--proxy none$") as told:
        proxy_of(target("https://h.example"))
    assert "secret" not in str(told.value)


def answering(*pieces: bytes) -> Callable[[int], bytes]:
    """A socket's receiving function that gives these pieces, then the end."""
    left = [*pieces]
    return lambda _: left.pop(0) if left else b""


def test_a_tunnel_is_asked_for_with_the_proxys_own_headers() -> None:
    """Host and port of the target, in brackets for IPv6; the answer may come in any pieces."""
    for host, where in (("h.example", b"h.example:443"), ("2001:db8::1", b"[2001:db8::1]:443")):
        sent: list[bytes] = []
        answer = b"HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\n"
        pieces = [answer[i : i + 1] for i in range(len(answer))]
        open_tunnel(Proxy("p", 1, "Basic x"), host, 443, answering(*pieces), sent.append)
        assert b"".join(sent) == (
            b"CONNECT " + where + b" HTTP/1.1\r\nHost: " + where + b"\r\n"
            b"Proxy-Authorization: Basic x\r\n\r\n"
        )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n", "HTTP 407; give target.proxy a user"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "refused with HTTP 502"),
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection"),
        (b"SSH-2.0-x\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "bytes of its own"),
    ],
)
def test_what_opens_no_tunnel_is_explained(answer: bytes, why: str) -> None:
    """A refusal, a close, another kind of server, and one that talks into the tunnel."""
    pieces = [answer[i : i + 4096] for i in range(0, len(answer), 4096)]
    with pytest.raises(TunnelError, match=why):
        open_tunnel(Proxy("p", 1), "h", 443, answering(*pieces), lambda _: None)
