"""Enrolment: a secret of the owner's own making is redeemed once, within its time, by whoever has all of it."""

import secrets
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enrolment import parse
from agent.seal import derive, seal_json
from hub.access import Right
from hub.enrolment import LIFETIME_S, ROTATE_WITHIN_S, TRIES, EnrolmentError, Enrolments
from hub.store.audit import Audit
from hub.store.people import digest
from hub.store.printers import Printers
from tests.support import databases

NOW = 1_700_000_000.0


@pytest.fixture(scope="module", autouse=True)
def _cheap_passwords():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.store.people.PasswordHasher", databases.CheapHasher)
        yield


class Hub:
    """The parts that enrol, with ann's one printer."""

    def __init__(self, database):
        databases.people(database, "ann", "bob")
        self.database = database
        self.printers, self.audit = Printers(database), Audit(database)
        self.enrolments = Enrolments(self.printers, self.audit)
        self.printer = self.printers.add("Prusa", "ann", NOW)

    def mint(self, now=NOW):
        invitation = self.enrolments.mint(
            "ann", self.printer.id, host="hub", port=8884, fingerprint="ab" * 32, now=now
        )
        return parse(invitation.line)

    def redeem(self, ticket, now=NOW + 1):
        return self.enrolments.redeem(ticket.identity, ticket.secret, now)

    def hashes(self):
        return [row.token_hash for row in self.printers.credentials() if row.username == self.printer.id]

    def log(self):
        return [row.action for row in self.audit.rows()]


@pytest.fixture
def hub(tmp_path):
    with databases.opened(tmp_path / "hub.db") as database:
        yield Hub(database)


def refused(action, *arguments):
    """The words of a refusal."""
    with pytest.raises(EnrolmentError) as caught:
        action(*arguments)
    return str(caught.value)


def wrong(ticket):
    return replace(ticket, secret="x" * 32)


def test_an_invitation(hub):
    invitation = hub.enrolments.mint(
        "ann", hub.printer.id, host="[::1]", port=1, fingerprint="cd" * 32, now=NOW
    )
    ticket = parse(invitation.line)
    assert (ticket.host, ticket.port, ticket.fingerprint) == ("[::1]", 1, "cd" * 32)
    assert (invitation.printer, invitation.expires) == (hub.printer.id, NOW + LIFETIME_S)


def test_secrets_have_192_random_bits(hub):
    tickets = [hub.mint() for _ in range(20)]
    assert len({each.secret for each in tickets}) == len({each.identity for each in tickets}) == 20
    assert {len(each.secret) for each in tickets} == {32}


def test_the_secret_is_stored_as_its_hash_only(hub):
    ticket = hub.mint()
    text = "\n".join(hub.database.tables.conn.iterdump())
    assert digest(ticket.secret) in text
    assert ticket.secret not in text


def test_redeeming_gives_what_never_existed_before(hub):
    issued = hub.redeem(hub.mint())
    row = hub.printers.get(hub.printer.id)
    assert (issued.printer, issued.name) == (hub.printer.id, "Prusa")
    assert issued.key == row.key != hub.printer.key
    assert len(issued.key) == 32
    assert row.enrolled == NOW + 1
    assert hub.hashes() == [digest(issued.token)]
    assert hub.log() == ["enrolled"]
    assert hub.audit.rows()[0].actor == "ann"


def test_it_works_once(hub):
    ticket = hub.mint()
    issued = hub.redeem(ticket)
    refused(hub.redeem, ticket)
    assert hub.hashes() == [digest(issued.token)]


def test_enrolling_again_ends_the_credential_before(hub):
    first, second = hub.redeem(hub.mint()), hub.redeem(hub.mint())
    assert hub.hashes() == [digest(second.token)] != [digest(first.token)]
    assert hub.printers.get(hub.printer.id).key == second.key


