"""Protocol Buffers on the wire, as far as a few small messages need it."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


def varint(value: int) -> bytes:
    """A number of at least 0."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A field that holds a number or a truth."""
    return varint(number << 3 | _VARINT) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A field that holds bytes: a text, a message, or numbers packed together."""
    return varint(number << 3 | _BYTES) + varint(len(value)) + value


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """(number, value) of a message's fields, in order; raises ValueError for what is no message."""
    found: list[tuple[int, int | bytes]] = []
    at, size = 0, len(data)
    value: int | bytes
    while at < size:
        key, at = _varint_at(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint_at(data, at)
        else:
            length, at = _varint_at(data, at) if kind == _BYTES else (_FIXED.get(kind, -1), at)
            if length < 0 or key < 8:
                raise ValueError(f"no field of a message: {data[:40]!r}")
            value, at = data[at : at + length], at + length
        found.append((key >> 3, value))
    if at > size:
        raise ValueError(f"half a message: {data[:40]!r}")
    return found


def count_packed(data: bytes) -> int:
    """How many numbers a field of packed ones holds."""
    return sum(byte < 0x80 for byte in data)


def message_in(value: int | bytes) -> bytes:
    """The message that a field holds; raises ValueError for a number."""
    if isinstance(value, int):
        raise ValueError(f"a number where a message should be: {value}")  # noqa: TRY004
    return value


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    """(number, where it ends)."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for shift, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, at + shift + 1
    raise ValueError(f"half a message: {data[:40]!r}")
