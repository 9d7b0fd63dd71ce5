"""The hub's private certificate authority and its own certificate, made at first start and renewed before expiry."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.endpoint import PRIVATE_AUTHORITY
from agent.private_file import write_private

AUTHORITY_YEARS = 20
SERVER_DAYS = 397
RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificates:
    """Where the files are and the authority's PEM text."""

    certificate: Path
    key: Path
    ca: str


def ensure(folder: Path, names: tuple[str, ...], now: datetime | None = None) -> Certificates:
    """The certificates of a data folder, made or renewed where needed.

    A certificate is renewed within 30 days of its end or when `names` changed; agents trust the authority, so they
    go on. Raises OSError when the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_file, ca_key_file = folder / "ca.pem", folder / "ca.key"
    if not ca_file.exists() or not ca_key_file.exists():
        _make_authority(ca_file, ca_key_file, now)
    server_file, server_key_file = folder / "hub.pem", folder / "hub.key"
    if not _good(server_file, server_key_file, ca_file, names, now):
        _make_server(server_file, server_key_file, (ca_file, ca_key_file), names, now)
    return Certificates(server_file, server_key_file, ca_file.read_text(encoding="ascii"))


def _good(path: Path, key_path: Path, ca_path: Path, names: tuple[str, ...], now: datetime) -> bool:
    """Whether there is a certificate of this authority with its key for these names, and for long enough."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca_path.read_bytes()))
    except (OSError, ValueError, InvalidSignature):  # a start that was cut off leaves halves behind
        return False
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    same = list(extension.value) == _alternative_names(names)
    fits = certificate.public_key() == key.public_key()
    begun = certificate.not_valid_before_utc <= now
    return same and fits and begun and certificate.not_valid_after_utc - now > timedelta(days=RENEW_DAYS)


def _make_authority(path: Path, key_path: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PRIVATE_AUTHORITY)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(name, name, key.public_key(), now, timedelta(days=365 * AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_path, _pem(key))
    write_private(path, certificate.public_bytes(serialization.Encoding.PEM))


def _make_server(
    path: Path, key_path: Path, authority: tuple[Path, Path], names: tuple[str, ...], now: datetime
) -> None:
    ca = x509.load_pem_x509_certificate(authority[0].read_bytes())
    ca_key = serialization.load_pem_private_key(authority[1].read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Printwarden hub")])
    certificate = (
        _builder(subject, ca.subject, key.public_key(), now, timedelta(days=SERVER_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(names)), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    write_private(key_path, _pem(key))
    write_private(path, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
