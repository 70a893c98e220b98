"""Facts about Azure's blobs: who is asking, and what the errors of its libraries mean."""

import base64
import json

import aiohttp
import azure.core.exceptions
import pytest
from azure.core.exceptions import HttpResponseError

from inferswarm.stores import Uri, store_for
from inferswarm.stores.az import AzureBlobs, NoAccountError, bearer
from inferswarm.stores.errors import DeniedError
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.table import AZ
from tests import clouds


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this machine names an account."""
    for name in AZ.variables:
        monkeypatch.delenv(name, raising=False)


def answered(status: int) -> HttpResponseError:
    """An answer of the service as Azure's library raises it."""
    error = HttpResponseError("x")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (answered(403), 403),
        (answered(404), 404),
        (answered(503), 503),
        (azure.core.exceptions.ClientAuthenticationError("no token"), 401),
        (azure.core.exceptions.ServiceRequestError("refused"), NO_ANSWER),
        (azure.core.exceptions.ServiceResponseError("silent"), NO_ANSWER),
        (azure.core.exceptions.IncompleteReadError("cut"), NO_ANSWER),
        (aiohttp.ClientPayloadError("cut"), NO_ANSWER),
        (NoAccountError("set"), 401),
        (FileExistsError("x"), 412),
        (ValueError("x"), None),
    ],
)
def test_errors_of_azure_have_a_status(error: Exception, status: int | None) -> None:
    """The status that the service sent is found again in what the libraries make of it."""
    assert AzureBlobs().status(error) == status


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"upn": "me@example.com", "oid": "1-2"}, "me@example.com"),
        ({"appid": "app-1", "oid": "1-2"}, "app-1"),
        ({"oid": "1-2"}, "1-2"),
        ({}, "an Entra identity"),
    ],
)
def test_a_token_tells_who_bears_it(claims: dict[str, str], named: str) -> None:
    """The most telling claim of a token is the identity, and the token itself is not shown."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert bearer(f"head.{body}.signature") == named


@pytest.mark.parametrize("token", ["", "no-token", "a.!!!.b", "a.bnVsbA.b"])
def test_a_token_that_is_none_tells_nothing(token: str) -> None:
    """A token of another form is no error."""
    assert bearer(token) == "an Entra identity"


def test_an_account_is_named_with_its_kind_of_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connection string, key, SAS token and Entra are told apart, and none is shown."""
    identities = []
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "shop")
    identities.append(AzureBlobs().identity(None, ask=False))
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sig=secret")
    identities.append(AzureBlobs().identity(None, ask=False))
    monkeypatch.setenv("AZURE_STORAGE_KEY", "secret")
    identities.append(AzureBlobs().identity(None, ask=False))
    connection = clouds.environment("az", 1)["AZURE_STORAGE_CONNECTION_STRING"]
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
    identities.append(AzureBlobs().identity(None, ask=False))
    assert identities == [
        "an Entra identity at the storage account shop",
        "the storage account shop (by a SAS token)",
        "the storage account shop (by its key)",
        "the storage account devstoreaccount1 (by AZURE_STORAGE_CONNECTION_STRING)",
    ]


def test_without_an_account_the_variables_are_named() -> None:
    """An az:// URI names no account, so without a variable the line says which to set."""
    uri = Uri.parse("az://box/x")
    with pytest.raises(DeniedError, match=r"az://box/x: .*AZURE_STORAGE_ACCOUNT_NAME"):
        store_for(uri).info(uri)
