"""From scored frames to a decision: evidence gathers, people are believed, jobs do not inherit suspicion."""

from __future__ import annotations

import pytest

from hub.judge import Judge, Scored
from hub.live import Live
from hub.policy import RETRY_S, PrinterSettings
from hub.regions import Region
from tests.support.messages import JOB, OTHER, PRINTER, frame, state

SPOT, ELSEWHERE = Region(0.1, 0.1, 0.2, 0.2, 0.9), Region(0.7, 0.7, 0.2, 0.2, 0.8)
BAD, GOOD = 0.99, 0.05


class Scene:
    """Frames of one camera, two seconds apart, of a printer whose state the test says."""

    def __init__(self):
        self.live, self.settings, self.decided, self.t = Live(), PrinterSettings(), [], 0.0
        self.judge = Judge(self.live, lambda _printer: self.settings, self.decided.append)
        self.printing()

    def printing(self, job=JOB, phase="printing", printer=PRINTER):
        self.live.printer(printer).state = state(phase=phase, job=job)

    def see(self, score=BAD, regions=(SPOT,), count=1, camera="main", printer=PRINTER):
        """The last judgement after so many frames."""
        for _ in range(count):
            self.t += 2.0
            made = Scored(printer, frame(camera=camera), self.t, score, regions)
            judgement = self.judge.frame(made)
        return judgement

    def kinds(self):
        return [each.decision.kind for each in self.decided if each.decision.kind != "none"]


@pytest.fixture
def scene():
    return Scene()


def test_one_bad_picture_does_not_decide(scene):
    assert scene.see().decision.kind == "none"
    assert scene.see(GOOD, count=5).verdict == "ok"


def test_a_failing_print_is_warned_about_and_then_paused_once(scene):
    last = scene.see(count=20)
    assert scene.kinds() == ["warn", "pause"]
    assert last.verdict == "failing"
    assert last.certainty > 0.99


def test_nothing_is_decided_unless_the_printer_prints(scene):
    scene.printing(phase="paused")
    scene.see(count=20)
    assert scene.kinds() == []


def test_a_printer_of_which_nothing_is_known_is_not_paused(scene):
    scene.live.printer(PRINTER).state = None
    scene.see(count=20)
    assert scene.kinds() == []


def test_a_picture_that_says_nothing_changes_nothing(scene):
    before = scene.see(count=2).certainty
    assert scene.see(None).certainty == before


def test_printers_do_not_share_evidence(scene):
    scene.printing(printer=OTHER)
    scene.see(count=20)
    assert scene.see(GOOD, printer=OTHER).verdict == "ok"


def test_any_camera_may_decide_or_all_must(scene):
    for _ in range(20):
        scene.see(BAD, camera="main")
        scene.see(GOOD, camera="side")
    assert "pause" in scene.kinds()
    scene.decided.clear()
    scene.settings = PrinterSettings(vote="all")
    scene.judge.settings_changed(PRINTER)
    for _ in range(20):
        scene.see(BAD, camera="main")
        scene.see(GOOD, camera="side")
    assert scene.kinds() == []


def test_after_a_resume_what_was_seen_must_grow_to_count_again(scene):
    scene.see(count=20)
    scene.printing(phase="paused")
    scene.see()
    scene.printing()
    assert scene.see(count=20).verdict == "ok"
    assert scene.kinds() == ["warn", "pause"]
    scene.see(regions=(SPOT, ELSEWHERE), count=20)
    assert scene.kinds() == ["warn", "pause", "warn", "pause"]


def test_a_false_alarm_must_grow_to_count_again(scene):
    scene.see(count=20)
    scene.judge.dismiss(PRINTER)
    assert scene.see(count=20).verdict == "ok"
    assert scene.see(regions=(ELSEWHERE,), count=20).verdict == "failing"


def test_a_new_job_has_a_clean_record(scene):
    scene.see(count=20)
    scene.printing(job="another")
    assert scene.see(GOOD).verdict == "ok"
    scene.see(count=20)
    assert scene.kinds() == ["warn", "pause", "warn", "pause"]


def test_what_was_a_false_alarm_in_one_job_counts_in_the_next(scene):
    scene.see(count=5)
    scene.judge.dismiss(PRINTER)
    scene.printing(job="another")
    assert scene.see(count=20).verdict == "failing"


def test_a_failed_pause_is_tried_again_after_a_while(scene):
    scene.see(count=20)
    scene.decided.clear()
    scene.judge.action_failed(PRINTER)
    scene.see(count=5)
    scene.see(count=int(RETRY_S))
    assert scene.kinds().count("pause") == 1


def test_a_confirmed_pause_is_not_tried_again(scene):
    scene.see(count=20)
    scene.decided.clear()
    scene.see(count=int(RETRY_S))
    assert scene.kinds() == []


def test_changed_settings_hold_from_now_on_and_decide_anew(scene):
    scene.settings = PrinterSettings(action="alert")
    scene.judge.settings_changed(PRINTER)
    scene.see(count=20)
    assert scene.kinds() == ["warn", "alert"]
    scene.settings = PrinterSettings(action="cancel")
    scene.see(count=5)
    assert scene.kinds() == ["warn", "alert"], "nobody told the judge"
    scene.judge.settings_changed(PRINTER)
    scene.see(count=5)
    assert scene.kinds()[-1] == "cancel"


def test_a_removed_printer_is_forgotten(scene):
    scene.see(count=20)
    scene.judge.forget(PRINTER)
    scene.judge.forget(PRINTER)
    assert scene.see(GOOD).verdict == "ok"
