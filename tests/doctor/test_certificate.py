"""Facts about reading a server's certificate over real TLS on 127.0.0.1."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from inferswarm.clock import now_ns
from inferswarm.config.target import TargetOptions
from inferswarm.doctor.certificate import Tls, look
from inferswarm.doctor.client import Client
from inferswarm.target import Endpoint
from tests.servers import answering


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    both = folder / "both.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9"),
            *("-subj", "/CN=doctored", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


def seen(certificate: Path, **options: object) -> Tls | None:
    """What is seen of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with answering(b"", tls=context) as server:
        given = {"url": f"https://127.0.0.1:{server.port}", "api_key_env": "", **options}
        target = TargetOptions.model_validate(given)
        with Client(target, 5, 10) as client:
            link = client.dial()
            try:
                return look(link, Endpoint.of(target), 5)
            finally:
                link.sock.close()


def test_a_verified_certificate_is_read(certificate: Path) -> None:
    """Whose it is and how long it is valid."""
    found = seen(certificate, ca_file=certificate)
    assert found is not None
    assert (found.subject, found.verified, found.doubt) == ("doctored", True, "")
    assert found.version.startswith("TLSv1")
    assert found.days_left in (8, 9)


def test_a_certificate_that_is_not_verified_is_read_too(certificate: Path) -> None:
    """With why it would not have been accepted."""
    found = seen(certificate, insecure=True)
    assert found is not None
    assert (found.subject, found.verified, found.days_left in (8, 9)) == ("doctored", False, True)
    assert "self-signed" in found.doubt


def test_days_left_are_counted_from_now() -> None:
    """Negative once it has expired; unknown without a date."""
    now_s = now_ns() // 10**9
    assert Tls("x", expires_s=now_s + 3 * 86_400 + 60).days_left == 3
    assert (Tls("x", expires_s=now_s - 60).days_left or 0) < 0
    assert Tls("x").days_left is None
