"""Printers come and go while the hub runs, and every part of it learns of it at once."""

from __future__ import annotations

import pytest

from agent.enrolment import code, parse
from agent.seal import derive, seal_json
from hub.credentials import Credentials
from hub.enrolment import EnrolmentError, Enrolments
from hub.policy import PrinterSettings
from hub.registrar import Address, EnrolmentAddress, PrinterRegistrar
from hub.store.confirmations import Confirmations

NOW = 1_700_000_000.0


class Listener:
    """Stands for ingest, judge and pace: remembers what it was told, and of whom it knows."""

    def __init__(self):
        self.calls, self.trusted = [], {}

    def trust(self, row):
        self.trusted[row.id] = row.key

    def known(self):
        return set(self.trusted)

    def forget(self, printer):
        self.calls.append(("forget", printer))
        self.trusted.pop(printer, None)

    def settings_changed(self, printer):
        self.calls.append(("settings", printer))

    def dismiss(self, printer):
        self.calls.append(("dismiss", printer))


class Scene:
    def __init__(self, stores, monkeypatch):
        self.stores, self.changes, self.revoked = stores, [], []
        self.credentials = Credentials(stores.printers)
        self.credentials.start()
        self.credentials.on_revoked = self.revoked.append
        enrolments = Enrolments(
            stores.printers, Confirmations(stores.database, stores.printers), stores.audit
        )
        monkeypatch.setattr("hub.registrar.time.time", lambda: NOW)
        made = PrinterRegistrar(
            stores.people, stores.printers, stores.history, enrolments, self.credentials, stores.live
        )
        made.ingest, made.judge, made.pace = Listener(), Listener(), Listener()
        made.broker = lambda: Address("hub.example", 8883, "CA")
        made.door = lambda: EnrolmentAddress("hub.example", 8884, "DOOR", "f" * 64)
        made.changed = lambda: self.changes.append(True)
        self.registrar = made
        stores.person("olivia", quota=2)

    def enrol(self, printer):
        ticket = parse(self.registrar.invite("olivia", printer).line)
        return self.registrar.redeem(ticket.identity, ticket.secret, NOW + 1)

    def logs_in(self, answer):
        return self.credentials.authenticate(answer["printer"], answer["token"].encode()) is not None


@pytest.fixture
def scene(stores, monkeypatch):
    return Scene(stores, monkeypatch)


def test_a_printer_belongs_to_the_person_who_added_it(scene):
    row = scene.registrar.add("olivia", "  Prusa ")
    assert (row.name, row.owner, row.enrolled) == ("Prusa", "olivia", None)
    assert scene.registrar.ingest.known() == {row.id}


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "two\nlines"])
def test_a_name_must_be_one_a_person_can_read(scene, name):
    with pytest.raises(ValueError, match="1 to 60 printable"):
        scene.registrar.add("olivia", name)


def test_nobody_has_more_printers_than_his_quota(scene):
    for name in ("one", "two"):
        scene.registrar.add("olivia", name)
    with pytest.raises(ValueError, match="olivia may own 2 printers"):
        scene.registrar.add("olivia", "three")


def test_an_unknown_person_owns_nothing(scene):
    with pytest.raises(ValueError, match="no user 'mallory'"):
        scene.registrar.add("mallory", "mine")


def test_the_enrolment_line_names_the_hub_and_its_certificate(scene):
    row = scene.registrar.add("olivia", "Prusa")
    ticket = parse(scene.registrar.invite("olivia", row.id).line)
    assert (ticket.host, ticket.port, ticket.fingerprint) == ("hub.example", 8884, "f" * 64)


