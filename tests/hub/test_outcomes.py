"""What follows from a judgement: shown, written down with its evidence, told, and ordered."""

from __future__ import annotations

import json
import logging

import pytest

from hub import outcomes
from hub.commands import FALLBACK
from hub.judge import Judgement, Scored
from hub.outcomes import HUB, RARE_S, Outcomes
from hub.policy import NOTHING, Decision, PrinterSettings, version
from hub.regions import Region
from hub.store.history import CommandRow
from tests.support.messages import JPEG, PRINTER, frame
from tests.support.stores import Time

MODEL = {"name": "tangle", "version": "9.9", "precision": "int8", "sha256": "ab" * 32}
SPOT = Region(0.1, 0.2, 0.3, 0.4, 0.9)


class FakePace:
    def __init__(self):
        self.told = []

    def tell(self, printer, certainty, _now):
        self.told.append((printer, certainty))

    def suspects(self, certainty):
        return certainty is not None and certainty >= 0.3


class FakeDesk:
    def __init__(self):
        self.orders, self.error = [], ""

    def order(self, printer, action, *, initiator, reason, dry):
        if self.error:
            raise ValueError(self.error)
        self.orders.append((printer, action, initiator, reason, dry))


class FakeJudge:
    def __init__(self):
        self.failed = []

    def action_failed(self, printer):
        self.failed.append(printer)


class Scene:
    def __init__(self, stores, time):
        self.history, self.live, self.time = stores.history, stores.live, time
        self.pace, self.published, self.heard = FakePace(), [], []
        self.settings = PrinterSettings()
        self.outcomes = Outcomes(self.history, self.live, self.pace, MODEL, self.published.append)
        self.outcomes.desk, self.outcomes.judge = FakeDesk(), FakeJudge()
        self.outcomes.listeners.append(lambda *each: self.heard.append(each))

    def decide(self, kind="none", certainty=0.5, verdict="ok", *, seq=9, camera="main", quiet=False):
        scored = Scored(PRINTER, frame(seq=seq, camera=camera), 12.0, 0.8, (SPOT,))
        decision = Decision(kind, "99% sure for 3 s", certainty)
        self.outcomes.decided(
            Judgement(scored, certainty, verdict, decision, settings=self.settings, quiet=quiet)
        )

    def events(self):
        return self.history.events(PRINTER)

    def ended(self, stage, **changes):
        right = {"action": "pause", "initiator": HUB, "outcome": "", "dry": False}
        values = {**right, "id": "c1", "printer": PRINTER, "seq": 1, "t": 1.0, "job": "j", "reason": "tangle"}
        self.outcomes.command_ended(CommandRow(**{**values, "updated": 1.0, "stage": stage, **changes}))


@pytest.fixture
def scene(stores, monkeypatch):
    time = Time()
    monkeypatch.setattr(outcomes, "time", time)
    return Scene(stores, time)


def test_every_judgement_is_shown_written_down_and_sets_the_pace(scene):
    scene.decide(certainty=0.4, verdict="suspect")
    live = scene.live.printer(PRINTER)
    assert (live.certainty, live.verdict) == (0.4, "suspect")
    scene.history.flush()
    (row,) = scene.history.scores(PRINTER, 0.0)
    assert (row.camera, row.score, row.certainty) == ("main", 0.8, 0.4)
    assert scene.pace.told == [(PRINTER, 0.4)]
    assert scene.events() == []


def test_a_verdict_is_published_when_it_changes(scene):
    scene.decide(verdict="suspect", certainty=0.61234)
    scene.decide(verdict="suspect")
    scene.decide(verdict="ok", certainty=None)
    bodies = [json.loads(each.payload) for each in scene.published]
    assert [(each["verdict"], each["certainty"]) for each in bodies] == [("suspect", 0.612), ("ok", None)]
    assert {each.retain for each in scene.published} == {True}


def test_a_warning_is_an_event_with_its_picture_and_no_order(scene):
    scene.decide("warn")
    (event,) = scene.events()
    assert (event.kind, event.level, event.text) == ("suspected", "warning", "suspicious: 99% sure for 3 s")
    (kept,) = scene.history.evidence(PRINTER, event=event.id)
    assert scene.history.picture(PRINTER, kept.id) == JPEG
    assert scene.outcomes.desk.orders == []
    assert scene.heard == [(PRINTER, "suspected", "warning", event.text)]


def test_a_decision_keeps_everything_by_which_it_can_be_understood(scene):
    scene.settings = PrinterSettings(dry_run=True)
    scene.decide(certainty=0.4)
    scene.time.pass_(2.0)
    scene.decide("pause", 0.995)
    (event,) = scene.events()
    assert event.data["initiator"] == HUB
    assert event.data["reason"] == "99% sure for 3 s"
    assert event.data["model"] == MODEL
    assert event.data["curve"] == [[-2.0, 0.8, 0.4], [0.0, 0.8, 0.995]]
    assert event.data["region"] == {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4, "score": 0.9}
    assert PrinterSettings(**event.data["settings"]) == scene.settings
    assert event.data["settings_version"] == version(scene.settings) != version(PrinterSettings())
    assert event.data["quiet_hours"] is False
    assert "moved_curve" not in event.data


