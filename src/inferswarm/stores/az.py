"""Azure Blob Storage, by adlfs."""

import base64
import binascii
import json
import os
import re
from typing import Any, Final

from inferswarm.stores.bounds import BLOCK_BYTES, Bounds
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.interface import Info
from inferswarm.stores.service import common_status, library
from inferswarm.stores.table import AZ, Scheme

# With more, Azure's library leaves tasks behind when one fails, and asyncio prints their tracebacks.
_AT_ONCE: Final = 1
_ASKING_S: Final = 10
# A blob has room for 50,000 blocks. aiohttp warns of larger bodies, which Azure's library gives it.
_SENT_BYTES: Final = 1 << 20
_SCOPE: Final = "https://storage.azure.com/.default"
# What a token says of who bears it, the most telling first.
_CLAIMS: Final = ("upn", "unique_name", "appid", "oid")


class NoAccountError(Exception):
    """No variable names a storage account, which an az:// URI does not do either."""


class AzureBlobs:
    """How adlfs connects, and what its errors mean."""

    scheme: Scheme = AZ

    def connect(self, bounds: Bounds) -> Any:
        """Use a connection string, key, SAS token or Entra identity, the first that there is."""
        adlfs = library(AZ, "adlfs")
        client, credential = _client(bounds)
        files = adlfs.AzureBlobFileSystem(
            account_name=client.account_name,
            anon=True,
            max_concurrency=_AT_ONCE,
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        # adlfs's own client takes neither bounds nor the size of a block.
        files.service_client = client
        files.inferswarm_credential = credential
        return files

    def identity(self, files: Any, *, ask: bool) -> str:
        """Name the account and the kind of key, or what the Entra token says of its bearer."""
        name, way = _account() or "that no variable names", _way()
        if way != "Entra":
            return f"the storage account {name} (by {way})"
        if not ask or files is None:
            return f"an Entra identity at the storage account {name}"
        token = library(AZ, "fsspec.asyn").sync(
            files.loop, files.inferswarm_credential.get_token, _SCOPE, timeout=_ASKING_S
        )
        return f"{bearer(token.token)} at the storage account {name}"

    def status(self, error: BaseException) -> int | None:
        """Read the errors of Azure's libraries; adlfs makes built-in ones of some."""
        azure = library(AZ, "azure.core.exceptions")
        code = getattr(error, "status_code", None)
        if isinstance(error, azure.HttpResponseError) and code is not None:
            return int(code)
        if isinstance(error, NoAccountError | azure.ClientAuthenticationError):
            return 401
        if isinstance(error, azure.ServiceRequestError | azure.ServiceResponseError):
            return NO_ANSWER
        if isinstance(error, azure.IncompleteReadError | library(AZ, "aiohttp").ClientError):
            return NO_ANSWER
        return common_status(error)

    def sending(self, size: int) -> dict[str, Any]:
        """Send one block after another; their size is the client's."""
        return {"max_concurrency": _AT_ONCE}

    async def info(self, files: Any, bucket: str, key: str) -> Info:
        """Get the blob's properties."""
        found = await files.service_client.get_blob_client(bucket, key).get_blob_properties()
        return Info(int(found.size), str(found.etag).strip('"'))

    async def look_at_bucket(self, files: Any, bucket: str) -> None:
        """Get the container's properties."""
        await files.service_client.get_container_client(bucket).get_container_properties()


def bearer(token: str) -> str:
    """Name who bears an Entra token, by its claims; nothing in the answer is secret."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        known = [f"{claims[claim]}" for claim in _CLAIMS if claims.get(claim)]
    except (IndexError, ValueError, binascii.Error, AttributeError):
        known = []
    return known[0] if known else "an Entra identity"


def _client(bounds: Bounds) -> tuple[Any, Any]:
    blobs = library(AZ, "azure.storage.blob.aio").BlobServiceClient
    options = {
        "retry_total": 0,
        "connection_timeout": bounds.connect_s,
        "read_timeout": bounds.silence_s,
        "max_single_put_size": _SENT_BYTES,
        "max_block_size": _SENT_BYTES,
        "max_single_get_size": BLOCK_BYTES,
    }
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if connection:
        return blobs.from_connection_string(connection, **options), None
    name = _account()
    if not name:
        raise NoAccountError("set AZURE_STORAGE_ACCOUNT_NAME or AZURE_STORAGE_CONNECTION_STRING")
    credential = _key() or os.environ.get("AZURE_STORAGE_SAS_TOKEN") or _entra()
    url = f"https://{name}.blob.core.windows.net"
    return blobs(url, credential=credential, **options), credential


def _entra() -> Any:
    return library(AZ, "azure.identity.aio").DefaultAzureCredential()


def _key() -> str:
    return _first("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY")


def _account() -> str:
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    named = re.search(r"(?i)AccountName=([^;]+)", connection)
    return named[1] if named else _first("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")


def _way() -> str:
    if os.environ.get("AZURE_STORAGE_CONNECTION_STRING"):
        return "AZURE_STORAGE_CONNECTION_STRING"
    if _key():
        return "its key"
    return "a SAS token" if os.environ.get("AZURE_STORAGE_SAS_TOKEN") else "Entra"


def _first(*names: str) -> str:
    return next((value for name in names if (value := os.environ.get(name))), "")
