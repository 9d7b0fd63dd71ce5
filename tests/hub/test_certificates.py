"""The hub's own authority and certificate: made once, renewed in time, trusted by agents throughout."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from agent.endpoint import Endpoint
from hub.certificates import RENEW_DAYS, SERVER_DAYS, ensure

NAMES = ("127.0.0.1", "hub.lan", "::1")
NOW = datetime.now(UTC)


def certificate(made):
    return x509.load_pem_x509_certificate(made.certificate.read_bytes())


def server(made):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


def handshake(server: ssl.SSLContext, ca: str) -> bytes:
    """The certificate a client that trusts `ca` is shown; raises SSLError."""
    near, far = socket.socketpair()

    def serve():
        try:
            server.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with Endpoint("anywhere", 0, ca).tls().wrap_socket(near) as secured:
            return secured.getpeercert(binary_form=True)
    finally:
        near.close()
        thread.join(30)


def test_the_first_start_makes_an_authority_and_a_certificate(tmp_path):
    made = ensure(tmp_path / "tls", NAMES)
    shown = certificate(made)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.lan"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert shown.not_valid_after_utc - NOW < timedelta(days=SERVER_DAYS + 1)
    ca = x509.load_pem_x509_certificate(made.ca.encode())
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    shown.verify_directly_issued_by(ca)


def test_keys_are_readable_by_their_owner_only(tmp_path):
    ensure(tmp_path / "tls", NAMES)
    modes = {each.name: each.stat().st_mode & 0o077 for each in (tmp_path / "tls").iterdir()}
    assert modes == {"ca.pem": 0, "ca.key": 0, "hub.pem": 0, "hub.key": 0}
    assert (tmp_path / "tls").stat().st_mode & 0o077 == 0


def test_later_starts_change_nothing(tmp_path):
    first = certificate(ensure(tmp_path, NAMES))
    assert certificate(ensure(tmp_path, NAMES)) == first


@pytest.mark.parametrize(
    ("names", "later"),
    [
        (("10.0.0.9",), timedelta(0)),
        (NAMES, timedelta(days=SERVER_DAYS - RENEW_DAYS + 1)),
        (NAMES, timedelta(days=SERVER_DAYS * 3)),
        (NAMES, timedelta(days=-3)),
    ],
    ids=["other names", "soon over", "long over", "not begun"],
)
def test_a_renewed_certificate_is_of_the_same_authority(tmp_path, names, later):
    """So agents that were enrolled before go on."""
    first = ensure(tmp_path, NAMES)
    before = certificate(first)
    second = ensure(tmp_path, names, NOW + later)
    assert certificate(second) != before
    assert second.ca == first.ca


def test_it_is_not_renewed_before_it_must(tmp_path):
    first = certificate(ensure(tmp_path, NAMES, NOW))
    later = NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS - 1)
    assert certificate(ensure(tmp_path, NAMES, later)) == first


def test_a_lost_certificate_is_made_again_by_the_same_authority(tmp_path):
    first = ensure(tmp_path, NAMES)
    first.certificate.unlink()
    assert ensure(tmp_path, NAMES).ca == first.ca


@pytest.mark.parametrize("name", ["hub.pem", "hub.key"])
@pytest.mark.parametrize("rest", [b"", b"half", None])
def test_what_a_start_that_was_cut_off_left_behind_is_made_again(tmp_path, name, rest):
    """A key without its certificate, or the certificate of the key before."""
    first = ensure(tmp_path, NAMES)
    if rest is None:
        other = ensure(tmp_path / "other", NAMES)
        rest = (other.certificate if name == "hub.pem" else other.key).read_bytes()
    (tmp_path / name).write_bytes(rest)
    assert handshake(server(ensure(tmp_path, NAMES)), first.ca)


def test_a_new_authority_makes_a_new_certificate(tmp_path):
    ensure(tmp_path, NAMES)
    (tmp_path / "ca.key").unlink()
    made = ensure(tmp_path, NAMES)
    assert handshake(server(made), made.ca)


def test_an_agent_that_trusts_the_authority_gets_exactly_the_named_certificate(tmp_path):
    made = ensure(tmp_path, NAMES)
    shown = handshake(server(made), made.ca)
    assert x509.load_der_x509_certificate(shown) == certificate(made)


def test_an_agent_does_not_trust_another_hub(tmp_path):
    mine, other = ensure(tmp_path / "mine", NAMES), ensure(tmp_path / "other", NAMES)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        handshake(server(other), mine.ca)


def test_an_agent_goes_on_after_a_renewal(tmp_path):
    first = ensure(tmp_path, NAMES)
    second = ensure(tmp_path, ("elsewhere.lan",))
    assert handshake(server(second), first.ca)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ensure(tmp_path / "file" / "tls", NAMES)
