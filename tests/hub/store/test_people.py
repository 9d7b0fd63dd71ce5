"""People: names, passwords, sessions and one-time links."""

import sqlite3
import threading

import pytest

from hub.store.people import LINK_S, MIN_PASSWORD, SESSION_S, People, Person, PersonError, digest
from hub.store.printers import Printers
from tests.support import databases

PASSWORD = "correct horse"


@pytest.fixture
def everyone(database):
    made = People(database)
    made.add("ann", PASSWORD, role="admin", now=1.0)
    made.add("bob", None, role="user", now=1.0)
    return made


def stored(database):
    """Everything in the database as text, to look for secrets."""
    connection = database.tables.conn
    return "\n".join(connection.iterdump())


def test_adding(everyone):
    assert everyone.get("ann") == Person("ann", "admin", 10)
    assert everyone.get("nobody") is None
    assert everyone.all() == [Person("ann", "admin", 10), Person("bob", "user", 10)]


@pytest.mark.parametrize("name", ["", "Ann", "-a", ".a", "a b", "a/b", "ä", "a" * 41, "a\n", "a'--"])
def test_bad_names(everyone, name):
    with pytest.raises(PersonError, match="1 to 40"):
        everyone.add(name, PASSWORD, role="user", now=1.0)


def test_a_name_is_taken_once(everyone):
    with pytest.raises(PersonError, match="exists already"):
        everyone.add("ann", PASSWORD, role="user", now=1.0)
    assert everyone.get("ann").role == "admin"


def test_roles(everyone):
    with pytest.raises(PersonError, match="no role"):
        everyone.add("eve", PASSWORD, role="root", now=1.0)


def test_short_passwords_are_refused(everyone):
    with pytest.raises(PersonError, match="10 characters"):
        everyone.add("eve", "x" * (MIN_PASSWORD - 1), role="user", now=1.0)
    with pytest.raises(PersonError, match="10 characters"):
        everyone.set_password("ann", "")
    assert everyone.get("eve") is None


def test_passwords(everyone):
    assert everyone.check_password("ann", PASSWORD) == everyone.get("ann")
    for name, password in [
        ("ann", "wrong"),
        ("ann", ""),
        ("nobody", PASSWORD),
        ("ann", "\ud800"),
        ("\0", "\0"),
    ]:
        assert everyone.check_password(name, password) is None


def test_an_account_without_a_password_has_none_that_fits(everyone):
    """Neither the empty one nor the stand-in that is hashed so that unknown names take as long."""
    assert not everyone.has_password("bob")
    assert everyone.has_password("ann")
    for password in ("", PASSWORD, "None"):
        assert everyone.check_password("bob", password) is None


class CountingHasher:
    """Tells how often the slow functions were called."""

    def __init__(self):
        self.inner, self.calls = databases.CheapHasher(), []

    def hash(self, password):
        self.calls.append("hash")
        return self.inner.hash(password)

    def verify(self, stored, password):
        self.calls.append("verify")
        return self.inner.verify(stored, password)


def test_nothing_slow_happens_before_a_password_is_checked(database, everyone, monkeypatch):
    monkeypatch.setattr("hub.store.people.PasswordHasher", CountingHasher)
    fresh = People(database)
    assert fresh.get("ann")
    assert fresh._hasher.calls == []


@pytest.mark.parametrize("name", ["ann", "bob", "nobody", "\0"])
def test_a_check_costs_the_same_for_every_name(name, database, everyone, monkeypatch):
    """The first one after a start too: how long it takes tells nobody which names exist."""
    monkeypatch.setattr("hub.store.people.PasswordHasher", CountingHasher)
    fresh = People(database)
    for expected in (["hash", "verify"], ["verify"]):
        fresh.check_password(name, "wrong")
        assert fresh._hasher.calls == expected
        fresh._hasher.calls.clear()


def test_a_disabled_person_is_nobody(database, everyone):
    token = everyone.open_session(everyone.get("ann"), 1.0)
    link = everyone.mint_link("ann", 1.0)
    with database.write() as db:
        db.execute("UPDATE people SET disabled = 1 WHERE name = 'ann'")
    assert everyone.get("ann") is None
    assert everyone.check_password("ann", PASSWORD) is None
    assert everyone.session(token, 2.0) is None
    assert everyone.redeem_link(link, 2.0) is None
    assert not everyone.has_password("ann")


def test_a_new_password_ends_every_other_way_in(everyone):
    token, link = everyone.open_session(everyone.get("ann"), 1.0), everyone.mint_link("ann", 1.0)
    everyone.set_password("ann", "another password")
    assert everyone.session(token, 2.0) is None
    assert everyone.redeem_link(link, 2.0) is None
    assert everyone.check_password("ann", PASSWORD) is None
    assert everyone.check_password("ann", "another password")


def test_a_password_for_nobody_is_told(everyone):
    with pytest.raises(PersonError, match="no user 'eve'"):
        everyone.set_password("eve", PASSWORD)
    with pytest.raises(PersonError, match="no user 'eve'"):
        everyone.mint_link("eve", 1.0)


