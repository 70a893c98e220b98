"""The visit of a server: reach it, find out what it is, take the tour of one of its routes."""

import socket
from dataclasses import dataclass

import msgspec

from inferswarm.adapters import HttpRequest, table
from inferswarm.config.tree import RunConfig
from inferswarm.doctor import about_server, certificate, suggestion
from inferswarm.doctor.client import Client, DialError
from inferswarm.doctor.findings import Finding, Name, problem
from inferswarm.doctor.seen import Choice, Looked, Reached, response_of
from inferswarm.doctor.suggestion import Told
from inferswarm.doctor.tour import LOOK_S, StopError, Tour, wanted_of
from inferswarm.errors import InputError
from inferswarm.exchange import Exchange
from inferswarm.framing import grpc
from inferswarm.target import Endpoint

TRIES = 4


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit came to; `stopped` says why there is nothing (more) that was looked at."""

    reached: Reached
    looked: Looked | None = None
    stopped: Finding | None = None


def examine(config: RunConfig, limit_s: float) -> Visit:
    """Look at the target for at most about so long. Raises InputError for what `run` would refuse."""
    target = config.target
    named = "backend" in target.model_fields_set
    way = table.route(target.backend, target.api if named else "")
    if named:
        wanted_of(config, way, target.model or way.adapter.default_model)
    with Client(target, config.timeouts.connect.seconds, limit_s) as client:
        reached = _reach(client, config)
        if reached.trouble:
            return Visit(reached)
        try:
            tour = Tour(client, config, way) if named else _chosen(client, config)
            tour.go()
        except StopError as stop:
            return Visit(reached, stopped=stop.finding)
        return Visit(reached, tour.looked())


def _reach(client: Client, config: RunConfig) -> Reached:
    """The first connection, and its TLS."""
    endpoint = Endpoint.of(config.target)
    where = endpoint.proxy or endpoint
    proxy = f"{where.host}:{where.port}" if endpoint.proxy else ""
    url = config.target.url
    addresses = _addresses(where.host, where.port)  # first, so that connecting is only connecting
    try:
        link = client.dial()
    except DialError as error:
        return Reached(url, proxy=proxy, trouble=str(error), failure=error.failure)
    try:
        tls = certificate.look(link, endpoint, min(LOOK_S, client.left_s))
    finally:
        link.sock.close()
    return Reached(url, addresses, link.address, link.connect_ns, link.tls_ns, tls, proxy)


def _addresses(host: str, port: int) -> tuple[str, ...]:
    """What a name stands for; nothing when it does not resolve."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return ()
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def _chosen(client: Client, config: RunConfig) -> Tour:
    """A tour of the first likely route that answers; of the likeliest, where none does."""
    found = suggestion.choices(_answers(client))
    if config.target.api:
        found = suggestion.with_api(found, config.target.api)
    rejected: list[str] = []
    tours: list[Tour] = []
    for choice in found[:TRIES]:
        try:
            tour = _tried(client, config, choice)
        except InputError:
            if choice is found[0]:
                raise
            continue
        except StopError as stop:
            rejected.append(f"{choice}: {stop}")
            continue
        tour.choices, tour.rejected = tuple(found), rejected
        tours.append(tour)
        if not suggestion.misfit(tour.seen[-1].record if tour.seen else None, choice):
            return tour
        rejected.append(f"{choice}: {tour.last_words}")
    if tours and tours[0].choice is found[0] and tours[0].refuses:
        tours[0].rejected = rejected[1:]
        return tours[0]
    tried = f" (tried: {'; '.join(rejected)})" if rejected else ""
    raise StopError(
        problem(
            Name.BACKEND,
            f"an HTTP server, but none of the formats known here{tried}",
            "check --target and its path, or name one of `inferswarm backends` with --backend",
        )
    )


def _tried(client: Client, config: RunConfig, choice: Choice) -> Tour:
    """A tour with its first request; raises InputError and StopError."""
    tour = Tour(client, config, table.route(choice.backend, choice.api), choice)
    tour.try_it()
    return tour


def _answers(client: Client) -> dict[str, Told]:
    """What the cheap questions were answered; raises StopError when it is no use to go on."""
    told: dict[str, Told] = {}
    for path in suggestion.PATHS:
        exchange = client.ask(HttpRequest("GET", path), LOOK_S)
        if stop := about_server.deaf(exchange, key_given=client.key_given):
            if response_of(exchange).error and _call(client, told):
                return told
            raise StopError(stop)
        told[path] = _told(exchange)
    if told[suggestion.JETSTREAM].status == 200 or told[suggestion.WRAPPER].status == 200:
        _call(client, told)
    return told


def _call(client: Client, told: dict[str, Told]) -> bool:
    """Ask by gRPC too; whether it is understood."""
    request = HttpRequest("POST", suggestion.HEALTH_CALL, grpc.message(b""))
    told[suggestion.HEALTH_CALL] = _told(client.ask(request, LOOK_S, "http2"))
    return told[suggestion.HEALTH_CALL].status == 200


def _told(exchange: Exchange) -> Told:
    """The answer to a cheap question."""
    response = response_of(exchange)
    if exchange.framing == "http2":
        good = grpc.is_over(response) and not grpc.failure(response)
        return Told(200 if good else 0)
    try:
        return Told(response.status, msgspec.json.decode(response.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Told(response.status)
