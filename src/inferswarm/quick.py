"""The hot rules of reading in C (`native/quick.c`), or what stands for them without a compiler.

Each takes only what is just as servers mostly write it, and leaves the rest to its user.
"""

from itertools import islice

try:
    from inferswarm._quick import alike, count, events, response

    BUILT = True
except ImportError:
    BUILT = False

    def response(
        data: bytes, ends: list[int], times: list[int]
    ) -> tuple[int, dict[str, str], int, list[tuple[int, bytes]]] | None:
        """(status, headers, head_ns, pieces) of a whole answer with a plain head; else None."""
        return None

    def events(pieces: list[tuple[int, bytes]], start: int) -> tuple[list[int], list[bytes]]:
        """(times, data) of the pieces from `start` on, while each is one plain event."""
        times, data = [], []
        for at_ns, piece in islice(pieces, start, None):
            ends_first = piece.find(b"\n") == len(piece) - 2 and piece.endswith(b"\n\n")
            if not (ends_first and piece.startswith(b"data: ")) or b"\r" in piece:
                break
            times.append(at_ns)
            data.append(piece[6:-2])
        return times, data

    def alike(data: list[bytes], start: int, before: bytes, after: bytes) -> int:
        """How many items from `start` on are `before`, a text that JSON holds as it is, `after`."""
        return 0

    def count(steps: dict[int, int], bits: int, values: list[int]) -> tuple[int, int, int] | None:
        """Count values in a histogram's steps; (total, low, high), or None with nothing done."""
        return None


__all__ = ["BUILT", "alike", "count", "events", "response"]
