"""gRPC over HTTP/2: messages in the body, and the status at the end."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from inferswarm.framing.http1 import Response

PREFIX_BYTES = 5
STATUSES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


@dataclass(slots=True)
class Messages:
    """Messages in order: item i of `data` was complete with the read of `times[i]`.

    `error` says what could not be read; `rest` how many bytes of an incomplete one are at the end.
    """

    times: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    rest: int = 0
    error: str = ""


def message(data: bytes) -> bytes:
    """A message with its prefix."""
    return b"\0" + len(data).to_bytes(4, "big") + data


def read_messages(pieces: list[tuple[int, bytes]]) -> Messages:
    """The messages in the pieces of a body, (arrival_ns, bytes) each, however they were cut."""
    found = Messages()
    rest = bytearray()
    for at_ns, piece in pieces:
        if not rest and piece[:1] == b"\0" and _end(piece, 0) == len(piece):
            found.times.append(at_ns)
            found.data.append(piece[PREFIX_BYTES:])
            continue
        rest += piece
        found.error = _cut(rest, at_ns, found)
        if found.error:
            break
    found.rest = len(rest)
    return found


def _end(data: bytes | bytearray, at: int) -> int:
    """Where the message at `at` ends, as its prefix says; beyond the data without a prefix."""
    if len(data) - at < PREFIX_BYTES:
        return len(data) + 1
    return at + PREFIX_BYTES + int.from_bytes(data[at + 1 : at + PREFIX_BYTES], "big")


def _cut(rest: bytearray, at_ns: int, found: Messages) -> str:
    """Move whole messages out of `rest`; gives why there can be no more."""
    at = 0
    while at < len(rest):
        if rest[at]:
            return f"compressed, or no gRPC message: {bytes(rest[at : at + 40])!r}"
        end = _end(rest, at)
        if end > len(rest):
            break
        found.times.append(at_ns)
        found.data.append(bytes(rest[at + PREFIX_BYTES : end]))
        at = end
    del rest[:at]
    return ""


def status_name(code: str) -> str:
    """The name of a `grpc-status`."""
    known = code.isascii() and code.isdigit() and len(code) < 3 and int(code) < len(STATUSES)
    return STATUSES[int(code)] if known else f"status {code[:20]}"


def failure(response: Response) -> str:
    """The status of an answer that is over and failed, by name and message; empty when it is OK."""
    told = response.trailers if "grpc-status" in response.trailers else response.headers
    code = told.get("grpc-status", "0")
    if code == "0":
        return ""
    words = unquote(told.get("grpc-message", ""), errors="replace")
    return f"{status_name(code)}: {words}" if words else status_name(code)


def is_over(response: Response) -> bool:
    """Whether the server said how the call ended."""
    return response.complete and (
        "grpc-status" in response.trailers or "grpc-status" in response.headers
    )
