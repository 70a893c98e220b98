"""Files of this machine as a store."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from inferswarm.stores.errors import DeniedError, ExistsError, FolderError, MissingError, StoreError
from inferswarm.stores.interface import CHECK_NAME, Info
from inferswarm.stores.uri import Uri

# What a file is called until it is whole; no listing shows it.
_UNFINISHED: Final = ".inferswarm-unfinished"


class LocalStore:
    """Plain paths and file:// URIs."""

    def open(self, uri: Uri) -> BinaryIO:
        """Open the file for reading."""
        return open_local(uri.path)

    def info(self, uri: Uri) -> Info | None:
        """Size, and a tag of the file's number, size and time of change; None for folders too."""
        with _explained(uri, "read"):
            try:
                seen = uri.path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not uri.path.is_file():
            return None
        return Info(seen.st_size, f"{seen.st_ino:x}-{seen.st_size:x}-{seen.st_mtime_ns:x}")

    def names(self, prefix: Uri) -> list[str]:
        """Files in the folder, at any depth; a folder that is not there holds none."""
        return sorted(_names(prefix.path, prefix))

    def put(self, path: Path, uri: Uri, *, overwrite: bool = True) -> None:
        """Copy beside the place, then rename."""
        with open_local(path) as source:
            place_local(
                uri.path,
                lambda target: shutil.copyfileobj(source, target, 1 << 20),
                overwrite=overwrite,
            )

    def put_bytes(self, data: bytes, uri: Uri, *, overwrite: bool = True) -> None:
        """Write beside the place, then rename."""
        place_local(uri.path, lambda target: target.write(data), overwrite=overwrite)

    def get(self, uri: Uri, path: Path) -> None:
        """Copy the file."""
        self.put(uri.path, Uri.parse(path))

    def delete(self, uri: Uri) -> None:
        """Remove the file."""
        with _explained(uri, "delete"):
            uri.path.unlink(missing_ok=True)

    def check_writable(self, uri: Uri) -> None:
        """Write and remove a file in the folder, or in the nearest that is there already."""
        with _explained(uri, "write"):
            check = _nearest(uri.path) / f"{CHECK_NAME}-{secrets.token_hex(4)}"
            check.touch(exist_ok=False)
            check.unlink()


def open_local(path: Path) -> BinaryIO:
    """Open a file of this machine for reading; raises StoreError."""
    with _explained(Uri.parse(path), "read"):
        return path.open("rb")


def place_local(path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool = True) -> None:
    """Make a file that is whole once it bears its name; raises StoreError and what `write` raises."""
    with _explained(Uri.parse(path), "write"):
        _place_whole(path, write, overwrite=overwrite)


def _place_whole(
    path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool = True
) -> None:
    if not _nearest(path.parent).is_dir():
        raise NotADirectoryError
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f".{path.name}.{secrets.token_hex(4)}{_UNFINISHED}"
    try:
        with unfinished.open("xb") as target:
            write(target)
            target.flush()
            os.fsync(target.fileno())
        if overwrite:
            unfinished.replace(path)
        else:
            _rename_to_new(unfinished, path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _nearest(path: Path) -> Path:
    """The place itself, or the nearest above it that is there."""
    path = path.absolute()
    return next((one for one in (path, *path.parents) if one.exists()), path)


def _rename_to_new(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # Some mounts know no links; looking first leaves a moment in which another may write.
        if target.exists():
            raise FileExistsError(errno.EEXIST, "it exists", str(target)) from None
        source.replace(target)


def _names(folder: Path, prefix: Uri) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    with _explained(prefix, "list"):
        for place, _, files in os.walk(folder, onerror=refuse):
            for name in files:
                if not name.endswith(_UNFINISHED) and not name.startswith(CHECK_NAME):
                    yield (Path(place) / name).relative_to(folder).as_posix()


@contextmanager
def _explained(uri: Uri, verb: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise ExistsError(f"{uri} exists already; choose another name or overwrite it") from None
    except FileNotFoundError:
        raise MissingError(f"{uri}: no such file; check the path") from None
    except NotADirectoryError:
        raise FolderError(
            f"{uri}: {_nearest(uri.path)} is a file, where a folder is needed; choose another place"
        ) from None
    except PermissionError:
        raise DeniedError(
            f"{uri}: user {_user()} may not {verb} it; change its rights or choose another place"
        ) from None
    except OSError as error:
        raise StoreError(f"{uri}: cannot {verb} it: {error.strerror or error}") from error


def _user() -> str:
    return os.environ.get("USER") or f"number {os.getuid()}"
