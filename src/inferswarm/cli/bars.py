"""A bar for what takes long before a run: downloads, and reading prompts."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from inferswarm.sources.progress import Progress


@contextmanager
def bar(console: Console) -> Iterator[Progress]:
    """What shows progress in a terminal and nothing elsewhere; it is gone at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as drawn:
        task = drawn.add_task("reading prompts", total=None)

        def show(what: str, done: int, total: int) -> None:
            drawn.update(task, description=what, completed=done, total=total or None)

        yield show
