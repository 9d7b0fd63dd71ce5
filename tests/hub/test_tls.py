"""What agents are shown: renewed while they are served, or brought by the user, and never unfit."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from agent.endpoint import Endpoint
from hub import certificates, tls
from hub.settings import HubSection, SettingsError, load
from hub.tls import CertificateError, ListenerTls, current
from tests.support.certificates import Authority, listener_tls


class Server:
    """Answers a byte with the same byte on each of its TLS connections."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context, self._socket = context, socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as secured:
                while byte := secured.recv(1):
                    secured.sendall(byte)
        except OSError:
            plain.close()

    def connect(self, authority: str) -> ssl.SSLSocket:
        endpoint = Endpoint("127.0.0.1", self.port, authority)
        plain = socket.create_connection(("127.0.0.1", self.port), 20)
        return endpoint.tls().wrap_socket(plain, server_hostname="127.0.0.1")

    def stop(self) -> None:
        self._socket.close()


@pytest.fixture
def serve():
    started = []

    def make(shown: ListenerTls) -> Server:
        started.append(Server(shown.context))
        return started[-1]

    yield make
    for each in started:
        each.stop()


def fingerprint(secured: ssl.SSLSocket) -> str:
    return hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest()


def answers(secured: ssl.SSLSocket) -> bool:
    secured.sendall(b"x")
    return secured.recv(1) == b"x"


def test_a_renewal_is_noticed_by_nobody_who_is_connected(tmp_path, serve, monkeypatch):
    shown = listener_tls(tmp_path)
    first, server = shown.fingerprint, serve(shown)
    with server.connect(shown.authority) as before:
        monkeypatch.setattr(certificates, "RENEW_DAYS", certificates.SERVER_DAYS + 1)
        assert shown.refresh()
        with server.connect(shown.authority) as after:
            assert answers(before)
            assert answers(after)
            assert (fingerprint(before), fingerprint(after)) == (first, shown.fingerprint)
    assert shown.fingerprint != first


def test_nothing_changes_without_a_reason(tmp_path):
    shown = listener_tls(tmp_path)
    first = shown.fingerprint
    assert not shown.refresh()
    assert shown.fingerprint == first


def test_what_the_command_line_renewed_is_shown_by_the_running_hub(tmp_path):
    shown = listener_tls(tmp_path)
    (tmp_path / "tls" / "hub.pem").unlink()
    line = current(HubSection(data=tmp_path, names=("127.0.0.1",))).fingerprint
    assert shown.refresh()
    assert shown.fingerprint == line


# A certificate of one's own


