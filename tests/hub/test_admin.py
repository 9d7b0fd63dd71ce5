"""The command line's printers and audit, as a person types it."""

from __future__ import annotations

import time

import pytest

from agent.enrolment import code, parse
from hub.enrolment import Enrolments
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.history import History
from hub.store.printers import Printers
from tests.support.command_line import line_in

# Printers


@pytest.mark.parametrize(
    ("arguments", "typed", "told"),
    [
        (("printer", "add", "Prusa", "--owner", "nobody"), "", "there is no user 'nobody'"),
        (("printer", "invite", "Prusa"), "", "0 printers are called 'Prusa'; see: printwarden printer list"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, arguments, typed, told):
    assert told in run.wrong(*arguments, typed=typed)


def test_a_printer_is_added_with_its_enrolment_line(olivia):
    ticket = line_in(olivia.well("printer", "add", " Prusa ", "--owner", "olivia"))
    assert (ticket.host, ticket.port) == ("hub.lan", 8884)
    (row,) = olivia.printers()
    assert (row.name, row.owner, row.enrolled) == ("Prusa", "olivia", None)
    assert "no agent enrolled yet" in olivia.well("printer", "list")
    assert "add_printer" in olivia.audit()


def test_a_fresh_line_is_shown_by_name_or_id(olivia):
    first = line_in(olivia.well("printer", "add", "Prusa", "--owner", "olivia"))
    (row,) = olivia.printers()
    for wanted in ("Prusa", row.id):
        assert line_in(olivia.well("printer", "invite", wanted)).identity != first.identity


def test_two_printers_of_one_name_are_told_apart_by_their_ids(olivia):
    for _ in range(2):
        olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    assert "2 printers are called 'Prusa'" in olivia.wrong("printer", "invite", "Prusa")
    assert line_in(olivia.well("printer", "invite", olivia.printers()[0].id))


def test_nobody_gets_more_printers_than_his_quota_until_it_is_raised(olivia):
    olivia.well("user", "quota", "olivia", "1")
    olivia.well("printer", "add", "one", "--owner", "olivia")
    assert "may own 1 printers" in olivia.wrong("printer", "add", "two", "--owner", "olivia")
    olivia.well("user", "quota", "olivia", "2")
    olivia.well("printer", "add", "two", "--owner", "olivia")
    assert "set_quota" in olivia.audit()


def test_a_removed_printer_takes_its_history_and_pictures_along(olivia):
    """Also when no hub runs that would do it."""
    olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    (row,) = olivia.printers()
    opened = olivia.database()
    history = History(opened, olivia.data / "evidence")
    history.add_event(row.id, 1.0, "paused", "info", "paused")
    history.add_evidence(row.id, "main", 1.0, b"jpeg")
    assert "removed Prusa" in olivia.well("printer", "remove", "Prusa", "--yes")
    assert olivia.printers() == []
    assert (history.events(row.id), history.evidence(row.id)) == ([], [])
    assert not [each for each in (olivia.data / "evidence").rglob("*") if each.is_file()]
    opened.stop()
    assert "remove_printer" in olivia.audit()


def test_removing_asks_for_the_name(olivia):
    olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    status, out, _ = olivia("printer", "remove", "Prusa", typed="prusa\n")
    assert (status, len(olivia.printers())) == (1, 1)
    assert "nothing was removed" in out
    olivia("printer", "remove", "Prusa", typed="Prusa\n")
    assert olivia.printers() == []


def test_a_question_without_anybody_to_answer_is_no_yes(olivia):
    olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    status, _, err = olivia("printer", "remove", "Prusa", typed="")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert len(olivia.printers()) == 1


def test_a_moved_printer_is_a_new_one_of_its_new_owner(olivia):
    olivia.well("user", "add", "peter", "--link")
    olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    (old,) = olivia.printers()
    line = line_in(olivia.well("printer", "move", "Prusa", "--to", "peter", "--yes"))
    (new,) = olivia.printers()
    assert (new.name, new.owner) == ("Prusa", "peter")
    assert new.id != old.id
    assert new.key != old.key
    rights = olivia.read(lambda opened: Printers(opened).rights_of("olivia"))
    assert rights == {}
    assert line.host == "hub.lan"


def test_moving_asks_for_the_name_and_minds_the_quota(olivia):
    olivia.well("user", "add", "peter", "--link")
    olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    status, out, _ = olivia("printer", "move", "Prusa", "--to", "peter", typed="no\n")
    assert (status, "nothing was moved" in out) == (1, True)
    olivia.well("user", "quota", "peter", "0")
    assert "peter may own 0 printers" in olivia.wrong("printer", "move", "Prusa", "--to", "peter", "--yes")
    assert [each.owner for each in olivia.printers()] == ["olivia"]


def test_a_farm_is_added_as_a_batch(olivia, tmp_path):
    file = tmp_path / "lines.tsv"
    assert "3 printers added" in olivia.well("printer", "batch", "Farm", "3", str(file), "--owner", "olivia")
    rows = [each.split("\t") for each in file.read_text().splitlines()]
    assert [name for name, _ in rows] == ["Farm 1", "Farm 2", "Farm 3"]
    assert len({parse(line).identity for _, line in rows}) == 3
    assert file.stat().st_mode & 0o077 == 0
    assert len(olivia.printers()) == 3


@pytest.mark.parametrize(
    ("prefix", "count", "more", "told"),
    [
        ("Farm", "11", (), "olivia may add 10 printers; raise it with: printwarden user quota"),
        ("Farm", "0", (), "may add 10 printers"),
        ("Farm", "2", ("--hours", "200"), "at most a week"),
        ("x" * 58, "10", (), "1 to 60 printable characters"),
    ],
)
def test_a_batch_is_added_whole_or_not_at_all(olivia, tmp_path, prefix, count, more, told):
    file = str(tmp_path / "lines.tsv")
    assert told in olivia.wrong("printer", "batch", prefix, count, file, "--owner", "olivia", *more)
    assert olivia.printers() == []


@pytest.mark.parametrize(
    "arguments", [("add", "Prusa", "--owner", "olivia"), ("batch", "Farm", "2", "lines", "--owner", "olivia")]
)
def test_without_a_known_enrolment_port_nothing_is_half_done(olivia, arguments):
    olivia.configure(0)
    assert "only the running hub knows it; use the viewer" in olivia.wrong("printer", *arguments)
    assert olivia.printers() == []


# Audit


def test_the_audit_log_is_shown_and_found_whole(olivia):
    assert "the audit log is whole" in olivia.well("audit", "verify")
    listed = olivia.well("audit", "list")
    assert "command line" in listed
    assert "add_user" in listed


def test_a_changed_audit_log_is_found(olivia):
    opened = olivia.database()
    with opened.write() as db:
        db.execute("UPDATE audit SET actor = 'nobody' WHERE id = 1")
    opened.stop()
    status, out, _ = olivia("audit", "verify")
    assert status == 1
    assert "row 1 was changed" in out


def test_a_code_is_confirmed_for_the_hub_to_settle(olivia):
    out = olivia.well("printer", "add", "Prusa", "--owner", "olivia", "--code")
    assert "printwarden printer confirm" in out
    ticket = line_in(out)
    opened = olivia.database()
    printers = Printers(opened)
    enrolments = Enrolments(printers, Confirmations(opened, printers), Audit(opened))
    issued = enrolments.redeem(ticket.identity, ticket.secret, time.time())
    shown = code(issued.key, ticket.identity)
    assert "not the code" in olivia.wrong("printer", "confirm", "Prusa", f"{(int(shown) + 1) % 10**6:06}")
    assert "lets the agent of Prusa in" in olivia.well(
        "printer", "confirm", "Prusa", f"{shown[:3]} {shown[3:]}"
    )
    assert [each.token for each in enrolments.settle(time.time())] == [issued.token]
    opened.stop()
    assert {"code_refused", "code_confirmed"} <= set(olivia.audit())
