"""TLS taken off in memory, so that arrival times stay those of the socket's reads."""

import ssl
from collections.abc import Callable

_READ_BYTES = 1 << 18


class Tls:
    """One connection's TLS over memory buffers."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def handshake(self, receive: Callable[[int], bytes], send: Callable[[bytes], object]) -> None:
        """Shake hands through blocking functions of a socket; raises ssl.SSLError or OSError."""
        while True:
            try:
                self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                send(self._outgoing.read())
                data = receive(_READ_BYTES)
                if not data:
                    raise ConnectionResetError(
                        "the server closed during the TLS handshake"
                    ) from None
                self._incoming.write(data)
            else:
                send(self._outgoing.read())
                return

    def encrypt(self, plain: bytes) -> bytes:
        """The bytes to put on the wire for `plain`."""
        self._ssl.write(plain)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """(the plain bytes that became readable, whether the other side still speaks)."""
        self._incoming.write(data)
        plain = []
        try:
            while piece := self._ssl.read(_READ_BYTES):
                plain.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(plain), True
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(plain), False
