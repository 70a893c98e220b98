"""What is particular to each kind of bucket, one row a scheme; docs/storage.md shows this table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What is done to an object; a service has a permission for each."""

    READ = "read"
    LIST = "list"
    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"

    @property
    def doing(self) -> str:
        """The word for doing it: reading, listing, ..."""
        return f"{self.removesuffix('e')}ing"


@dataclass(frozen=True)
class Right:
    """A permission by the service's own name, and the least of its roles that holds it."""

    permission: str
    role: str = ""

    def __str__(self) -> str:
        return f"{self.permission} ({self.role})" if self.role else self.permission


@dataclass(frozen=True)
class Scheme:
    """A kind of bucket: what brings it, what it asks for, and what its words are.

    `variables` are those that change where it connects and as whom. `create` is a command that
    makes a bucket and has `{bucket}` in it. `log_in` says how to get an identity. `hidden` is what
    else a refused read can mean.
    """

    name: str
    service: str
    extra: str
    library: str
    bucket_word: str
    rights: Mapping[Action, Right]
    create: str
    log_in: str
    variables: tuple[str, ...]
    hidden: str = ""


_GS_VIEWER: Final = "roles/storage.objectViewer"
_GS_CREATOR: Final = "roles/storage.objectCreator"
_GS_USER: Final = "roles/storage.objectUser"
_AZ_BLOBS: Final = "blobs"
_AZ_READER: Final = "Storage Blob Data Reader"
_AZ_CONTRIBUTOR: Final = "Storage Blob Data Contributor"

GS: Final = Scheme(
    name="gs",
    service="Google Cloud Storage",
    extra="gcs",
    library="gcsfs",
    bucket_word="bucket",
    rights={
        Action.READ: Right("storage.objects.get", _GS_VIEWER),
        Action.LIST: Right("storage.objects.list", _GS_VIEWER),
        Action.CREATE: Right("storage.objects.create", _GS_CREATOR),
        Action.REPLACE: Right("storage.objects.create and storage.objects.delete", _GS_USER),
        Action.DELETE: Right("storage.objects.delete", _GS_USER),
    },
    create="gcloud storage buckets create gs://{bucket}",
    log_in="run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, "
    "or give the pod's service account workload identity",
    variables=(
        "GOOGLE_APPLICATION_CREDENTIALS",
        "CLOUDSDK_CONFIG",
        "GOOGLE_CLOUD_PROJECT",
        "STORAGE_EMULATOR_HOST",
    ),
)

S3: Final = Scheme(
    name="s3",
    service="Amazon S3",
    extra="s3",
    library="s3fs",
    bucket_word="bucket",
    rights={
        Action.READ: Right("s3:GetObject"),
        Action.LIST: Right("s3:ListBucket"),
        Action.CREATE: Right("s3:PutObject"),
        Action.REPLACE: Right("s3:PutObject"),
        Action.DELETE: Right("s3:DeleteObject"),
    },
    create="aws s3 mb s3://{bucket}",
    log_in="run `aws sso login` or `aws configure`, set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or give the pod or instance a role",
    variables=(
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
    ),
    hidden="without s3:ListBucket S3 also refuses when the object is missing",
)

AZ: Final = Scheme(
    name="az",
    service="Azure Blob Storage",
    extra="azure",
    library="adlfs",
    bucket_word="container",
    rights={
        Action.READ: Right(f"{_AZ_BLOBS}/read", _AZ_READER),
        Action.LIST: Right(f"{_AZ_BLOBS}/read", _AZ_READER),
        Action.CREATE: Right(f"{_AZ_BLOBS}/write", _AZ_CONTRIBUTOR),
        Action.REPLACE: Right(f"{_AZ_BLOBS}/write", _AZ_CONTRIBUTOR),
        Action.DELETE: Right(f"{_AZ_BLOBS}/delete", _AZ_CONTRIBUTOR),
    },
    create="az storage container create --name {bucket}",
    log_in="run `az login`, set AZURE_STORAGE_CONNECTION_STRING or the account's key or SAS token, "
    "or give the pod a workload identity",
    variables=(
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ACCOUNT",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
    ),
)

SCHEMES: Final = {row.name: row for row in (GS, S3, AZ)}


def rights_table() -> str:
    """Give the permissions of all schemes as the Markdown table of docs/storage.md."""
    lines = ["| | " + " | ".join(f"`{name}://`" for name in SCHEMES) + " |"]
    lines.append("| --- " * (len(SCHEMES) + 1) + "|")
    for action in Action:
        rights = (row.rights[action] for row in SCHEMES.values())
        lines.append(f"| {action} | " + " | ".join(_cell(right) for right in rights) + " |")
    return "\n".join(lines) + "\n"


def _cell(right: Right) -> str:
    named = " and ".join(f"`{name}`" for name in right.permission.split(" and "))
    return f"{named}, in {right.role}" if right.role else named
