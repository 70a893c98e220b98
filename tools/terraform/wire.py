"""Just enough of Protocol Buffers to talk to Terraform: numbered fields of numbers and bytes."""

from collections.abc import Iterator

Fields = dict[int, list[bytes]]
_LENGTH_DELIMITED, _VARINT = 2, 0


def number(tag: int, value: int) -> bytes:
    """A field that holds a number or a truth value; 0 is not sent, as the format has it."""
    return _varint(tag << 3 | _VARINT) + _varint(value) if value else b""


def text(tag: int, value: str | bytes) -> bytes:
    """A field that holds text, bytes or a message."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(tag << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def entry(tag: int, key: str, value: bytes) -> bytes:
    """One entry of a map whose values are messages."""
    return text(tag, text(1, key) + text(2, value))


def fields(message: bytes) -> Fields:
    """What is in a message, by number; numbers are left out, as no request of ours needs one."""
    found: Fields = {}
    for tag, data in _split(message):
        found.setdefault(tag, []).append(data)
    return found


def _split(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        length, at = _read_varint(message, at)
        if key & 7 == _LENGTH_DELIMITED:
            yield key >> 3, message[at : at + length]
            at += length
        elif key & 7 != _VARINT:
            raise ValueError(f"field {key >> 3} is of kind {key & 7}, which is not read here")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
