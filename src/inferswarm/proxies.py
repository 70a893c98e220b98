"""The proxy between us and the target: which one, what it must be told, and a tunnel through it."""

import base64
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib import request
from urllib.parse import unquote, urlsplit

from inferswarm.config.target import TargetOptions, spelled_proxy
from inferswarm.errors import InputError
from inferswarm.exchange import Tape
from inferswarm.framing.http1 import Response, read_response

_PORT = 80
_RECEIVE_BYTES = 4096
_ANSWER_LIMIT_BYTES = 1 << 16


class TunnelError(OSError):
    """The proxy opened no tunnel; the text says why."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is a header's value, or empty."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """From a URL as `spelled_proxy` gives it."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
        if parts.username is None:
            return cls(host, port)
        user, password = unquote(parts.username), unquote(parts.password or "")
        basic = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return cls(host, port, f"Basic {basic}", (basic, password))

    @property
    def headers(self) -> dict[str, str]:
        """What a request to the proxy itself must hold besides."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_of(target: TargetOptions) -> Proxy | None:
    """The proxy that `target.proxy` names, or that the environment names for this URL.

    Raises InputError when the environment's cannot be used.
    """
    if target.proxy:
        return None if target.proxy == "none" else Proxy.of(target.proxy)
    url = urlsplit(target.url)
    proxies = request.getproxies_environment()
    # The types that mypy has name this function on macOS only.
    bypass: Callable[..., bool] = request.proxy_bypass_environment  # type: ignore[attr-defined]
    if is_loopback(url.hostname or "") or bypass(url.netloc, proxies):
        return None
    named = next((name for name in (url.scheme, "all") if proxies.get(name)), "")
    try:
        spelled = spelled_proxy(proxies.get(named, "none"))
        return None if spelled in ("", "none") else Proxy.of(spelled)
    except ValueError as error:
        raise InputError(
            f"environment {named.upper()}_PROXY: {error}; set it right, or give --proxy none"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def open_tunnel(
    proxy: Proxy,
    host: str,
    port: int,
    receive: Callable[[int], bytes],
    send: Callable[[bytes], object],
) -> None:
    """Ask a connected proxy for a tunnel, through blocking functions of a socket.

    Raises TunnelError when it opens none, and OSError as the functions do.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = "".join(f"{name}: {value}\r\n" for name, value in proxy.headers.items())
    send(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{headers}\r\n".encode())
    answer = _answer(receive)
    if not 200 <= answer.status < 300:
        raise TunnelError(refusal(answer.status))
    if answer.body:
        raise TunnelError("the proxy sent bytes of its own into the tunnel")


def refusal(status: int) -> str:
    """Why the proxy did not pass a request on, by its answer's status."""
    remedy = "; give target.proxy a user and a password" if status == 407 else ""
    return f"the proxy refused with HTTP {status}{remedy}"


def _answer(receive: Callable[[int], bytes]) -> Response:
    data = b""
    while len(data) < _ANSWER_LIMIT_BYTES:
        piece = receive(_RECEIVE_BYTES)
        if not piece:
            raise TunnelError("the proxy closed the connection instead of opening a tunnel")
        data += piece
        answer = read_response(Tape(data, [1], [len(data)]), closed=False)
        if answer.head_ns is not None and answer.status >= 200:
            return answer
        if answer.error:
            break
    raise TunnelError("the proxy's answer is not HTTP; is target.proxy the right port?")
