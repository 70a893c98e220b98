"""Facts about S3: who is asking, what botocore's errors mean, and what IAM refuses."""

from collections.abc import Iterator

import aiohttp
import pytest

from inferswarm.stores import Bounds, Uri, store_for
from inferswarm.stores.bounds import BLOCK_BYTES
from inferswarm.stores.errors import DeniedError
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.s3 import AmazonS3
from tests import clouds
from tests.clouds import Cloud
from tests.stores.cutting import Answer, answering_all

botocore = pytest.importorskip("botocore.exceptions")
sessions = pytest.importorskip("botocore.session")

HASTY = Bounds(tries=2, pause_s=0.02)


@pytest.fixture(autouse=True)
def _only_these_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable or file of this machine brings credentials, and none leads to Amazon."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("no_proxy", "*")


def answered(code: str, status: int) -> Exception:
    """What s3fs raises for an answer: a built-in error caused by botocore's."""
    cause = botocore.ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "GetObject",
    )
    error = OSError(22, code)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (answered("NoSuchBucket", 404), 404),
        (answered("AccessDenied", 403), 403),
        (answered("ExpiredToken", 400), 401),
        (answered("InvalidAccessKeyId", 403), 401),
        (answered("IncompleteBody", 400), 408),
        (answered("SlowDown", 503), 429),
        (answered("PreconditionFailed", 412), 412),
        (answered("InternalError", 500), 500),
        (botocore.NoCredentialsError(), 401),
        (botocore.ProfileNotFound(profile="x"), 401),
        (botocore.ConnectionClosedError(endpoint_url="x"), NO_ANSWER),
        (botocore.EndpointConnectionError(endpoint_url="x", error="y"), NO_ANSWER),
        (botocore.ReadTimeoutError(endpoint_url="x"), NO_ANSWER),
        (aiohttp.ClientPayloadError("cut"), NO_ANSWER),
        (FileNotFoundError("x"), 404),
        (botocore.ParamValidationError(report="x"), None),
    ],
)
def test_errors_of_botocore_have_a_status(error: Exception, status: int | None) -> None:
    """The status or code that the service sent is found again behind s3fs's own errors."""
    assert AmazonS3().status(error) == status


def test_a_huge_file_is_sent_in_larger_parts() -> None:
    """S3 takes 10,000 parts, so parts are a block each until that would be too many."""
    assert AmazonS3().sending(1)["chunksize"] == BLOCK_BYTES
    part = AmazonS3().sending(1 << 40)["chunksize"]
    assert part > BLOCK_BYTES
    assert part * 10_000 >= 1 << 40


def test_without_credentials_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public buckets are read without credentials; a refusal then says that there were none."""
    uri = Uri.parse("s3://box/x")
    with answering_all(Answer(403)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        with pytest.raises(DeniedError, match=r"nobody \(no AWS credentials were found"):
            store_for(uri, HASTY).info(uri)


def test_keys_for_another_service_are_not_shown_to_amazon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With an endpoint for S3 alone, no STS is asked, and the end of the key's id is the name."""
    for name, value in clouds.environment("s3", 1).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    assert AmazonS3().identity(None, ask=True) == "the access key ...TEST (found by env)"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """An emulator of S3, STS and IAM of this module's own, since it changes who may do what."""
    with clouds.s3() as running, running.in_use():
        yield running


@pytest.mark.slow
def test_a_user_without_a_policy_is_told_what_is_missing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IAM's refusal becomes a line with the user's name or key, the permission and the bucket."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    iam = sessions.Session().create_client("iam")
    iam.create_user(UserName="loader")
    key = iam.create_access_key(UserName="loader")["AccessKey"]
    uri = Uri.parse(cloud.uri).child("x")
    store_for(uri, HASTY).put_bytes(b"x", uri)
    assert ":user/" in AmazonS3().identity(None, ask=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    clouds.send("POST", f"http://127.0.0.1:{cloud.port}/moto-api/reset-auth", b"0")
    with pytest.raises(DeniedError, match="grant s3:GetObject on bucket") as denied:
        store_for(uri, HASTY).info(uri)
    assert key["AccessKeyId"][-4:] in str(denied.value) or "user/loader" in str(denied.value)
    assert key["SecretAccessKey"] not in str(denied.value)
    with pytest.raises(DeniedError, match="s3:PutObject"):
        store_for(uri, HASTY).check_writable(Uri.parse(cloud.uri))