def test_it_works_once_under_twenty_threads_at_once(hub):
    """Exactly one of them gets the credential, and it is the one that is stored."""
    ticket, issued, told = hub.mint(), [], []
    barrier = threading.Barrier(20)

    def work():
        barrier.wait()
        try:
            issued.append(hub.redeem(ticket))
        except EnrolmentError as error:
            told.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(issued), len(told)) == (1, 19)
    assert hub.hashes() == [digest(issued[0].token)]
    assert hub.printers.get(hub.printer.id).key == issued[0].key
    assert hub.log().count("enrolled") == 1


def test_it_expires(hub):
    ticket = hub.mint()
    refused(hub.redeem, ticket, NOW + LIFETIME_S)
    assert hub.redeem(ticket, NOW + LIFETIME_S - 0.1)


def test_five_tries_then_it_is_burnt(hub):
    ticket = hub.mint()
    for _ in range(TRIES):
        refused(hub.redeem, wrong(ticket))
    refused(hub.redeem, ticket)
    assert hub.hashes() == []


def test_the_fifth_try_still_counts(hub):
    ticket = hub.mint()
    for _ in range(TRIES - 1):
        refused(hub.redeem, wrong(ticket))
    assert hub.redeem(ticket)


def test_a_new_invitation_voids_the_old_one(hub):
    old, new = hub.mint(), hub.mint()
    refused(hub.redeem, old)
    assert hub.redeem(new)


def test_a_secret_belongs_to_its_own_identity(hub):
    ticket = hub.mint()
    other = hub.printers.add("Ender", "bob", NOW)
    hub.enrolments.mint("bob", other.id, host="h", port=1, fingerprint="ab" * 32, now=NOW)
    (theirs,) = hub.database.rows("SELECT id FROM enrolments WHERE printer = ?", other.id)
    refused(hub.enrolments.redeem, theirs["id"], ticket.secret, NOW)


def test_a_removed_printer_cannot_be_enrolled(hub):
    ticket = hub.mint()
    hub.printers.remove(hub.printer.id)
    refused(hub.redeem, ticket)


@pytest.mark.parametrize("left", [None, Right.VIEW, Right.CONTROL])
def test_who_owns_the_printer_no_longer_cannot_enrol_it(hub, left):
    """An invitation is as good as the right of the person who made it, at the moment it is used."""
    ticket = hub.mint()
    hub.printers.grant(hub.printer.id, "ann", left)
    refused(hub.redeem, ticket)
    assert hub.hashes() == []


def test_a_printer_that_vanishes_between_the_questions(hub, monkeypatch):
    ticket = hub.mint()
    monkeypatch.setattr(hub.printers, "get", lambda _: None)
    refused(hub.redeem, ticket)


def test_whoever_comes_second_gets_nothing(hub, monkeypatch):
    """Two agents hold the right secret at the same moment; the database says which of them was first."""
    ticket = hub.mint()
    monkeypatch.setattr(hub.printers, "redeem", lambda *_: None)
    refused(hub.redeem, ticket)
    assert hub.log() == ["enrol_refused"]


def test_every_refusal_sounds_the_same(hub):
    """Nobody learns from the answer whether an identity exists."""
    used = hub.mint()
    hub.redeem(used)
    told = {refused(hub.redeem, used)}
    burnt = hub.mint()
    told |= {refused(hub.redeem, wrong(burnt)) for _ in range(TRIES + 1)}
    told.add(refused(hub.redeem, burnt))
    told.add(refused(hub.redeem, hub.mint(), NOW + 1e6))
    told.add(refused(hub.enrolments.redeem, "f" * 16, "x", NOW))
    told.add(refused(hub.enrolments.redeem, "ä", "\ud800", NOW))
    assert len(told) == 1


def test_refusals_are_logged_and_cannot_fill_the_log_with_text(hub):
    refused(hub.enrolments.redeem, "x" * 10_000, "y" * 10_000, NOW)
    (row,) = hub.audit.rows()
    assert (row.action, row.object) == ("enrol_refused", "x" * 16)
    assert len(row.detail) < 100


