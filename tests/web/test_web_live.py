"""Fragments with an ETag, pictures by long poll, and the curve."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.access import Right
from hub.policy import PrinterSettings
from hub.store.history import EventRow, EvidenceRow, ScoreRow
from tests.web.world import picture
from web import live
from web.curve import curve, decision_curve


@pytest.fixture
def bench(world, olivia):
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5)
    return printer


@pytest.fixture
def patience(monkeypatch):
    """Waiting for a picture is short here."""
    monkeypatch.setattr(live, "LONGEST_S", 0.3)
    monkeypatch.setattr(live, "SLICE_S", 0.1)


@pytest.mark.parametrize("path", ["/cards", "/p/{p}/live"])
def test_a_fragment_that_did_not_change_costs_nothing(path, bench, world, olivia):
    now = world.now()
    world.now = lambda: now
    path = path.format(p=bench)
    first = olivia.get(path)
    again = olivia.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    world.set_state(bench, progress=0.99)
    changed = olivia.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert "99 %" in changed.text


def test_fragments_carry_no_token(bench, olivia):
    """Else they would never be the same twice."""
    assert "csrf" not in olivia.get("/cards").text + olivia.get(f"/p/{bench}/live").text


def test_the_newest_picture(bench, world, olivia):
    answer = olivia.get(f"/p/{bench}/frame/nozzle.jpg")
    assert answer.data == picture(5)
    assert answer.headers["ETag"] == '"5"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "image/jpeg"


def test_another_number_is_answered_at_once(bench, world, olivia):
    """Also a lower one: an agent that was restarted may count anew."""
    for after in (4, 6):
        assert olivia.get(f"/p/{bench}/frame/nozzle.jpg?after={after}").headers["ETag"] == '"5"'


def test_the_next_picture_is_waited_for(bench, world, olivia):
    threading.Timer(0.2, world.frame, (bench, 6)).start()
    answer = olivia.get(f"/p/{bench}/frame/nozzle.jpg?after=5")
    assert answer.headers["ETag"] == '"6"'


def test_waiting_ends(bench, patience, olivia):
    answer = olivia.get(f"/p/{bench}/frame/nozzle.jpg?after=5")
    assert (answer.status_code, answer.data) == (304, b"")


def test_whoever_loses_the_right_waits_no_longer(bench, monkeypatch, world, browser):
    monkeypatch.setattr(live, "SLICE_S", 0.1)
    world.person("vera")
    world.printers.grant(bench, "vera", Right.VIEW)
    vera = browser("vera")
    threading.Timer(0.3, world.printers.grant, (bench, "vera", None)).start()
    assert vera.get(f"/p/{bench}/frame/nozzle.jpg?after=5").status_code == 404


@pytest.mark.parametrize("camera", ["side", "Nozzle", "no such camera", "..%2f..", "a" * 40])
def test_a_camera_that_is_not_there(camera, bench, olivia):
    assert olivia.get(f"/p/{bench}/frame/{camera}.jpg").status_code == 404


@pytest.mark.parametrize("after", ["-1", "1.5", "x", "9" * 30, "\u0661"])
def test_a_wrong_number(after, bench, olivia):
    assert olivia.get(f"/p/{bench}/frame/nozzle.jpg", query_string={"after": after}).status_code == 400


def test_only_so_many_wait(bench, world, browser, monkeypatch):
    """The rest is answered at once, so that every thread that is left serves pages."""
    monkeypatch.setattr(live, "LONGEST_S", 3.0)
    for name in ("vera", "nora"):
        world.person(name)
        world.printers.grant(bench, name, Right.VIEW)
    browsers = [browser(name) for name in ("olivia", "vera", "nora") for _ in range(5)]

    def ask(one):
        began = time.monotonic()
        answer = one.get(f"/p/{bench}/frame/nozzle.jpg?after=5")
        return answer.status_code, time.monotonic() - began

    with ThreadPoolExecutor(15) as pool:
        answers = list(pool.map(ask, browsers))
    assert {code for code, _ in answers} == {304}
    assert sum(seconds >= 2.9 for _, seconds in answers) == world.site.waiters


def test_nobody_takes_all_places():
    waiters = live.Waiters(4)
    with waiters.place("a") as first, waiters.place("a") as second, waiters.place("a") as third:
        assert (first, second, third) == (True, True, False)
        with waiters.place("b") as one, waiters.place("c") as other, waiters.place("d") as late:
            assert (one, other, late) == (True, True, False)
    with waiters.place("a") as again:
        assert again
    assert not waiters._waiting


def test_looking_is_told_to_the_hub(bench, world, olivia, patience):
    """So that it asks for more frames; loading a page or a card is not looking."""
    looked = []
    object.__setattr__(world.parts, "looked_at", looked.append)
    olivia.get("/")
    olivia.get(f"/p/{bench}/frame/nozzle.jpg?seq=5")
    assert looked == []
    olivia.get(f"/p/{bench}/frame/nozzle.jpg?after=4")
    assert looked == [bench]


def kept(identity, t):
    return EvidenceRow(identity, "p", "c", t, 7, None, "", 0, False)


class TestCurve:
    NOW = 10_000.0

    def draw(self, rows, events=()):
        scores = [ScoreRow("p", "c", t, score, certainty) for t, score, certainty in rows]
        return curve(scores, events, PrinterSettings(), self.NOW, 1800.0)

    def test_nothing_yet(self):
        assert self.draw([]).empty

    def test_places(self):
        drawn = self.draw([(self.NOW - 1800.0, 0.5, 0.0), (self.NOW - 1760.0, 0.5, 1.0)])
        assert drawn.lines == ("0.00,100.00 2.22,0.00",)
        assert drawn.raw == ("0.00,50.00 2.22,50.00",)
        assert (drawn.warn, round(drawn.act, 6)) == (40.0, 1.0)

    def test_a_gap_breaks_the_line(self):
        drawn = self.draw(
            [(self.NOW - 1000, 0.1, 0.1), (self.NOW - 990, 0.1, 0.1), (self.NOW - 100, 0.1, 0.1)]
        )
        assert len(drawn.lines) == 2

    def test_what_is_not_known_breaks_the_line(self):
        drawn = self.draw([(self.NOW - 30, 0.1, 0.1), (self.NOW - 20, None, None), (self.NOW - 10, 0.1, 0.1)])
        assert len(drawn.lines) == 2

    def test_a_peak_is_never_lost(self):
        rows = [(self.NOW - 1800 + n * 0.1, 0.0, 0.9 if n == 7777 else 0.1) for n in range(18_000)]
        drawn = self.draw(rows)
        assert ",10.00" in drawn.lines[0]
        assert len(drawn.lines[0].split()) <= 361

    def test_a_decision_draws_its_own_record(self):
        record = {"curve": [(-300.0, 0.1, 0.1), (-9.5, 0.5, 0.4), (0.0, 0.9, 0.992)]}
        record["settings"] = {"act_at": 0.9, "warn_at": 0.5, "of an older hub": 1}
        event = EventRow(7, "p", self.NOW, "failing", "alarm", "text", record)
        pictures = [kept(n, self.NOW - before) for n, before in enumerate((0.0, 30.0))]
        drawn = decision_curve(event, pictures, PrinterSettings())
        assert drawn.lines == ("89.44,60.00 100.00,0.80",), "90 s: three times as long as the suspicion"
        assert [(round(dot.x, 2), dot.picture) for dot in drawn.dots] == [(66.67, 1), (100.0, 0)]
        assert [(mark.x, mark.label) for mark in drawn.marks] == [(100.0, "decided")]
        assert (drawn.act, drawn.warn) == (pytest.approx(10.0), 50.0), "the limits of then"
        assert drawn.ticks[0] == (0.0, "90 s before")

    def test_a_part_that_moved_draws_its_own_certainty_and_limit(self):
        record = {"curve": [(-9.0, 0.9, 0.9), (0.0, 0.9, 0.9)], "signal": "moved"}
        record |= {"moved_curve": [(-20.0, None), (-10.0, 0.25), (0.0, 0.9)]}
        record["settings"] = {"moved": "cancel", "moved_at": 0.8, "action": "pause"}
        event = EventRow(7, "p", self.NOW, "moved", "alarm", "text", record)
        drawn = decision_curve(event, [kept(1, self.NOW)], PrinterSettings())
        assert (drawn.lines, drawn.raw) == (("50.00,75.00 100.00,10.00",), ())
        assert (drawn.act, drawn.warn) == (pytest.approx(20.0), pytest.approx(20.0))
        assert drawn.settings.action == "cancel"
        assert [dot.picture for dot in drawn.dots] == [1]

    def test_what_a_decision_does_not_tell_is_not_drawn(self):
        def drawn(data):
            return decision_curve(EventRow(7, "p", self.NOW, "k", "alarm", "", data), [], PrinterSettings())

        record = [(-10.0, 0.5, 0.4), (0.0, None, None)]
        assert drawn({}) is None
        assert drawn({"curve": record, "signal": "moved"}) is None, "that is another signal's curve"
        assert drawn({"curve": record}).settings == PrinterSettings()
        assert drawn({"curve": record, "settings": {"act_at": 7}}).settings == PrinterSettings()

    def test_events_in_view_are_marked(self):
        events = [EventRow(n, "p", t, "k", "alarm", "text", {}) for n, t in enumerate((1.0, self.NOW - 900))]
        assert [mark.x for mark in self.draw([], events).marks] == [50.0]
