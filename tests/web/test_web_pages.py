"""What the pages show and do."""

from __future__ import annotations

import re
import time

import pytest

from hub.access import Right
from hub.regions import Region
from hub.store.history import ScoreRow
from tests.web.world import picture

PROBE = "<script>alert('x')</script>\"'{{7*7}}"


@pytest.fixture
def bench(world, olivia):
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5, regions=(Region(0.1, 0.2, 0.3, 0.4, 0.9),), score=0.9)
    return printer


def test_an_empty_dashboard_says_what_to_do(olivia):
    page = olivia.get("/").text
    assert "No printers yet" in page
    assert 'href="/printers/new"' in page


def test_a_card_tells_what_matters(bench, olivia):
    page = olivia.get("/").text
    for words in ("Bench", "Printing", "43 %, 1 h 21 min left", "Looks fine", "Watched"):
        assert words in page
    assert f"/p/{bench}/frame/nozzle.jpg?seq=5" in page


def test_a_printer_that_is_not_watched_says_so_loudly(bench, world, olivia):
    live = world.live.printer(bench)
    live.watch, live.watch_reason = "not_watched", "its agent is not connected"
    for path in ("/", f"/p/{bench}"):
        page = olivia.get(path).text
        assert 'pill alarm">Not watched' in page
        assert "its agent is not connected" in page


def test_what_needs_a_look_comes_first(bench, world, olivia):
    other = world.printer("Zebra", "olivia")
    world.live.printer(other).verdict = "failing"
    page = olivia.get("/").text
    assert page.index("Zebra") < page.index("Bench")


def test_the_page_of_a_printer(bench, world, olivia):
    now = time.time()
    for n in range(20):
        world.history.add_score(ScoreRow(bench, "nozzle", now - 100 + n, 0.2, 0.1))
    world.history.flush()
    event = world.history.add_event(bench, now - 90, "failing", "alarm", "failing: pause ordered")
    kept = world.history.add_evidence(bench, "nozzle", now - 90, picture(1), event=event, score=0.9)
    page = olivia.get(f"/p/{bench}").text
    assert '<rect x="10.00%" y="20.00%" width="30.00%" height="40.00%"' in page
    assert "polyline" in page
    assert "Failing: pause ordered" in page
    assert f"/p/{bench}/pictures/{kept}/small.jpg" in page
    assert 'width="320" height="240"' in page


def test_evidence_is_served_to_its_owner_only(bench, world, olivia, browser):
    kept = world.history.add_evidence(bench, "nozzle", 1.0, picture(1))
    world.person("mallory")
    foreign = world.printer("Other", "mallory")
    answer = olivia.get(f"/p/{bench}/evidence/{kept}.jpg")
    assert answer.data == picture(1)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": answer.headers["ETag"]}
    assert olivia.get(f"/p/{bench}/evidence/{kept}.jpg", headers=known).status_code == 304
    assert browser("mallory").get(f"/p/{bench}/evidence/{kept}.jpg", headers=known).status_code == 404
    assert browser("mallory").get(f"/p/{foreign}/evidence/{kept}.jpg").status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_an_order_is_told_as_requested_and_not_as_done(action, bench, world, olivia):
    assert olivia.post(f"/p/{bench}/order", {"action": action}).location == f"/p/{bench}"
    page = olivia.get(f"/p/{bench}").text
    assert f"{action.capitalize()} requested" in page
    assert "Sent to the agent" in page
    assert [row.initiator for row in world.history.commands(bench)] == ["olivia"]


def test_a_command_shows_how_far_it_came(bench, world, olivia):
    olivia.post(f"/p/{bench}/order", {"action": "pause"})
    command = world.history.commands(bench)[0].id
    for stage, words in (
        ("accepted", "Accepted by the agent"),
        ("confirmed", "Confirmed by the printer"),
        ("failed", "Failed: the printer did not confirm"),
        ("refused", "Refused by the agent"),
    ):
        outcome = "the printer did not confirm" if stage == "failed" else ""
        world.history.move_command(command, stage, outcome, time.time())
        assert words in olivia.get(f"/p/{bench}").text


def test_a_refused_order_says_why(bench, world, olivia):
    world.desk.refusal = "its agent is not connected"
    olivia.post(f"/p/{bench}/order", {"action": "pause"})
    assert "Nothing was sent: its agent is not connected." in olivia.get(f"/p/{bench}").text


def test_an_unknown_action_is_refused(bench, world, olivia):
    for action in ("", "explode", "order"):
        olivia.post(f"/p/{bench}/order", {"action": action})
    assert world.history.commands(bench) == []


