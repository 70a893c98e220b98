"""HTTP/2 answers as a server that nobody here wrote (`h2`) puts them into frames."""

from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

Pairs = Iterable[tuple[str, str]]
HEAD = ((":status", "200"), ("content-type", "application/grpc"))
OK = (("grpc-status", "0"),)
_ASKED = [(":method", "POST"), (":scheme", "http"), (":path", "/x"), (":authority", "h")]


def asked_server() -> H2Connection:
    """A server that was asked on stream 1, by a client that wants no table of headers."""
    client = H2Connection(H2Configuration(client_side=True))
    client.local_settings[SettingCodes.HEADER_TABLE_SIZE] = 0
    server = H2Connection(H2Configuration(client_side=False))
    client.initiate_connection()
    client.send_headers(1, _ASKED, end_stream=True)
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    server.data_to_send()
    return server


def answer(*messages: bytes, head: Pairs = HEAD, trailers: Pairs = OK) -> bytes:
    """The frames of stream 1: a head, a DATA frame for each message, and trailers."""
    server = asked_server()
    server.send_headers(1, list(head))
    for message in messages:
        server.send_data(1, message)
    server.send_headers(1, list(trailers), end_stream=True)
    return bytes(server.data_to_send())


def status_only(*status: tuple[str, str]) -> bytes:
    """The frames of an answer that is nothing but a head with a status."""
    server = asked_server()
    server.send_headers(1, [*HEAD, *status], end_stream=True)
    return bytes(server.data_to_send())
