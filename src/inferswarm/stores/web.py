"""http:// and https:// as a store that can only be read, by the standard library."""

import http.client
import io
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from inferswarm import __version__
from inferswarm.stores import failures
from inferswarm.stores.bounds import Bounds
from inferswarm.stores.errors import (
    DeniedError,
    MissingError,
    ReadOnlyError,
    StoreError,
    UnreachableError,
)
from inferswarm.stores.interface import Info
from inferswarm.stores.local import place_local
from inferswarm.stores.uri import Uri

_MISSING: Final = (404, 410)
_REFUSED: Final = (401, 403, 407)
_PARTIAL: Final = 206
_PIECE_BYTES: Final = 1 << 16
_CUT: Final = (OSError, http.client.HTTPException)


class WebStore:
    """Reads what a web server gives to everybody."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    def open(self, uri: Uri) -> BinaryIO:
        """Open for reading from start to end; goes on where a connection broke, if that can be."""
        return io.BufferedReader(_Stream(uri, self._bounds), _PIECE_BYTES)

    def info(self, uri: Uri) -> Info | None:
        """Size, -1 where the server does not tell it, and its ETag or time of change."""
        try:
            with _patient(uri, self._bounds) as answer:
                tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
                return Info(_length(answer), tag.strip('"'))
        except MissingError:
            return None

    def get(self, uri: Uri, path: Path) -> None:
        """Download to a file."""
        with self.open(uri) as source:
            place_local(path, lambda target: shutil.copyfileobj(source, target, 1 << 20))

    def names(self, prefix: Uri) -> list[str]:
        """Refuse: the web knows no folders."""
        _refuse(prefix, "listed")

    def put(self, path: Path, uri: Uri, *, overwrite: bool = True) -> None:
        """Refuse."""
        _refuse(uri, "written")

    def put_bytes(self, data: bytes, uri: Uri, *, overwrite: bool = True) -> None:
        """Refuse."""
        _refuse(uri, "written")

    def delete(self, uri: Uri) -> None:
        """Refuse."""
        _refuse(uri, "deleted")

    def check_writable(self, uri: Uri) -> None:
        """Refuse."""
        _refuse(uri, "written")


class _Stream(io.RawIOBase):
    def __init__(self, uri: Uri, bounds: Bounds) -> None:
        self._uri, self._bounds = uri, bounds
        self._answer = _patient(uri, bounds)
        self._length = _length(self._answer)
        self._tag = self._answer.headers.get("ETag", "")
        self._position = 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._answer.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        for attempt in range(1, self._bounds.tries + 1):
            got = self._try_read(buffer)
            if isinstance(got, int):
                self._position += got
                return got
            if attempt == self._bounds.tries:
                raise _unreachable(self._uri, got, attempt)
            time.sleep(self._bounds.pause_before(attempt + 1))
            self._go_on(got)
        raise AssertionError("a store tries at least once")

    def _try_read(self, buffer: bytearray | memoryview) -> int | BaseException:
        try:
            count = self._answer.readinto(buffer)
        except _CUT as error:
            return error
        if count == 0 and 0 <= self._position < self._length:
            return ConnectionResetError(f"cut after {self._position} of {self._length} bytes")
        return count

    def _go_on(self, broken: BaseException) -> None:
        self._answer.close()
        headers = {"Range": f"bytes={self._position}-"}
        if self._tag:
            headers["If-Range"] = self._tag
        try:
            self._answer = _ask(self._uri, self._bounds, headers)
        except UnreachableError:
            return  # the next try tells
        if self._position and self._answer.status != _PARTIAL:
            raise _unreachable(self._uri, broken, 1)


def _patient(uri: Uri, bounds: Bounds) -> http.client.HTTPResponse:
    for attempt in range(1, bounds.tries):
        try:
            return _ask(uri, bounds, {}, attempt)
        except UnreachableError:
            time.sleep(bounds.pause_before(attempt + 1))
    return _ask(uri, bounds, {}, bounds.tries)


def _ask(
    uri: Uri, bounds: Bounds, headers: dict[str, str], attempt: int = 1
) -> http.client.HTTPResponse:
    known = {"User-Agent": f"inferswarm/{__version__}", **headers}
    request = urllib.request.Request(str(uri), headers=known)  # noqa: S310 - Uri lets only http(s) here
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310
            request, timeout=bounds.silence_s
        )
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(uri, error, attempt) from None
    except (ValueError, http.client.InvalidURL) as error:
        words = failures.detail(error)
        raise StoreError(f"{uri.shown}: not a URL that can be asked for: {words}") from None
    except _CUT as error:
        reason = getattr(error, "reason", error)
        known_reason = reason if isinstance(reason, BaseException) else error
        raise _unreachable(uri, known_reason, attempt) from error
    return answer


def _refusal(uri: Uri, error: urllib.error.HTTPError, attempt: int) -> StoreError:
    said = f"{error.code} {error.reason}"
    if error.code in _MISSING:
        return MissingError(f"{uri.shown}: {uri.bucket} has no such page ({said}); check the URL")
    if error.code in _REFUSED:
        return DeniedError(
            f"{uri.shown}: {uri.bucket} answered {said}: inferswarm asks without credentials, and "
            f"GET needs some there; download it yourself and name the file"
        )
    if failures.is_passing(error.code):
        return _unreachable(uri, error, attempt)
    return StoreError(f"{uri.shown}: {uri.bucket} answered {said}; check the URL")


def _unreachable(uri: Uri, error: BaseException, tries: int) -> UnreachableError:
    times = "once" if tries == 1 else f"{tries} times"
    return UnreachableError(
        f"{uri.shown}: {uri.bucket} failed {times} ({failures.detail(error)}), asked without "
        f"credentials; check the network and proxies, then try again"
    )


def _length(answer: http.client.HTTPResponse) -> int:
    told = answer.headers.get("Content-Length", "")
    return int(told) if told.isdigit() else -1


def _refuse(uri: Uri, done: str) -> NoReturn:
    raise ReadOnlyError(
        f"{uri.shown}: {uri.scheme}:// can be read, not {done}; "
        f"give a path or a bucket (gs://, s3://, az://)"
    )
