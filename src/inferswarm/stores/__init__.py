"""Files and buckets behind one interface: `store_for(uri)` reads and writes any of them.

The libraries of the clouds are imported when such a URI is first asked for, never before.
"""

import functools
import os
from collections.abc import Callable
from typing import Final

from inferswarm.stores.az import AzureBlobs
from inferswarm.stores.bounds import PATIENT, Bounds
from inferswarm.stores.gs import GoogleStorage
from inferswarm.stores.interface import Info, Store
from inferswarm.stores.local import LocalStore
from inferswarm.stores.remote import RemoteStore
from inferswarm.stores.s3 import AmazonS3
from inferswarm.stores.service import Service
from inferswarm.stores.table import SCHEMES
from inferswarm.stores.uri import Uri
from inferswarm.stores.web import WebStore

__all__ = ["Bounds", "Info", "Store", "Uri", "store_for"]

_SERVICES: Final[dict[str, Callable[[], Service]]] = {
    "gs": GoogleStorage,
    "s3": AmazonS3,
    "az": AzureBlobs,
}


def store_for(uri: Uri, bounds: Bounds = PATIENT) -> Store:
    """Give the store of a URI's scheme, which connects when it is first asked for something."""
    if uri.scheme == "file":
        return LocalStore()
    if uri.scheme not in _SERVICES:
        return WebStore(bounds)
    variables = SCHEMES[uri.scheme].variables
    return _connected(uri.scheme, bounds, tuple(os.environ.get(name) for name in variables))


@functools.lru_cache(maxsize=8)
def _connected(scheme: str, bounds: Bounds, _variables: tuple[str | None, ...]) -> RemoteStore:
    # Kept, since connections and tokens are worth it, for as long as the same variables are set.
    return RemoteStore(_SERVICES[scheme](), bounds)
