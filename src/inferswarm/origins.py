"""Which requests a web side of ours refuses before it asks who they are from: those of other sites."""

from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself."""


def stranger(listening: str, host: str, origin: str | None) -> str:
    """Why a request to where we listen is refused by its Host and Origin; empty for one that is not.

    A page of another site may ask under a name of its own that leads to this machine, so that on
    loopback only names of this machine count.
    """
    name = _name_of(host)
    if name is None:
        return "the Host of this request is none"
    if listening in LOOPBACK and name not in LOOPBACK:
        return "this service is for this machine alone; ask for it as localhost"
    if origin is not None and origin.partition("://")[2] != host:
        return "a page of another site may not ask here"
    return ""


def _name_of(host: str) -> str | None:
    """The name in a Host, without port and brackets; None for what cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return None
