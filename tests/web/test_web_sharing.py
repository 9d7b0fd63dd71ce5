"""Letting others in through the pages: people, links, integrations, API tokens, and taking each of them back."""

import re

import pytest

from hub.access import Right
from tests.web.world import AUTHORITY


@pytest.fixture
def bench(world, browser):
    """A printer of olivia's with a picture, and mallory who has nothing to do with it."""
    for name in ("olivia", "mallory"):
        world.person(name)
    world.credentials.start()
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5)
    return printer


def shown(page, name):
    """The text of the box that is shown only once."""
    found = re.search(rf'<pre id="{name}">(.*?)</pre>', page.text, re.DOTALL)
    assert found, page.text
    return found[1]


def test_a_person_is_let_in_and_out_again(bench, browser, world):
    olivia, mallory = browser("olivia"), browser("mallory")
    assert mallory.get(f"/p/{bench}").status_code == 404
    olivia.post(f"/p/{bench}/sharing/people", {"person": "mallory", "right": "view"})
    assert mallory.get(f"/p/{bench}").status_code == 200
    assert mallory.post(f"/p/{bench}/order", {"action": "pause"}).status_code == 403
    olivia.post(f"/p/{bench}/sharing/people", {"person": "mallory", "right": "control"})
    assert mallory.post(f"/p/{bench}/order", {"action": "pause"}).status_code == 303
    olivia.post(f"/p/{bench}/sharing/people", {"person": "mallory", "right": "none"})
    assert mallory.get(f"/p/{bench}").status_code == 404


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"person": "nobody", "right": "view"}, "no user"),
        ({"person": "olivia", "right": "view"}, "ownership"),
        ({"person": "mallory", "right": "own"}, "choose"),
    ],
)
def test_a_wrong_form_says_why(bench, browser, form, words):
    answer = browser("olivia").post(f"/p/{bench}/sharing/people", form)
    assert answer.status_code == 422
    assert words in answer.text.lower()


def test_a_link_shows_one_printer_to_anybody_until_it_is_ended(bench, browser, world):
    other = world.printer("Secret", "olivia")
    olivia, anybody = browser("olivia"), browser()
    page = olivia.post(f"/p/{bench}/sharing/links", {"label": "wall", "days": "2"})
    path = "/s/" + shown(page, "made").rsplit("/s/", 1)[1]
    seen = anybody.get(path)
    assert seen.status_code == 200
    assert "Bench" in seen.text
    assert "Secret" not in seen.text
    assert anybody.get(f"{path}/nozzle.jpg").data[:2] == b"\xff\xd8"
    assert anybody.get(f"/p/{bench}").status_code == 303
    assert anybody.get(f"/p/{other}/frame/nozzle.jpg").status_code == 401
    assert path.rsplit("/", 1)[1] not in olivia.get(f"/p/{bench}/sharing").text
    link = world.shares.links(bench, world.now())[0]
    olivia.post(f"/p/{bench}/sharing/links/{link.id}/end")
    assert anybody.get(path).status_code == 404
    assert anybody.get(f"{path}/nozzle.jpg").status_code == 404


def test_a_link_expires(bench, browser, world):
    page = browser("olivia").post(f"/p/{bench}/sharing/links", {"label": "wall", "days": "1"})
    path = "/s/" + shown(page, "made").rsplit("/s/", 1)[1]
    began = world.now()
    world.now = lambda: began + 86_401
    assert browser().get(path).status_code == 404


def test_a_link_never_exceeds_the_right_of_who_made_it(bench, browser, world):
    _link, token = world.shares.add_link(bench, "mallory", "stolen", now=world.now(), lifetime=3600)
    assert browser().get(f"/s/{token}").status_code == 404


@pytest.mark.parametrize("days", ["0", "366", "-1", "x", "1e3"])
def test_a_link_lives_from_a_day_to_a_year(bench, browser, days):
    answer = browser("olivia").post(f"/p/{bench}/sharing/links", {"label": "wall", "days": days})
    assert answer.status_code == 422
    assert "from 1 to 365" in answer.text


