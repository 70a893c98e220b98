"""Arrivals as they were recorded: replayed faster, thinned or multiplied, always alike."""

import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import msgspec
import zstandard

from inferswarm.arrivals import Arrival
from inferswarm.config.arrivals import MOST_PER_S
from inferswarm.draws import generator
from inferswarm.errors import InputError
from inferswarm.scales import NS_PER_S

_MOST_NS = 2**62
_NO_LENGTH = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A recorded request: its time in ns from anywhere, its lengths in tokens if known."""

    time_ns: int
    input_tokens: int | None = None
    output_tokens: int | None = None


class TraceArrivals:
    """Recorded arrivals in order of time, the first due at 0; 16 bytes of memory each."""

    def __init__(self, arrivals: Iterable[Row], notes: tuple[str, ...] = ()) -> None:
        self._due_ns = array("q")
        self._input_tokens = array("i")
        self._output_tokens = array("i")
        self.notes = notes
        """What was done with rows that were not as they should be, a sentence each."""
        for row in arrivals:
            self._due_ns.append(row.time_ns)
            self._input_tokens.append(row.input_tokens or _NO_LENGTH)
            self._output_tokens.append(row.output_tokens or _NO_LENGTH)

    @classmethod
    def scaled(
        cls,
        name: str,
        rows: Iterable[Row],
        time_scale: float = 1.0,
        rate_scale: float = 1.0,
        seed: int = 0,
    ) -> Self:
        """The rows of the trace `name`, replayed differently.

        `time_scale` divides all times: 2 is twice as fast. `rate_scale` is how often each row is
        replayed on average: of 0.5, each row has an even chance by `seed`; of 2, each row comes
        twice; of 2.5, a seeded half comes three times. Copies of a row are spread evenly between it
        and the next row, so that they make no bursts that were not there.

        Raises InputError when there is no row, none is left, they last a century, or more than
        10,000/s come on average.
        """
        given = list(rows)
        if not given:
            raise InputError(f"trace {name}: no row in it; give one with at least one request")
        recorded = sorted(given, key=lambda row: row.time_ns)
        if (recorded[-1].time_ns - recorded[0].time_ns) / time_scale > _MOST_NS:
            raise InputError(f"trace {name}: lasts more than a century; check the times in it")
        made = cls(_replayed(recorded, time_scale, rate_scale, seed), tuple(_notes(name, given)))
        if not made._due_ns:
            raise InputError(
                f"trace {name}: rate_scale {rate_scale:g} leaves none of {len(recorded)} rows; "
                "give a greater one, or another seed"
            )
        made._check_rate(name)
        return made

    def pack(self) -> bytes:
        """As bytes, which need no file on the machine where they are unpacked."""
        columns = [_little(column).tobytes() for column in self._columns]
        return zstandard.compress(msgspec.msgpack.encode((columns, self.notes)))

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The inverse of `pack`."""
        columns, notes = msgspec.msgpack.decode(
            zstandard.decompress(packed), type=tuple[list[bytes], tuple[str, ...]]
        )
        made = cls((), notes)
        for column, data in zip(made._columns, columns, strict=True):
            column.frombytes(data)
        made._due_ns, made._input_tokens, made._output_tokens = map(_little, made._columns)
        return made

    @property
    def _columns(self) -> tuple["array[int]", "array[int]", "array[int]"]:
        return self._due_ns, self._input_tokens, self._output_tokens

    @property
    def ends_ns(self) -> int:
        """When the last arrival is due."""
        return self._due_ns[-1]

    def __len__(self) -> int:
        """How many arrivals there are."""
        return len(self._due_ns)

    def due(self, k: int) -> int | None:
        """When arrival k is due, ns from the start; None past the last one."""
        return self._due_ns[k] if k < len(self._due_ns) else None

    def at(self, k: int) -> Arrival | None:
        """Arrival k with the recorded lengths; None past the last one."""
        if k >= len(self._due_ns):
            return None
        return Arrival(
            k, self._due_ns[k], self._input_tokens[k] or None, self._output_tokens[k] or None
        )

    def _check_rate(self, name: str) -> None:
        most = MOST_PER_S * max(self.ends_ns, NS_PER_S) / NS_PER_S
        if len(self) > most:
            per_s = len(self) * NS_PER_S / max(self.ends_ns, 1)
            raise InputError(
                f"trace {name}: {per_s:.0f}/s on average is more than {int(MOST_PER_S)}/s; "
                "give a smaller time_scale or rate_scale"
            )


def _little(column: "array[int]") -> "array[int]":
    """The column as it is on most machines, whichever this is; and back."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column


def _notes(name: str, rows: list[Row]) -> Iterator[str]:
    late = sum(after.time_ns < before.time_ns for before, after in pairwise(rows))
    if late:
        yield f"trace {name}: {late} of {len(rows)} rows were earlier than the row before; sorted"
    unknown = sum(row.output_tokens is None for row in rows)
    if unknown:
        yield (
            f"trace {name}: {unknown} of {len(rows)} rows have no output length; "
            "they ask for the run's own"
        )


def _replayed(rows: list[Row], time_scale: float, rate_scale: float, seed: int) -> Iterator[Row]:
    """Each row as often as it comes, timed from the first of those that are left."""
    uniform = generator("trace", seed)
    whole, part = divmod(rate_scale, 1.0)
    began_ns: int | None = None
    for row, following in pairwise([*rows, rows[-1]]):
        copies = int(whole) + (uniform() < part)
        for copy in range(copies):
            time_ns = row.time_ns + (following.time_ns - row.time_ns) * copy // copies
            began_ns = time_ns if began_ns is None else began_ns
            yield Row(round((time_ns - began_ns) / time_scale), row.input_tokens, row.output_tokens)
