"""The forms that files of prompts have: a row in a table for each, found by the ending of a name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from inferswarm.errors import InputError
from inferswarm.sources import packed, rows
from inferswarm.sources.rows import Placed
from inferswarm.sources.tally import Tally


@dataclass(frozen=True, slots=True)
class Format:
    """One form: the endings of its names, what it is, and what reads its rows as a stream."""

    name: str
    suffixes: tuple[str, ...]
    sentence: str
    read: Callable[[BinaryIO, Tally], Iterator[Placed]]
    seeks: bool = False
    """Whether it is read in another order than written, so that it cannot be compressed as a whole."""


TEXT = Format("text", (".txt",), "one prompt a line, UTF-8", rows.lines)
FORMATS = (
    TEXT,
    Format("JSON lines", (".jsonl", ".ndjson"), "one JSON object a line", rows.json_lines),
    Format("JSON", (".json",), "one array of JSON objects", rows.json_objects),
    Format("CSV", (".csv",), "a table whose first line names its columns", rows.comma_separated),
    Format("TSV", (".tsv",), "a table like that of CSV, separated by tabs", rows.tab_separated),
    Format("Parquet", (".parquet",), "a table of columns", rows.parquet, seeks=True),
)
_HEAD_BYTES = 1 << 12
_TALK = b'"conversations"'


def format_of(name: str) -> Format:
    """The form of a file of this name, an ending of compression left out; text for unknown endings."""
    plain = name.lower()
    for suffix in packed.SUFFIXES:
        plain = plain.removesuffix(suffix)
    return next((one for one in FORMATS if plain.endswith(one.suffixes)), TEXT)


def rows_of(file: BinaryIO, name: str, tally: Tally) -> Iterator[Placed]:
    """The rows of an open file of this name, as a stream.

    Raises InputError when it is plainly of another form than its name says, or proves damaged.
    """
    form = format_of(name)
    tally.form = form.sentence
    if form.seeks:
        yield from form.read(file, tally)
        return
    with packed.whole(tally.name), packed.unpacked(file) as content:
        refuse_other_form(content.peek(_HEAD_BYTES), form, tally.name)
        yield from form.read(content, tally)


def refuse_other_form(head: bytes, form: Format, name: str) -> None:
    """Raises InputError saying what a file's first bytes look like, and what fits them."""
    seen = _looks_like(head.removeprefix(b"\xef\xbb\xbf").lstrip(), form)
    if seen:
        raise InputError(f"{name}: is read as {form.name} but looks like {seen}")


def _looks_like(head: bytes, form: Format) -> str:
    talk = "`inferswarm prompts sharegpt` takes prompts from it"
    if head.startswith(b"PAR1"):
        return "Parquet; let its name end in .parquet"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive; unpack it"
    if b"\0" in head[:_HEAD_BYTES]:
        return "no text; give a file of text, JSON, CSV or Parquet"
    if form.name in ("text", "JSON lines") and _is_array(head):
        is_talk = _TALK in head
        return f"a JSON array of conversations; {talk}" if is_talk else "JSON; name it .json"
    if form is TEXT and _is_object(head.partition(b"\n")[0]):
        return f"conversations; {talk}" if _TALK in head else "JSON lines; name it .jsonl"
    return ""


def _is_array(head: bytes) -> bool:
    return head.startswith(b"[") and head[1:].lstrip().startswith(b"{")


def _is_object(line: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(line, type=dict))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line.startswith(b'{"') and _TALK in line
