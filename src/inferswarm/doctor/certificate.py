"""What a server's certificate says, whether or not it is verified."""

import contextlib
import ssl
from dataclasses import dataclass, replace
from typing import Any

from inferswarm.clock import now_ns
from inferswarm.doctor.client import Link
from inferswarm.probe import connect, prepare
from inferswarm.scales import NS_PER_S
from inferswarm.target import Endpoint


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS of one connection; `expires_s` is Unix time, None when the certificate is unreadable.

    `doubt` is why a certificate that was not verified would not have been accepted.
    """

    version: str
    subject: str = ""
    expires_s: int | None = None
    verified: bool = True
    doubt: str = ""

    @property
    def days_left(self) -> int | None:
        """Days until the certificate expires; negative afterwards."""
        if self.expires_s is None:
            return None
        return (self.expires_s - now_ns() // NS_PER_S) // 86_400


def look(link: Link, endpoint: Endpoint, limit_s: float) -> Tls | None:
    """The TLS of an open connection; None without.

    To read a certificate that is not verified it closes this connection and opens others.
    """
    sock = link.sock
    if not isinstance(sock, ssl.SSLSocket) or endpoint.tls is None:
        return None
    version = sock.version() or "?"
    if endpoint.tls.verify_mode is not ssl.CERT_NONE:
        return _described(version, sock.getpeercert() or {})
    der = sock.getpeercert(binary_form=True)
    if der is None:
        return Tls(version, verified=False)
    sock.close()
    trusting = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(der))
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    told, doubt = _certificate(replace(endpoint, tls=trusting), limit_s)
    _, why = _certificate(replace(endpoint, tls=ssl.create_default_context()), limit_s)
    return replace(_described(version, told), verified=False, doubt=doubt or why)


def _certificate(endpoint: Endpoint, limit_s: float) -> tuple[dict[str, Any], str]:
    """(the certificate's fields, why it is not accepted) as this endpoint's TLS takes it."""
    try:
        with contextlib.closing(connect(endpoint, limit_s)) as plain:
            sock = prepare(endpoint, plain, limit_s)
            with contextlib.closing(sock):
                assert isinstance(sock, ssl.SSLSocket)
                return sock.getpeercert() or {}, ""
    except ssl.SSLCertVerificationError as error:
        return {}, error.verify_message
    except OSError:
        return {}, ""


def _described(version: str, certificate: dict[str, Any]) -> Tls:
    fields = dict(pair for part in certificate.get("subject", ()) for pair in part)
    names = [name for _, name in certificate.get("subjectAltName", ())]
    subject = str(fields.get("commonName") or ", ".join(names[:3]))
    ends = certificate.get("notAfter")
    return Tls(version, subject, int(ssl.cert_time_to_seconds(ends)) if ends else None)
