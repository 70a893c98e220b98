"""JSON documents one after the other: bytes with times to documents with times.

Between two documents may be nothing at all, white space, line ends (NDJSON), NUL bytes, or the record
separators of RFC 7464.
"""

import json
import re

from inferswarm.framing.sse import Events

_BETWEEN = re.compile(r"[ \t\r\n\x00\x1e]*")
_BOM = b"\xef\xbb\xbf"
_next_document = json.JSONDecoder().raw_decode


def read_documents(pieces: list[tuple[int, bytes]]) -> Events:
    """The documents in the pieces of a body, (arrival_ns, bytes) each, however they were cut.

    A document has the arrival of the read with its last byte. From the first place on where no whole
    document begins, the rest of the body is one last item as it is, for its reader to judge: a
    document that was cut, or no JSON. Never raises; takes time in proportion to the body's length.
    """
    found = Events()
    body = b"".join(piece for _, piece in pieces).removeprefix(_BOM)
    # Latin-1 gives one character a byte, so that places agree; JSON's own signs are all ASCII.
    text = body.decode("latin-1")
    missing = sum(len(piece) for _, piece in pieces) - len(body)
    last, arrived = -1, -missing
    at = _after_gap(text, 0)
    while at < len(text):
        end = _end_of_document(text, at)
        while arrived < end:
            last += 1
            arrived += len(pieces[last][1])
        found.times.append(pieces[last][0])
        found.data.append(body[at:end])
        at = _after_gap(text, end)
    return found


def _after_gap(text: str, at: int) -> int:
    """Where the next document begins; the text's length when there is none."""
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _end_of_document(text: str, at: int) -> int:
    """Just behind the document that begins here, or the end of the text when none does."""
    try:
        return _next_document(text, at)[1]
    except (ValueError, RecursionError):
        return len(text)
