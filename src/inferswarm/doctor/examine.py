"""The visit of a server: reach it, find out what it is, take the tour of one of its routes."""

import socket
from dataclasses import dataclass

import msgspec

from inferswarm.adapters import HttpRequest, table
from inferswarm.config.tree import RunConfig
from inferswarm.doctor import certificate, suggestion
from inferswarm.doctor.client import Client, DialError
from inferswarm.doctor.findings import Finding, Name, problem
from inferswarm.doctor.seen import Looked, Reached, response_of
from inferswarm.doctor.suggestion import Told
from inferswarm.doctor.tour import LOOK_S, StopError, Tour, refused, wanted_of
from inferswarm.errors import InputError
from inferswarm.exchange import Exchange, Outcome
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
    if named:
        way = table.route(target.backend, target.api)
        wanted_of(config, way, target.model)
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
    try:
        link = client.dial()
    except DialError as error:
        return Reached(url, proxy=proxy, trouble=str(error), failure=error.failure)
    try:
        tls = certificate.look(link, endpoint, min(LOOK_S, client.left_s))
    finally:
        link.sock.close()
    try:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    return Reached(url, addresses, link.address, link.connect_ns, link.tls_ns, tls, proxy)


def _told(exchange: Exchange) -> Told:
    """The answer to a cheap question."""
    response = response_of(exchange)
    if exchange.framing == "http2":
        good = grpc.is_over(response) and not grpc.failure(response)
        return Told(200 if good else response.status and 404)
    try:
        return Told(response.status, msgspec.json.decode(response.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Told(response.status)


def _stop_for(exchange: Exchange) -> Finding | None:
    """Why there is no use in asking further questions after this answer."""
    response = response_of(exchange)
    heard = exchange.tape.data[:40]
    if exchange.failure in (Outcome.TIMEOUT_FIRST_BYTE, Outcome.TIMEOUT_TOTAL):
        said = "keeps silent" if not heard else "does not come to an end of its answer"
        return problem(
            Name.BACKEND,
            f"connected, but the server {said} ({exchange.detail})",
            "is it the right port? A slow server can be given more time with --limit",
        )
    if response.error or not response.status:
        what = f"sends {heard!r}" if heard else exchange.detail or "sends nothing"
        return problem(
            Name.BACKEND,
            f"the server does not speak HTTP: {what}",
            "check the port, and whether it wants https://",
        )
    return refused(response.status)


def _answers(client: Client) -> dict[str, Told]:
    """What the cheap questions were answered; raises StopError when it is no use to go on."""
    told: dict[str, Told] = {}
    for path in suggestion.PATHS:
        exchange = client.ask(HttpRequest("GET", path), LOOK_S)
        if stop := _stop_for(exchange):
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


def _chosen(client: Client, config: RunConfig) -> Tour:
    """A tour of the first likely route that answers."""
    found = suggestion.choices(_answers(client))
    if config.target.api:
        found = suggestion.with_api(found, config.target.api)
    rejected: list[str] = []
    unfit: list[InputError] = []
    first: Tour | None = None
    for choice in found[:TRIES]:
        way = table.route(choice.backend, choice.api)
        try:
            tour = Tour(client, config, way, choice)
        except InputError as error:
            unfit.append(error)
            continue
        tour.choices = tuple(found)
        tour.rejected = rejected
        if tour.try_it():
            return tour
        rejected.append(f"{choice}: {tour.last_words}")
        first = first or tour
    if first is not None:
        first.rejected = rejected[1:]
        return first
    if unfit:
        raise unfit[0]
    raise StopError(
        problem(
            Name.BACKEND,
            "an HTTP server, but none of the formats known here",
            "check --target and its path, or name one of `inferswarm backends` with --backend",
        )
    )
