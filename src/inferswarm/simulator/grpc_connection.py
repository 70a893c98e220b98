"""One client connection that speaks gRPC: HTTP/2 frames to calls, answers to frames."""

import asyncio
from collections.abc import Callable
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from inferswarm.clock import now_ns
from inferswarm.framing import grpc
from inferswarm.simulator.arrival import StampedSocket
from inferswarm.simulator.generation import Answer, Generation, Reply, Request
from inferswarm.simulator.grpc_entrance import Open
from inferswarm.simulator.grpc_jetstream import BROKEN, GENERATING, PLAIN, failed
from inferswarm.simulator.routes import Routes
from inferswarm.simulator.service import Job, Service

_Pairs = tuple[tuple[str, str], ...]
_OK: _Pairs = (("grpc-status", "0"),)


class Stream:
    """One call and the way back to who made it; see `service.Line`."""

    def __init__(
        self, owner: "GrpcConnection", number: int, headers: list[tuple[str, str]]
    ) -> None:
        """A call whose message is still to come, as stream `number`."""
        self._owner, self._number = owner, number
        self._h2 = owner.h2
        self._headers = dict(headers)
        self._waiting = bytearray()
        self._trailers: _Pairs = ()
        self.body = bytearray()
        self.job: Job | None = None

    def request(self, accepted_ns: int) -> Request:
        """The call, when all of it has come."""
        path = self._headers.get(":path", "").partition("?")[0]
        method = self._headers.get(":method", "")
        return Request(method, path, self._headers, bytes(self.body), True, accepted_ns)

    def head(self, answer: Answer, *, keep_alive: bool) -> bytes:
        """See `service.Line`."""
        self._h2.send_headers(self._number, [(":status", "200"), *answer.stream_headers])
        return self._h2.data_to_send()

    def chunk(self, event: bytes) -> bytes:
        """One message, as far as the client has room for it."""
        self._waiting += grpc.message(event)
        return self.pushed()

    def ending(self, events: tuple[bytes, ...], *, failed: bool) -> bytes:
        """The last messages and the status."""
        self._waiting += b"".join(map(grpc.message, filter(None, events)))
        self._trailers = BROKEN.headers[1:] if failed else _OK
        return self.pushed()

    def whole(self, reply: Reply, *, keep_alive: bool) -> bytes:
        """A status without messages."""
        headers = [(":status", str(reply.status)), *reply.headers]
        self._h2.send_headers(self._number, headers, end_stream=True)
        return self._h2.data_to_send()

    def pushed(self) -> bytes:
        """The frames of what waits and has room now."""
        while self._waiting:
            room = self._h2.local_flow_control_window(self._number)
            length = min(room, self._h2.max_outbound_frame_size, len(self._waiting))
            if length <= 0:
                return self._h2.data_to_send()
            self._h2.send_data(self._number, bytes(self._waiting[:length]))
            del self._waiting[:length]
        if self._trailers:
            self._h2.send_headers(self._number, self._trailers, end_stream=True)
            self._trailers = ()
            self._owner.forget(self._number)
        return self._h2.data_to_send()

    def write(self, data: bytes) -> None:
        """Send bytes of the answer."""
        self._owner.write(data)

    def answered(self) -> None:
        """The service has written the answer in full, as far as there was room."""
        self.job = None

    def hang_up(self) -> None:
        """Close in the middle; other calls of the connection end with it."""
        self.job = None
        self._owner.hang_up()


class GrpcConnection(asyncio.Protocol):
    """Reads calls and hands them to the service, as many at once as the client makes."""

    def __init__(
        self,
        routes: Routes,
        service: Service,
        every: set[Open],
        sockets: dict[int, StampedSocket],
    ) -> None:
        """As `connection.Connection`."""
        self._routes, self._service, self._every, self._sockets = routes, service, every, sockets
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._streams: dict[int, Stream] = {}
        self._gone: set[int | None] = set()  # reset by what was read last
        self._handlers: dict[type[Event], Callable[..., None]] = {
            RequestReceived: self._on_request,
            DataReceived: self._on_data,
            StreamEnded: self._on_end,
            StreamReset: self._on_reset,
            WindowUpdated: self._on_window,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._every.add(self)
        self._number = self._transport.get_extra_info("socket").fileno()
        self._socket = self._sockets[self._number]
        self.h2.initiate_connection()
        self.write(self.h2.data_to_send())

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio: one side has closed."""
        self._every.discard(self)
        if self._sockets.get(self._number) is self._socket:
            del self._sockets[self._number]
        for number in list(self._streams):
            self._drop(number)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with whatever arrived."""
        try:
            events = self.h2.receive_data(data)
            self._gone = {event.stream_id for event in events if isinstance(event, StreamReset)}
            for event in events:
                if handler := self._handlers.get(type(event)):
                    handler(event)
        except ProtocolError:
            self.write(self.h2.data_to_send())
            self._transport.close()
            return
        self.write(self.h2.data_to_send())

    def write(self, data: bytes) -> None:
        """Send frames."""
        if data:
            self._transport.write(data)

    def hang_up(self) -> None:
        """Close: what was written still goes out."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent yet is lost."""
        self._transport.abort()

    def forget(self, number: int) -> None:
        """A stream is over."""
        self._streams.pop(number, None)

    def _on_request(self, event: RequestReceived) -> None:
        headers = [(str(name), str(value)) for name, value in event.headers]
        self._streams[event.stream_id] = Stream(self, event.stream_id, headers)

    def _on_data(self, event: DataReceived) -> None:
        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if stream := self._streams.get(event.stream_id):
            stream.body += event.data

    def _on_end(self, event: StreamEnded) -> None:
        stream = self._streams.get(event.stream_id)
        if stream and event.stream_id in self._gone:
            request = stream.request(self._socket.arrived_ns)
            self._service.log_unserved(request, "client_gone", 0, 0)
        elif stream:
            self._serve(event.stream_id, stream)

    def _on_reset(self, event: StreamReset) -> None:
        self._drop(event.stream_id)

    def _on_window(self, event: WindowUpdated) -> None:
        numbers = [event.stream_id] if event.stream_id else list(self._streams)
        for number in numbers:
            stream = self._streams.get(number)
            if stream and number not in self._gone:
                self.write(stream.pushed())

    def _drop(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream and stream.job:
            self._service.client_gone(stream.job)

    def _serve(self, number: int, stream: Stream) -> None:
        request = stream.request(self._socket.arrived_ns)
        asked = self._asked(request)
        if isinstance(asked, Generation):
            wire_format = GENERATING[request.path]
            job = stream.job = Job(self._service.number(), request, asked, wire_format, stream)
            self._service.submit(job, request.accepted_ns)
        elif isinstance(asked, Reply):
            self.forget(number)
            self.write(stream.whole(asked, keep_alive=True))
            self._service.log_unserved(request, "rejected", asked.status, now_ns())
        else:
            self.h2.send_headers(number, [(":status", "200"), *BROKEN.headers[:1]])
            self.write(stream.ending((asked,), failed=False))

    def _asked(self, request: Request) -> Generation | Reply | bytes:
        """What a call asks to be generated, why it fails, or the one message that answers it."""
        if not self._routes.authorized(request):
            return failed("UNAUTHENTICATED", "Unauthorized")
        if request.path in PLAIN:
            return PLAIN[request.path](request)
        if request.path not in GENERATING:
            return failed("UNIMPLEMENTED", "Method not found!")
        return GENERATING[request.path].read(request, self._routes.options)
