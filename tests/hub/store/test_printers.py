"""Printers, the rights of people on them, and machine credentials."""

import sqlite3

import pytest

from hub.access import Right
from hub.store.people import People, digest
from hub.store.printers import Printers
from tests.support import databases


@pytest.fixture
def printers(database):
    databases.people(database, "ann", "bob")
    return Printers(database)


@pytest.fixture
def prusa(printers):
    return printers.add("Prusa", "ann", 5.0)


def credentials(printers, username):
    return [row for row in printers.credentials() if row.username == username]


def test_a_new_printer(printers, prusa):
    assert printers.get(prusa.id) == prusa
    assert (prusa.name, prusa.owner, prusa.created) == ("Prusa", "ann", 5.0)
    assert (prusa.settings, prusa.boot, prusa.enrolled, prusa.next_key) == ({}, 0, None, None)
    assert printers.rights_of("ann") == {prusa.id: Right.OWN}


def test_ids_and_keys_are_random(printers):
    made = [printers.add("Prusa", "ann", 5.0) for _ in range(20)]
    assert len({row.id for row in made}) == len({row.key for row in made}) == 20
    assert {(len(bytes.fromhex(row.id)), len(row.key)) for row in made} == {(16, 32)}


def test_lists_and_counts(printers, prusa):
    ender = printers.add("Ender", "bob", 1.0)
    assert printers.all() == [ender, prusa]
    assert (printers.owned_by("ann"), printers.owned_by("nobody")) == (1, 0)
    assert printers.get("0" * 32) is None


def test_what_changes(printers, prusa):
    printers.rename(prusa.id, "Mini")
    printers.save_settings(prusa.id, {"warn_at": 0.5})
    row = printers.get(prusa.id)
    assert (row.name, row.settings) == ("Mini", {"warn_at": 0.5})


def test_the_newest_boot_never_goes_back(printers, prusa):
    printers.save_boot(prusa.id, 9)
    printers.save_boot(prusa.id, 3)
    assert printers.get(prusa.id).boot == 9


def test_an_enrolment_brings_a_fresh_key_and_forgets_the_boot(printers, prusa):
    printers.save_boot(prusa.id, 9)
    printers.save_next_key(prusa.id, b"n" * 32)
    printers.save_enrolled(prusa.id, b"k" * 32, 7.0)
    row = printers.get(prusa.id)
    assert (row.key, row.next_key, row.enrolled, row.boot) == (b"k" * 32, None, 7.0, 0)


def test_removing_takes_everything_along(database, printers, prusa):
    ender = printers.add("Ender", "ann", 1.0)
    for row in (prusa, ender):
        printers.add_credential(row.id, "agent", 1.0, owner="ann")
        printers.add_enrolment(row.id, "ann", "secret", now=1.0, lifetime=9.0, tries=5)
        printers.grant(row.id, "bob", Right.VIEW)
    printers.remove(prusa.id)
    assert printers.get(prusa.id) is None
    assert printers.rights_of("bob") == {ender.id: Right.VIEW}
    assert [row.username for row in printers.credentials()] == [ender.id]
    assert [row["printer"] for row in database.rows("SELECT printer FROM enrolments")] == [ender.id]


# Rights


def test_rights(printers, prusa):
    printers.grant(prusa.id, "bob", Right.VIEW)
    printers.grant(prusa.id, "bob", Right.CONTROL)
    assert printers.rights_of("bob") == {prusa.id: Right.CONTROL}
    assert printers.rights_on(prusa.id) == {"ann": Right.OWN, "bob": Right.CONTROL}
    printers.grant(prusa.id, "bob", None)
    printers.grant(prusa.id, "bob", None)
    assert printers.rights_of("bob") == {}


@pytest.mark.parametrize(("printer", "person"), [("0" * 32, "ann"), (None, "nobody")])
def test_a_right_needs_a_printer_and_a_person(printers, prusa, printer, person):
    with pytest.raises(sqlite3.IntegrityError):
        printers.grant(printer or prusa.id, person, Right.VIEW)


def test_a_failed_grant_takes_no_right_away(printers, prusa):
    printers.grant(prusa.id, "bob", Right.VIEW)
    with pytest.raises(TypeError):
        printers.grant(prusa.id, "bob", object())
    assert printers.rights_of("bob") == {prusa.id: Right.VIEW}


def test_a_printer_needs_an_owner_who_exists(printers):
    with pytest.raises(sqlite3.IntegrityError):
        printers.add("Prusa", "nobody", 1.0)
    assert printers.all() == []


# Machine credentials


def test_a_token_is_stored_as_its_hash_only(database, printers, prusa):
    token = printers.add_credential("i-ha", "integration", 3.0, owner="ann", label="HA", rights={prusa.id: 2})
    (row,) = credentials(printers, "i-ha")
    assert row.token_hash == digest(token)
    assert (row.kind, row.owner, row.label, row.rights) == ("integration", "ann", "HA", {prusa.id: 2})
    assert (row.created, row.expires) == (3.0, None)
    assert token not in "\n".join(database.tables.conn.iterdump())
    assert len(token) >= 43


def test_removing_credentials_of_a_name(printers):
    first, second = (printers.add_credential("w-1", "worker", 1.0) for _ in range(2))
    printers.add_credential("w-2", "worker", 1.0)
    printers.remove_credentials("w-1", keep=digest(second))
    assert [row.token_hash for row in credentials(printers, "w-1")] == [digest(second)]
    printers.remove_credentials("w-1")
    assert not credentials(printers, "w-1")
    assert credentials(printers, "w-2")
    assert first != second


# Rotation


