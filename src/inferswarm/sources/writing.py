"""Writes prompts where runs read them: text or JSON lines, compressed by their ending, to any URI."""

import contextlib
import gzip
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

import msgspec
import zstandard
from msgspec.structs import replace

from inferswarm.errors import InputError, StorageError
from inferswarm.prompts import Prompt
from inferswarm.sources.formats import TEXT, format_of
from inferswarm.stores import Uri, store_for
from inferswarm.stores.errors import ExistsError

JSON_LINES = ".jsonl"


def check_target(uri: Uri, *, overwrite: bool, lines_only: bool = False) -> None:
    """Raise before anything is read when prompts could not be written there afterwards.

    `lines_only` refuses what is no .jsonl: the prompts are more than one text each.
    """
    form = format_of(uri.object().name)
    if form is not TEXT and JSON_LINES not in form.suffixes:
        raise InputError(f"--to {uri}: prompts are written as .txt or .jsonl, not as {form.name}")
    if lines_only and form is TEXT:
        raise InputError(f"--to {uri}: whole conversations need JSON lines; name it .jsonl")
    store = store_for(uri)
    if not overwrite and store.info(uri) is not None:
        raise ExistsError(f"--to {uri}: is there already; add --overwrite to replace it")
    store.check_writable(_folder(uri))


def write_prompts(prompts: Iterable[Prompt], uri: Uri, *, overwrite: bool) -> int:
    """Write them in order, as they come; how many. The object appears whole or not at all.

    In text each is one line: what would end a line becomes a space.
    """
    line = _text_line if format_of(uri.name) is TEXT else _json_line
    count = 0
    with tempfile.TemporaryDirectory(prefix="inferswarm-prompts-") as folder:
        path = Path(folder) / "prompts"
        try:
            with path.open("wb") as plain, _packing(plain, uri.name) as target:
                for prompt in prompts:
                    target.write(line(prompt))
                    count += 1
        except OSError as error:
            raise StorageError(
                f"{path}: {error.strerror}; free space, or set TMPDIR to another folder"
            ) from None
        if count:
            store_for(uri).put(path, uri, overwrite=overwrite)
    return count


@contextlib.contextmanager
def _packing(plain: BinaryIO, name: str) -> Iterator[IO[bytes]]:
    if name.endswith(".gz"):
        with gzip.GzipFile(fileobj=plain, mode="wb", mtime=0) as packed:
            yield cast("IO[bytes]", packed)
    elif name.endswith(".zst"):
        with _compressor().stream_writer(plain, closefd=False) as stream:
            yield cast("IO[bytes]", stream)
    else:
        yield plain


def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=3, write_checksum=True)


def one_line(text: str) -> str:
    """The text with a space for each line end, so that it is one line of a file."""
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").strip()


def _text_line(prompt: Prompt) -> bytes:
    return one_line(prompt.text).encode() + b"\n"


def _json_line(prompt: Prompt) -> bytes:
    return msgspec.json.encode(replace(prompt, index=0)) + b"\n"


def _folder(uri: Uri) -> Uri:
    parent = uri.key.rpartition("/")[0]
    if uri.is_local:
        return Uri.parse(uri.path.parent)
    return Uri(uri.scheme, uri.bucket, parent)
