"""Google Cloud Storage, by gcsfs."""

import functools
import io
import os
from collections.abc import Awaitable, Callable
from typing import Any

from inferswarm.stores.bounds import BLOCK_BYTES, Bounds
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.interface import Info
from inferswarm.stores.service import common_status, library
from inferswarm.stores.table import GS, Scheme

# Read when gcsfs is imported. Unless it is off, every use of a bucket first asks a second service
# over gRPC about folders, which no emulator answers: a minute of silence each time. Somebody else
# may have imported gcsfs already, so its plain class is named below too.
_GRPC_SWITCH = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"
_EMULATOR = "STORAGE_EMULATOR_HOST"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class GoogleStorage:
    """How gcsfs connects, and what its errors mean."""

    scheme: Scheme = GS

    def connect(self, bounds: Bounds) -> Any:
        """Use Application Default Credentials; none at all, or an emulator, is anonymous."""
        os.environ.setdefault(_GRPC_SWITCH, "false")
        files = library(GS, "gcsfs.core").GCSFileSystem(
            token=_credentials() or "anon",
            skip_instance_cache=True,
            use_listings_cache=False,
            requests_timeout=library(GS, "aiohttp").ClientTimeout(
                total=bounds.request_s,
                sock_connect=bounds.connect_s,
                sock_read=bounds.silence_s,
            ),
            session_kwargs={"trust_env": True},
        )
        once = type(files)._request.__wrapped__  # noqa: SLF001
        files._request = functools.partial(_request_once, once, files)  # noqa: SLF001
        return files

    def identity(self, files: Any, *, ask: bool) -> str:
        """Name the account of the credentials in use."""
        if os.environ.get(_EMULATOR):
            return f"nobody (STORAGE_EMULATOR_HOST={os.environ[_EMULATOR]})"
        credentials = files.credentials.credentials if files else None
        return google_account(credentials)

    def status(self, error: BaseException) -> int | None:
        """Read gcsfs's own errors, those of aiohttp and those of google-auth."""
        if isinstance(error, OSError) and str(error).startswith("Forbidden"):
            return 403
        code = getattr(error, "code", None)
        if type(error).__name__ == "HttpError" and str(code).isdigit():
            return int(str(code))
        if isinstance(error, library(GS, "requests").exceptions.ProxyError):
            return 502  # gcsfs's word for a bad gateway
        if isinstance(error, library(GS, "aiohttp").ClientError):
            return NO_ANSWER
        auth = library(GS, "google.auth.exceptions")
        if isinstance(error, auth.TransportError):
            return NO_ANSWER
        if isinstance(error, auth.GoogleAuthError):
            return 401
        return common_status(error)

    def sending(self, size: int) -> dict[str, Any]:
        """Send in one resumable upload of blocks, each a request."""
        return {"chunksize": BLOCK_BYTES}

    async def info(self, files: Any, bucket: str, key: str) -> Info:
        """Get the object's metadata."""
        found = await files._call("GET", "b/{}/o/{}", bucket, key, json_out=True)  # noqa: SLF001
        return Info(int(found["size"]), str(found.get("md5Hash") or found.get("etag", "")))

    async def look_at_bucket(self, files: Any, bucket: str) -> None:
        """List one object: who may list nothing is told 403, and 404 only if there is no bucket."""
        await files._call("GET", "b/{}/o", bucket, maxResults=1, json_out=True)  # noqa: SLF001


async def _request_once(
    once: Callable[..., Awaitable[Any]],
    files: Any,
    method: str,
    path: str,
    *args: Any,
    data: Any = None,
    **options: Any,
) -> Any:
    """Stand for gcsfs's own way, which tries six times with a traceback in the log for each."""
    if isinstance(data, bytes | bytearray | memoryview):
        data = io.BytesIO(data)  # sent in pieces: a block in one piece would hold up the loop
    return await once(files, method, path, *args, data=data, **options)


def google_account(credentials: Any) -> str:
    """Name the account of google-auth's credentials, or what is known of it."""
    if credentials is None:
        return "nobody (no Google credentials were found)"
    # Of a machine's or pod's account the name is "default" until it was asked for a token.
    email = getattr(credentials, "service_account_email", None)
    if email and email != "default":
        return str(email)
    if email:
        return "the service account of this machine or pod"
    account = getattr(credentials, "account", "")
    return str(account) if account else "the user of the application default credentials"


def _credentials() -> Any:
    if os.environ.get(_EMULATOR):
        return None  # real credentials are not for an emulator
    auth = library(GS, "google.auth")
    try:
        return auth.default(scopes=[_SCOPE])[0]
    except library(GS, "google.auth.exceptions").DefaultCredentialsError:
        if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            raise  # what was asked for by name is not silently left out
        return None
