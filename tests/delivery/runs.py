"""Run folders, places and a store with trouble, for the tests of delivery."""

from pathlib import Path
from typing import BinaryIO

from inferswarm.delivery.journal import Journal
from inferswarm.delivery.sending import Sender
from inferswarm.storage import RecordWriter, RunFolder, Sealer
from inferswarm.stores import Uri
from inferswarm.stores.errors import UnreachableError
from inferswarm.stores.local import LocalStore
from tests.builders import record

RUN = "20261123-091500-1f2e"


def a_run(path: Path, count: int = 6, *, ended: bool = True, worker: int = 0) -> RunFolder:
    """A run of that many records in two parts or more, sealed but not reported."""
    folder = RunFolder.create(path)
    add_records(folder.records, count, worker)
    folder.run.write_text(f'{{"id": "{RUN}", "attempted": {count}}}')
    folder.config.write_text("output: {upload: ''}\n")
    folder.log.write_text("said\n")
    if ended:
        folder.client.write_text("{}")
    Sealer(folder).seal_all()
    return folder


def add_records(records: Path, count: int, worker: int = 0) -> None:
    """Let a worker write that many records, three a part."""
    writer = RecordWriter(records, RUN, worker, 700, recorder="native", clock="kernel")
    for k in range(count):
        writer.write([record(k=k, detail="x" * 100)])
    writer.close()


def place(path: Path) -> Uri:
    """Where a run is delivered to on this machine."""
    return Uri.parse(path / "runs" / RUN)


def sender(path: Path, store: LocalStore | None = None) -> Sender:
    """One to that place."""
    return Sender(place(path), Journal(None), store)


class TroubledStore(LocalStore):
    """Files of this machine on a bad line: the first writes break off, and it tells what was asked."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.written: list[str] = []
        self.opened: list[str] = []

    def put(self, path: Path, uri: Uri, *, overwrite: bool = True) -> None:
        """Copy, unless the line breaks."""
        if self.failing:
            self.failing -= 1
            raise UnreachableError(f"{uri}: the connection broke")
        super().put(path, uri, overwrite=overwrite)
        self.written.append(uri.name)

    def put_bytes(self, data: bytes, uri: Uri, *, overwrite: bool = True) -> None:
        """Write."""
        super().put_bytes(data, uri, overwrite=overwrite)
        self.written.append(uri.name)

    def open(self, uri: Uri) -> BinaryIO:
        """Open, and remember."""
        self.opened.append(uri.name)
        return super().open(uri)


class ForgetfulStore(LocalStore):
    """Says that all is well, and keeps half."""

    def put(self, path: Path, uri: Uri, *, overwrite: bool = True) -> None:
        """Write half of it."""
        content = path.read_bytes()
        super().put_bytes(content[: len(content) // 2], uri, overwrite=overwrite)
