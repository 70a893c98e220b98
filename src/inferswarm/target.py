"""The target as its URL and options describe it: where to connect, and a request's bytes."""

import functools
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from inferswarm import __version__
from inferswarm.adapters import HttpRequest
from inferswarm.config.target import TargetOptions
from inferswarm.errors import InputError
from inferswarm.exchange import Framing
from inferswarm.framing.http2 import header_frames
from inferswarm.proxies import Proxy, proxy_of
from inferswarm.traces import HEADER, traceparent

ALPN_HTTP2 = "h2"
SECRET_LENGTH = 6
_PORTS = {"http": 80, "https": 443}
_LINE_ENDS = str.maketrans({"\r": "", "\n": ""})
_MODEL = re.compile(r"/v2/models/[^/]+")
_MODEL_AT_END = re.compile(rf"{_MODEL.pattern}(/versions/[^/]+)?$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect and how; `tls` is None for plain HTTP, `proxy` when there is none."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None
    keep_alive: bool = True
    framing: Framing = "http1"

    @classmethod
    def of(cls, target: TargetOptions, framing: Framing = "http1") -> Self:
        """Raises InputError for certificates that cannot be read, and for an impossible proxy."""
        url = urlsplit(target.url)
        tls = _tls(target) if url.scheme == "https" else None
        if tls is not None and framing == "http2":
            tls.set_alpn_protocols([ALPN_HTTP2])
        return cls(
            url.hostname or "",
            url.port or _PORTS[url.scheme],
            tls,
            proxy_of(target),
            target.keep_alive,
            framing,
        )

    @property
    def needs_tunnel(self) -> bool:
        """Whether a proxy could not read what is said, so that it has to pass bytes on."""
        return self.tls is not None or self.framing == "http2"


@dataclass(frozen=True, slots=True)
class Wire:
    """Turns request values into HTTP/1.1 bytes for one target.

    `origin` goes before the path where a proxy must be told it.
    """

    host: str
    base: str
    headers: tuple[tuple[str, str], ...] = ()
    origin: str = ""

    @classmethod
    def of(cls, target: TargetOptions) -> Self:
        """Reads the API key where the options say it is."""
        url = urlsplit(target.url)
        headers = request_headers(target, os.environ)
        proxy = proxy_of(target) if url.scheme == "http" else None
        if proxy is not None:
            headers |= proxy.headers
        if not target.keep_alive:
            headers["Connection"] = "close"
        origin = f"http://{url.netloc}" if proxy else ""
        return cls(url.netloc, url.path.rstrip("/"), tuple(headers.items()), origin)

    def bytes_of(self, request: HttpRequest, trace: str = "") -> bytes:
        """Head and body; a header value cannot start another line. `trace` is a trace's id, or none."""
        head = _head(self, request.method, request.path)
        if trace:
            head += f"{HEADER}: {traceparent(trace)}\r\n".encode()
        if not request.body:
            return head + b"\r\n"
        length = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return head + length % len(request.body) + request.body

    def route(self, path: str) -> str:
        """`path` under the target's own path; a doubled /v1 or /v2/models/NAME is avoided."""
        if _MODEL_AT_END.search(self.base) and (model := _MODEL.match(path)):
            return self.base + path[model.end() :]
        return self.base + (path.removeprefix("/v1") if self.base.endswith("/v1") else path)


@dataclass(frozen=True, slots=True)
class GrpcWire:
    """Turns request values into gRPC over HTTP/2 for one target: the frames of a head, then a body.

    The frames name stream 0, and the body has no frames yet: which stream it will be, and how much
    of it the server has room for, is known when it is sent.
    """

    scheme: str
    host: str
    base: str
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, target: TargetOptions) -> Self:
        """Reads the API key where the options say it is."""
        url = urlsplit(target.url)
        headers = request_headers(target, os.environ)
        lowered = tuple((name.lower(), value) for name, value in headers.items())
        return cls(url.scheme, url.netloc, url.path.rstrip("/"), lowered)

    def bytes_of(self, request: HttpRequest, trace: str = "") -> bytes:
        """Head and body; `trace` is a trace's id, or none."""
        if trace:
            headers = _grpc_headers(self, request.method, request.path)
            return header_frames(0, [*headers, (HEADER, traceparent(trace))]) + request.body
        return _grpc_head(self, request.method, request.path) + request.body


@functools.lru_cache(maxsize=64)
def _grpc_head(wire: GrpcWire, method: str, path: str) -> bytes:
    """The same for every request of a run that has no trace."""
    return header_frames(0, _grpc_headers(wire, method, path))


def _grpc_headers(wire: GrpcWire, method: str, path: str) -> list[tuple[str, str]]:
    return [
        (":method", method),
        (":scheme", wire.scheme),
        (":path", wire.base + path),
        (":authority", wire.host),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", f"inferswarm/{__version__}"),
        ("grpc-accept-encoding", "identity"),
        *wire.headers,
    ]


@functools.lru_cache(maxsize=64)
def _head(wire: Wire, method: str, path: str) -> bytes:
    """All of a head that is the same for every request of a run, each line ended."""
    lines = [
        f"{method} {wire.origin}{wire.route(path)} HTTP/1.1",
        f"Host: {wire.host}",
        f"User-Agent: inferswarm/{__version__}",
        "Accept: text/event-stream, application/json",
        "Accept-Encoding: identity",
        *(f"{name}: {value}" for name, value in wire.headers),
    ]
    return "".join(f"{line.translate(_LINE_ENDS)}\r\n" for line in lines).encode("utf-8")


def secrets_of(target: TargetOptions, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What a server might echo and nobody may read: header values, keys and passwords alone."""
    values = [*request_headers(target, environment).values()]
    alone = [value.removeprefix("Bearer ") for value in values]
    proxy = proxy_of(target)
    alone += proxy.secrets if proxy else ()
    return tuple(sorted({one for one in values + alone if len(one) >= SECRET_LENGTH}, key=len))[
        ::-1
    ]


def request_headers(target: TargetOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """Extra headers of every request, with the bearer token from its file or variable."""
    variable = target.api_key_env
    key, origin = environment.get(variable, "") if variable else "", f"environment {variable}"
    if target.api_key_file is not None:
        key, origin = _key_in(target.api_key_file), f"target.api_key_file {target.api_key_file}"
    key = key.strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise InputError(f"{origin}: a key must be one line of ASCII characters")
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    return {**bearer, **target.headers}


def _key_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"target.api_key_file {path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise InputError(
            f"target.api_key_file {path}: not text; give a file with the key"
        ) from None


def _tls(target: TargetOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"target.ca_file {target.ca_file}: {error}; give a PEM file") from None
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if target.client_cert is not None:
        _load_client_cert(context, target.client_cert, target.client_key)
    elif target.client_key is not None:
        raise InputError(
            "target.client_key: a key alone is no certificate; give target.client_cert"
        )
    return context


def _load_client_cert(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    def no_passphrase() -> str:
        raise InputError(f"{name}: the key is encrypted; give one without a passphrase")

    name = f"target.client_cert {cert}" if key is None else f"target.client_key {key}"
    for option, path in (("client_cert", cert), ("client_key", key)):
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            raise InputError(f"target.{option} {path}: {error.strerror}; check the path") from None
    try:
        context.load_cert_chain(cert, key, no_passphrase)
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or "no certificate and key in it"
        raise InputError(f"{name}: {reason}; give PEM files that belong together") from None
