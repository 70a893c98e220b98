"""The truth log: one JSON line for each request that the simulated server received."""

from io import FileIO
from pathlib import Path
from typing import Literal

import msgspec

from inferswarm.errors import InputError, StorageError

Outcome = Literal["ok", "http_error", "stream_error", "hangup", "hang", "client_gone", "rejected"]


class TruthRow(msgspec.Struct, frozen=True):
    """What became of one request. Instants are `clock.now_ns()` readings; 0 means never.

    `request` is also the hexadecimal number in the answer's id. `accepted_ns`: the request was fully
    read; `started_ns`: service began; `head_ns`: the response head was written; `token_ns`: just
    before the write that carried each token, one entry per token really written. `status` is 0 when
    no head was sent. A server that stops ends its requests as `hangup`. On OpenAI's routes `messages`
    counts those of a chat, and `digest` is the hash of the prompt (`generation.digest_of`).
    `cached_tokens` of the prompt were said to be from the cache. `traceparent` is the header of that
    name.
    """

    request: int
    route: str
    stream: bool
    model: str
    accepted_ns: int
    started_ns: int
    head_ns: int
    token_ns: list[int]
    end_ns: int
    prompt_tokens: int
    output_tokens: int
    outcome: Outcome
    status: int
    messages: int = 0
    digest: str = ""
    cached_tokens: int = 0
    traceparent: str = ""


class TruthLog:
    """Rows on their way to a file; without a path they are dropped."""

    def __init__(self, path: Path | None) -> None:
        """A log that is not open yet."""
        self._path = path
        self._encode = msgspec.json.Encoder().encode
        self._waiting: list[bytes] = []
        self._lost = 0
        self._reason: str | None = None
        self._file: FileIO | None = None

    def open(self) -> None:
        """Start the file anew; raises InputError when that cannot be done."""
        if self._path is None:
            return
        try:
            self._file = FileIO(self._path, "w")
        except OSError as error:
            raise InputError(
                f"cannot write the truth log {self._path}: {error.strerror}; "
                "name a file in an existing, writable folder"
            ) from error

    def add(self, row: TruthRow) -> None:
        """Keep one row for the next `flush`."""
        if self._file is not None:
            self._waiting.append(self._encode(row))

    def flush(self) -> None:
        """Write what waits; raises StorageError when that cannot be done, now or before."""
        if self._file is None or not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        left = memoryview(b"\n".join([*rows, b""]))
        try:
            # After a failure the file may end within a row: nothing may follow.
            while left and not self._lost:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._reason = error.strerror
        if left:
            self._lost += len(rows)
            raise StorageError(
                f"cannot write the truth log {self._path}: {self._reason}; up to {self._lost} "
                "requests are missing from it: make room or choose another disk, then run again"
            )

    def close(self) -> None:
        """Write what waits and close the file; raises StorageError like `flush`."""
        if self._file is None:
            return
        try:
            self.flush()
        finally:
            self._file.close()
            self._file = None


def read_truth(path: Path) -> list[TruthRow]:
    """All rows of a truth log, in the order in which the requests ended.

    Raises StorageError when the file cannot be read or a line is not a row.
    """
    decode = msgspec.json.Decoder(TruthRow).decode
    try:
        return [decode(line) for line in path.read_bytes().splitlines()]
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"cannot read the truth log {path}: {error}") from error