def test_an_integration_is_shown_once_and_ended_at_once(bench, browser, world):
    kicked = []
    world.credentials.on_revoked = kicked.append
    olivia = browser("olivia")
    page = olivia.post("/programs/integrations", {"label": "Home", f"right-{bench}": "control"})
    box = shown(page, "made-integration")
    [row] = [row for row in world.printers.credentials() if row.kind == "integration"]
    assert row.rights == {bench: Right.CONTROL}
    assert row.username in box
    password = re.search(r"password +(\S+)", box)[1]
    assert world.credentials.authenticate(row.username, password.encode()) is not None
    assert "pause" in box
    assert password not in olivia.get("/programs").text
    assert browser("mallory").post(f"/programs/integrations/{row.username[2:]}/end").status_code == 404
    olivia.post(f"/programs/integrations/{row.username[2:]}/end")
    assert kicked == [row.username]
    assert world.credentials.authenticate(row.username, password.encode()) is None


def test_the_authority_of_the_broker_is_there_for_whoever_is_signed_in(bench, browser, world):
    answer = browser("olivia").client.get("/programs/ca.pem")
    assert answer.text == AUTHORITY
    assert 'href="/programs/ca.pem"' in browser("olivia").get("/programs").text
    object.__setattr__(world.site, "authority", str)
    assert browser("olivia").client.get("/programs/ca.pem").status_code == 404
    assert "ca.pem" not in browser("olivia").get("/programs").text


def test_settings_are_an_owners_to_grant(bench, browser, world):
    olivia = browser("olivia")
    box = shown(
        olivia.post("/programs/integrations", {"label": "Home", f"right-{bench}": "settings"}),
        "made-integration",
    )
    [row] = [row for row in world.printers.credentials() if row.kind == "integration"]
    assert row.rights == {bench: Right.OWN}
    assert "sensitivity" in box


def test_an_integration_gets_no_printer_that_is_not_its_owners(bench, browser, world):
    """A foreign printer's id in the form is not even looked at."""
    answer = browser("mallory").post("/programs/integrations", {"label": "x", f"right-{bench}": "control"})
    assert answer.status_code == 422
    assert not [row for row in world.printers.credentials() if row.kind == "integration"]


def make_token(browser, scope):
    page = browser("olivia").post("/programs/tokens", {"label": "script", "scope": scope, "days": "1"})
    return {"Authorization": f"Bearer {shown(page, 'made-token')}"}


def test_a_token_that_looks_cannot_act(bench, browser):
    headers, nobody = make_token(browser, "read"), browser().client
    assert nobody.get("/api/v1/printers", headers=headers).json["printers"][0]["id"] == bench
    answer = nobody.post(f"/api/v1/printers/{bench}/commands", json={"action": "pause"}, headers=headers)
    assert answer.status_code == 403


def test_a_token_that_controls_needs_no_form_token(bench, browser, world):
    headers = make_token(browser, "control")
    answer = browser().client.post(
        f"/api/v1/printers/{bench}/commands", json={"action": "pause"}, headers=headers
    )
    assert answer.status_code == 202
    assert world.history.commands(bench)[0].initiator == "olivia"


def test_a_token_opens_the_api_and_nothing_else(bench, browser):
    headers, nobody = make_token(browser, "control"), browser().client
    assert nobody.get("/", headers=headers).status_code == 303
    assert nobody.get("/cards", headers=headers).status_code == 401


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Basic b2xpdmlhOng=", ""])
def test_a_bad_token_is_not_mended_by_a_good_cookie(bench, browser, header):
    """Otherwise another site could make a signed-in browser act by adding a header of its own."""
    olivia = browser("olivia").client
    headers = {"Authorization": header}
    assert olivia.get("/api/v1/printers", headers=headers).status_code == 401
    answer = olivia.post(f"/api/v1/printers/{bench}/commands", json={"action": "pause"}, headers=headers)
    assert answer.status_code == 401


def test_an_ended_or_expired_token_is_dead(bench, browser, world):
    headers, nobody = make_token(browser, "read"), browser().client
    [entry] = world.shares.api_tokens("olivia", world.now())
    assert browser("mallory").post(f"/programs/tokens/{entry.id}/end").status_code == 404
    began = world.now()
    world.now = lambda: began + 86_401
    assert nobody.get("/api/v1/printers", headers=headers).status_code == 401
    world.now = lambda: began
    browser("olivia").post(f"/programs/tokens/{entry.id}/end")
    assert nobody.get("/api/v1/printers", headers=headers).status_code == 401


def test_labels_are_text(bench, browser):
    olivia = browser("olivia")
    olivia.post(f"/p/{bench}/sharing/links", {"label": "<script>alert(1)</script>"})
    olivia.post("/programs/tokens", {"label": "<b>x</b>", "scope": "read"})
    assert "<script>alert" not in olivia.get(f"/p/{bench}/sharing").text
    assert "<b>x</b>" not in olivia.get("/programs").text
