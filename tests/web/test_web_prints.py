"""The pages of prints: what they show, what can be said of pictures, and that delete really deletes."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from itertools import pairwise

import pytest

from hub.access import Right
from hub.store.history import LAPSE, EvidenceRow
from tests.support.pictures import picture as painted
from tests.web.past import Past, decision
from tests.web.world import picture
from web.print_states import _thinned

PICTURES = [EvidenceRow(n, "p", "nozzle", float(n), None, None, "", 0, False) for n in range(240)]
PROBE = "<script>alert('x')</script>\"'{{7*7}}"


@pytest.fixture
def bench(world, olivia):
    return world.printer("Bench", "olivia")


@pytest.fixture
def add(world, bench):
    return Past(world, bench, [picture(n) for n in range(30)]).print


@pytest.fixture
def alarmed(add):
    """A print that had an alarm."""
    return add("planter.gcode", 5, 7200, alarm=True, video=True)


def kept(world, printer, identity, kind="evidence"):
    rows = world.prints.evidence(world.prints.get(printer, identity))
    return [each for each in rows if each.kind == kind]


def test_without_prints_the_list_says_so(bench, olivia):
    assert "Nothing was printed yet" in olivia.get(f"/p/{bench}/prints").text


def test_the_list_tells_what_each_print_was(bench, add, alarmed, world, olivia):
    add("benchy.gcode", 0.5, 1700, "running")
    page = olivia.get(f"/p/{bench}/prints").text
    assert page.index("benchy.gcode") < page.index("planter.gcode")
    for words in ("Running", "so far", "2 h 00 min", "1 alarm, 1 warning", "no alarms"):
        assert words in page
    newest = kept(world, bench, alarmed, LAPSE)[-1].id
    assert f"/p/{bench}/pictures/{newest}/small.jpg" in page
    assert f'href="/p/{bench}/prints"' in olivia.get("/").text
    assert f'href="/p/{bench}/prints"' in olivia.get(f"/p/{bench}").text


def test_the_list_goes_on_page_by_page(bench, world, olivia):
    for number in range(45):
        world.prints.end(world.prints.begin(bench, "j", f"file-{number:02}", number), "finished", number + 1)
    path, seen = f"/p/{bench}/prints", []
    while path:
        page = olivia.get(path).text
        seen += re.findall(r"file-\d\d", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1] if found else ""
    assert seen == [f"file-{number:02}" for number in reversed(range(45))]
    assert olivia.get(f"/p/{bench}/prints?before=x").status_code == 400


def test_a_print_shows_each_decision_with_all_that_led_to_it(bench, alarmed, world, olivia):
    page = olivia.get(f"/p/{bench}/prints/{alarmed}").text
    for words in (
        "Failing: pause ordered: 99% sure for 3 s, the limit is 98%",
        "Suspicious: 63% sure",
        "Printwarden itself",
        "spaghetti 1.0 int8",
        "a1b2c3d4",
        "94 %",
        "polyline",
    ):
        assert words in page
    assert 'class="region alarm"' in page
    assert '<rect x="30.00%" y="43.00%" width="42.00%" height="36.00%"' in page
    assert page.count('value="false_alarm"') == 2
    assert page.count('aria-label="Certainty before this decision"') == 2
    for each in kept(world, bench, alarmed):
        assert f'class="dot" href="/p/{bench}/pictures/{each.id}"' in page
    assert "pauses at 98 %" in page, "by the settings of then"
    assert f"/p/{bench}/prints/{alarmed}/timelapse.webm" in page
    assert "printwarden replay timelapse" in page


def test_a_decision_of_the_second_signal_shows_what_led_to_it_and_its_own_limit(bench, add, world, olivia):
    row = add("a.gcode", 1, 3500, "running", pictures=2)
    t = time.time() - 60
    settings = {"moved": "cancel", "moved_at": 0.8, "action": "pause"}
    record = decision(0.9, signal="moved", settings=settings, moved_curve=[(-9.0, 0.2), (0.0, 0.9)])
    event = world.history.add_event(bench, t, "moved", "alarm", "a part is no longer where it was", record)
    assert "Certainty before this decision" in olivia.get(f"/p/{bench}/prints/{row}").text, (
        "without a picture too"
    )
    one = world.history.add_evidence(bench, "nozzle", t, picture(3), event=event)
    for path in ("", f"/{row}"):
        assert "1 alarm" in olivia.get(f"/p/{bench}/prints{path}").text
    page = olivia.get(f"/p/{bench}/pictures/{one}").text
    assert "cancels at 80 %" in page
    for words in ("warns at", "single pictures", "This picture alone"):
        assert words not in page


def test_without_a_video_its_pictures_are_shown(bench, add, world, olivia):
    row = add("a.gcode", 3, 600, pictures=6)
    page = olivia.get(f"/p/{bench}/prints/{row}").text
    assert "<video" not in page
    slides = re.search(r'data-slides="([^"]+)"', page)[1].split()
    assert slides == [f"/p/{bench}/evidence/{each.id}.jpg" for each in kept(world, bench, row, LAPSE)]
    world.prints.save_film(row, "this OpenCV cannot write WebM")
    assert "There is no video: this OpenCV cannot write WebM." in olivia.get(f"/p/{bench}/prints/{row}").text


def test_many_pictures_are_spread_and_shown_whole_when_asked(bench, add, olivia):
    row = add("a.gcode", 3, 600, pictures=60)
    page = olivia.get(f"/p/{bench}/prints/{row}").text
    assert page.count("small.jpg") == 31
    assert "Show all 60" in page
    assert olivia.get(f"/p/{bench}/prints/{row}?pictures=all").text.count("small.jpg") == 60


def test_a_running_print_is_kept_fresh_until_it_is_over(bench, add, world, olivia):
    row = add("a.gcode", 1, 3500, "running", pictures=6)
    path = f"/p/{bench}/prints/{row}"
    page = olivia.get(path).text
    assert f'data-live="{path}/live"' in page
    assert f'data-live="{path}/live?pictures=all"' in olivia.get(f"{path}?pictures=all").text
    now = world.now()
    world.now = lambda: now
    first = olivia.get(f"{path}/live")
    assert 'data-reload="running with pictures"' in first.text
    assert "Printing, 43 %, 1 h 21 min left" in first.text
    assert "csrf" not in first.text, "else it would never be the same twice"
    known = {"If-None-Match": first.headers["ETag"]}
    assert olivia.get(f"{path}/live", headers=known).status_code == 304
    event = world.history.add_event(bench, now - 5, "failing", "alarm", "failing: pause ordered", decision())
    picture_id = world.history.add_evidence(bench, "nozzle", now - 5, picture(3), event=event)
    fresh = olivia.get(f"{path}/live", headers=known)
    assert fresh.status_code == 200
    for part in (
        "Failing: pause ordered",
        "1 alarm",
        f'formaction="/p/{bench}/pictures/{picture_id}/feedback"',
    ):
        assert part in fresh.text
    world.prints.end(row, "cancelled", now)
    assert 'data-reload="filming with pictures"' in olivia.get(f"{path}/live").text
    world.prints.save_film(row, "")
    assert 'data-reload="over with pictures"' in olivia.get(f"{path}/live").text
    assert "data-live" not in olivia.get(path).text


def test_a_video_that_never_comes_is_not_waited_for_for_ever(bench, add, world, olivia):
    row = add("a.gcode", 3, 600, pictures=6)
    world.prints.save_film(row, None)
    assert "data-live" not in olivia.get(f"/p/{bench}/prints/{row}").text


def test_the_pictures_that_are_shown_stay_while_a_print_grows():
    kept = [{id(each) for each in _thinned(PICTURES[:count], 32)} for count in range(1, 241)]
    assert all(len(each) <= 32 for each in kept)
    moved = [len(after - before) for before, after in pairwise(kept)]
    assert max(moved) == 1, "nothing but the newest one"


def test_the_video_is_served_in_parts(bench, alarmed, world, olivia, browser):
    path = f"/p/{bench}/prints/{alarmed}/timelapse.webm"
    [video] = kept(world, bench, alarmed, "video")
    whole = olivia.get(path)
    assert (whole.mimetype, len(whole.data)) == ("video/webm", video.bytes)
    part = olivia.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    world.person("mallory")
    assert browser("mallory").get(path, headers={"Range": "bytes=0-9"}).status_code == 404


def test_small_pictures_are_small_and_asked_for_again_each_time(bench, world, olivia, browser):
    jpeg = painted(60, side=640)
    large = world.history.add_evidence(bench, "nozzle", 1.0, jpeg)
    broken = world.history.add_evidence(bench, "nozzle", 2.0, b"no picture")
    answer = olivia.get(f"/p/{bench}/pictures/{large}/small.jpg")
    assert len(answer.data) < len(jpeg)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": answer.headers["ETag"]}
    path = f"/p/{bench}/pictures/{large}/small.jpg"
    assert olivia.get(path, headers=known).status_code == 304
    world.person("mallory")
    assert browser("mallory").get(path, headers=known).status_code == 404
    assert olivia.get(f"/p/{bench}/pictures/{broken}/small.jpg").data == b"no picture"
    assert olivia.get(f"/p/{bench}/pictures/{broken}").status_code == 200


def test_a_picture_tells_its_decision_and_leads_to_its_neighbours(bench, alarmed, world, olivia):
    first, second = kept(world, bench, alarmed)
    page = olivia.get(f"/p/{bench}/pictures/{first.id}").text
    assert "Suspicious: 63% sure" in page
    assert f'rel="next" href="/p/{bench}/pictures/{second.id}"' in page
    assert 'rel="prev"' not in page
    assert "Was the hub right?" in page
    assert "What led to the decision" in page
    [lapse, *_] = kept(world, bench, alarmed, LAPSE)
    page = olivia.get(f"/p/{bench}/pictures/{lapse.id}").text
    assert "Was a failure missed here?" in page
    assert 'value="false_alarm"' not in page


def test_a_false_alarm_says_what_it_changes(bench, alarmed, world, olivia):
    first, second = kept(world, bench, alarmed)
    answer = olivia.post(f"/p/{bench}/pictures/{first.id}/feedback", {"label": "false_alarm"})
    assert answer.location == f"/p/{bench}/pictures/{first.id}"
    page = olivia.get(answer.location).text
    assert "Kept as a false alarm. It had an alarm that nobody called false" in page
    assert "olivia called this a false alarm" in page
    olivia.post(f"/p/{bench}/pictures/{second.id}/feedback", {"label": "false_alarm"})
    assert "so what its pictures show counts as harmless from now on" in olivia.get("/").text
    assert [each.label for each in world.prints.feedback(bench)] == ["false_alarm"] * 2
    assert all(each.pinned for each in kept(world, bench, alarmed))


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({"field": "1-6", "x": "", "y": ""}, (0.0625, 11 / 12)),
        ({"field": "1-6", "x": "0.25", "y": "0.75"}, (0.25, 0.75)),
        ({"field": "8-1"}, (0.9375, 1 / 12)),
    ],
)
def test_a_missed_failure_has_a_place(form, place, bench, alarmed, world, olivia):
    lapse = kept(world, bench, alarmed, LAPSE)[3]
    assert olivia.get(f"/p/{bench}/pictures/{lapse.id}?point=1").text.count('name="field"') == 48
    olivia.post(f"/p/{bench}/pictures/{lapse.id}/feedback", {"label": "missed", **form})
    [said] = world.prints.feedback(bench)
    assert (said.label, said.x, said.y) == ("missed", pytest.approx(place[0]), pytest.approx(place[1]))
    page = olivia.get(f"/p/{bench}/pictures/{lapse.id}").text
    assert "A failure was missed in it, so the hub learns nothing from it." in page
    assert f'cx="{place[0] * 100:.2f}%"' in page


@pytest.mark.parametrize(
    "form",
    [
        {"label": "spam"},
        {},
        {"label": "missed"},
        {"label": "missed", "field": "9-1"},
        {"label": "missed", "field": "0-1"},
        {"label": "missed", "x": "2", "y": "0.5"},
        {"label": "missed", "x": "nan", "y": "0.5"},
        {"label": "missed", "field": "a-b"},
    ],
)
def test_wrong_feedback_is_refused(form, bench, alarmed, world, olivia):
    [first, _] = kept(world, bench, alarmed)
    assert olivia.post(f"/p/{bench}/pictures/{first.id}/feedback", form).status_code == 400
    assert world.prints.feedback(bench) == []


def test_feedback_is_taken_back(bench, alarmed, world, olivia):
    [first, _] = kept(world, bench, alarmed)
    path = f"/p/{bench}/pictures/{first.id}"
    olivia.post(f"{path}/feedback", {"label": "false_alarm"})
    assert "Take it back" in olivia.get(path).text
    olivia.post(f"{path}/feedback", {"label": "none"})
    assert "Taken back." in olivia.get(path).text
    assert world.prints.feedback(bench) == []
    assert not world.prints.evidence_row(bench, first.id).pinned


def test_what_the_owner_says_of_a_print(bench, alarmed, world, olivia):
    for value, good in (("good", True), ("bad", False), ("undecided", None)):
        olivia.post(f"/p/{bench}/prints/{alarmed}/mark", {"good": value})
        assert world.prints.get(bench, alarmed).good is good
        page = olivia.get(f"/p/{bench}/prints/{alarmed}").text
        assert re.search(rf'value="{value}" class="chosen"', page)
    assert olivia.post(f"/p/{bench}/prints/{alarmed}/mark", {"good": "maybe"}).status_code == 400


def test_pinning_and_unpinning(bench, alarmed, world, olivia):
    [first, _] = kept(world, bench, alarmed)
    olivia.post(f"/p/{bench}/pictures/{first.id}/feedback", {"label": "false_alarm"})
    for value in ("yes", "no"):
        olivia.post(f"/p/{bench}/prints/{alarmed}/pin", {"pinned": value})
        assert world.prints.get(bench, alarmed).pinned == (value == "yes")
    pinned = {each.id for each in world.prints.evidence(world.prints.get(bench, alarmed)) if each.pinned}
    assert pinned == {first.id}


def test_an_export_is_a_zip_with_everything(bench, alarmed, olivia):
    answer = olivia.get(f"/p/{bench}/prints/{alarmed}/export.zip")
    assert f"filename=planter.gcode-{alarmed}.zip" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        facts = json.loads(archive.read("print.json"))
    folders = [name.partition("/")[0] for name in names]
    assert (folders.count("evidence"), folders.count("timelapse")) == (2, 9)
    assert sum(name.endswith(".webm") for name in names) == 1
    assert facts["print"]["file"] == "planter.gcode"


def test_deleting_asks_first_and_leaves_nothing_on_the_disk(bench, alarmed, add, world, olivia):
    other = add("keep.gcode", 50, 600)
    asked = olivia.get(f"/p/{bench}/prints/{alarmed}/delete").text
    assert "planter.gcode" in asked
    assert "This cannot be undone." in asked
    files = {path for path in world.folder.rglob("*") if path.is_file()}
    mine = {world.folder / each.path for each in world.prints.evidence(world.prints.get(bench, alarmed))}
    assert len(mine) == 11
    answer = olivia.post(f"/p/{bench}/prints/{alarmed}/delete")
    assert answer.location == f"/p/{bench}/prints"
    assert {path for path in world.folder.rglob("*") if path.is_file()} == files - mine
    assert [row.id for row in world.prints.of(bench)] == [other]
    assert not [event for event in world.history.events(bench) if "planter" in event.text]
    for path in (f"prints/{alarmed}", f"prints/{alarmed}/timelapse.webm", f"prints/{alarmed}/export.zip"):
        assert olivia.get(f"/p/{bench}/{path}").status_code == 404


def test_a_running_print_is_not_deleted(bench, add, world, olivia):
    row = add("a.gcode", 0.5, 1000, "running")
    assert "still running" in olivia.get(f"/p/{bench}/prints/{row}/delete").text
    answer = olivia.post(f"/p/{bench}/prints/{row}/delete")
    assert answer.status_code == 409
    assert "Nothing was deleted: this print is still running." in answer.text
    assert world.prints.get(bench, row)


def test_somebody_who_may_only_look_has_no_buttons(bench, alarmed, world, browser):
    world.person("vera")
    world.printers.grant(bench, "vera", Right.VIEW)
    vera, [first, _] = browser("vera"), kept(world, bench, alarmed)
    for path in (f"/p/{bench}/prints/{alarmed}", f"/p/{bench}/pictures/{first.id}"):
        page = vera.get(path).text
        assert "false_alarm" not in page
        assert "/delete" not in page
        assert "Pin to keep" not in page
        assert "point=1" not in page
    assert vera.get(f"/p/{bench}/pictures/{first.id}?point=1").status_code == 403


def test_prints_of_another_printer_are_not_there(bench, alarmed, world, olivia):
    other = world.printer("Other", "olivia")
    [first, _] = kept(world, bench, alarmed)
    for path in (f"prints/{alarmed}", f"prints/{alarmed}/export.zip", f"pictures/{first.id}"):
        assert olivia.get(f"/p/{other}/{path}").status_code == 404
    assert olivia.post(f"/p/{other}/pictures/{first.id}/feedback", {"label": "none"}).status_code == 404


@pytest.mark.parametrize("number", ["99999999999999999999", "-1", "1.5", "x"])
def test_a_number_that_cannot_be_is_no_page(number, bench, olivia):
    for path in (f"prints/{number}", f"pictures/{number}", f"evidence/{number}.jpg"):
        assert olivia.get(f"/p/{bench}/{path}").status_code == 404


def test_the_pictures_before_a_decision_are_shown_beside_it(bench, add, world, olivia):
    row = add("a.gcode", 3, 600)
    t = world.prints.get(bench, row).started + 300
    event = world.history.add_event(bench, t, "failing", "alarm", "failing: pause ordered", decision())
    before = [world.history.add_evidence(bench, "nozzle", t - n, picture(n), event=event) for n in (4, 2)]
    decided = world.history.add_evidence(bench, "nozzle", t + 1, picture(9), event=event)
    page = olivia.get(f"/p/{bench}/prints/{row}").text
    places = [page.index(f'href="/p/{bench}/pictures/{each}"') for each in (decided, *before)]
    assert places == sorted(places)
    assert page.count('value="false_alarm"') == 1
    assert (
        f'id="thumb-{event}" loading="lazy" src="/p/{bench}/pictures/{decided}/'
        in olivia.get(f"/p/{bench}").text
    )


def test_orders_stand_among_the_events_in_their_order(bench, add, world, olivia):
    row = add("a.gcode", 1, 600, "running")
    olivia.post(f"/p/{bench}/order", {"action": "pause"})
    world.history.add_event(bench, time.time() + 1, "paused", "info", "paused, confirmed by the printer")
    page = olivia.get(f"/p/{bench}/prints/{row}").text
    order = [
        page.index(words) for words in ("Print started", "Pause, asked for by olivia", "Paused, confirmed")
    ]
    assert order == sorted(order)


def test_events_of_a_printer_lead_to_their_picture_and_print(bench, alarmed, world, olivia):
    first, second = kept(world, bench, alarmed)
    page = olivia.get(f"/p/{bench}").text
    for each in (first, second):
        assert f'href="/p/{bench}/pictures/{each.id}"' in page
    assert "Certainty: 99 %" in page
    assert f'href="/p/{bench}/prints/{alarmed}"' in page


def test_nothing_that_people_or_machines_say_becomes_markup(bench, world, olivia):
    now = time.time()
    row = world.prints.begin(bench, PROBE, PROBE, now - 100)
    event = world.history.add_event(
        bench, now - 50, "failing", "alarm", PROBE, decision(model=PROBE, initiator=PROBE)
    )
    evidence = world.history.add_evidence(bench, "nozzle", now - 50, picture(1), event=event)
    world.prints.save_film(row, PROBE)
    trial = world.trials.ask(bench, PROBE, now)
    world.trials.save(trial, [], now)
    paths = ["prints", f"prints/{row}", f"prints/{row}/delete", f"pictures/{evidence}", "test", "zones"]
    for path in [*paths, f"pictures/{evidence}?point=1", "zones?camera=" + PROBE.replace("{", "%7B")]:
        page = olivia.get(f"/p/{bench}/{path}").text
        assert "<script>alert" not in page
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)


def test_everything_works_below_a_path(bench, alarmed, world, olivia):
    world.frame(bench, 1)
    [first, _] = kept(world, bench, alarmed)
    for path in ("prints", f"prints/{alarmed}", f"pictures/{first.id}?point=1", "zones", "test"):
        page = olivia.client.get(f"/p/{bench}/{path}", environ_overrides={"SCRIPT_NAME": "/below"}).text
        links = re.findall(r'(?:href|src|action|poster|data-live|data-slides)="([^"]*)"', page)
        assert all(each.startswith(("/below/", "#")) for each in links), links