def test_the_pictures_before_a_decision_are_kept_with_it_from_the_first_suspicion_on(scene):
    for seq, certainty in enumerate((0.1, 0.1, 0.4, 0.5, 0.6), 1):
        scene.decide(certainty=certainty, seq=seq)
        scene.time.pass_(2.5)
    scene.decide("pause", 0.995, seq=6)
    (event,) = scene.events()
    kept = scene.history.evidence(PRINTER, event=event.id)
    assert len(kept) == 5, "the last quiet one, three suspicious ones, and the one that decided"
    assert [round(kept[0].t - each.t, 1) for each in kept] == [0.0, 2.5, 5.0, 7.5, 10.0]
    scene.time.pass_(2.5)
    scene.decide("warn", seq=7)
    assert len(scene.history.evidence(PRINTER, event=scene.events()[0].id)) == 1, "none is stored twice"


def test_quiet_hours_keep_a_warning_from_people_and_nothing_else(scene):
    scene.decide("warn", quiet=True)
    assert [each.kind for each in scene.events()] == ["suspected"]
    assert scene.heard == []
    scene.decide("pause", quiet=True)
    assert [kind for _, kind, _, _ in scene.heard] == ["failing"]
    assert scene.outcomes.desk.orders


def test_a_moved_part_is_an_alarm_of_its_own(scene):
    moved = Decision("pause", "95% sure for 3 s", 0.95)
    for seq, (sure, decision) in enumerate(((None, NOTHING), (0.61234, NOTHING), (0.95, moved)), 1):
        scored = Scored(PRINTER, frame(seq=seq), 12.0, 0.1, ())
        scene.outcomes.decided(Judgement(scored, 0.01, "ok", NOTHING, moved=decision, moved_certainty=sure))
        scene.time.pass_(2.0)
    (event,) = scene.events()
    assert (event.kind, event.level, event.data["signal"]) == ("moved", "alarm", "moved")
    assert event.text == "a part is no longer where it was: pause ordered: 95% sure for 3 s"
    assert event.data["moved_curve"] == [[-4.0, None], [-2.0, 0.6123], [0.0, 0.95]]
    assert event.data["curve"][-1] == [0.0, 0.1, 0.01]
    assert scene.outcomes.desk.orders == [(PRINTER, "pause", HUB, "95% sure for 3 s", False)]


def test_what_is_not_watched_for_too_long_is_told_and_paused(scene):
    scene.outcomes.unwatched(PRINTER, "pause", "not watched for 10 min: too dark", PrinterSettings())
    (event,) = scene.events()
    assert (event.kind, event.level) == ("unwatched", "alarm")
    assert event.text == "not watched for 10 min: too dark: pause ordered"
    assert event.data["initiator"] == HUB
    assert scene.outcomes.desk.orders == [(PRINTER, "pause", HUB, "not watched for 10 min: too dark", False)]


def test_an_alert_is_loud_and_orders_nothing(scene):
    scene.decide("alert")
    (event,) = scene.events()
    assert (event.kind, event.level) == ("failing", "alarm")
    assert scene.outcomes.desk.orders == []


@pytest.mark.parametrize(
    ("changes", "kind", "level", "text"),
    [
        (
            {"action": "pause", "stage": "confirmed"},
            "paused",
            "warning",
            "paused, confirmed by the printer (asked by its agent's fallback: the hub was silent)",
        ),
        (
            {"action": "run", "stage": "confirmed", "outcome": "silent for 10 min"},
            "fallback",
            "warning",
            "its agent took the step chosen for a silent hub (silent for 10 min)",
        ),
        (
            {"action": "run", "stage": "failed", "outcome": "no answer"},
            "fallback",
            "alarm",
            "its agent took the step chosen for a silent hub, which failed (no answer)",
        ),
    ],
)
def test_what_an_agent_did_by_itself_is_an_event(scene, changes, kind, level, text):
    scene.ended(initiator=FALLBACK, reason="the hub was silent", **changes)
    (event,) = scene.events()
    assert (event.kind, event.level, event.text) == (kind, level, text)
    assert scene.outcomes.judge.failed == []


@pytest.mark.parametrize("action", ["pause", "cancel"])
@pytest.mark.parametrize("dry", [False, True])
def test_an_order_is_given_with_its_reason(scene, action, dry):
    scene.settings = PrinterSettings(dry_run=dry)
    scene.decide(action)
    (event,) = scene.events()
    assert event.text == f"failing: {action} ordered: 99% sure for 3 s"
    assert (event.data["frame"], event.data["dry_run"]) == (9, dry)
    assert scene.outcomes.desk.orders == [(PRINTER, action, HUB, "99% sure for 3 s", dry)]


