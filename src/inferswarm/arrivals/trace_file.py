"""Traces from files, of the kinds in which they are published; told apart by their columns.

| kind | file | time | lengths |
| --- | --- | --- | --- |
| Azure LLM inference, 2023 and 2024 | CSV | `TIMESTAMP`, a date and time to 100 ns | `ContextTokens`, `GeneratedTokens` |
| BurstGPT, with or without sessions | CSV | `Timestamp`, seconds | `Request tokens`, `Response tokens` |
| Mooncake | JSON lines | `timestamp`, milliseconds | `input_length`, `output_length` |
| ours | CSV or JSON lines | `time_s`, seconds | `input_tokens`, `output_tokens`, both may be missing |

Further columns are ignored. Times count from the earliest row, so a trace may start anywhere. A
length of 0 (BurstGPT writes it for requests that failed) is a length that is not known.
"""  # noqa: E501 - a row of a table is one line

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TextIO

import msgspec

from inferswarm.arrivals.trace import Row, TraceArrivals
from inferswarm.errors import InputError
from inferswarm.scales import NS_PER_S

_MOST_NS = 2**62
_MOST_TOKENS = 2**31 - 1
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s*(Z|[+-]\d\d:?\d\d)?"
)
_WHOLE = re.compile(r"([0-9]{1,10})(?:\.0*)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of trace: the names of its columns, and how its times are read."""

    name: str
    time: str
    time_ns: Callable[[object], int]
    input_tokens: str
    output_tokens: str
    lengths_may_miss: bool = False

    def fits(self, columns: set[str]) -> bool:
        """Whether a file with these columns is of this kind."""
        lengths = set() if self.lengths_may_miss else {self.input_tokens, self.output_tokens}
        return {self.time, *lengths} <= columns


def _moment_ns(value: object) -> int:
    """A date and time, to the nanosecond; without an offset it is taken as UTC."""
    found = _MOMENT.fullmatch(str(value).strip())
    if not found:
        raise ValueError("it must be a date and time such as 2023-11-16 18:17:03.9799600")
    day, time, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{offset or 'Z'}")
    except ValueError as error:
        raise ValueError(f"there is no such time ({error})") from None
    return (moment - _EPOCH) // _SECOND * NS_PER_S + int((fraction or "0").ljust(9, "0"))


def _number_ns(unit_ns: int) -> Callable[[object], int]:
    def time_ns(value: object) -> int:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise ValueError("it must be a number") from None
        if not number.is_finite() or abs(number) * unit_ns > _MOST_NS:
            raise ValueError("it must be a number within a century")
        return int(number * unit_ns)

    return time_ns


_seconds_ns = _number_ns(NS_PER_S)
KINDS = (
    Kind("Azure LLM inference", "TIMESTAMP", _moment_ns, "ContextTokens", "GeneratedTokens"),
    Kind("BurstGPT", "Timestamp", _seconds_ns, "Request tokens", "Response tokens"),
    Kind("Mooncake", "timestamp", _number_ns(1_000_000), "input_length", "output_length"),
    Kind("plain", "time_s", _seconds_ns, "input_tokens", "output_tokens", lengths_may_miss=True),
)


def read_trace(
    path: Path, time_scale: float = 1.0, rate_scale: float = 1.0, seed: int = 0
) -> TraceArrivals:
    """The arrivals of a trace file, scaled as `TraceArrivals.scaled` says.

    Raises InputError naming the file, the line and the remedy when it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(file, str(path)))
    except OSError as error:
        raise InputError(f"trace {path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"trace {path}: is not UTF-8 text; unpack or convert it") from None
    except csv.Error as error:
        raise InputError(f"trace {path}: is no CSV ({error}); check the file") from None
    return TraceArrivals.scaled(str(path), rows, time_scale, rate_scale, seed)


def _rows(file: TextIO, path: str) -> Iterator[Row]:
    start = next((text for text in file if text.strip()), "")
    file.seek(0)
    records = _json_records if start.lstrip().startswith("{") else _csv_records
    kind: Kind | None = None
    for line, record in records(file, path):
        kind = kind or _kind_of(record, path, line)
        try:
            yield _row(record, kind)
        except ValueError as error:
            raise InputError(
                f"trace {path}: line {line}: {error}; mend or remove the row"
            ) from None


def _csv_records(file: TextIO, path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line and cells by column; blank lines are skipped."""
    reader = csv.reader(file)
    columns = [name.strip() for name in next((cells for cells in reader if cells), [])]
    if columns:
        _kind_of(dict.fromkeys(columns), path, reader.line_num)
    for cells in reader:
        if len(cells) not in (0, len(columns)):
            raise InputError(
                f"trace {path}: line {reader.line_num}: has {len(cells)} cells, the header "
                f"{len(columns)}; mend or remove the row"
            )
        if cells:
            yield reader.line_num, dict(zip(columns, cells, strict=True))


def _json_records(file: TextIO, path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line and object; blank lines are skipped."""
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            yield line, decoder.decode(text)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"trace {path}: line {line}: is no JSON object ({error}); mend or remove the row"
            ) from None


def _kind_of(record: Mapping[str, Any], path: str, line: int) -> Kind:
    for kind in KINDS:
        if kind.fits(set(record)):
            return kind
    known = "; ".join(
        f"{kind.name} ({kind.time}, {kind.input_tokens}, {kind.output_tokens})" for kind in KINDS
    )
    found = ", ".join(list(record)[:8])
    raise InputError(
        f"trace {path}: line {line}: columns {found} are of no known kind; name them as one of {known}"
    )


def _row(record: Mapping[str, Any], kind: Kind) -> Row:
    """A row; ValueError names the column, the value and what it must be."""
    if kind.time not in record:
        raise ValueError(f"{kind.time} is missing")
    try:
        time_ns = kind.time_ns(record[kind.time])
    except ValueError as error:
        raise ValueError(f"{kind.time} is {record[kind.time]!s:.40}, {error}") from None
    return Row(
        time_ns,
        _tokens(record, kind.input_tokens, kind),
        _tokens(record, kind.output_tokens, kind),
    )


def _tokens(record: Mapping[str, Any], name: str, kind: Kind) -> int | None:
    """A length; None when it is 0, or missing where it may be."""
    value = record.get(name)
    text = "" if value is None else str(value).strip()
    if not text and kind.lengths_may_miss:
        return None
    whole = _WHOLE.fullmatch(text)
    if not whole or int(whole[1]) > _MOST_TOKENS:
        raise ValueError(f"{name} is {text or 'missing':.40}, it must be a whole number of tokens")
    return int(whole[1]) or None
