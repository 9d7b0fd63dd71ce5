"""A past print played again, as people see it."""

from __future__ import annotations

import threading

import pytest

from hub.access import Right
from tests.support.waiting import until
from tests.web.past import Past
from tests.web.world import clip

FORM = {
    "action": "pause",
    "warn_at": "60",
    "warn_hold_s": "0",
    "act_at": "99",
    "act_hold_s": "3",
    "grace_s": "0",
    "use_zones": "on",
}


@pytest.fixture
def bench(world, olivia):
    return world.printer("Bench", "olivia")


@pytest.fixture
def planter(world, bench):
    """A print that fails in its last third, with a picture every 20 s; where it lies."""
    row = Past(world, bench).print("planter.gcode", 5, 1200, "cancelled", pictures=60, alarm=True)
    return f"/p/{bench}/prints/{row}/replay"


def replayed(browser, path, **changes):
    answer = browser.post(path, {**FORM, **changes})
    assert answer.status_code == 303, answer.text
    until(lambda: 'data-reload="over"' in browser.get(f"{path}/live").text)
    return browser.get(path).text


def test_the_form_holds_the_printers_settings_and_the_result_says_what_would_have_been(
    planter, bench, world, olivia
):
    world.registrar.change_settings(bench, {"act_at": 0.97})
    page = olivia.get(planter.removesuffix("/replay")).text
    assert f'action="{planter}"' in page
    assert 'name="act_at" inputmode="decimal" value="97"' in page
    page = replayed(olivia, planter)
    assert "It would have paused" in page
    assert "really warned" in page
    assert "would have paused" in page
    assert page.count("small.jpg") == 2, "the pictures at which it would have warned and paused"
    assert 'name="act_at" inputmode="decimal" value="99"' in page, "the form goes on from there"
    assert "data-live" not in page
    assert "See the last replay" in olivia.get(planter.removesuffix("/replay")).text
    assert world.history.commands(bench) == []


def test_other_settings_decide_otherwise(planter, olivia):
    assert "It would have raised the alarm" in replayed(olivia, planter, action="alert")
    page = replayed(olivia, planter, grace_s="3000")
    assert "It would have done nothing" in page
    assert page.count("<td>never</td>") == 3


def test_wrong_values_are_told_beside_their_field(planter, olivia):
    answer = olivia.post(planter, {**FORM, "act_at": "50"})
    assert answer.status_code == 422
    assert "This must not be below the limit for a warning." in answer.text
    assert "Nothing was replayed." in answer.text


def test_progress_is_shown_and_a_second_one_refused(planter, world, olivia, monkeypatch):
    gate, detect = threading.Event(), world.eye.detect
    monkeypatch.setattr(world.eye, "detect", lambda jpeg: gate.wait(20) and detect(jpeg))
    try:
        assert olivia.post(planter, FORM).status_code == 303
        page = olivia.get(planter).text
        assert "0 of 62 pictures" in page
        assert f'data-live="{planter}/live"' in page
        answer = olivia.post(planter, FORM)
        assert answer.status_code == 409
        assert "another replay is under way; try again when it is done" in answer.text
    finally:
        gate.set()
    until(lambda: "It would have paused" in olivia.get(f"{planter}/live").text)


def test_what_cannot_be_replayed_is_said(bench, world, olivia):
    running = Past(world, bench, clip()).print("a.gcode", 1, 600, "running")
    path = f"/p/{bench}/prints/{running}"
    assert "Replay it" not in olivia.get(path).text
    assert "It can be replayed when it has ended." in olivia.get(f"{path}/replay").text
    answer = olivia.post(f"{path}/replay", FORM)
    assert answer.status_code == 409
    assert "this print is still running" in answer.text


def test_who_may_only_look_sees_the_result_and_no_form(planter, bench, world, olivia, browser):
    world.person("vera")
    world.printers.grant(bench, "vera", Right.VIEW)
    replayed(olivia, planter)
    vera = browser("vera")
    page = vera.get(planter).text
    assert "It would have paused" in page
    assert "do-replay" not in page + vera.get(planter.removesuffix("/replay")).text


def test_a_deleted_print_takes_its_replay_along(planter, bench, world, olivia):
    replayed(olivia, planter)
    assert olivia.post(planter.replace("/replay", "/delete")).status_code == 303
    assert olivia.get(planter).status_code == 404
    assert world.replays._runs == {}
