"""Amazon S3 and what speaks like it, by s3fs."""

import os
from collections.abc import Iterator
from typing import Any, Final

from inferswarm.stores.bounds import BLOCK_BYTES, Bounds
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.interface import Info
from inferswarm.stores.service import common_status, library
from inferswarm.stores.table import S3, Scheme

_PARTS: Final = 10_000
_AT_ONCE: Final = 2
_ASKING_S: Final = 3
# Codes that S3 sends with status 400, and what they are.
_STATUS_OF_CODE: Final = {
    "ExpiredToken": 401,
    "InvalidAccessKeyId": 401,
    "SignatureDoesNotMatch": 401,
    "InvalidToken": 401,
    "TokenRefreshRequired": 401,
    "RequestTimeout": 408,
    "IncompleteBody": 408,
    "BadDigest": 408,
    "ConditionalRequestConflict": 408,
    "SlowDown": 429,
}
_NOBODY: Final = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "SSOError",
    "TokenRetrievalError",
    "LoginError",
)
_CUT: Final = (
    "HTTPClientError",
    "ConnectionError",
    "ResponseStreamingError",
    "IncompleteReadError",
)


class AmazonS3:
    """How s3fs connects, and what its errors mean."""

    scheme: Scheme = S3

    def connect(self, bounds: Bounds) -> Any:
        """Use the credentials of the AWS chain; none at all is anonymous, for public buckets."""
        s3fs = library(S3, "s3fs")
        files = s3fs.S3FileSystem(
            anon=_credentials() is None,
            skip_instance_cache=True,
            use_listings_cache=False,
            max_concurrency=_AT_ONCE,
            default_block_size=BLOCK_BYTES,
            config_kwargs={
                "connect_timeout": bounds.connect_s,
                "read_timeout": bounds.silence_s,
                "retries": {"total_max_attempts": 1},
            },
        )
        files.retries = 1
        return files

    def identity(self, files: Any, *, ask: bool) -> str:
        """Ask STS for the caller; where it does not tell, the end of the access key's id."""
        credentials = _credentials()
        if credentials is None:
            return "nobody (no AWS credentials were found)"
        if ask and _sts_is_ours():
            try:
                return _caller()
            # This explains another failure: whatever went wrong here, the key's id is left.
            except Exception:  # noqa: BLE001, S110
                pass
        return f"the access key ...{credentials.access_key[-4:]} (found by {credentials.method})"

    def status(self, error: BaseException) -> int | None:
        """Read botocore's errors, also behind those that s3fs makes of them."""
        botocore = library(S3, "botocore.exceptions")
        for cause in _causes(error):
            if isinstance(cause, botocore.ClientError):
                return _answered(cause)
            if isinstance(cause, _known(botocore, _NOBODY)):
                return 401
            if isinstance(cause, _known(botocore, _CUT)):
                return NO_ANSWER
            if isinstance(cause, library(S3, "aiohttp").ClientError):
                return NO_ANSWER
        return common_status(error)

    def sending(self, size: int) -> dict[str, Any]:
        """Send in parts of a block, or of more where there would be too many parts."""
        part = max(BLOCK_BYTES, -(-size // _PARTS))
        return {"chunksize": part, "max_concurrency": _AT_ONCE}

    async def info(self, files: Any, bucket: str, key: str) -> Info:
        """Send a HEAD for the object."""
        found = await files._call_s3("head_object", Bucket=bucket, Key=key)  # noqa: SLF001
        return Info(int(found["ContentLength"]), str(found.get("ETag", "")).strip('"'))

    async def look_at_bucket(self, files: Any, bucket: str) -> None:
        """Send a HEAD for the bucket."""
        await files._call_s3("head_bucket", Bucket=bucket)  # noqa: SLF001


def _answered(error: Any) -> int | None:
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return _STATUS_OF_CODE.get(code, int(status) if status else None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _known(module: Any, names: tuple[str, ...]) -> tuple[type[BaseException], ...]:
    found = (getattr(module, name, None) for name in names)
    return tuple(kind for kind in found if kind is not None)


def _credentials() -> Any:
    return library(S3, "botocore.session").Session().get_credentials()


def _sts_is_ours() -> bool:
    """Whether STS belongs to the same service: another's S3 has none, and keys are not for Amazon."""
    only_s3 = os.environ.get("AWS_ENDPOINT_URL_S3") and not os.environ.get("AWS_ENDPOINT_URL")
    return not only_s3 or bool(os.environ.get("AWS_ENDPOINT_URL_STS"))


def _caller() -> str:
    config = library(S3, "botocore.config").Config(
        connect_timeout=_ASKING_S, read_timeout=_ASKING_S, retries={"total_max_attempts": 1}
    )
    session = library(S3, "botocore.session").Session()
    region = session.get_config_variable("region") or "us-east-1"
    client = session.create_client("sts", region_name=region, config=config)
    return str(client.get_caller_identity()["Arn"])
