"""Enrolment: a secret of the owner's own making is redeemed once, within its time, by whoever has all of it."""

import secrets
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enrolment import code, parse
from agent.seal import derive, seal_json
from hub.access import Right
from hub.enrolment import (
    CODE_TRIES,
    CONFIRM_S,
    LIFETIME_S,
    ROTATE_WITHIN_S,
    TRIES,
    EnrolmentError,
    Enrolments,
)
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
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
        self.enrolments = Enrolments(self.printers, Confirmations(database, self.printers), self.audit)
        self.printer = self.printers.add("Prusa", "ann", NOW)

    def mint(self, now=NOW, **options):
        invitation = self.enrolments.mint(
            "ann", self.printer.id, host="hub", port=8884, fingerprint="ab" * 32, now=now, **options
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


# The code that the owner confirms


class Shown:
    """An agent that was given a credential and shows its code."""

    def __init__(self, hub, now=NOW + 1):
        self.hub, self.ticket = hub, hub.mint(ask_code=True)
        self.issued = hub.redeem(self.ticket, now)
        self.code = code(self.issued.key, self.ticket.identity)

    def confirm(self, typed=None, now=NOW + 2):
        self.hub.enrolments.confirm("ann", self.hub.printer.id, self.code if typed is None else typed, now)

    def told(self, now=NOW + 3):
        return self.hub.enrolments.confirmed(self.ticket.identity, self.ticket.secret, now)

    def wrong(self):
        return f"{(int(self.code) + 1) % 10**6:06}"


def text_of(hub):
    return "\n".join(hub.database.tables.conn.iterdump())


def test_until_the_code_is_confirmed_nothing_is_admitted(hub):
    shown = Shown(hub)
    assert shown.issued.confirm_s == CONFIRM_S
    assert hub.hashes() == []
    assert hub.printers.get(hub.printer.id) == hub.printer
    assert hub.enrolments.settle(NOW + 2) == []
    assert shown.told() is False
    assert hub.log() == ["shows_code"]


def test_the_confirmed_code_makes_the_credential_the_printers_own(hub):
    shown = Shown(hub)
    shown.confirm()
    assert shown.told() is False, "not before the hub has made it known"
    (issued,) = hub.enrolments.settle(NOW + 3)
    assert issued == replace(shown.issued, confirm_s=0)
    row = hub.printers.get(hub.printer.id)
    assert (row.key, row.enrolled) == (issued.key, NOW + 3)
    assert hub.hashes() == [digest(issued.token)]
    assert shown.told() is True
    assert hub.enrolments.settle(NOW + 4) == [], "once"
    assert hub.log() == ["enrolled", "code_confirmed", "shows_code"]
    assert hub.audit.rows()[1].actor == "ann"


def test_what_waits_in_clear_is_erased_once_it_is_settled(hub):
    shown = Shown(hub)
    assert shown.issued.token in text_of(hub)
    shown.confirm()
    hub.enrolments.settle(NOW + 3)
    assert shown.issued.token not in text_of(hub)


def test_what_waited_in_vain_is_erased(hub):
    shown = Shown(hub)
    hub.enrolments.settle(NOW + 1 + CONFIRM_S + 1)
    assert shown.issued.token not in text_of(hub)


def test_the_agent_before_goes_on_until_the_new_one_is_confirmed(hub):
    old = hub.redeem(hub.mint())
    shown = Shown(hub)
    assert hub.hashes() == [digest(old.token)]
    shown.confirm()
    hub.enrolments.settle(NOW + 3)
    assert hub.hashes() == [digest(shown.issued.token)]


def test_a_code_is_six_digits_of_key_and_enrolment():
    codes = {code(bytes([each]) * 32, "a" * 16) for each in range(50)} | {
        code(bytes(32), f"{each:016}") for each in range(50)
    }
    assert len(codes) > 95
    assert {len(each) for each in codes} == {6}
    assert all(each.isdecimal() for each in codes)


@pytest.mark.parametrize("typed", ["{0} {1}", " {0}-{1} "])
def test_a_code_may_be_typed_as_it_is_read(hub, typed):
    shown = Shown(hub)
    shown.confirm(typed.format(shown.code[:3], shown.code[3:]))
    assert len(hub.enrolments.settle(NOW + 3)) == 1


def test_three_wrong_codes_and_it_is_over(hub):
    shown = Shown(hub)
    for _ in range(CODE_TRIES):
        refused(shown.confirm, shown.wrong())
    refused(shown.confirm)
    refused(shown.told)
    assert hub.enrolments.settle(NOW + 3) == []
    assert hub.hashes() == []
    assert hub.log()[0] == "code_refused"


def test_the_third_code_still_counts(hub):
    shown = Shown(hub)
    for _ in range(CODE_TRIES - 1):
        refused(shown.confirm, shown.wrong())
    assert shown.told() is False
    shown.confirm()
    assert len(hub.enrolments.settle(NOW + 3)) == 1
    assert shown.told() is True


def test_a_code_is_short_lived(hub):
    shown = Shown(hub)
    refused(shown.confirm, shown.code, NOW + 1 + CONFIRM_S)
    refused(shown.told, NOW + 1 + CONFIRM_S)


def test_what_was_confirmed_too_late_to_be_settled_is_not(hub):
    shown = Shown(hub)
    shown.confirm()
    assert hub.enrolments.settle(NOW + 1 + CONFIRM_S) == []
    assert hub.hashes() == []


def test_the_line_behind_a_code_works_once_too(hub):
    shown = Shown(hub)
    refused(hub.redeem, shown.ticket)
    shown.confirm()
    hub.enrolments.settle(NOW + 3)
    refused(hub.redeem, shown.ticket)


def test_whoever_comes_second_shows_no_code(hub, monkeypatch):
    ticket = hub.mint(ask_code=True)
    monkeypatch.setattr(hub.enrolments._confirmations, "hold", lambda *_, **__: False)
    refused(hub.redeem, ticket)


def test_of_two_who_close_an_enrolment_at_once_the_database_takes_one(hub):
    ticket = hub.mint(ask_code=True)
    row = hub.printers.take_enrolment(ticket.identity, NOW)
    held = [
        hub.enrolments._confirmations.hold(row, bytes(32), token, expires=NOW + 9, tries=3) for token in "ab"
    ]
    assert held == [True, False]


def test_it_is_settled_once_even_if_asked_for_twice_at_once(hub):
    shown = Shown(hub)
    shown.confirm()
    confirmations = hub.enrolments._confirmations
    (row,) = confirmations.unsettled(NOW + 3)
    assert [confirmations.settle(row, NOW + 3) for _ in range(2)] == [True, False]


def test_who_finds_it_settled_by_another_thread_makes_nothing_known(hub, monkeypatch):
    shown = Shown(hub)
    shown.confirm()
    monkeypatch.setattr(hub.enrolments._confirmations, "settle", lambda *_: False)
    assert hub.enrolments.settle(NOW + 3) == []


def test_a_newer_line_voids_what_waits(hub):
    shown = Shown(hub)
    hub.mint()
    refused(shown.confirm)
    refused(shown.told)


def test_a_printer_removed_meanwhile_is_not_enrolled(hub):
    shown = Shown(hub)
    shown.confirm()
    hub.printers.remove(hub.printer.id)
    assert hub.enrolments.settle(NOW + 3) == []
    refused(shown.told)


def test_wrong_codes_without_anybody_who_waits_sound_the_same(hub):
    told = {refused(hub.enrolments.confirm, "ann", hub.printer.id, "123456", NOW)}
    shown = Shown(hub)
    told |= {refused(shown.confirm, typed) for typed in ("", shown.wrong(), "\ud800", "x" * 1000)}
    assert len(told) == 1


@pytest.mark.parametrize("secret", ["x" * 32, "", "\ud800"])
def test_only_who_redeemed_is_told_whether_it_is_confirmed(hub, secret):
    shown = Shown(hub)
    told = {refused(hub.enrolments.confirmed, shown.ticket.identity, secret, NOW)}
    told.add(refused(hub.enrolments.confirmed, "ä", secret, NOW))
    assert len(told) == 1


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
