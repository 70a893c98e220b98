"""Buckets as a store: one way of asking, trying again and explaining for all clouds."""

import contextlib
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from inferswarm.stores import failures
from inferswarm.stores.blocks import open_blocks
from inferswarm.stores.bounds import BLOCK_BYTES, Bounds
from inferswarm.stores.errors import DeniedError, ExistsError, MissingError, StoreError
from inferswarm.stores.failures import Attempt
from inferswarm.stores.interface import CHECK_NAME, Info
from inferswarm.stores.local import open_local, place_local
from inferswarm.stores.service import Service, library
from inferswarm.stores.table import Action
from inferswarm.stores.uri import Uri

_MISSING: Final = 404
_T = TypeVar("_T")
_Ask = Callable[[Any], Awaitable[_T]]


class RemoteStore:
    """The objects of one cloud; connects when first used, and is safe to use from any thread."""

    def __init__(self, service: Service, bounds: Bounds) -> None:
        self._service, self._bounds = service, bounds
        self._files: Any = None

    def open(self, uri: Uri) -> BinaryIO:
        """Open for reading and seeking, a block at a time, each tried again on its own."""
        found = self.info(uri)
        if found is None:
            raise failures.object_missing(self._attempt(Action.READ, uri))
        return open_blocks(found.size, lambda start, end: self._block(uri, start, end))

    def info(self, uri: Uri) -> Info | None:
        """Look at an object; a missing bucket is an error, a missing object is None."""
        try:
            return self._ask(
                Action.READ, uri, lambda files: self._service.info(files, uri.bucket, uri.key)
            )
        except _ObjectMissingError:
            return None

    def names(self, prefix: Uri) -> list[str]:
        """List objects below the prefix; a bucket with none there gives an empty list."""
        base = _path(prefix).rstrip("/") + "/"
        found = self._ask(Action.LIST, prefix, lambda files: files._find(base.rstrip("/")))  # noqa: SLF001
        names = [name.removeprefix(base) for name in found if name.startswith(base)]
        if not names:
            self._require_bucket(Action.LIST, prefix)
        shown = (name for name in names if name and not name.endswith("/"))
        return sorted(name for name in shown if name.rpartition("/")[2] != CHECK_NAME)

    def put(self, path: Path, uri: Uri, *, overwrite: bool = True) -> None:
        """Upload a file in blocks."""
        with open_local(path) as file:
            size = file.seek(0, 2)
        options = self._service.sending(size)

        def send(files: Any, mode: str) -> Awaitable[object]:
            sent: Awaitable[object] = files._put_file(str(path), _path(uri), mode=mode, **options)  # noqa: SLF001
            return sent

        self._create(uri, send, size, overwrite=overwrite, same=lambda: self._is(uri, path))

    def put_bytes(self, data: bytes, uri: Uri, *, overwrite: bool = True) -> None:
        """Write an object from memory."""

        def send(files: Any, mode: str) -> Awaitable[object]:
            sent: Awaitable[object] = files._pipe_file(_path(uri), data, mode=mode)  # noqa: SLF001
            return sent

        def same() -> bool:
            with self.open(uri) as there:
                return there.read(len(data) + 1) == data

        self._create(uri, send, len(data), overwrite=overwrite, same=same)

    def get(self, uri: Uri, path: Path) -> None:
        """Download in blocks."""
        with self.open(uri) as source:
            place_local(path, lambda target: shutil.copyfileobj(source, target, 1 << 20))

    def delete(self, uri: Uri) -> None:
        """Remove an object."""
        with contextlib.suppress(_ObjectMissingError):
            self._ask(Action.DELETE, uri, lambda files: files._rm_file(_path(uri)))  # noqa: SLF001

    def check_writable(self, uri: Uri) -> None:
        """Write a small object of a name that listings hide, and remove it if that is allowed."""
        check = _path(uri.child(CHECK_NAME))
        with contextlib.suppress(ExistsError):
            self._ask(
                Action.CREATE,
                uri,
                lambda files: files._pipe_file(check, b"inferswarm", mode="create"),  # noqa: SLF001
            )
        # Rights to create without rights to delete are enough for results.
        with contextlib.suppress(DeniedError, MissingError):
            self._ask(Action.DELETE, uri, lambda files: files._rm_file(check))  # noqa: SLF001

    def _create(
        self,
        uri: Uri,
        send: Callable[[Any, str], Awaitable[object]],
        size: int,
        *,
        overwrite: bool,
        same: Callable[[], bool],
    ) -> None:
        if overwrite:
            self._ask(Action.REPLACE, uri, lambda files: send(files, "overwrite"), size)
            return
        self._refuse_existing(uri)
        try:
            self._ask(Action.CREATE, uri, lambda files: send(files, "create"), size)
        except ExistsError:
            # A try whose answer was lost may have succeeded; the next then finds its own object.
            if not same():
                raise

    def _refuse_existing(self, uri: Uri) -> None:
        # Not every service or emulator knows conditions. Who may only write cannot look, and where
        # the bucket is missing the writing itself says so.
        with contextlib.suppress(DeniedError, MissingError):
            if self.info(uri) is not None:
                raise failures.already_there(self._attempt(Action.CREATE, uri))

    def _is(self, uri: Uri, path: Path) -> bool:
        with self.open(uri) as there, open_local(path) as here:
            while (piece := here.read(BLOCK_BYTES)) == there.read(BLOCK_BYTES):
                if not piece:
                    return True
        return False

    def _block(self, uri: Uri, start: int, end: int) -> bytes:
        data: bytes = self._ask(
            Action.READ,
            uri,
            lambda files: files._cat_file(_path(uri), start=start, end=end),  # noqa: SLF001
        )
        if len(data) != end - start:
            raise StoreError(f"{uri}: it changed while it was read; read it again")
        return data

    def _ask(self, action: Action, uri: Uri, ask: _Ask[_T], size: int = 0) -> _T:
        tries = self._bounds.tries
        for attempt in range(1, tries + 1):
            try:
                return self._ask_once(ask, size)
            except StoreError:
                raise
            # Each library has dozens of kinds of errors; all of them become ours here.
            except Exception as error:
                status = self._status(error, action)
                if attempt == tries or not failures.is_passing(status):
                    raise self._explained(error, status, action, uri, attempt) from error
            time.sleep(self._bounds.pause_before(attempt + 1))
        raise AssertionError("a store tries at least once")

    def _ask_once(self, ask: _Ask[_T], size: int = 0) -> _T:
        asyn = library(self._service.scheme, "fsspec.asyn")
        if self._files is None:
            self._files = self._service.connect(self._bounds)
        files = self._files

        async def asked() -> _T:
            return await ask(files)

        result: _T = asyn.sync(files.loop, asked, timeout=self._bounds.whole_s(size))
        return result

    def _status(self, error: BaseException, action: Action) -> int | None:
        # After a broken upload the libraries clean up, and when that fails too, they tell of that.
        before = error.__context__
        if action in (Action.CREATE, Action.REPLACE) and before is not None:
            status = self._service.status(before)
            if failures.is_passing(status):
                return status
        return self._service.status(error)

    def _explained(
        self, error: Exception, status: int | None, action: Action, uri: Uri, tries: int
    ) -> StoreError:
        # A cloud that does not answer would not tell who asked it either.
        attempt = self._attempt(action, uri, ask=not failures.is_passing(status))
        if status != _MISSING:
            return failures.failure(attempt, status, error, tries)
        if self._lacks_bucket(uri):
            return failures.bucket_missing(attempt)
        return _ObjectMissingError(str(failures.object_missing(attempt)))

    def _require_bucket(self, action: Action, uri: Uri) -> None:
        if self._lacks_bucket(uri):
            raise failures.bucket_missing(self._attempt(action, uri))

    def _lacks_bucket(self, uri: Uri) -> bool:
        try:
            self._ask_once(lambda files: self._service.look_at_bucket(files, uri.bucket))
        except Exception as error:  # noqa: BLE001 - only one kind of failure says that it is missing
            return self._service.status(error) == _MISSING
        return False

    def _attempt(self, action: Action, uri: Uri, *, ask: bool = True) -> Attempt:
        try:
            identity = self._service.identity(self._files, ask=ask)
        except Exception as error:  # noqa: BLE001 - this explains a failure, and must not be another
            identity = f"an identity that could not be found out ({type(error).__name__})"
        return Attempt(self._service.scheme, uri, action, identity)


class _ObjectMissingError(MissingError):
    """The bucket is there, the object is not."""


def _path(uri: Uri) -> str:
    return f"{uri.bucket}/{uri.key}"
