"""A look at the target before any load: whether it can be reached, and which model it serves."""

import http.client
import socket
import ssl
import time

from inferswarm.adapters import Adapter
from inferswarm.config.tree import RunConfig
from inferswarm.errors import TargetError
from inferswarm.proxies import Proxy, TunnelError, open_tunnel
from inferswarm.target import Endpoint, Wire

PROBE_LIMIT_S = 10.0
_EXPLAINED = {
    401: "it wants a key: set {env} or --api-key-file",
    403: "the key is not accepted: check {env} or --api-key-file",
    404: "it has no model list there: check --target and --backend, or give --model",
    407: "the proxy wants a user and a password: see --proxy",
}


def find_model(config: RunConfig, adapter: Adapter) -> str:
    """The model to ask for: as configured, or the first the server lists.

    Raises TargetError, in one line with the remedy, when the server cannot be reached or, without
    `target.model`, has no model to tell.
    """
    listing = adapter.models_request()
    known = config.target.model or adapter.default_model
    if known or listing is None:
        _reach(config).close()
        return known
    body = _get(config, listing.path)
    try:
        models = adapter.read_models(body)
    except ValueError as error:
        raise TargetError(f"{config.target.url}: {error}; give --model") from None
    if not models:
        raise TargetError(f"{config.target.url}: serves no model; load one there, or give --model")
    return models[0]


def _get(config: RunConfig, path: str) -> bytes:
    target = config.target
    connection = _reach(config)
    try:
        wire = Wire.of(target)
        connection.request("GET", wire.origin + wire.route(path), headers=dict(wire.headers))
        response = connection.getresponse()
        body = response.read(1 << 20)
    except TimeoutError:
        raise TargetError(
            f"{target.url}: connected, but no answer to GET {path} within {_limit_s(config):g} s; "
            "is it the right port? With --model no list is asked for"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise TargetError(
            f"{target.url}: connected, but the answer to GET {path} is not HTTP "
            f"({' '.join(str(error).split()) or type(error).__name__}); is it the right port?"
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        remedy = _EXPLAINED.get(response.status, "see the server's log, or give --model")
        raise TargetError(
            f"{target.url}: GET {path} answered HTTP {response.status}; "
            + remedy.format(env=target.api_key_env or "--api-key-env")
        )
    return body


def _limit_s(config: RunConfig) -> float:
    return min(PROBE_LIMIT_S, config.timeouts.connect.seconds)


def _reach(config: RunConfig) -> http.client.HTTPConnection:
    """A connection to the target, by the same way that the load will take."""
    endpoint = Endpoint.of(config.target)
    limit_s = _limit_s(config)
    speaks = http.client.HTTPSConnection if endpoint.tls else http.client.HTTPConnection
    connection = speaks(endpoint.host, endpoint.port, timeout=limit_s)
    try:
        connection.sock = prepare(endpoint, connect(endpoint, limit_s), limit_s)
    except OSError as error:
        why = unreachable(config.target.url, limit_s, error, endpoint.proxy)
        raise TargetError(why) from None
    except ValueError:
        raise TargetError(f"{config.target.url}: not a host name; check --target") from None
    return connection


def connect(endpoint: Endpoint, limit_s: float) -> socket.socket:
    """A TCP connection to the target, or to the proxy before it; raises OSError, and ValueError."""
    next_hop = endpoint.proxy or endpoint
    return socket.create_connection((next_hop.host, next_hop.port), limit_s)


def prepare(endpoint: Endpoint, sock: socket.socket, limit_s: float) -> socket.socket:
    """Open tunnel and TLS where they are needed; closes the socket and raises OSError if not."""
    end_s = time.monotonic() + limit_s

    def receive(size: int) -> bytes:
        sock.settimeout(max(0.001, end_s - time.monotonic()))
        return sock.recv(size)

    try:
        if endpoint.proxy is not None and endpoint.needs_tunnel:
            open_tunnel(endpoint.proxy, endpoint.host, endpoint.port, receive, sock.sendall)
        sock.settimeout(limit_s)
        if endpoint.tls is None:
            return sock
        return endpoint.tls.wrap_socket(sock, server_hostname=endpoint.host)
    except BaseException:
        sock.close()
        raise


def unreachable(url: str, limit_s: float, error: OSError, proxy: Proxy | None) -> str:
    """Why there is no connection, in one line with the remedy."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return f"{url}: its certificate is not accepted: {why}; give --ca-file or --insecure"
    if isinstance(error, TunnelError):
        return f"{url}: {error}"
    if isinstance(error, ssl.SSLError):
        return f"{url}: TLS failed ({error.reason}); does the port speak https?"
    if proxy is not None:
        where = f"proxy {proxy.host}:{proxy.port}"
        return f"{url}: cannot connect by the {where} ({error.strerror or error}); check --proxy"
    if isinstance(error, TimeoutError):
        return f"{url}: no connection within {limit_s:g} s; check host, port and firewall"
    if isinstance(error, socket.gaierror):
        return f"{url}: the host name does not resolve ({error.strerror}); check --target"
    return f"{url}: cannot connect ({error.strerror or error}); is the server up on that port?"
