"""Prints as things: how they begin and end, what is learnt from them, and what one person may do with them."""

import io
import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from agent.protocol import Frame, State
from hub import prints
from hub.access import Right
from hub.judge import Judge, Judgement, Scored
from hub.live import Live
from hub.policy import NOTHING, PrinterSettings
from hub.print_views import PrintParts
from hub.prints import PrintKeeper, outcome
from hub.store.audit import Audit
from hub.store.database import Database
from hub.store.history import History, ScoreRow
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.prints import Prints
from hub.store.trials import TrialStore
from hub.views import NotAllowed, NotFound, Parts, UserView
from tests.support.pictures import picture

T0 = 1_800_000_000.0
BLOCK = np.full((4, 4), 0.02, np.float32)
BLOCK[1, 1] = BLOCK[1, 2] = BLOCK[2, 1] = BLOCK[2, 2] = 0.97


class World:
    """A store with one printer, and a keeper that watches it."""

    def __init__(self, folder):
        self.database = Database(":memory:")
        self.database.start()
        people, self.printers = People(self.database), Printers(self.database)
        for person in ("olivia", "victor", "mallory"):
            people.add(person, None, role="user", now=T0)
        self.printer = self.printers.add("One", "olivia", T0).id
        self.printers.grant(self.printer, "victor", Right.VIEW)
        self.folder, self.clock = folder, 0.0
        self.history, self.prints = History(self.database, folder), Prints(self.database, folder)
        self.live, self.told = Live(), []
        self.judge = Judge(self.live, lambda _p: PrinterSettings(), lambda _j: None)
        self.keeper = PrintKeeper(
            self.prints, self.live, self.judge, "model 1", lambda *a: self.told.append(a[1])
        )
        self.parts = Parts(
            self.printers,
            self.history,
            Audit(self.database),
            self.live,
            SimpleNamespace(),
            SimpleNamespace(),
            prints=PrintParts(
                self.prints, self.keeper, TrialStore(self.database), SimpleNamespace(forget=lambda _row: None)
            ),
        )

    def view(self, person="olivia"):
        return UserView(self.parts, person)

    def say(self, phase, at, job="a", progress=0.5):
        live = self.live.printer(self.printer)
        live.online = True
        live.state = State(
            boot=1, seq=1, clock=0, time=0, phase=phase, job=job, file=f"{job}.gcode", progress=progress
        )
        self.keeper.tick(self.printer, T0 + at)

    def seen(self, t, heat=BLOCK, score=0.97):
        frame = Frame(camera="main", boot=1, seq=int(t) + 1, clock=0, time=0, job="a", jpeg=b"")
        scored = Scored(self.printer, frame, t, score, (), heat)
        self.keeper.judged(Judgement(scored, 0.0, "ok", NOTHING))

    def print(self, end="finished", start=0.0, pictures=40):
        self.say("printing", start)
        for n in range(pictures):
            self.seen(start + n * 10)
        self.say(end, start + pictures * 10)
        return self.prints.of(self.printer)[0]

    def certainty(self):
        """How sure the judge is of a new print that shows what the old ones showed."""
        self.clock += 1e5
        job = f"next {self.clock}"
        self.live.printer(self.printer).state = State(
            boot=1, seq=1, clock=0, time=0, phase="printing", job=job
        )
        for n in range(20):
            frame = Frame(camera="main", boot=1, seq=n + 1, clock=0, time=0, job="next", jpeg=b"")
            judgement = self.judge.frame(Scored(self.printer, frame, self.clock + n * 10, 0.97, (), BLOCK))
        return judgement.certainty or 0.0


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.parametrize(
    ("phase", "progress", "expected"),
    [
        ("finished", 0.2, "finished"),
        ("cancelled", 0.2, "cancelled"),
        ("error", 0.2, "failed"),
        ("idle", 1.0, "finished"),
        ("idle", 0.4, "unknown"),
        ("printing", 0.4, None),
        ("paused", 0.4, None),
        ("unreachable", 0.4, None),
        ("unknown", 0.4, None),
    ],
)
def test_only_a_positive_word_ends_a_print(phase, progress, expected):
    assert outcome(State(boot=1, seq=1, clock=0, time=0, phase=phase), progress) == expected


