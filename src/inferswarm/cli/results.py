"""What becomes of a run's results: a manifest, and the way to where they are kept."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from inferswarm.cli.view import complain
from inferswarm.config.tree import RunConfig
from inferswarm.delivery.gathering import gather_parts
from inferswarm.delivery.manifest import write_manifest
from inferswarm.delivery.process import Uploader
from inferswarm.delivery.sending import Progress as Sent
from inferswarm.delivery.sending import place_of
from inferswarm.errors import InferswarmError, StorageError
from inferswarm.otel import collector
from inferswarm.otel.sender import Sender, Silence, Teller
from inferswarm.storage import RunFolder
from inferswarm.stores import Uri, store_for
from inferswarm.telemetry.collect import Telemetry


def check_upload(config: RunConfig) -> None:
    """Refuse before any load what could not be uploaded after it; raises StoreError, InputError."""
    if config.output.upload:
        place = Uri.parse(config.output.upload).child("runs")
        store_for(place).check_writable(place)


def check_collector(config: RunConfig) -> None:
    """Refuse before any load what could not be sent; raises InputError."""
    if config.telemetry.otlp:
        collector.check()


def telling(folder: RunFolder, config: RunConfig, run: Mapping[str, Any]) -> Teller:
    """Whoever tells a collector of a run, if one is named; what it does not take is said once."""
    if not config.telemetry.otlp:
        return Silence()
    return Sender(folder, config, run, lambda line: complain(f"inferswarm: {line}"))


def keep(looking: Telemetry, folder: RunFolder, console: Console) -> None:
    """Write down what the server said of itself; what cannot be written is said."""
    try:
        looking.finish(folder.metrics, lambda line: console.print(line, markup=False))
    except StorageError as error:
        complain(f"inferswarm: {error}")


class Delivery:
    """A run's results on their way: begun before the load, finished after the report."""

    def __init__(self, folder: RunFolder, config: RunConfig, run: str) -> None:
        upload = config.output.upload
        self._folder = folder
        self._from_elsewhere = bool(config.load.bind)
        self.place = place_of(upload, run) if upload else None
        self._uploader = (
            Uploader.of_run(folder.path, self.place, config.output.upload_patience.seconds)
            if self.place
            else None
        )

    def __enter__(self) -> Self:
        if self._uploader is not None:
            self._uploader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._uploader is not None:
            self._uploader.close()

    def gather(self, console: Console) -> None:
        """Fetch what workers of other machines uploaded and did not hand in."""
        if self.place is None or self.place.is_local or not self._from_elsewhere:
            return
        try:
            fetched = gather_parts(store_for(self.place), self.place, self._folder)
        except InferswarmError as error:
            complain(f"inferswarm: what lost workers uploaded could not be fetched: {error}")
            return
        if fetched:
            names = ", ".join(fetched)
            console.print(f"from lost workers, by {self.place}: {names}", markup=False)

    def finish(self, console: Console) -> bool:
        """Write the manifest, and wait until all has arrived; whether it has. Says so in one line."""
        try:
            manifest = write_manifest(self._folder)
            if self._uploader is not None:
                with shown(console, "uploading") as show:
                    self._uploader.finish(show)
                console.print(
                    f"uploaded: {self.place} ({manifest.records:,} records, "
                    f"{len(manifest.files) + 1} files)",
                    markup=False,
                    soft_wrap=True,
                )
        except KeyboardInterrupt:
            complain(f"inferswarm: {self._not_all('interrupted')}")
            return False
        except StorageError as error:
            complain(f"inferswarm: {self._not_all(str(error))}")
            return False
        finally:
            self.__exit__()
        return True

    def _not_all(self, why: str) -> str:
        path = self._folder.path
        if self._uploader is None:
            return f"{path} has no manifest: {why}"
        return (
            f"not all results arrived at {self.place} ({why}); all are in {path}: "
            f"`inferswarm upload {path}` finishes"
        )


@contextlib.contextmanager
def shown(console: Console, doing: str) -> Iterator[Callable[[Sent], None]]:
    """Shows how far a transfer is, on a terminal: a function that is to be called with it."""
    columns = (
        TextColumn(doing),
        BarColumn(32),
        DownloadColumn(),
        TextColumn("{task.fields[files]} {task.fields[trouble]}", markup=False),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None, files="", trouble="")

        def show(sent: Sent) -> None:
            files = f"{sent.files} of {sent.of_files} files"
            told = sent.trouble and f"trying again: {sent.trouble}"
            progress.update(
                task, completed=sent.bytes, total=sent.of_bytes, files=files, trouble=told
            )

        yield show
