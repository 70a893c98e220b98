"""Small sources written by tests, and what reading them comes to."""

import io
from pathlib import Path
from typing import BinaryIO

from inferswarm.prompts import Prompt
from inferswarm.sources.formats import rows_of
from inferswarm.sources.prompt_rows import prompts_of
from inferswarm.sources.rows import Row
from inferswarm.sources.tally import Tally


def written(folder: Path, name: str, content: bytes) -> str:
    """The path of a file with this content."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


def rows(name: str, content: bytes, tally: Tally | None = None) -> list[Row]:
    """The rows of a file of this name with this content."""
    return [row for _, row in rows_of(io.BytesIO(content), name, tally or Tally(name))]


def prompts(name: str, content: bytes, column: str = "prompt") -> tuple[list[Prompt], Tally]:
    """Its prompts, and what was counted."""
    tally = Tally(name)
    return list(prompts_of(rows_of(io.BytesIO(content), name, tally), column, tally)), tally


def texts(name: str, content: bytes, column: str = "prompt") -> list[str]:
    """The texts of its prompts."""
    return [one.text for one in prompts(name, content, column)[0]]


class Slowly(io.RawIOBase):
    """A file that gives few bytes at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__()
        self._content = io.BytesIO(content)
        self._most = most

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes as were said."""
        return self._content.read(self._most if size < 0 else min(size, self._most))


def slowly(content: bytes, most: int) -> BinaryIO:
    """Such a file."""
    return Slowly(content, most)  # type: ignore[return-value]  # all that is used of one
