"""The command line's people, as a person types it."""

from __future__ import annotations

import pytest

from hub import people_cli
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.sharing import Sharing
from tests.support.command_line import PASSWORD, line_in


def test_a_user_is_added_with_a_password(run):
    assert "added olivia" in run.well("user", "add", "olivia", "--admin", typed=PASSWORD + "\n")
    person = run.read(lambda opened: People(opened).check_password("olivia", PASSWORD))
    assert (person.name, person.role) == ("olivia", "admin")
    assert run.audit() == ["add_user"]


def test_a_user_without_password_gets_a_link_that_works_once(run):
    out = run.well("user", "add", "olivia", "--link")
    secret = out.split("/sign-in/")[1].split()[0]
    redeem = lambda opened: People(opened).redeem_link(secret, 0.0)  # noqa: E731
    assert run.read(redeem).name == "olivia"
    assert run.read(redeem) is None


@pytest.mark.parametrize(
    ("arguments", "typed", "told"),
    [
        (("user", "add", "olivia"), "short\n", "at least 10 characters"),
        (("user", "add", "Olivia!"), PASSWORD, "use 1 to 40 of a-z"),
        (("user", "password", "nobody"), PASSWORD, "there is no user 'nobody'; known are none"),
        (("user", "link", "nobody"), "", "there is no user 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, arguments, typed, told):
    assert told in run.wrong(*arguments, typed=typed)


def test_the_same_name_twice_is_refused(olivia):
    assert "'olivia' exists already" in olivia.wrong("user", "add", "olivia", "--link")


def test_a_new_password_signs_out_everywhere(run):
    run.well("user", "add", "olivia", typed=PASSWORD)
    opened = run.database()
    known = People(opened)
    secret = known.open_session(known.get("olivia"), 0.0)
    assert "signed out everywhere" in run.well("user", "password", "olivia", typed="another long one\n")
    assert known.session(secret, 1.0) is None
    opened.stop()


def test_people_are_listed_with_their_printers(olivia):
    olivia.well("printer", "add", "Prusa", "--owner", "olivia")
    assert "owns 1 of 10 printers" in olivia.well("user", "list")


@pytest.mark.parametrize(
    ("answers", "told"), [(["a long password", "another one"], "differ"), ([PASSWORD, PASSWORD], "")]
)
def test_at_a_terminal_a_password_is_asked_for_twice(monkeypatch, answers, told):
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": staticmethod(lambda: True)})())
    given = iter(answers)
    monkeypatch.setattr(people_cli.getpass, "getpass", lambda _prompt: next(given))
    if told:
        with pytest.raises(ValueError, match=told):
            people_cli._ask_password()
    else:
        assert people_cli._ask_password() == PASSWORD


# Roles, disabling, removing


@pytest.fixture
def two(run):
    """A scene with the administrator anna and olivia, who owns one printer."""
    run.well("user", "add", "anna", "--admin", "--link")
    run.well("user", "add", "olivia", "--link")
    run.well("printer", "add", "Prusa", "--owner", "olivia")
    return run


def names(scene):
    return [each.name for each in scene.read(lambda opened: People(opened).all())]


def test_roles(two):
    assert "olivia is admin now" in two.well("user", "role", "olivia", "admin")
    assert "olivia               admin" in two.well("user", "list")
    two.well("user", "role", "anna", "user")
    assert "only administrator" in two.wrong("user", "role", "olivia", "user")
    assert two.audit().count("set_role") == 2


def test_who_is_disabled_is_listed_and_can_be_let_in_again(two):
    two.well("user", "disable", "olivia")
    assert "(disabled)" in two.well("user", "list")
    assert "no user 'olivia'" in two.wrong("user", "link", "olivia")
    two.well("user", "enable", "olivia")
    assert "/sign-in/" in two.well("user", "link", "olivia")
    assert {"disable_user", "enable_user"} <= set(two.audit())


@pytest.mark.parametrize("action", ["disable", "remove"])
def test_the_last_administrator_stays(two, action):
    assert "only administrator" in two.wrong(
        "user", action, "anna", *(["--yes"] if action == "remove" else [])
    )
    assert names(two) == ["anna", "olivia"]


@pytest.mark.parametrize(
    "arguments",
    [("disable", "nobody"), ("enable", "nobody"), ("role", "nobody", "user"), ("remove", "nobody", "--yes")],
)
def test_nobody_is_named(two, arguments):
    assert "there is no user 'nobody'; known are anna, olivia" in two.wrong("user", *arguments)


def test_removing_asks_for_the_name_and_says_what_goes(two):
    status, out, _ = two("user", "remove", "olivia", typed="Olivia\n")
    assert (status, names(two)) == (1, ["anna", "olivia"])
    assert "1 printers go too" in out
    assert "nothing was removed" in out
    assert "removed olivia" in two("user", "remove", "olivia", typed="olivia\n")[1]
    assert names(two) == ["anna"]
    assert two.printers() == []
    assert two.audit()[:2] == ["remove_user", "remove_printer"]
    assert "the audit log is whole" in two.well("audit", "verify")


def test_an_heir_gets_new_printers_with_lines_of_their_own(two):
    (old,) = two.printers()
    line = line_in(two.well("user", "remove", "olivia", "--printers-to", "anna", "--yes"))
    (new,) = two.printers()
    assert (new.owner, new.name, new.enrolled) == ("anna", "Prusa", None)
    assert new.id != old.id
    assert new.key != old.key
    assert line.identity
    assert two.read(lambda opened: Printers(opened).rights_on(new.id).keys()) == {"anna"}


@pytest.mark.parametrize(
    ("heir", "told"),
    [("nobody", "no other user 'nobody'"), ("olivia", "no other user"), ("anna", "1 more are too many")],
)
def test_without_a_fit_heir_nothing_happens(two, heir, told):
    two.well("user", "quota", "anna", "0")
    assert told in two.wrong("user", "remove", "olivia", "--printers-to", heir, "--yes")
    assert names(two) == ["anna", "olivia"]
    assert "(disabled)" not in two.well("user", "list")


def test_nothing_of_a_removed_person_is_left_for_one_of_the_same_name(two):
    opened = two.database()
    people, printers, shares = People(opened), Printers(opened), Sharing(opened)
    (prusa,) = printers.all()
    session = people.open_session(people.get("olivia"), 1.0)
    link = people.mint_link("olivia", 1.0)
    _, token = shares.add_token("olivia", "control", "script", now=1.0, lifetime=1e10)
    _, shared = shares.add_link(prusa.id, "olivia", "wall", now=1.0, lifetime=1e10)
    printers.add_credential("i-1", "integration", 1.0, owner="olivia", rights={prusa.id: 1})
    two.well("user", "remove", "olivia", "--yes")
    two.well("user", "add", "olivia", "--link")
    assert people.session(session, 2.0) is people.redeem_link(link, 2.0) is None
    assert shares.api_token(token, 2.0) is shares.link(shared, 2.0) is None
    assert printers.credentials() == []
    assert printers.rights_of("olivia") == {}
    opened.stop()