def test_an_enrolled_agent_can_log_in_and_is_believed(scene):
    row = scene.registrar.add("olivia", "Prusa")
    answer = scene.enrol(row.id)
    assert (answer["printer"], answer["name"], answer["host"], answer["port"], answer["ca"]) == (
        row.id,
        "Prusa",
        "hub.example",
        8883,
        "CA",
    )
    assert (answer["enrolment_host"], answer["enrolment_port"], answer["enrolment_ca"]) == (
        "hub.example",
        8884,
        "DOOR",
    )
    assert scene.logs_in(answer)
    assert scene.registrar.ingest.trusted[row.id].hex() == answer["key"]
    assert bytes.fromhex(answer["key"]) != row.key, "a fresh key each time"
    assert ("forget", row.id) in scene.registrar.pace.calls, "the new agent is told the pace anew"
    assert scene.changes == [True], "the hub attacks itself after a change"


def test_a_line_works_once(scene):
    row = scene.registrar.add("olivia", "Prusa")
    ticket = parse(scene.registrar.invite("olivia", row.id).line)
    scene.registrar.redeem(ticket.identity, ticket.secret, NOW + 1)
    with pytest.raises(EnrolmentError):
        scene.registrar.redeem(ticket.identity, ticket.secret, NOW + 2)


def test_enrolling_again_ends_the_old_agent(scene):
    row = scene.registrar.add("olivia", "Prusa")
    old = scene.enrol(row.id)
    new = scene.enrol(row.id)
    assert scene.revoked == [row.id]
    assert (scene.logs_in(old), scene.logs_in(new)) == (False, True)


def test_a_removed_printer_leaves_nothing_behind(scene):
    row = scene.registrar.add("olivia", "Prusa")
    answer = scene.enrol(row.id)
    history = scene.stores.history
    history.add_event(row.id, NOW, "paused", "info", "paused")
    history.add_evidence(row.id, "main", NOW, b"jpeg")
    scene.stores.live.printer(row.id).online = True
    scene.registrar.remove(row.id)
    assert not scene.logs_in(answer)
    assert scene.revoked == [row.id]
    assert scene.stores.printers.get(row.id) is None
    assert (history.events(row.id), history.evidence(row.id)) == ([], [])
    assert not scene.stores.live.printer(row.id).online
    for part in (scene.registrar.ingest, scene.registrar.judge, scene.registrar.pace):
        assert ("forget", row.id) in part.calls
    assert scene.changes[-1]


def test_what_another_process_changed_is_noticed(scene):
    """The command line removed one printer and added another."""
    gone = scene.registrar.add("olivia", "gone")
    answer = scene.enrol(gone.id)
    scene.stores.printers.remove(gone.id)
    new = scene.stores.printer("new")
    scene.registrar.reread()
    assert scene.registrar.ingest.known() == {new.id}
    assert not scene.logs_in(answer)
    assert scene.revoked == [gone.id]


def test_settings_are_those_of_the_owner_and_safe_ones_for_a_printer_that_is_gone(scene):
    row = scene.registrar.add("olivia", "Prusa")
    scene.stores.printers.save_settings(row.id, {"action": "alert", "of an older version": 1})
    assert scene.registrar.settings_of(row.id).action == "alert"
    assert scene.registrar.settings_of("0" * 32) == PrinterSettings()


def test_the_judge_hears_of_settings_and_false_alarms(scene):
    row = scene.registrar.add("olivia", "Prusa")
    assert scene.registrar.change_settings(row.id, {"action": "alert"}).action == "alert"
    assert scene.registrar.change_settings(row.id, {"warn_at": 0.5}).action == "alert"
    scene.registrar.dismiss("b")
    assert scene.registrar.judge.calls == [("settings", row.id)] * 2 + [("dismiss", "b")]
    assert scene.registrar.settings_of(row.id) == PrinterSettings(action="alert", warn_at=0.5)


def test_settings_that_are_wrong_or_of_no_printer_change_nothing(scene):
    row = scene.registrar.add("olivia", "Prusa")
    for printer, changes in (
        (row.id, {"warn_at": 2}),
        (row.id, {"nonsense": 1}),
        ("0" * 32, {"warn_at": 0.5}),
    ):
        with pytest.raises(ValueError, match=r"warn_at|nonsense|no such printer"):
            scene.registrar.change_settings(printer, changes)
    assert scene.registrar.settings_of(row.id) == PrinterSettings()
    assert scene.registrar.judge.calls == []


