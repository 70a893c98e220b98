"""A tokenizer in a process of its own, which nothing has patched and which ends with ours."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self, TypeVar

import msgspec

from inferswarm import children
from inferswarm.errors import InferswarmError, InputError
from inferswarm.tokenizer import wire

BATCH_ITEMS = 1_000
BATCH_SIZE = 4 << 20
"""Characters, or ids, above which a batch takes in nothing more."""
_STOP_TIMEOUT_S = 5.0
_SOURCES = str(Path(__file__).resolve().parents[2])
_QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

Progress = Callable[[int], None]
"""Told after each batch how many items are done."""
_Item = TypeVar("_Item", bound=Sequence[object])
_Told = TypeVar("_Told", wire.Hello, wire.Reply)


class TokenizerProcess:
    """A tokenizer of the shape of `tokenizer.Tokenizer`, while it is entered.

    Entering loads it; raises InputError when that does not work. What is too much for a batch is sent
    in several, after each of which `progress` is told how many are done.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.vocabulary_size = 0
        self.special_ids: frozenset[int] = frozenset()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the process, and wait until it has loaded the tokenizer."""
        self._said = tempfile.TemporaryFile()  # closed by `close`
        path = os.pathsep.join(filter(None, [_SOURCES, os.environ.get("PYTHONPATH")]))
        self._child = subprocess.Popen(
            [sys.executable, "-m", "inferswarm.tokenizer", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=os.environ | _QUIET | {"PYTHONPATH": path},
            # The terminal's Ctrl-C is for us: what was answered until then is still to be counted.
            start_new_session=True,
        )
        try:
            hello = self._hear(wire.Hello)
        except BaseException:
            self.close()
            raise
        self.vocabulary_size, self.special_ids = hello.vocabulary_size, frozenset(hello.special_ids)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process; does nothing when it was ended before."""
        child, self._child = self._child, None
        if child is not None:
            children.end([child], _STOP_TIMEOUT_S)
        if self._said is not None:
            self._said.close()

    def count(self, texts: Sequence[str], progress: Progress | None = None) -> list[int]:
        """How many tokens each text has."""
        replies = self._ask_all("count", texts, progress)
        return [count for reply in replies for count in reply.counts]

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[list[int]]:
        """The ids of each text's tokens."""
        return [ids for reply in self._ask_all("encode", texts, progress) for ids in reply.ids]

    def decode(self, ids: Sequence[Sequence[int]], progress: Progress | None = None) -> list[str]:
        """The text of each list of ids."""
        done, texts = 0, []
        for batch in batches(ids):
            texts += self._ask(wire.Ask("decode", ids=[list(one) for one in batch])).texts
            done += len(batch)
            if progress is not None:
                progress(done)
        return texts

    def _ask_all(
        self, what: Literal["count", "encode"], texts: Sequence[str], progress: Progress | None
    ) -> Iterator[wire.Reply]:
        done = 0
        for batch in batches(texts):
            yield self._ask(wire.Ask(what, texts=_sendable(batch)))
            done += len(batch)
            if progress is not None:
                progress(done)

    def _ask(self, ask: wire.Ask) -> wire.Reply:
        child = self._child
        if child is None or child.stdin is None:
            raise InferswarmError(f"tokenizer {self.name}: its process is not running")
        try:
            wire.write(child.stdin, ask)
        except OSError:
            raise self._ended() from None
        return self._hear(wire.Reply)

    def _hear(self, kind: type[_Told]) -> _Told:
        """The next message; raises InputError for what could not be done."""
        assert self._child is not None
        assert self._child.stdout is not None
        data = wire.read(self._child.stdout)
        if data is None:
            raise self._ended()
        told = msgspec.msgpack.decode(data, type=kind)
        if told.error:
            raise InputError(told.error)
        return told

    def _ended(self) -> InferswarmError:
        """Why the process is gone, by its last words."""
        last = ""
        if self._said is not None:
            self._said.seek(0)
            words = self._said.read().decode("utf-8", "replace").split("\n")
            last = next((line.strip() for line in reversed(words) if line.strip()), "")
        return InferswarmError(
            f"tokenizer {self.name}: its process ended{last and ': ' + last[:200]}"
        )


def batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Cut into runs of at most `BATCH_ITEMS`, and of little more than `BATCH_SIZE`."""
    start = size = 0
    for at, item in enumerate(items):
        if at - start >= BATCH_ITEMS or (size and size + len(item) > BATCH_SIZE):
            yield items[start:at]
            start, size = at, 0
        size += len(item)
    if start < len(items):
        yield items[start:]


def _sendable(texts: Sequence[str]) -> list[str]:
    """As UTF-8 can carry them: a lone surrogate, which JSON may bring, becomes a question mark."""
    return [text if _is_utf8(text) else text.encode("utf-8", "replace").decode() for text in texts]


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
