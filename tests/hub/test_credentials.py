"""Who may log in with what, from memory; whoever loses something is thrown out at once."""

from __future__ import annotations

import threading

import pytest

from hub import credentials
from hub.access import Kind, Right
from hub.credentials import Credentials
from tests.support.stores import Time


class Scene:
    def __init__(self, stores):
        self.printers, self.revoked = stores.printers, []
        self.printer = stores.printer().id
        self.made = Credentials(stores.printers)
        self.made.start()
        self.made.on_revoked = self.revoked.append

    def add(self, username=None, kind="agent", **options):
        token = self.printers.add_credential(username or self.printer, kind, 1.0, owner="olivia", **options)
        self.made.reload()
        return token.encode()


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(credentials, "time", time)
    return time


@pytest.fixture
def scene(stores, time):
    return Scene(stores)


def test_an_agent_is_its_printer_and_has_no_rights_of_a_person(scene):
    token = scene.add()
    principal = scene.made.authenticate(scene.printer, token)
    assert (principal.kind, principal.id, dict(principal.rights)) == (Kind.AGENT, scene.printer, {})
    assert scene.made.principal(scene.printer) == principal


@pytest.mark.parametrize("password", [b"", b"wrong", b"\xff\x00"])
def test_a_wrong_password_is_nobody(scene, password):
    scene.add()
    assert scene.made.authenticate(scene.printer, password) is None


def test_an_unknown_name_is_nobody_whatever_its_password(scene):
    token = scene.add()
    assert scene.made.authenticate("0" * 32, token) is None
    assert scene.made.principal("0" * 32) is None


def test_one_credentials_token_does_not_open_another(scene):
    token = scene.add()
    scene.add("i-home", "integration", rights={scene.printer: 1})
    assert scene.made.authenticate("i-home", token) is None


def test_two_tokens_of_one_name_overlap_while_one_is_exchanged(scene):
    old, new = scene.add(), scene.add()
    assert scene.made.authenticate(scene.printer, old)
    assert scene.made.authenticate(scene.printer, new)
    assert scene.revoked == []


def test_a_removed_credential_ends_at_once(scene):
    token = scene.add()
    scene.printers.remove_credentials(scene.printer)
    assert scene.made.authenticate(scene.printer, token), "from memory until it is read again"
    scene.made.reload()
    assert scene.made.authenticate(scene.printer, token) is None
    assert scene.revoked == [scene.printer]


def test_losing_one_of_two_tokens_ends_its_connections_too(scene):
    old, new = scene.add(), scene.add()
    scene.printers.remove_credentials(scene.printer, keep=credentials.digest(new.decode()))
    scene.made.reload()
    assert scene.revoked == [scene.printer]
    assert scene.made.authenticate(scene.printer, old) is None
    assert scene.made.authenticate(scene.printer, new)


def test_an_integrations_rights_end_where_its_owners_end(scene, stores):
    stores.person("guest")
    other = stores.printer("other", owner="guest").id
    rights = {scene.printer: int(Right.CONTROL), other: int(Right.CONTROL), "0" * 32: int(Right.VIEW)}
    token = scene.add("i-home", "integration", rights=rights)
    assert dict(scene.made.authenticate("i-home", token).rights) == {scene.printer: Right.CONTROL}
    scene.printers.grant(other, "olivia", Right.VIEW)
    scene.made.reload()
    assert scene.made.principal("i-home").rights[other] == Right.VIEW
    assert scene.revoked == ["i-home"], "its grants changed, so it logs in anew"
    assert scene.made.principal("i-home").id == "home"


def test_an_expired_credential_is_worth_nothing(scene, time):
    token = scene.add("i-home", "integration", rights={scene.printer: 1})
    with scene.printers._db.write() as db:
        db.execute("UPDATE credentials SET expires = ?", [time.unix + 10])
    scene.made.reload()
    assert scene.made.authenticate("i-home", token)
    time.pass_(11)
    assert scene.made.authenticate("i-home", token) is None
    assert scene.made.principal("i-home") is None


def test_without_a_listener_nothing_breaks(stores):
    made = Credentials(stores.printers)
    printer = stores.printer().id
    stores.printers.add_credential(printer, "agent", 1.0, owner="olivia")
    made.start()
    stores.printers.remove_credentials(printer)
    made.reload()
    assert made.principal(printer) is None


def test_a_fresh_credential_is_handed_to_the_broker_in_use(scene):
    """A broker that keeps its own list, such as Mosquitto, hears of it at once."""
    handed = []
    scene.made.on_admitted = lambda principal, token: handed.append((principal.id, token))
    token = scene.printers.add_credential(scene.printer, "agent", 1.0, owner="olivia")
    scene.made.admit(scene.printer, token)
    scene.made.admit("0" * 32, "token of nobody")
    assert handed == [(scene.printer, token)]
    assert scene.made.usernames() == {scene.printer}


def test_a_slower_thread_does_not_put_back_what_was_revoked_meanwhile(scene, monkeypatch):
    """It read the credentials before the removal and is done only after it."""
    token, read, go_on = scene.add(), threading.Event(), threading.Event()
    credentials_of = scene.printers.credentials

    def slowly():
        rows = credentials_of()
        if threading.current_thread() is slow:
            read.set()
            go_on.wait(2.0)
        return rows

    monkeypatch.setattr(scene.printers, "credentials", slowly)
    slow = threading.Thread(target=scene.made.reload)
    slow.start()
    assert read.wait(30)
    scene.printers.remove_credentials(scene.printer)
    quick = threading.Thread(target=lambda: (scene.made.reload(), go_on.set()))
    quick.start()
    go_on.wait(0.2)
    go_on.set()
    for each in (slow, quick):
        each.join(30)
    assert scene.made.authenticate(scene.printer, token) is None