def test_a_print_begins_and_ends_with_what_its_printer_says(world):
    for at, phase in ((0, "idle"), (10, "printing"), (20, "paused"), (30, "printing"), (40, "unreachable")):
        world.say(phase, at)
    world.say("finished", 100)
    world.say("finished", 110)
    [row] = world.prints.of(world.printer)
    assert (row.file, row.outcome, row.started, row.duration) == ("a.gcode", "finished", T0 + 10, 90.0)
    assert world.told == ["print_started", "print_finished"]


def test_another_job_ends_the_one_before(world):
    world.say("printing", 0, job="a")
    world.say("printing", 50, job="b")
    assert [(row.job, row.outcome) for row in world.prints.of(world.printer)] == [
        ("b", "running"),
        ("a", "unknown"),
    ]


def test_a_restarted_hub_goes_on_with_the_running_print(world):
    world.say("printing", 0)
    again = PrintKeeper(world.prints, world.live, world.judge, "model 1", lambda *_: None)
    again.tick(world.printer, T0 + 10)
    assert len(world.prints.of(world.printer)) == 1


def test_a_print_that_ended_well_teaches_what_is_harmless(world):
    assert world.certainty() > 0.9
    world.print()
    assert world.certainty() < 0.1


@pytest.mark.parametrize("end", ["cancelled", "error", "idle"])
def test_other_prints_teach_nothing(world, end):
    world.print(end)
    assert world.certainty() > 0.9


def test_an_alarm_keeps_a_print_from_teaching_until_it_was_called_false(world):
    world.say("printing", 0)
    event = world.history.add_event(world.printer, T0 + 50, "failing", "alarm", "failing")
    kept = world.history.add_evidence(world.printer, "main", T0 + 50, picture(60), event=event)
    for n in range(40):
        world.seen(n * 10)
    world.say("finished", 400)
    assert world.certainty() > 0.9
    world.view().feedback(world.printer, kept, "false_alarm")
    assert world.certainty() < 0.1
    world.view().feedback(world.printer, kept, "missed", (0.5, 0.5))
    assert world.certainty() > 0.9


def test_the_owners_word_counts_first(world):
    row = world.print()
    world.view().mark_print(world.printer, row.id, good=False)
    assert world.certainty() > 0.9
    world.view().mark_print(world.printer, row.id, good=None)
    assert world.certainty() < 0.1


def test_another_network_starts_without_habits(world):
    world.print()
    world.judge.remember(world.printer, "main", None)
    PrintKeeper(world.prints, world.live, world.judge, "model 2", lambda *_: None).start([world.printer])
    assert world.certainty() > 0.9
    PrintKeeper(world.prints, world.live, world.judge, "model 1", lambda *_: None).start([world.printer])
    assert world.certainty() < 0.1


def filled(world):
    row = world.print()
    world.history.add_score(ScoreRow(world.printer, "main", T0 + 20, 0.3, 0.1))
    world.history.flush()
    event = world.history.add_event(world.printer, T0 + 30, "suspected", "warning", "suspicious")
    kept = world.history.add_evidence(world.printer, "main", T0 + 30, picture(60), event=event, score=0.3)
    outside = world.history.add_evidence(world.printer, "main", T0 + 9999, picture(70))
    return row, kept, outside


def test_a_print_shows_what_belongs_to_it_and_nothing_else(world):
    row, kept, _ = filled(world)
    detail = world.view("victor").print_(world.printer, row.id)
    assert [each.score for each in detail.scores] == [0.3]
    assert [each.id for each in detail.evidence] == [kept]
    assert "suspected" in [each.kind for each in detail.events]


def test_a_print_is_taken_along_as_one_zip(world):
    row, kept, _ = filled(world)
    file = io.BytesIO()
    world.view("victor").export_print(world.printer, row.id, file)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        facts = json.loads(archive.read("print.json"))
        assert archive.read(f"evidence/{kept}-main.jpg") == picture(60)
        assert archive.read("scores.csv").decode().splitlines()[1].endswith(",main,0.3,0.1")
    assert facts["print"]["outcome"] == "finished"
    assert facts["evidence"][0]["path"] == f"evidence/{kept}-main.jpg"


