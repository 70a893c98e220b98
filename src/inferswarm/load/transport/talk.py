"""What is said on a connection: which of its bytes are an answer, when one is over, what to reply."""

from typing import Protocol

from inferswarm.framing.http1 import EndFinder


class Talk(Protocol):
    """One connection's protocol, between the plain bytes of its reads and one answer at a time.

    `over`: the answer is whole, or what came cannot be one. `lost`: why the server will not go on
    with it; `refused` when it did not even begin to. `broken`: nothing more can be read at all.
    `replies`: the protocol speaks without being asked, so that writing must never wait for answers.
    """

    replies: bool
    over: bool
    lost: str
    refused: bool
    broken: bool

    @property
    def usable(self) -> bool:
        """Whether the server takes another request, between answers."""

    @property
    def keep_alive(self) -> bool:
        """Whether another request can follow the answer that is over."""

    @property
    def until_close(self) -> bool:
        """Whether the answer ends when the server closes the connection."""

    @property
    def unsent(self) -> bool:
        """Whether a part of the request waits until the server has room for it."""

    def begin(self) -> None:
        """The next answer is awaited from now on."""

    def request(self, wire: bytes) -> bytes:
        """The bytes to send for a request."""

    def hear(self, data: bytes, *, awaited: bool) -> bytes:
        """Take in a read, and give what of it belongs on the tape of an awaited answer."""

    def say(self) -> bytes:
        """What has to be sent now, unasked."""


class Http1Talk:
    """HTTP/1.1: all that comes after a request is its answer."""

    replies = False
    lost = ""
    refused = False
    unsent = False
    usable = True

    def __init__(self) -> None:
        self.broken = False
        self.begin()

    @property
    def keep_alive(self) -> bool:
        """See `Talk.keep_alive`."""
        return self._finder.keep_alive

    @property
    def until_close(self) -> bool:
        """See `Talk.until_close`."""
        return self._finder.until_close

    def begin(self) -> None:
        """See `Talk.begin`."""
        self._finder = EndFinder()
        self.over = False

    def request(self, wire: bytes) -> bytes:
        """Requests are sent as they are."""
        return wire

    def hear(self, data: bytes, *, awaited: bool) -> bytes:
        """Bytes that nobody awaits are no answer, and nobody knows what they are."""
        if not awaited:
            self.broken = True
            return b""
        self.over = self._finder.feed(data)
        return data

    def say(self) -> bytes:
        """Nothing."""
        return b""
