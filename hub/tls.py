"""The certificate that agents are shown: of the hub's private authority, or one that the user brings. Renewed as we go.

New connections get the new one, those that are open go on. What is not fit to be shown is never shown: before it is
used, an agent's part of the handshake is played with it.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from agent.endpoint import Endpoint
from hub import certificates
from hub.settings import HubSection

_ENCRYPTED = b"ENCRYPTED"

log = logging.getLogger(__name__)


class CertificateError(ValueError):
    """The user's own certificate cannot be shown to agents; the text names the file and says why."""


@dataclass(frozen=True)
class Shown:
    """A certificate with its chain and its key (PEM), and the authority (PEM) that agents must trust to accept it."""

    chain: bytes
    key: bytes
    authority: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as it stands in enrolment lines."""
        leaf = x509.load_pem_x509_certificate(self.chain)
        return hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest()


def current(section: HubSection) -> Shown:
    """What is to be shown by these settings; made or renewed where it is the hub's own. Raises CertificateError, OSError."""
    if section.certificate:
        return _brought(section)
    made = certificates.ensure(section.data / "tls", section.names)
    return Shown(made.certificate.read_bytes(), made.key.read_bytes(), made.ca)


def files(section: HubSection) -> tuple[Path, Path, Path]:
    """Where certificate, key and authority are, for a broker that shows the same certificate."""
    if section.certificate:
        return Path(section.certificate), Path(section.key), Path(section.authority)
    made = certificates.ensure(section.data / "tls", section.names)
    return made.certificate, made.key, section.data / "tls" / "ca.pem"


class ListenerTls:
    """One context for every listener of this hub."""

    def __init__(self, section: HubSection) -> None:
        self._section, self._refused = section, ""
        self.shown: Shown | None = None
        self.context = _server()

    @property
    def authority(self) -> str:
        """What agents must trust (PEM)."""
        assert self.shown is not None
        return self.shown.authority

    @property
    def fingerprint(self) -> str:
        """What stands in enrolment lines."""
        assert self.shown is not None
        return self.shown.fingerprint

    def start(self) -> None:
        """Begin to show a certificate; raises CertificateError or OSError."""
        self._renew()

    def keep_fresh(self, note: Callable[[str], None]) -> None:
        """Show another certificate if there is one, and note its fingerprint; what keeps it from that is logged."""
        try:
            if self.refresh():
                log.info("agents are shown the certificate %s now", self.fingerprint)
                note(self.fingerprint)
        except (CertificateError, OSError) as error:
            log.error("agents are still shown the certificate as before: %s", error)  # noqa: TRY400 - its text says all

    def refresh(self) -> bool:
        """Show another certificate from now on, if there is one; returns whether there is.

        Raises CertificateError, once for each reason, for files that are not fit; what was shown before goes on.
        """
        try:
            renewed = self._renew()
        except CertificateError as error:
            told, self._refused = self._refused, str(error)
            if told == self._refused:
                return False
            raise
        self._refused = ""
        return renewed

    def _renew(self) -> bool:
        found = current(self._section)
        if found == self.shown:
            return False
        check(found, self._section)
        _load(self.context, found)
        self.shown = found
        return True


def check(shown: Shown, section: HubSection) -> None:
    """Raises CertificateError unless an agent would accept this."""
    server, name, where = _server(), section.names[0], section.certificate or "the hub's own certificate"
    try:
        _load(server, shown)
    except ssl.SSLError as error:
        fits = (
            "does not fit its key" if "MISMATCH" in str(error) else f"cannot be used: {error.reason or error}"
        )
        raise CertificateError(f"{where}: {fits}") from error
    try:
        client = Endpoint(name, 0, shown.authority).tls()
        assert client is not None
        _handshake(server, client, name)
    except ssl.SSLCertVerificationError as error:
        raise CertificateError(f"{where}: agents would refuse it: {error.verify_message}") from error


def _load(context: ssl.SSLContext, shown: Shown) -> None:
    """From one file that nobody changes meanwhile; OpenSSL takes certificates from nothing but files."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(shown.key + b"\n" + shown.chain)
        file.flush()
        context.load_cert_chain(file.name)


def _brought(section: HubSection) -> Shown:
    found = []
    for path in (section.certificate, section.key, section.authority):
        try:
            found.append(Path(path).read_bytes())
        except OSError as error:
            raise CertificateError(f"{path}: {error.strerror or error}") from error
    chain, key, authority = found
    if _ENCRYPTED in key:
        raise CertificateError(f"{section.key}: the key is encrypted; give one without a passphrase")
    for path, text in ((section.certificate, chain), (section.authority, authority)):
        try:
            x509.load_pem_x509_certificates(text)
        except ValueError as error:
            raise CertificateError(f"{path}: this is no certificate in PEM") from error
    return Shown(chain, key, authority.decode("ascii", "replace"))


def _server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Both sides of a handshake in memory; raises SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far, near):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
