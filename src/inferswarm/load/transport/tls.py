"""TLS taken off in memory, so that arrival times stay those of the socket's reads."""

import ssl
from collections.abc import Callable
from typing import NamedTuple

_READ_BYTES = 1 << 18
_REMEDIES = {
    "CERTIFICATE_REQUIRED": "; the server wants a certificate of the client: see target.client_cert"
}


class Plain(NamedTuple):
    """What became readable; then TLS is `over` in order, or has failed with `error`."""

    data: bytes
    over: bool = False
    error: str = ""


class Tls:
    """One connection's TLS over memory buffers."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        """Raises ValueError for what cannot be a host's name."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    @property
    def protocol(self) -> str:
        """What both sides agreed to speak (ALPN); empty when they did not."""
        return self._ssl.selected_alpn_protocol() or ""

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
            except ssl.SSLError:
                send(self._outgoing.read())  # tells the server what was not accepted
                raise
            else:
                send(self._outgoing.read())
                return

    def encrypt(self, plain: bytes) -> bytes:
        """The bytes to put on the wire for `plain`."""
        self._ssl.write(plain)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> Plain:
        """What became readable with `data`; tickets and other talk of TLS itself give no bytes."""
        self._incoming.write(data)
        pieces: list[bytes] = []
        try:
            while piece := self._ssl.read(_READ_BYTES):
                pieces.append(piece)
                if not (self._incoming.pending or self._ssl.pending()):
                    return Plain(b"".join(pieces))
        except ssl.SSLWantReadError:
            return Plain(b"".join(pieces))
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as error:
            return Plain(b"".join(pieces), error=tls_reason(error))
        return Plain(b"".join(pieces), over=True)


def tls_reason(error: ssl.SSLError) -> str:
    """Why TLS failed, in a line, with the option that helps where one does."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}; see target.ca_file"
    reason = error.reason or str(error)
    remedy = next((text for word, text in _REMEDIES.items() if word in reason), "")
    return f"TLS: {reason}{remedy}"