@given(st.text(), st.text())
def test_any_text_is_refused_and_nothing_else(identity, secret):
    with databases.opened(":memory:") as database:
        hub = Hub(database)
        hub.mint()
        refused(hub.enrolments.redeem, identity, secret, NOW)


# Rotation


def request(hub, key, *, at=NOW, printer=None, **members):
    topic = f"rotate/{printer or hub.printer.id}"
    return seal_json(derive(key, "rotate"), topic, {"v": 1, "time": int(at), **members})


def rotated(hub, key, **options):
    return hub.enrolments.rotate(hub.printer.id, request(hub, key, **options), NOW)


def test_an_agent_gets_a_fresh_credential_for_its_present_key(hub):
    first = hub.redeem(hub.mint())
    second = rotated(hub, first.key)
    row = hub.printers.get(hub.printer.id)
    assert (row.key, row.next_key) == (first.key, second.key)
    assert set(hub.hashes()) == {digest(first.token), digest(second.token)}
    assert second.token != first.token
    assert hub.log()[0] == "rotated"


def test_using_the_new_key_ends_the_old_one(hub):
    first = hub.redeem(hub.mint())
    second = rotated(hub, first.key)
    third = rotated(hub, second.key)
    row = hub.printers.get(hub.printer.id)
    assert (row.key, row.next_key) == (second.key, third.key)
    assert set(hub.hashes()) == {digest(second.token), digest(third.token)}
    refused(rotated, hub, first.key)


def test_an_answer_that_was_lost_can_be_asked_for_again(hub):
    first = hub.redeem(hub.mint())
    lost, kept = rotated(hub, first.key), rotated(hub, first.key)
    assert set(hub.hashes()) == {digest(first.token), digest(kept.token)}
    refused(rotated, hub, lost.key)
    assert rotated(hub, kept.key)


@pytest.mark.parametrize(
    "members",
    [
        {"at": NOW - ROTATE_WITHIN_S - 1},
        {"at": NOW + ROTATE_WITHIN_S + 1},
        {"time": None},
        {"time": "now"},
        {"time": True},
        {"time": 1.7e9},
        {"time": 10**400},
        {"time": [[]]},
        {"printer": "0" * 32},
    ],
)
def test_requests_that_prove_nothing_are_refused(hub, members):
    issued = hub.redeem(hub.mint())
    with pytest.raises(EnrolmentError):
        rotated(hub, issued.key, **members)
    assert hub.hashes() == [digest(issued.token)]
    assert hub.log()[0] == "rotate_refused"


def test_the_last_second_counts(hub):
    issued = hub.redeem(hub.mint())
    assert rotated(hub, issued.key, at=NOW - ROTATE_WITHIN_S)
    assert rotated(hub, issued.key, at=NOW + ROTATE_WITHIN_S)


def test_the_key_of_another_purpose_rotates_nothing(hub):
    """A worker that holds frame keys must not be able to become the agent."""
    issued = hub.redeem(hub.mint())
    sealed = seal_json(derive(issued.key, "frame"), f"rotate/{hub.printer.id}", {"v": 1, "time": int(NOW)})
    refused(hub.enrolments.rotate, hub.printer.id, sealed, NOW)


@pytest.mark.parametrize("printer", ["", "0" * 32, "x" * 9999])
def test_unknown_printers_rotate_nothing(hub, printer):
    refused(hub.enrolments.rotate, printer, request(hub, secrets.token_bytes(32)), NOW)
    assert len(hub.audit.rows()[0].object) <= 64


@given(st.binary(max_size=200))
def test_any_bytes_rotate_nothing(sealed):
    with databases.opened(":memory:") as database:
        hub = Hub(database)
        refused(hub.enrolments.rotate, hub.printer.id, sealed, NOW)
        hub.printers.save_next_key(hub.printer.id, secrets.token_bytes(32))
        refused(hub.enrolments.rotate, hub.printer.id, sealed, NOW)
        assert hub.printers.get(hub.printer.id).key == hub.printer.key