def test_quotas(everyone):
    everyone.set_quota("bob", 0)
    assert everyone.get("bob").quota == 0
    everyone.set_quota("bob", 10_000)
    for quota in (-1, 10_001):
        with pytest.raises(PersonError, match="0 to 10000"):
            everyone.set_quota("bob", quota)
    assert everyone.get("bob").quota == 10_000


def test_sessions(everyone):
    token = everyone.open_session(everyone.get("bob"), 100.0)
    session = everyone.session(token, 101.0)
    assert session.person == everyone.get("bob")
    assert session.expires == 100.0 + SESSION_S
    assert session.id not in token
    assert everyone.session(token, session.expires) is None
    assert everyone.session(token[:-1], 101.0) is None
    everyone.close_session(token)
    everyone.close_session(token)
    assert everyone.session(token, 101.0) is None


def test_old_sessions_are_swept(database, everyone):
    everyone.open_session(everyone.get("bob"), 100.0)
    everyone.open_session(everyone.get("bob"), 101.0 + SESSION_S)
    assert database.row("SELECT count(*) FROM sessions")[0] == 1


def test_ending_every_session_of_one_person(everyone):
    anns, bobs = (everyone.open_session(everyone.get(name), 1.0) for name in ("ann", "bob"))
    everyone.close_sessions("ann")
    assert everyone.session(anns, 2.0) is None
    assert everyone.session(bobs, 2.0)


def test_a_link_signs_in_once(everyone):
    link = everyone.mint_link("bob", 100.0)
    assert everyone.redeem_link(link + "x", 101.0) is None
    assert everyone.redeem_link(link, 101.0) == everyone.get("bob")
    assert everyone.redeem_link(link, 101.0) is None


def test_a_link_expires(everyone):
    assert everyone.redeem_link(everyone.mint_link("bob", 100.0), 100.0 + LINK_S) is None
    assert everyone.redeem_link(everyone.mint_link("bob", 100.0, lifetime=5.0), 104.9)


def test_a_link_signs_in_once_under_many_threads(everyone):
    link, found = everyone.mint_link("bob", 100.0), []
    threads = [
        threading.Thread(target=lambda: found.append(everyone.redeem_link(link, 101.0))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each for each in found if each] == [everyone.get("bob")]


def test_no_secret_is_stored_in_clear(database, everyone):
    token, link = everyone.open_session(everyone.get("ann"), 1.0), everyone.mint_link("ann", 1.0)
    text = stored(database)
    assert digest(token) in text
    assert not [secret for secret in (token, link, PASSWORD) if secret in text]


def test_digest_takes_any_text():
    assert digest("a") == digest(b"a")
    assert len(digest("\ud800")) == 64


def test_removing_a_person_removes_what_hangs_on_it(database, everyone):
    token, link = everyone.open_session(everyone.get("bob"), 1.0), everyone.mint_link("bob", 1.0)
    with database.write() as db:
        db.execute("DELETE FROM people WHERE name = 'bob'")
    assert everyone.session(token, 2.0) is None
    assert everyone.redeem_link(link, 2.0) is None


def test_a_person_who_owns_a_printer_cannot_vanish(database, everyone):
    Printers(database).add("Prusa", "bob", 1.0)
    with pytest.raises(sqlite3.IntegrityError), database.write() as db:
        db.execute("DELETE FROM people WHERE name = 'bob'")
    assert everyone.get("bob")


def test_roles_can_change_as_long_as_an_administrator_is_left(everyone):
    everyone.set_role("bob", "admin")
    everyone.set_role("ann", "user")
    assert (everyone.get("ann").role, everyone.get("bob").role) == ("user", "admin")
    with pytest.raises(PersonError, match="bob is the only administrator"):
        everyone.set_role("bob", "user")
    with pytest.raises(PersonError, match="no role"):
        everyone.set_role("ann", "root")


def test_disabling_ends_sessions_and_links_for_good(everyone):
    token, link = everyone.open_session(everyone.get("bob"), 1.0), everyone.mint_link("bob", 1.0)
    everyone.disable("bob")
    assert everyone.get("bob") is None
    assert [each.disabled for each in everyone.all()] == [False, True]
    everyone.enable("bob")
    assert everyone.get("bob")
    assert everyone.session(token, 2.0) is everyone.redeem_link(link, 2.0) is None


def test_a_disabled_administrator_does_not_count(everyone):
    everyone.set_role("bob", "admin")
    everyone.disable("bob")
    for change in (everyone.disable, everyone.remove):
        with pytest.raises(PersonError, match="ann is the only administrator"):
            change("ann")
    everyone.remove("bob")
    assert [each.name for each in everyone.all()] == ["ann"]


def test_who_owns_printers_cannot_just_go(database, everyone):
    printer = Printers(database).add("Prusa", "bob", 1.0)
    Printers(database).add_credential("i-1", "integration", 1.0, owner="bob")
    with pytest.raises(PersonError, match="bob still owns printers"):
        everyone.remove("bob")
    assert [row.username for row in Printers(database).credentials()] == ["i-1"], "all or nothing"
    Printers(database).remove(printer.id)
    everyone.remove("bob")
    assert Printers(database).credentials() == []