def test_deleting_really_deletes(world):
    row, kept, outside = filled(world)
    [file] = [path for path in world.folder.rglob("*.jpg") if path.read_bytes() == picture(60)]
    world.view().delete_print(world.printer, row.id)
    assert not file.exists()
    assert world.history.picture(world.printer, kept) is None
    assert world.history.picture(world.printer, outside) == picture(70)
    assert world.history.scores(world.printer, 0) == []
    assert world.prints.of(world.printer) == []
    assert world.certainty() > 0.9


def test_a_running_print_cannot_be_deleted(world):
    world.say("printing", 0)
    with pytest.raises(ValueError, match="running"):
        world.view().delete_print(world.printer, world.prints.of(world.printer)[0].id)


def test_a_pinned_print_outlives_retention(world):
    row, kept, outside = filled(world)
    world.view().pin_print(world.printer, row.id, pinned=True)
    world.history.prune(T0 + 90 * 86_400, days=30, gigabytes=1)
    world.prints.prune(T0 + 90 * 86_400, 30)
    assert world.prints.get(world.printer, row.id).pinned
    assert world.history.picture(world.printer, kept) is not None
    assert world.history.picture(world.printer, outside) is None
    world.view().pin_print(world.printer, row.id, pinned=False)
    world.prints.prune(T0 + 90 * 86_400, 30)
    assert world.prints.of(world.printer) == []


def test_strangers_see_no_prints_and_viewers_change_none(world):
    row, kept, _ = filled(world)
    stranger, viewer = world.view("mallory"), world.view("victor")
    for attempt in (
        lambda view: view.prints(world.printer),
        lambda view: view.print_(world.printer, row.id),
        lambda view: view.export_print(world.printer, row.id, io.BytesIO()),
    ):
        attempt(viewer)
        with pytest.raises(NotFound):
            attempt(stranger)
    for attempt in (
        lambda view: view.pin_print(world.printer, row.id, pinned=True),
        lambda view: view.mark_print(world.printer, row.id, good=True),
        lambda view: view.delete_print(world.printer, row.id),
        lambda view: view.feedback(world.printer, kept, "false_alarm"),
    ):
        with pytest.raises(NotAllowed):
            attempt(viewer)
        with pytest.raises(NotFound):
            attempt(stranger)


def test_a_print_of_another_printer_is_not_found(world):
    row, kept, _ = filled(world)
    other = world.printers.add("Two", "olivia", T0).id
    for attempt in (
        lambda: world.view().print_(other, row.id),
        lambda: world.view().delete_print(other, row.id),
        lambda: world.view().feedback(other, kept, "false_alarm"),
    ):
        with pytest.raises(NotFound):
            attempt()


@pytest.mark.parametrize(
    ("label", "place"), [("spam", None), ("missed", (2.0, 0.1)), ("false_alarm", (0.1, 0.1))]
)
def test_bad_feedback_is_refused(world, label, place):
    _, kept, _ = filled(world)
    with pytest.raises(ValueError, match=r"label|place"):
        world.view().feedback(world.printer, kept, label, place)


def test_a_removed_printer_leaves_no_prints(world):
    filled(world)
    world.printers.remove(world.printer)
    assert world.prints.of(world.printer) == []


def test_the_pictures_kept_of_a_long_print_are_bounded(world):
    world.say("printing", 0)
    for n in range(prints.LEARN_MOST * 3):
        world.seen(n * 10)
    assert len(world.keeper._watched[world.printer].heats["main"]) <= prints.LEARN_MOST


def test_what_was_known_while_a_print_ran_is_known_to_its_replay(world):
    first = world.print()
    second = world.print(start=1000.0)
    assert world.keeper.habit_before(first, "main") is None, "a print is not judged by what it taught itself"
    assert world.keeper.habit_before(second, "main").prints == 1
    assert world.keeper.habit_before(second, "side") is None
    world.view().mark_print(world.printer, first.id, good=False)
    assert world.keeper.habit_before(second, "main") is None