def test_a_used_new_key_ends_the_old_token(scene):
    row = scene.registrar.add("olivia", "Prusa")
    old = scene.enrol(row.id)
    scene.stores.printers.save_next_key(row.id, bytes(32))
    token = scene.stores.printers.add_credential(row.id, "agent", NOW + 2, owner="olivia")
    scene.credentials.reload()
    assert scene.logs_in(old)
    assert scene.revoked == [], "both work until the new one is used"
    scene.registrar.promote(row.id)
    assert not scene.logs_in(old)
    assert scene.logs_in({"printer": row.id, "token": token})


def test_a_printer_handed_over_leaves_its_old_agent_and_history_behind(scene):
    row = scene.registrar.add("olivia", "Prusa")
    answer = scene.enrol(row.id)
    scene.stores.person("peter", quota=1)
    new = scene.registrar.hand_over(row.id, "peter")
    assert not scene.logs_in(answer)
    assert scene.revoked == [row.id]
    assert scene.registrar.ingest.known() == {new.id}
    assert (new.owner, new.enrolled) == ("peter", None)
    with pytest.raises(ValueError, match="peter may own 1 printers"):
        scene.registrar.hand_over(scene.registrar.add("olivia", "two").id, "peter")
    with pytest.raises(ValueError, match="no such printer"):
        scene.registrar.hand_over(row.id, "olivia")


def test_an_agent_with_a_code_is_admitted_everywhere_at_once_when_it_is_confirmed(scene, monkeypatch):
    """Until then no part of the hub knows its key or its token."""
    row = scene.registrar.add("olivia", "Prusa")
    ticket = parse(scene.registrar.invite("olivia", row.id, ask_code=True).line)
    answer = scene.registrar.redeem(ticket.identity, ticket.secret, NOW + 1)
    assert answer["confirm_s"] > 0
    assert not scene.logs_in(answer)
    assert scene.registrar.ingest.trusted == {row.id: row.key}
    assert scene.changes == []
    assert scene.registrar.confirmed(ticket.identity, ticket.secret, NOW + 2) == {"confirmed": False}
    admitted = []
    scene.credentials.on_admitted = lambda principal, token: admitted.append((principal.id, token))
    scene.registrar.confirm("olivia", row.id, code(bytes.fromhex(answer["key"]), ticket.identity))
    assert scene.logs_in(answer)
    assert scene.registrar.ingest.trusted[row.id].hex() == answer["key"]
    assert admitted == [(row.id, answer["token"])], "a broker with credentials of its own is told the token"
    assert scene.registrar.confirmed(ticket.identity, ticket.secret, NOW + 2) == {"confirmed": True}
    assert scene.changes == [True]


def test_a_code_confirmed_by_another_process_is_noticed(scene):
    row = scene.registrar.add("olivia", "Prusa")
    ticket = parse(scene.registrar.invite("olivia", row.id, ask_code=True).line)
    answer = scene.registrar.redeem(ticket.identity, ticket.secret, NOW + 1)
    stores = scene.stores
    elsewhere = Enrolments(stores.printers, Confirmations(stores.database, stores.printers), stores.audit)
    elsewhere.confirm("command line", row.id, code(bytes.fromhex(answer["key"]), ticket.identity), NOW + 2)
    assert not scene.logs_in(answer)
    scene.registrar.reread()
    assert scene.logs_in(answer)


def test_a_rotated_credential_is_known_beside_the_old_one(scene):
    row = scene.registrar.add("olivia", "Prusa")
    old = scene.enrol(row.id)
    key = derive(bytes.fromhex(old["key"]), "rotate")
    sealed = seal_json(key, f"rotate/{row.id}", {"v": 1, "time": int(NOW)})
    new = scene.registrar.rotate(row.id, sealed.decode(), NOW)
    assert scene.logs_in(old)
    assert scene.logs_in(new)
    assert new["key"] != old["key"]
    assert scene.registrar.ingest.trusted[row.id].hex() == old["key"], "until the new one is used"
