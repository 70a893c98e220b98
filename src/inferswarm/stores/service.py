"""What a service has of its own below `RemoteStore`, and what all have in common."""

import asyncio
import sys
from types import ModuleType
from typing import Any, Protocol

from inferswarm.errors import InputError
from inferswarm.extras import need
from inferswarm.stores.bounds import Bounds
from inferswarm.stores.errors import ExtraError, StoreError
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.interface import Info
from inferswarm.stores.table import Scheme


class Service(Protocol):
    """One cloud: how to connect, who we are there, and what its library's errors mean.

    `files` is what `connect` returned: one of fsspec's asynchronous file systems.
    """

    scheme: Scheme

    def connect(self, bounds: Bounds) -> Any:
        """Find credentials as the cloud's own tools do; raises StoreError or what they raise."""

    def identity(self, files: Any, *, ask: bool) -> str:
        """Name who is asking, never a secret; with `ask` it may ask the cloud and raise what it does.

        `files` is None where connecting failed.
        """

    def status(self, error: BaseException) -> int | None:
        """Give the HTTP status behind a library's error, NO_ANSWER, or None if it is neither."""

    def sending(self, size: int) -> dict[str, Any]:
        """Options of an upload of so many bytes that keep the memory bounded."""

    async def info(self, files: Any, bucket: str, key: str) -> Info:
        """Look at one object."""

    async def look_at_bucket(self, files: Any, bucket: str) -> None:
        """Ask for something that fails with 404 if there is no such bucket."""


def library(scheme: Scheme, module: str) -> ModuleType:
    """Import a library of the scheme's extra; raises ExtraError, and StoreError where it would break."""
    if _is_patched():
        raise StoreError(
            f"{scheme.name}:// cannot be used in a process that gevent has patched: "
            "read and write buckets from a process of its own"
        )
    try:
        return need(module, scheme.extra, f"{scheme.name}://")
    except InputError as missing:
        raise ExtraError(str(missing)) from None


def common_status(error: BaseException) -> int | None:
    """Read what every library may raise: the built-in errors of files and sockets."""
    if isinstance(error, FileNotFoundError):
        return 404
    if isinstance(error, FileExistsError):
        return 412
    if isinstance(error, PermissionError):
        return 403
    if isinstance(error, asyncio.TimeoutError | TimeoutError | ConnectionError):
        return NO_ANSWER
    return None


def _is_patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))
