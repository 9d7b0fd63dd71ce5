"""The administrators' page of people: nobody else's, and what is ended there is ended at once."""

from __future__ import annotations

import re

import pytest

from hub.access import Right


@pytest.fixture
def anna(world, browser):
    """An administrator, signed in."""
    world.person("anna", role="admin")
    world.credentials.start()
    return browser("anna")


@pytest.fixture
def bench(world, anna):
    """A printer of olivia's."""
    world.person("olivia")
    return world.printer("Bench", "olivia")


def actions(world):
    return [row.action for row in world.audit.rows()]


def test_an_administrator_sees_people_and_no_printer(anna, bench):
    page = anna.get("/people").text
    assert "olivia" in page
    assert "Owns 1 printer of at most" in page
    assert "Bench" not in page
    assert anna.get(f"/p/{bench}").status_code == 404
    assert 'href="/people"' in anna.get("/").text


def test_nobody_else_is_told_of_the_page(bench, browser):
    assert "/people" not in browser("olivia").get("/").text


def test_a_person_is_added_and_comes_in_by_the_link(anna, world, browser):
    page = anna.post("/people", {"name": " Vera ", "role": "user"})
    (link,) = re.findall(r'<pre id="made-link">http://[^/]+(/sign-in/[^<]+)</pre>', page.text)
    vera = browser()
    assert vera.post(link).status_code == 303
    assert vera.get("/").status_code == 200
    assert world.people.get("vera").role == "user"
    assert actions(world)[:2] == ["sign_in_link", "add_user"]
    assert [row.actor for row in world.audit.rows()][:2] == ["anna", "anna"]


@pytest.mark.parametrize(
    ("path", "form", "told"),
    [
        ("/people", {"name": "a b"}, "use 1 to 40"),
        ("/people", {"name": "olivia"}, "exists already"),
        ("/people", {"name": "eve", "role": "root"}, "no role"),
        ("/people/olivia", {"quota": "-1", "role": "user"}, "whole number"),
        ("/people/olivia", {"quota": "99999", "role": "user"}, "0 to 10000"),
        ("/people/olivia", {"quota": "1", "role": "root"}, "no role"),
        ("/people/anna", {"quota": "1", "role": "user"}, "only administrator"),
        ("/people/anna/access", {"allow": "no"}, "only administrator"),
        ("/people/anna/remove", {"typed": "anna"}, "only administrator"),
        ("/people/olivia/remove", {"typed": "Olivia"}, "not the name"),
        ("/people/olivia/remove", {"typed": "olivia", "heir": "nobody"}, "no other user"),
    ],
)
def test_what_cannot_be_is_told_beside_the_field(anna, bench, world, path, form, told):
    answer = anna.post(path, form)
    assert (answer.status_code, world.people.get("eve")) == (422, None)
    assert told in answer.text
    assert [each.name for each in world.people.all()] == ["anna", "olivia"]


@pytest.mark.parametrize("path", ["", "/link", "/access", "/remove"])
def test_somebody_who_is_not_there(anna, path):
    assert anna.post(f"/people/nobody{path}", {"quota": "1", "role": "user"}).status_code == 404


def test_role_and_quota(anna, bench, world):
    anna.post("/people/olivia", {"quota": "3", "role": "admin"})
    olivia = world.people.get("olivia")
    assert (olivia.role, olivia.quota) == ("admin", 3)
    anna.post("/people/anna", {"quota": "10", "role": "user"})
    assert anna.get("/people").status_code == 404, "no longer an administrator, at once"


def test_who_is_disabled_is_out_at_once_with_everything(anna, bench, world, browser):
    olivia, wall, script = browser("olivia"), browser(), browser()
    world.people.add("vera", None, role="user", now=0.0)
    world.printers.grant(bench, "vera", Right.VIEW)
    sharing = world.site.sharing("olivia", "s")
    _, shown = sharing.add_link(bench, "wall")
    _, token = sharing.add_token("control", "script")
    made = sharing.add_integration("ha", {bench: Right.CONTROL})
    ended = []
    world.credentials.on_revoked = ended.append
    header = {"Authorization": f"Bearer {token}"}
    assert wall.get(f"/s/{shown}").status_code == 200
    assert script.client.get("/api/v1/printers", headers=header).status_code == 200
    anna.post("/people/olivia/access", {"allow": "no"})
    assert olivia.get("/").status_code == 303
    assert wall.get(f"/s/{shown}").status_code == 404
    assert script.client.get("/api/v1/printers", headers=header).status_code == 401
    assert ended == [made.username]
    assert world.credentials.principal(made.username).rights == {}
    assert browser("vera").get(f"/p/{bench}").status_code == 200, "others keep what they were given"
    anna.post("/people/olivia/access", {"allow": "yes"})
    assert olivia.get("/").status_code == 303, "an ended session does not come back"
    assert browser("olivia").get(f"/p/{bench}").status_code == 200


def test_removing_takes_the_printers_along(anna, bench, world, browser):
    olivia = browser("olivia")
    page = anna.get("/people/olivia/remove").text
    assert "1 printer, whose agents are cut off" in page
    assert anna.post("/people/olivia/remove", {"typed": "olivia", "heir": ""}).status_code == 303
    assert olivia.get("/").status_code == 303
    assert world.printers.all() == []
    assert [each.name for each in world.people.all()] == ["anna"]
    assert actions(world)[0] == "remove_user"
    assert world.audit.verify() is None


def test_an_heir_gets_them_as_new_printers(anna, bench, world):
    anna.post("/people/olivia/remove", {"typed": "olivia", "heir": "anna"})
    (row,) = world.printers.all()
    assert (row.owner, row.name, row.enrolled) == ("anna", "Bench", None)
    assert row.id != bench
    assert "wait for their agents" in anna.get("/people").text