class Brought:
    """The files of a user who brings a certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, Authority()
        self.files = [folder / name for name in ("own.pem", "own.key", "authority.pem")]
        self.files[2].write_text(self.authority.pem)

    def issue(self, **options) -> None:
        """As a program that renews certificates would."""
        issued = self.authority.issue(self.folder, "issued", **options)
        for made, file in zip(issued, self.files[:2], strict=True):
            file.write_bytes(made.read_bytes())

    def show(self) -> ListenerTls:
        names = ("certificate", "key", "authority")
        return listener_tls(self.folder, **{n: str(f) for n, f in zip(names, self.files, strict=True)})


@pytest.fixture
def brought(tmp_path):
    made = Brought(tmp_path)
    made.issue()
    return made


def test_a_brought_certificate_is_shown_and_its_authority_told(brought, serve):
    shown = brought.show()
    assert shown.authority == brought.authority.pem
    with serve(shown).connect(shown.authority) as secured:
        assert answers(secured)
        assert fingerprint(secured) == shown.fingerprint
    assert not (brought.folder / "tls").exists(), "no authority of the hub's own is made"


def test_it_is_read_again_when_its_files_change(brought, serve):
    shown = brought.show()
    first, server = shown.fingerprint, serve(shown)
    with server.connect(shown.authority) as before:
        brought.issue()
        assert shown.refresh()
        with server.connect(shown.authority) as after:
            assert (fingerprint(before), fingerprint(after)) == (first, shown.fingerprint)
            assert answers(before)


UNFIT = {
    "a key that does not fit": (
        lambda it: it.files[1].write_bytes(Authority().issue(it.folder, "other")[1].read_bytes()),
        "own.pem: does not fit its key",
    ),
    "long over": (lambda it: it.issue(days=-1), "agents would refuse it: certificate has expired"),
    "another name": (lambda it: it.issue(address="10.0.0.1"), "agents would refuse it: IP address mismatch"),
    "another authority": (lambda it: it.files[2].write_text(Authority().pem), "agents would refuse it: "),
    "no certificate": (lambda it: it.files[0].write_text("x"), "own.pem: this is no certificate in PEM"),
    "no authority": (lambda it: it.files[2].write_text("x"), "authority.pem: this is no certificate in PEM"),
    "no key": (lambda it: it.files[1].write_text("x"), "own.pem: cannot be used"),
    "a locked key": (
        lambda it: it.files[1].write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        "own.key: the key is encrypted",
    ),
    "a missing file": (lambda it: it.files[1].unlink(), "own.key: No such file"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_agents_would_refuse_is_never_shown(brought, serve, case):
    """At the start it is an error; later the one before goes on, and the reason is told once."""
    spoil, told = UNFIT[case]
    shown = brought.show()
    first, server = shown.fingerprint, serve(shown)
    spoil(brought)
    with pytest.raises(CertificateError, match=told):
        brought.show()
    with pytest.raises(CertificateError, match=told):
        shown.refresh()
    assert not shown.refresh()
    with server.connect(brought.authority.pem) as secured:
        assert fingerprint(secured) == first == shown.fingerprint
    brought.files[2].write_text(brought.authority.pem)
    brought.issue()
    assert shown.refresh(), "once it is mended it is shown"
    spoil(brought)
    with pytest.raises(CertificateError):
        shown.refresh()


def test_an_agent_asks_for_the_name_where_the_authority_signs_for_others_too(brought):
    """With an authority that everybody can go to, the chain alone says nothing."""
    shown = brought.show()
    context = Endpoint("hub.lan", 0, shown.authority).tls()
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        tls._handshake(shown.context, context, "hub.lan")
    own = Endpoint("hub.lan", 0, shown.authority, own=True).tls()
    tls._handshake(shown.context, own, "hub.lan")


def test_a_private_authority_beside_another_is_no_excuse(tmp_path, brought):
    both = listener_tls(tmp_path / "private").authority + brought.authority.pem
    assert Endpoint("x", 0, both).tls().check_hostname
    assert not Endpoint("x", 0, listener_tls(tmp_path / "private").authority).tls().check_hostname


def test_a_broker_of_its_own_is_given_the_files_that_are_shown(tmp_path, brought):
    private = HubSection(data=tmp_path / "data")
    assert [each.name for each in tls.files(private)] == ["hub.pem", "hub.key", "ca.pem"]
    assert all(each.exists() for each in tls.files(private))
    certificate, key, authority = (str(each) for each in brought.files)
    section = HubSection(data=tmp_path, certificate=certificate, key=key, authority=authority)
    assert list(tls.files(section)) == brought.files


def test_the_three_files_belong_together(tmp_path):
    config = tmp_path / "printwarden.toml"
    config.write_text("[hub]\ncertificate = 'own.pem'\n")
    with pytest.raises(SettingsError, match="belong together"):
        load(config, {})
    config.write_text("[hub]\ncertificate = 'own.pem'\nkey = '/own.key'\nauthority = 'a.pem'\n")
    found = load(config, {}).hub
    assert (found.certificate, found.key, found.authority) == (
        str(tmp_path / "own.pem"),
        "/own.key",
        str(tmp_path / "a.pem"),
    )
