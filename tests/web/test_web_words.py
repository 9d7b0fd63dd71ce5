"""States in words."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from hub.access import Right
from hub.store.history import CommandRow
from tests.web.world import PASSWORD
from web import auth, forms, states, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3900, "1 h 05 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 days"),
    ],
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0 %"), (0.004, "0 %"), (0.996, "99 %"), (0.99999, "99 %"), (1.0, "100 %")],
)
def test_percent_never_claims_certainty(share, text):
    assert words.percent(share) == text


def test_limits_are_shown_as_entered():
    assert [words.limit(share) for share in (0.6, 0.99, 0.995, 0.9999)] == [
        "60 %",
        "99 %",
        "99.5 %",
        "99.99 %",
    ]


def test_a_time_of_another_day_carries_its_date():
    now = time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))
    assert words.clock(now - 60, now) == "11:59:00"
    assert words.clock(now - 86_400, now) == "22 Nov 12:00"


@pytest.mark.parametrize(
    ("stage", "states"),
    [
        ("requested", "now open open open"),
        ("sent", "done now open open"),
        ("accepted", "done done now open"),
        ("confirmed", "done done done done"),
        ("failed", "done failed"),
        ("refused", "done failed"),
    ],
)
def test_stages(stage, states):
    row = CommandRow("id", "p", 1, 0.0, "pause", "job", "olivia", "why", stage, "", dry=False, updated=0.0)
    assert " ".join(step.state for step in words.steps(row)) == states
    assert "rehearsal" not in words.stage(row)
    assert "rehearsal" in words.stage(replace(row, dry=True))


def test_watch_states(world):
    world.person("olivia")
    printer = world.printer("Bench", "olivia")
    card = world.site.view("olivia", "").printer(printer)
    told = {
        "watched": ("ok", "Watched"),
        "standing_down": ("calm", "Standing down"),
        "not_watched": ("alarm", "Not watched"),
    }
    for watch, (tone, title) in told.items():
        found = words.watch(replace(card, watch=watch))
        assert (found.tone, found.title) == (tone, title)
    assert words.watch(replace(card, watch_reason="camera side is too dark")).tone == "warn"
    assert words.watch(replace(card, enrolled=False)).title == "Not connected yet"


def test_buttons_say_why_not(world):
    world.person("olivia")
    printer = world.printer("Bench", "olivia")
    card = world.site.view("olivia", "").printer(printer)
    refusals = {
        "You may look": replace(card, right=Right.VIEW),
        "agent is not connected": replace(card, online=False),
        "Nothing is printing": replace(card, phase="idle", can=()),
    }
    for words_, changed in refusals.items():
        assert words_ in words.buttons(changed)[0].refusal
    assert [each.refusal for each in words.buttons(card)[:2]] == ["", ""]
    assert words.buttons(replace(card, phase="paused"))[0].action == "resume"


def test_a_picture_without_a_size_has_a_usual_one(world):
    world.person("olivia")
    printer = world.printer("Bench", "olivia")
    view = world.site.view("olivia", "")
    world.frame(printer, 1, jpeg=b"\xff\xd8\xff\xd9")
    assert states.picture_size(view, printer, view.printer(printer).cameras[0]) == (640, 480)
    assert states.picture_size(view, printer, None) == (640, 480)


def test_whoever_comes_while_many_sign_in_is_told(world, olivia, browser, monkeypatch):
    monkeypatch.setattr(auth, "BUSY_S", 0.05)
    door = world.app.extensions["printwarden_door"]
    with door._one:
        answer = browser().post("/sign-in", {"name": "olivia", "password": PASSWORD})
    assert answer.status_code == 429
    assert "Please try again" in answer.text


@pytest.mark.parametrize(("told", "name"), [("grace_s: too long", "grace_s"), ("something else", "act_at")])
def test_what_only_the_policy_refuses_is_told_too(told, name, monkeypatch):
    def refuse(_changes):
        raise ValueError(told)

    shown = forms.shown(forms.settings_from({}))
    monkeypatch.setattr(forms, "settings_from", refuse)
    assert set(forms.read(shown)[1]) == {name}
