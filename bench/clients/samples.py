"""How the small clients keep what they measure: 64-bit integers, appended in large pieces.

sent_ns, number of tokens, nanoseconds from sent to each token; one after another. This costs less
than a line of text per request, so that no client is slowed by its way of keeping results.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path

_KEPT_NUMBERS = 1 << 15


class SampleFile:
    """Appends requests to a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._kept = array("q")

    def add(self, sent_ns: int, token_ns: list[int]) -> None:
        """One answered request; `token_ns` counts from sent."""
        self._kept.append(sent_ns)
        self._kept.append(len(token_ns))
        self._kept.extend(token_ns)
        if len(self._kept) > _KEPT_NUMBERS:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        self._kept.tofile(self._file)
        self._file.flush()
        del self._kept[:]


def read_samples(path: Path) -> Iterator[tuple[int, list[int]]]:
    """(sent_ns, token_ns) of every request in a file."""
    numbers = array("q")
    numbers.frombytes(path.read_bytes())
    at = 0
    while at + 1 < len(numbers):
        sent_ns, count = numbers[at], numbers[at + 1]
        yield sent_ns, list(numbers[at + 2 : at + 2 + count])
        at += 2 + count