def test_a_next_key_waits_until_it_is_used(printers, prusa):
    first = printers.add_credential(prusa.id, "agent", 1.0)
    printers.save_next_key(prusa.id, b"2" * 32)
    second = printers.add_credential(prusa.id, "agent", 2.0)
    row = printers.get(prusa.id)
    assert (row.key, row.next_key) == (prusa.key, b"2" * 32)
    assert {each.token_hash for each in credentials(printers, prusa.id)} == {digest(first), digest(second)}
    printers.promote_key(prusa.id)
    row = printers.get(prusa.id)
    assert (row.key, row.next_key) == (b"2" * 32, None)
    assert [each.token_hash for each in credentials(printers, prusa.id)] == [digest(second)]


def test_an_unused_next_key_is_replaced_with_its_token(printers, prusa):
    first = printers.add_credential(prusa.id, "agent", 1.0)
    for number in (2, 3):
        printers.save_next_key(prusa.id, bytes([number]) * 32)
        newest = printers.add_credential(prusa.id, "agent", float(number))
    assert {each.token_hash for each in credentials(printers, prusa.id)} == {digest(first), digest(newest)}
    assert printers.get(prusa.id).next_key == bytes([3]) * 32


# Enrolments


def test_an_enrolment_is_taken_while_it_is_open(printers, prusa):
    identity = printers.add_enrolment(prusa.id, "ann", "secret", now=10.0, lifetime=5.0, tries=2)
    row = printers.take_enrolment(identity, 11.0)
    assert (row.id, row.printer, row.person, row.expires) == (identity, prusa.id, "ann", 15.0)
    assert (row.secret_hash, row.tries_left) == (digest("secret"), 2)
    assert printers.take_enrolment(identity, 15.0) is None, "expired, and a try all the same"
    assert printers.take_enrolment(identity, 11.0) is None, "no tries left"
    assert printers.take_enrolment("0" * 16, 11.0) is None


def test_a_new_enrolment_voids_the_older_one_and_sweeps_the_expired(database, printers, prusa):
    ender = printers.add("Ender", "ann", 1.0)
    old = printers.add_enrolment(prusa.id, "ann", "a", now=10.0, lifetime=5.0, tries=5)
    expired = printers.add_enrolment(ender.id, "ann", "b", now=1.0, lifetime=5.0, tries=5)
    new = printers.add_enrolment(prusa.id, "ann", "c", now=11.0, lifetime=5.0, tries=5)
    assert [row["id"] for row in database.rows("SELECT id FROM enrolments")] == [new]
    assert printers.take_enrolment(old, 11.0) is None
    assert printers.take_enrolment(expired, 2.0) is None


def test_redeeming_is_one_piece(printers, prusa, monkeypatch):
    """If the hub dies in the middle, the agent that was there before keeps what it has, and the line stays good."""
    before = printers.add_credential(prusa.id, "agent", 1.0)
    identity = printers.add_enrolment(prusa.id, "ann", "a", now=10.0, lifetime=5.0, tries=5)
    enrolment = printers.take_enrolment(identity, 11.0)

    def dies(*_, **__):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(printers, "add_credential", dies)
        with pytest.raises(RuntimeError):
            printers.redeem(enrolment, b"k" * 32, 12.0)
    assert [row.token_hash for row in credentials(printers, prusa.id)] == [digest(before)]
    assert printers.get(prusa.id) == prusa
    token = printers.redeem(enrolment, b"k" * 32, 12.0)
    assert [row.token_hash for row in credentials(printers, prusa.id)] == [digest(token)]
    assert printers.get(prusa.id).key == b"k" * 32
    assert printers.redeem(enrolment, b"l" * 32, 12.0) is None
    assert printers.get(prusa.id).key == b"k" * 32


def test_a_clock_that_went_back_locks_no_agent_out(printers, prusa):
    """Which token came last is known from their order and not from the hub's clock."""
    first = printers.add_credential(prusa.id, "agent", 1000.0)
    printers.save_next_key(prusa.id, b"2" * 32)
    second = printers.add_credential(prusa.id, "agent", 5.0)
    printers.save_next_key(prusa.id, b"3" * 32)
    assert [each.token_hash for each in credentials(printers, prusa.id)] == [digest(first)]
    third = printers.add_credential(prusa.id, "agent", 6.0)
    printers.promote_key(prusa.id)
    assert [each.token_hash for each in credentials(printers, prusa.id)] == [digest(third)]
    assert second != third


def test_a_disabled_person_has_no_rights(printers, database):
    prusa = printers.add("Prusa", "ann", 1.0)
    People(database).disable("ann")
    assert printers.rights_of("ann") == {}
    assert printers.rights_on(prusa.id) == {"ann": Right.OWN}, "what was granted is kept"
    People(database).enable("ann")
    assert printers.rights_of("ann") == {prusa.id: Right.OWN}


def test_a_printer_handed_over_is_a_new_one(printers):
    old = printers.add("Prusa", "ann", 1.0)
    printers.save_settings(old.id, {"action": "alert"})
    printers.grant(old.id, "bob", Right.VIEW)
    printers.add_credential(old.id, "agent", 1.0, owner="ann")
    new = printers.hand_over(printers.get(old.id), "bob", 2.0)
    assert (new.name, new.owner, dict(printers.get(new.id).settings)) == ("Prusa", "bob", {"action": "alert"})
    assert new.id != old.id
    assert new.key != old.key
    assert printers.all() == printers.of("bob") == [printers.get(new.id)]
    assert printers.rights_on(new.id) == {"bob": Right.OWN}
    assert printers.credentials() == []
