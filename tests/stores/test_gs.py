"""Facts about Google Cloud Storage: who is asking, and what gcsfs's errors mean."""

import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from inferswarm.stores import Uri, store_for
from inferswarm.stores.errors import DeniedError
from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.gs import GoogleStorage, google_account

auth = pytest.importorskip("google.auth.exceptions")
requests = pytest.importorskip("requests.exceptions")
compute_engine = pytest.importorskip("google.auth.compute_engine")
service_account = pytest.importorskip("google.oauth2.service_account")
credentials = pytest.importorskip("google.oauth2.credentials")
HttpError = pytest.importorskip("gcsfs.retry").HttpError


@pytest.fixture(autouse=True)
def _no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """These facts are about the real service, which is not asked."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HttpError({"code": 503, "message": "busy"}), 503),
        (HttpError({"code": "401", "message": "Invalid Credentials"}), 401),
        (OSError("Forbidden: gs://box/x\nme@p does not have storage.objects.get"), 403),
        (FileNotFoundError("box/x"), 404),
        (FileExistsError("box/x"), 412),
        (requests.ProxyError(), 502),
        (aiohttp.ClientPayloadError("cut"), NO_ANSWER),
        (auth.TransportError("no route"), NO_ANSWER),
        (auth.RefreshError("revoked"), 401),
        (OSError("No space left on device"), None),
    ],
)
def test_errors_of_gcsfs_have_a_status(error: Exception, status: int | None) -> None:
    """The status that the service sent is found again in what gcsfs makes of it."""
    assert GoogleStorage().status(error) == status


def test_an_account_is_named_by_its_address() -> None:
    """A service account and a user are named, and what cannot be known is described."""
    service = service_account.Credentials(None, "loader@project.iam", "https://token.invalid")
    user = credentials.Credentials("token", account="me@example.com")
    nameless = credentials.Credentials("secret-token")
    machine = compute_engine.Credentials("default")
    assert google_account(service) == "loader@project.iam"
    assert google_account(user) == "me@example.com"
    assert google_account(nameless) == "the user of the application default credentials"
    assert google_account(machine) == "the service account of this machine or pod"
    assert google_account(None).startswith("nobody")


def test_credentials_that_are_not_there_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file of credentials that was asked for and is missing is not silently left out."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    uri = Uri.parse("gs://box/x")
    with pytest.raises(DeniedError, match=r"gs://box/x: .*key\.json") as denied:
        store_for(uri).info(uri)
    assert "gcloud auth application-default login" in str(denied.value)


def test_no_emulator_is_asked_over_grpc() -> None:
    """The way that hangs with emulators is off, also where somebody imported gcsfs with it on."""
    code = (
        "import os, gcsfs\n"
        "assert gcsfs.GCSFileSystem.__module__ == 'gcsfs.extended_gcsfs'\n"
        "from inferswarm.stores.bounds import PATIENT\n"
        "from inferswarm.stores.gs import GoogleStorage\n"
        "files = GoogleStorage().connect(PATIENT)\n"
        "print(type(files).__module__, os.environ['GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT'])\n"
    )
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}
    environment.pop("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", None)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.split() == ["gcsfs.core", "false"]
