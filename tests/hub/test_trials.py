"""The test of the whole line, stage by stage, and the export of what people said."""

import csv
import time
from dataclasses import replace

import numpy as np
import pytest

from agent.protocol import Frame
from hub import trials
from hub.evaluation_data import load
from hub.live import CameraLive, Live
from hub.pace import PaceSettings
from hub.policy import PrinterSettings
from hub.print_cli import export_feedback
from hub.store.database import Database
from hub.store.history import CommandRow, History
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.prints import Prints
from hub.store.trials import STALE_S, TrialStore
from hub.trials import TrialParts, Trials, carried_out
from hub.vision import Detection
from tests.support.pictures import picture

T0 = 1_800_000_000.0


class Clip:
    """A detector that knows the demo clip: fine up to the onset, then failing; `deaf` never sees anything."""

    def __init__(self, *, deaf=False):
        self.seen, self.deaf = 0, deaf
        self.failing_from = 34

    def detect(self, jpeg):
        score = 0.97 if self.place(jpeg) >= self.failing_from and not self.deaf else 0.01
        return Detection(score, np.full((4, 4), score, np.float32), 640, 480, 100.0)

    def place(self, jpeg):
        failing, _ = trials._clip()
        return next(shot.index for shot in failing if shot.jpeg == jpeg)


class Desk:
    """Orders end as the test says, at once."""

    def __init__(self, stage="confirmed", outcome="dry run: the printer was not touched"):
        self.stage, self.outcome, self.orders = stage, outcome, []

    def order(self, printer, action, *, initiator, reason, dry):
        if self.stage == "offline":
            raise ValueError("its agent is not connected")
        row = CommandRow("c1", printer, 1, T0, action, "job", initiator, reason, "sent", "", dry, T0)
        self.orders.append(row)
        return row

    def command(self, _printer, _identity):
        return replace(self.orders[-1], stage=self.stage, outcome=self.outcome)


def parts(desk, *, detector=None, live=None, settings=None):
    return TrialParts(
        detector=detector or Clip(),
        region_at=0.5,
        pace=PaceSettings(),
        settings_of=lambda _p: settings or PrinterSettings(),
        desk=desk,
        command=desk.command,
        live=live or seeing(),
    )


def seeing():
    live = Live()
    frame = Frame(camera="main", boot=1, seq=1, clock=0, time=0, job="", jpeg=b"")
    live.printer("p").cameras["main"] = CameraLive(frame=frame, received=time.monotonic())
    return live


def told(*arguments, **named):
    return {stage.name: stage for stage in carried_out("p", "olivia", parts(*arguments, **named))}


def test_a_line_that_works_says_so_stage_by_stage():
    desk = Desk()
    stages = told(desk)
    assert list(stages) == ["clip", "model", "decision", "camera", "pause"]
    assert all(stage.ok for stage in stages.values())
    assert "would decide pause" in stages["decision"].text
    assert desk.orders[0].dry
    assert desk.orders[0].initiator == "olivia"


def test_each_broken_part_is_named():
    stages = told(Desk("offline"), detector=Clip(deaf=True), live=Live())
    assert [name for name, stage in stages.items() if not stage.ok] == [
        "model",
        "decision",
        "camera",
        "pause",
    ]
    assert "not connected" in stages["pause"].text


def test_an_idle_printer_was_reached_all_the_same():
    assert told(Desk("failed", "the printer cannot pause while idle"))["pause"].ok
    assert not told(Desk("failed", "the agent did not answer within 20 s"))["pause"].ok


def test_zones_and_switched_off_watching_do_not_spoil_the_test():
    blind = PrinterSettings(watch=False, grace_s=600.0, zones={"main": [[[0.0, 0.0], [1.0, 1.0]]]})
    assert told(Desk(), settings=blind)["decision"].ok


@pytest.fixture
def database():
    database = Database(":memory:")
    database.start()
    People(database).add("olivia", None, role="user", now=T0)
    return database


def test_the_hub_carries_out_what_was_asked_for_once(database):
    printer = Printers(database).add("One", "olivia", T0).id
    store, desk = TrialStore(database), Desk()
    running = Trials(store, parts(desk))
    asked = store.ask(printer, "olivia", T0)
    running.run_next(T0 + 1)
    running.run_next(T0 + 2)
    done = store.get(printer, asked)
    assert done.done is not None
    assert [stage.name for stage in done.stages] == ["clip", "model", "decision", "camera", "pause"]
    assert len(desk.orders) == 1
    assert store.get("another", asked) is None


def test_what_nobody_carried_out_is_not_done_much_later(database):
    printer = Printers(database).add("One", "olivia", T0).id
    store = TrialStore(database)
    store.ask(printer, "olivia", T0)
    assert store.waiting(T0 + STALE_S + 1) == []
    for n in range(20):
        store.ask(printer, "olivia", T0 + n)
    assert len(store.waiting(T0 + 20)) == 5


def test_feedback_becomes_a_labelled_set_that_evaluate_reads(database, tmp_path):
    printer = Printers(database).add("One", "olivia", T0).id
    history, prints = History(database, tmp_path / "kept"), Prints(database, tmp_path / "kept")
    prints.begin(printer, "a", "a.gcode", T0)
    for n, label in enumerate(("false_alarm", "missed")):
        kept = history.add_evidence(printer, "main", T0 + n, picture(60 + n))
        place = (0.25, 0.75) if label == "missed" else None
        prints.add_feedback(prints.evidence_row(printer, kept), "olivia", label, T0 + 9 + n, place)
    assert export_feedback(prints, tmp_path / "out") == 2
    samples = load(tmp_path / "out", "val")
    assert [(s.label, s.kind) for s in samples] == [("good", "false_alarm"), ("failure", "missed")]
    assert len({s.group for s in samples}) == 1
    assert [(tmp_path / "out" / s.file).read_bytes() for s in samples] == [picture(60), picture(61)]
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        assert [(row["x"], row["y"]) for row in csv.DictReader(file)] == [("", ""), ("0.25", "0.75")]
    with pytest.raises(ValueError, match="not empty"):
        export_feedback(prints, tmp_path / "out")


def test_without_feedback_there_is_an_empty_set(database, tmp_path):
    assert export_feedback(Prints(database, tmp_path), tmp_path / "out") == 0
    assert (tmp_path / "out" / "manifest.csv").exists()