def test_an_order_that_cannot_be_given_is_an_alarm_and_tried_again(scene):
    scene.outcomes.desk.error = "its agent is not connected"
    scene.decide("pause")
    assert [each.kind for each in scene.events()] == ["pause_failed", "failing"]
    assert scene.events()[0].level == "alarm"
    assert scene.outcomes.judge.failed == [PRINTER]


def test_a_full_disk_is_an_alarm_and_the_print_is_paused_all_the_same(scene, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scene.history, "add_evidence", full)
    scene.decide("pause")
    assert [each.kind for each in scene.events()] == ["storage", "failing"]
    assert scene.outcomes.desk.orders


@pytest.mark.parametrize(
    ("stage", "changes", "kind", "level", "text"),
    [
        (
            "confirmed",
            {},
            "paused",
            "info",
            "paused, confirmed by the printer (asked by printwarden: tangle)",
        ),
        ("confirmed", {"action": "resume"}, "resumed", "info", "resumed, confirmed by the printer"),
        ("confirmed", {"action": "cancel"}, "cancelled", "info", "cancelled, confirmed by the printer"),
        (
            "confirmed",
            {"dry": True, "outcome": "dry run"},
            "dry_run",
            "info",
            "would have paused (dry run; asked",
        ),
        ("failed", {"outcome": "no answer"}, "pause_failed", "alarm", "could not pause (no answer; asked by"),
        ("refused", {"action": "resume"}, "resume_refused", "alarm", "could not resume"),
    ],
)
def test_the_end_of_a_command_in_words(scene, stage, changes, kind, level, text):
    scene.ended(stage, **changes)
    (event,) = scene.events()
    assert (event.kind, event.level) == (kind, level)
    assert event.text.startswith(text)
    assert event.data == {"command": "c1"}


def test_only_a_failed_order_of_the_hub_itself_is_tried_again(scene):
    scene.ended("confirmed")
    scene.ended("failed", initiator="olivia")
    assert scene.outcomes.judge.failed == []
    scene.ended("refused")
    assert scene.outcomes.judge.failed == [PRINTER]


@pytest.mark.parametrize(
    ("watch", "level", "text"),
    [
        ("not_watched", "alarm", "NOT WATCHED: its agent is not connected"),
        ("watched", "info", "watched again: its agent is not connected"),
        ("standing_down", "info", "watch stands down: its agent is not connected"),
    ],
)
def test_a_change_of_the_watch_is_told_and_published(scene, caplog, watch, level, text):
    caplog.set_level(logging.INFO)
    scene.outcomes.watch_changed(PRINTER, watch, "its agent is not connected")
    (event,) = scene.events()
    assert (event.kind, event.level, event.text) == (watch, level, text)
    assert len(scene.published) == 1
    (record,) = caplog.records
    assert (record.levelno == logging.WARNING) == (level == "alarm")


def test_a_printer_that_is_switched_off_without_a_print_is_no_alarm(scene):
    scene.outcomes.watch_changed(PRINTER, "not_watched", "the printer is unreachable", at_risk=False)
    (event,) = scene.events()
    assert (event.kind, event.level) == ("not_watched", "info")
    assert event.text == "not watched, while no print is known to run: the printer is unreachable"


def test_what_a_stranger_can_provoke_is_told_once_a_minute(scene):
    for _ in range(3):
        scene.outcomes.message_refused(PRINTER, "bad_signature")
        scene.outcomes.message_refused(PRINTER, "repeated")
    scene.time.pass_(RARE_S)
    scene.outcomes.message_refused(PRINTER, "bad_signature")
    texts = [each.text for each in scene.events()]
    assert len(texts) == 3
    assert sum("(bad_signature)" in each for each in texts) == 2


def test_the_memory_of_what_was_told_is_bounded(scene, monkeypatch):
    monkeypatch.setattr(outcomes, "MAX_TOLD", 10)
    for number in range(50):
        scene.outcomes.intent_refused(PRINTER, f"reason {number}")
    assert len(scene.outcomes._told) <= 12


@pytest.mark.parametrize(
    ("tell", "reason", "kind", "level"),
    [
        ("message_refused", "bad_signature", "refused", "warning"),
        ("message_refused", "cloned", "cloned", "alarm"),
        ("strange_command", "bad_signature", "intrusion", "alarm"),
        ("strange_command", "repeated", "stale_command", "warning"),
        ("strange_command", "late", "stale_command", "warning"),
        ("intent_refused", "no right", "intent_refused", "warning"),
    ],
)
def test_attempts_are_told_by_their_kind(scene, tell, reason, kind, level):
    getattr(scene.outcomes, tell)(PRINTER, reason)
    (event,) = scene.events()
    assert (event.kind, event.level) == (kind, level)