def test_a_cancel_asks_first(bench, world, olivia):
    assert olivia.post(f"/p/{bench}/order", {"action": "cancel"}).location == f"/p/{bench}/cancel"
    assert world.history.commands(bench) == []
    assert "Cancel this print?" in olivia.get(f"/p/{bench}/cancel").text
    olivia.post(f"/p/{bench}/order", {"action": "cancel", "confirmed": "yes"})
    assert [row.action for row in world.history.commands(bench)] == ["cancel"]


def test_a_false_alarm_is_passed_on(bench, world, olivia):
    olivia.post(f"/p/{bench}/order", {"action": "dismiss"})
    assert world.registrar.dismissed == [bench]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"phase": "idle"}, "Nothing is printing."),
        ({"can": ()}, "The printer does not take this now."),
        ({"can": (), "control": "its firmware has no pause"}, "Its firmware has no pause."),
    ],
)
def test_a_button_that_cannot_be_used_says_why(change, words, bench, world, olivia):
    world.set_state(bench, **change)
    page = olivia.get(f"/p/{bench}").text
    assert words in page
    assert re.search(r'value="pause"[^>]*disabled', page)


def test_somebody_who_may_only_look_sees_no_working_button(bench, world, browser):
    world.person("vera")
    world.printers.grant(bench, "vera", Right.VIEW)
    page = browser("vera").get(f"/p/{bench}").text
    assert page.count("disabled title") == 3
    assert "You may look at this printer but not control it." in page
    assert "Settings" not in page


def test_adding_a_printer_shows_its_line_once(world, olivia):
    page = olivia.post("/printers/new", {"name": "  Kitchen  "}).text
    line = re.search(r'id="line">(printwarden://[^<]+)<', page)[1]
    assert line.startswith("printwarden://hub.local:8884/")
    assert "<svg" in page
    assert "printwarden-agent enrol" in page
    card = world.site.view("olivia", "").printers()[0]
    assert (card.name, card.enrolled, card.right) == ("Kitchen", False, Right.OWN)
    assert line not in olivia.get(f"/p/{card.id}").text
    assert "Waiting for its agent" in olivia.get("/").text


def test_a_new_line_voids_the_old_one(world, olivia):
    olivia.post("/printers/new", {"name": "Kitchen"})
    printer = world.site.view("olivia", "").printers()[0].id
    olivia.post(f"/p/{printer}/invite")
    assert len(world.database.rows("SELECT * FROM enrolments")) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "bell\a"])
def test_a_bad_name_is_told_beside_its_field(name, world, olivia):
    answer = olivia.post("/printers/new", {"name": name})
    assert answer.status_code == 422
    assert "1 to 60 printable characters" in answer.text
    assert world.printers.all() == []


def test_the_quota_is_told_in_words(world, olivia):
    with world.database.write() as db:
        db.execute("UPDATE people SET quota = 0")
    answer = olivia.post("/printers/new", {"name": "Kitchen"})
    assert answer.status_code == 422
    assert "may own no more printers" in answer.text


def test_renaming(bench, world, olivia):
    assert olivia.post(f"/p/{bench}/rename", {"name": "New name"}).status_code == 303
    assert world.printers.get(bench).name == "New name"
    assert olivia.post(f"/p/{bench}/rename", {"name": ""}).status_code == 422
    assert world.printers.get(bench).name == "New name"


def test_removing_needs_the_name(bench, world, olivia):
    answer = olivia.post(f"/p/{bench}/remove", {"typed": "bench"})
    assert answer.status_code == 422
    assert "nothing was removed" in answer.text
    assert olivia.post(f"/p/{bench}/remove", {"typed": "Bench"}).location == "/"
    assert world.printers.all() == []
    assert "Bench was removed" in olivia.get("/").text


@pytest.mark.parametrize("path", ["/", "/p/{p}", "/p/{p}/settings", "/p/{p}/cancel", "/cards", "/p/{p}/live"])
def test_nothing_that_people_or_machines_say_becomes_markup(path, world, olivia):
    printer = world.printer(PROBE, "olivia", file=PROBE, message=PROBE, control=PROBE, can=())
    world.frame(printer, 1, camera="nozzle")
    live = world.live.printer(printer)
    live.watch, live.watch_reason = "not_watched", PROBE
    live.state = live.state.__class__(**{**vars(live.state), "temperatures": {PROBE: (1.0, 2.0)}})
    event = world.history.add_event(printer, time.time(), "failing", "alarm", PROBE)
    world.history.add_evidence(printer, "nozzle", time.time(), picture(1), event=event)
    olivia.post(f"/p/{printer}/order", {"action": "pause"})
    command = world.history.commands(printer)[0].id
    world.history.move_command(command, "failed", PROBE, time.time())
    page = olivia.get(path.format(p=printer)).text
    assert "<script>alert" not in page
    assert "{{7*7}}" in page
    assert "onerror" not in page


