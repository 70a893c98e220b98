"""JSON objects that differ only in one text: encoded once, then cut around it."""

import msgspec

TEXT = "\ue000the text\ue001"
"""Stands for the text in an object that is cut."""

_MARK = TEXT.encode()


def around_text(tree: object, before: bytes = b"", after: bytes = b"") -> tuple[bytes, bytes]:
    """The JSON before and after TEXT in a tree, with further bytes outside of it."""
    first, last = msgspec.json.encode(tree).split(_MARK)
    return before + first, last + after


def event(tree: object) -> bytes:
    """One server-sent event."""
    return b"data: %b\n\n" % msgspec.json.encode(tree)
