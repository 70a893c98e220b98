"""From what names a source to its rows: built-in ones, a dataset, or a file wherever it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inferswarm.errors import InputError
from inferswarm.sources import built_in, formats, hub
from inferswarm.sources.cache import local_copy
from inferswarm.sources.progress import Place, Progress, silent
from inferswarm.sources.rows import Placed
from inferswarm.sources.tally import Tally
from inferswarm.stores import Uri


@dataclass(frozen=True, slots=True)
class Opened:
    """A source whose rows can be read once, and how far they are."""

    rows: Iterator[Placed]
    place: Place


@contextmanager
def opened(source: str, tally: Tally, progress: Progress = silent) -> Iterator[Opened]:
    """The rows of a source; an empty one is the built-in prompts, `hf:` begins a dataset.

    Raises InputError or StoreError naming what cannot be read, also while the rows are taken.
    """
    if not source:
        yield Opened(((f"line {n}", text) for n, text in enumerate(built_in.PROMPTS, 1)), Place())
    elif source.startswith(hub.PREFIX):
        yield Opened(hub.rows_of(hub.Dataset.parse(source)), Place())
    else:
        uri = Uri.parse(source)
        path = local_copy(uri, progress)
        try:
            file = path.open("rb", buffering=0)
        except OSError as error:
            form = formats.format_of(uri.name).sentence
            raise InputError(f"{tally.name}: {error.strerror}; give a file with {form}") from None
        with file:
            place = Place(file, path.stat().st_size)
            yield Opened(formats.rows_of(file, uri.name, tally), place)