def test_no_page_needs_inline_script_or_style(world, olivia):
    """The content security policy would block them."""
    printer = world.printer("Bench", "olivia")
    pages = [olivia.get(path).text for path in ("/", f"/p/{printer}", f"/p/{printer}/settings", "/account")]
    pages.append(olivia.post("/printers/new", {"name": "Kitchen"}).text)
    for page in pages:
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
        assert not re.search(r'(src|href)="(https?:)?//', page)


def test_everything_works_below_a_path(world, olivia):
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 1)
    for path in ("/", f"/p/{printer}", f"/p/{printer}/settings", "/account", "/printers/new"):
        page = olivia.client.get(path, environ_overrides={"SCRIPT_NAME": "/prints"}).text
        links = re.findall(r'(?:href|src|action|data-live|data-frame)="([^"]*)"', page)
        assert links
        assert all(each.startswith(("/prints/", "#")) for each in links), links


def test_a_forwarded_prefix_or_host_is_not_believed(world, olivia):
    page = olivia.get("/", headers={"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example"}).text
    assert "evil" not in page


def test_any_host_name_will_do(world, olivia):
    for host in ("hub.local", "192.0.2.7:8080", "[2001:db8::1]"):
        assert olivia.client.get("/account", headers={"Host": host}).status_code in (200, 303)


def test_errors_are_pages_in_words(olivia):
    missing = olivia.get("/p/nothing-here")
    assert missing.status_code == 404
    assert "There is no such page, or it is not yours to see." in missing.text
    forged = olivia.client.post("/sign-out")
    assert forged.status_code == 400
    assert "nothing was done" in forged.text
    large = olivia.client.post("/account", data={"password": "x" * 100_000})
    assert large.status_code == 413


def test_an_error_of_ours_is_told_without_details(world, olivia):
    def broken(_person, _session):
        raise RuntimeError("secret detail")

    object.__setattr__(world.site, "view", broken)
    answer = olivia.get("/")
    assert answer.status_code == 500
    assert "Watching goes on" in answer.text
    assert "secret detail" not in answer.text


def test_a_long_curve_is_read_once_for_each_column(bench, world, olivia, monkeypatch):
    """A day of scores is too much to read every two seconds."""
    now = time.time() // 240 * 240 + 1
    world.now = lambda: now
    asked = []
    scores = world.history.scores
    monkeypatch.setattr(world.history, "scores", lambda *given: asked.append(given) or scores(*given))
    for _ in range(3):
        olivia.get(f"/p/{bench}/live?span=24h")
    assert len(asked) == 1
    world.printers.save_settings(bench, {"warn_at": 0.3})
    assert "warns at 30 %" in olivia.get(f"/p/{bench}/live?span=24h").text
    now += 240
    olivia.get(f"/p/{bench}/live?span=24h")
    assert len(asked) == 3


def test_places_that_do_not_count_are_drawn(bench, world, olivia):
    zones = {"nozzle": [[[0.0, 0.5], [0.2, 1.0]], [[0.5, 0.0], [1.0, 0.0], [1.0, 0.5]]]}
    world.printers.save_settings(bench, {"zones": zones})
    page = olivia.get(f"/p/{bench}").text
    assert 'points="0.0000,0.5000 0.2000,0.5000 0.2000,1.0000 0.0000,1.0000 "' in page
    assert page.count('class="zone"') == 2


def test_a_young_print_fills_its_curve(bench, world, olivia):
    now = time.time()
    world.history.add_score(ScoreRow(bench, "nozzle", now - 60, 0.2, 0.1))
    world.history.flush()
    assert re.search(r'id="span-5m"[^>]*aria-current', olivia.get(f"/p/{bench}").text)
    world.history.add_score(ScoreRow(bench, "nozzle", now - 900, 0.2, 0.1))
    world.history.flush()
    assert re.search(r'id="span-30m"[^>]*aria-current', olivia.get(f"/p/{bench}").text)
    assert re.search(r'id="span-3h"[^>]*aria-current', olivia.get(f"/p/{bench}?span=3h").text)
