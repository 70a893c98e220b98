"""One client connection: bytes to requests, answers in the order of the requests."""

import asyncio
from collections import deque
from typing import Literal, cast

import httptools

from inferswarm.clock import now_ns
from inferswarm.simulator import http
from inferswarm.simulator.arrival import StampedSocket
from inferswarm.simulator.generation import Answer, Generation, Reply, Request
from inferswarm.simulator.grpc_entrance import Open
from inferswarm.simulator.routes import Routes
from inferswarm.simulator.service import Job, Service


class Connection(asyncio.Protocol):
    """Reads requests and hands them to the service, one at a time, as HTTP/1.1 orders them.

    asyncio sets TCP_NODELAY on every accepted socket, so each write leaves at once.
    """

    def __init__(
        self,
        routes: Routes,
        service: Service,
        every: set[Open],
        sockets: dict[int, StampedSocket],
    ) -> None:
        """A connection that is in `every` while it is open; its socket is among `sockets`."""
        self._sockets = sockets
        self._routes, self._service, self._every = routes, service, every
        self._parser = httptools.HttpRequestParser(self)
        self._pipelined: deque[Request] = deque()
        self._current: Job | None = None
        self._advancing = False
        self._unreadable = False
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._every.add(self)
        self._number = self._transport.get_extra_info("socket").fileno()
        self._socket = self._sockets[self._number]

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio: the client went away, or the answer to its last request is out."""
        self._every.discard(self)
        if self._sockets.get(self._number) is self._socket:
            del self._sockets[self._number]
        if self._current is not None:
            self._service.client_gone(self._current)
        while self._pipelined:
            self._unanswered(self._pipelined.popleft())

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with whatever arrived."""
        if self._unreadable:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request was read and is answered; what follows would be another protocol.
            self._unreadable = True
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError:
            self._unreadable = True
        self._advance()

    def on_message_begin(self) -> None:
        """Called by the parser before each request."""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        """Called by the parser with a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser before the body."""
        idle = self._current is None and not self._pipelined
        if idle and self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(http.CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Called by the parser with a part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser after each request."""
        self._pipelined.append(
            Request(
                method=self._parser.get_method().decode("latin-1"),
                path=self._url.partition(b"?")[0].decode("latin-1"),
                headers=self._headers,
                body=bytes(self._body),
                keep_alive=self._parser.should_keep_alive()
                and self._parser.get_http_version() == "1.1",
                accepted_ns=self._socket.arrived_ns,
            )
        )

    def head(self, answer: Answer, *, keep_alive: bool) -> bytes:
        """See `service.Line`."""
        return http.stream_head(answer.stream_headers, answer.manner, keep_alive=keep_alive)

    def chunk(self, event: bytes) -> bytes:
        """See `service.Line`."""
        return http.chunk(event)

    def ending(self, events: tuple[bytes, ...], *, failed: bool) -> bytes:
        """See `service.Line`; what failed is said in the events."""
        return b"".join([*map(http.chunk, events), http.LAST_CHUNK])

    def whole(self, reply: Reply, *, keep_alive: bool) -> bytes:
        """See `service.Line`."""
        return http.whole(reply, keep_alive=keep_alive)

    def write(self, data: bytes) -> None:
        """Send bytes of the current answer."""
        self._transport.write(data)

    def answered(self) -> None:
        """The service has written the current answer in full."""
        job, self._current = self._current, None
        if job is not None and not job.request.keep_alive:
            self._transport.close()
        self._advance(waited=True)

    def hang_up(self) -> None:
        """Close in the middle: what was written still goes out, nothing ends the answer."""
        self._current = None
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent yet is lost."""
        self._transport.abort()

    def _advance(self, *, waited: bool = False) -> None:
        """Serve what is next; `waited` says that it had to, behind an earlier request."""
        # An answer may be complete before this returns: loop instead of recursing.
        if self._advancing:
            return
        self._advancing = True
        while self._pipelined and self._current is None and not self._transport.is_closing():
            self._serve(self._pipelined.popleft(), waited=waited)
        self._advancing = False
        if self._unreadable and self._current is None and not self._transport.is_closing():
            self._transport.write(http.invalid_request())
            self._transport.close()

    def _serve(self, request: Request, *, waited: bool) -> None:
        asked = self._routes.resolve(request)
        if self._routes.is_metrics(request):
            asked = self._service.metrics()
        if isinstance(asked, Generation):
            wire_format = self._routes.generating[request.path]
            job = self._current = Job(self._service.number(), request, asked, wire_format, self)
            self._service.submit(job, now_ns() if waited else request.accepted_ns)
            return
        head_ns = now_ns()
        with_body = request.method != "HEAD"
        self._transport.write(http.whole(asked, keep_alive=request.keep_alive, with_body=with_body))
        self._log_rejected(request, asked, head_ns)
        if not request.keep_alive:
            self._transport.close()

    def _log_rejected(self, request: Request, reply: Reply, head_ns: int) -> None:
        if request.method == "POST":
            self._service.log_unserved(request, "rejected", reply.status, head_ns)

    def _unanswered(self, request: Request) -> None:
        outcome: Literal["client_gone", "hangup"] = (
            "hangup" if self._service.stopping else "client_gone"
        )
        if request.method == "POST":
            self._service.log_unserved(request, outcome, 0, 0)
