"""What the judge does not take for evidence: blurred frames, ignored zones, habits, what a person let go on."""

import numpy as np
import pytest

from agent.protocol import Frame, State
from hub.habits import habit_of
from hub.judge import Judge, Scored
from hub.live import Live
from hub.pace import Pace, PaceSettings
from hub.policy import PrinterSettings

PACE = Pace(PaceSettings(), {}.get, print)
PLACE, OTHER = (slice(1, 3), slice(1, 3)), (slice(5, 7), slice(5, 7))


def heat(*places):
    cells = np.full((8, 8), 0.02, np.float32)
    for place in places:
        cells[place] = 0.97
    return cells


class Scene:
    """Frames of one camera, two seconds apart."""

    def __init__(self):
        self.live, self.settings, self.t = Live(), PrinterSettings(), 0.0
        self.judge = Judge(self.live, lambda _printer: self.settings, lambda _judgement: None)
        self.say("printing")

    def say(self, phase, job="a"):
        self.live.printer("p").state = State(boot=1, seq=1, clock=0, time=0, phase=phase, job=job)

    def see(self, *places, score=0.97, count=20, detail=8.0):
        for _ in range(count):
            self.t += 2.0
            frame = Frame(camera="main", boot=1, seq=1, clock=0, time=0, job="a", jpeg=b"")
            judgement = self.judge.frame(Scored("p", frame, self.t, score, (), heat(*places), detail))
        self.last = judgement
        return judgement.verdict


@pytest.fixture
def scene():
    return Scene()


def test_a_tangle_is_seen(scene):
    assert scene.see(PLACE) == "failing"


def test_blurred_frames_are_no_evidence(scene):
    scene.see(score=0.01, count=5)
    assert scene.see(PLACE, detail=3.0, count=5) == "ok"
    assert scene.see(PLACE, detail=7.0, count=20) == "failing"


def test_zones_are_blind_and_can_be_changed(scene):
    scene.settings = PrinterSettings(zones={"main": [[[0.1, 0.1], [0.4, 0.4]]]})
    scene.judge.settings_changed("p")
    assert scene.see(PLACE) == "ok"
    assert scene.see(OTHER) == "failing"
    scene.settings = PrinterSettings(zones={"other camera": [[[0.0, 0.0], [1.0, 1.0]]]})
    scene.judge.settings_changed("p")
    assert scene.see(PLACE) == "failing"


def test_habits_do_not_count_and_are_forgotten_when_told_so(scene):
    scene.judge.remember("p", "main", habit_of([heat(PLACE)] * 30))
    assert scene.see(PLACE) == "ok"
    assert scene.see(PLACE, OTHER) == "failing"
    scene.say("printing", job="b")
    scene.judge.remember("p", "main", None)
    assert scene.see(PLACE) == "failing"


def test_after_a_resume_the_same_place_does_not_count_until_the_next_job(scene):
    assert scene.see(PLACE) == "failing"
    scene.say("paused")
    scene.see(PLACE, count=1)
    scene.say("printing")
    assert scene.see(PLACE) == "ok"
    assert scene.see(PLACE, OTHER) == "failing"
    scene.say("printing", job="b")
    assert scene.see(PLACE) == "failing"


def test_what_wanders_about_is_looked_at_closer_but_decides_nothing(scene):
    spots = [(slice(r, r + 2), slice(c, c + 2)) for r in (0, 6) for c in (0, 6)]
    scene.see(spots[0], count=1)
    scene.t += 40
    for spot in spots[1:]:
        assert scene.see(spot, count=1) == "ok"
        assert PACE.suspects(scene.last.suspicion)
        scene.t += 40


def test_a_tangle_that_the_head_covers_now_and_then_is_still_one(scene):
    verdicts = [scene.see(PLACE, count=1) for n in range(40)]
    assert verdicts[-1] == "failing"
    for n in range(30):
        verdict = scene.see(*([PLACE] if n % 3 else []), score=0.97 if n % 3 else 0.5, count=1)
    assert verdict == "failing"
