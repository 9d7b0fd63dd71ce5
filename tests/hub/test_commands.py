"""A command is signed for one job, sent once, and called done only when the printer confirms it."""

from __future__ import annotations

import pytest

from agent import topics
from agent.protocol import FALLBACK_PAUSE, FALLBACK_RUN, read_command
from hub import commands
from hub.commands import ANSWER_S, CONFIRM_S, FALLBACK, TTL_S, CommandDesk
from hub.policy import PrinterSettings
from tests.support.messages import BOOT, JOB, KEY, OTHER, PRINTER, ack, state
from tests.support.stores import Time


class Scene:
    """A desk with an agent that is connected and prints."""

    def __init__(self, stores, time):
        self.live, self.history, self.time = stores.live, stores.history, time
        self.keys = {PRINTER: KEY}
        self.settings = PrinterSettings()
        self.sent, self.ended, self.strange = [], [], []
        self.desk = self.new_desk()
        live = self.live.printer(PRINTER)
        live.online, live.state, live.state_received = True, state(), time.monotonic()

    def new_desk(self):
        return CommandDesk(
            self.history,
            self.live,
            self.keys.get,
            self.sent.append,
            self.ended.append,
            lambda printer, reason: self.strange.append((printer, reason)),
            lambda _printer: self.settings,
        )

    def order(self, action="pause", **options):
        return self.desk.order(PRINTER, action, initiator="olivia", reason="tangle", **options)

    def acknowledge(self, row, stage, reason=""):
        self.desk.acknowledged(PRINTER, ack(row.id, stage, reason=reason))

    def stage(self, row):
        return next(each.stage for each in self.history.commands(PRINTER) if each.id == row.id)


@pytest.fixture
def scene(stores, monkeypatch):
    time = Time()
    monkeypatch.setattr(commands, "time", time)
    return Scene(stores, time)


def test_a_command_is_made_for_the_job_and_boot_of_this_moment(scene):
    """Its expiry is in the agent's own clock, which went on since its last state."""
    scene.settings = PrinterSettings(after={"lift_mm": 5.0})
    scene.time.pass_(3.0)
    row = scene.order(dry=True)
    (message,) = scene.sent
    assert (message.topic, message.qos, message.retain) == (topics.command(PRINTER), 1, False)
    signed = read_command(KEY, PRINTER, message.payload)
    assert (signed.id, signed.seq, signed.boot, signed.job) == (row.id, row.seq, BOOT, JOB)
    assert signed.expires == 60_000 + 3_000 + TTL_S * 1000
    assert (signed.action, signed.reason, signed.initiator, signed.dry) == ("pause", "tangle", "olivia", True)
    assert signed.after == {"lift_mm": 5.0}


def test_only_a_pause_carries_after_pause_options(scene):
    scene.settings = PrinterSettings(after={"lift_mm": 5.0})
    scene.order("resume")
    assert read_command(KEY, PRINTER, scene.sent[0].payload).after == {}


def test_the_sequence_rises_strictly_also_when_the_clock_stands_or_the_hub_restarts(scene):
    first, second = scene.order(), scene.order()
    scene.time.unix -= 3600
    scene.desk = scene.new_desk()
    scene.desk.start()
    third = scene.order()
    assert first.seq < second.seq < third.seq


@pytest.mark.parametrize("missing", ["agent", "state", "key"])
def test_nothing_is_ordered_from_a_printer_that_cannot_obey(scene, missing):
    live = scene.live.printer(PRINTER)
    if missing == "agent":
        live.online = False
    elif missing == "state":
        live.state = None
    else:
        scene.keys.clear()
    with pytest.raises(ValueError, match="not enrolled" if missing == "key" else "not connected"):
        scene.order()
    assert scene.sent == []
    assert scene.history.commands(PRINTER) == []


def test_each_stage_is_settled_and_the_end_told_once(scene):
    row = scene.order()
    assert scene.stage(row) == "sent"
    scene.acknowledge(row, "accepted")
    assert scene.stage(row) == "accepted"
    assert scene.ended == []
    scene.acknowledge(row, "confirmed", "paused")
    scene.acknowledge(row, "confirmed", "again")
    assert scene.stage(row) == "confirmed"
    assert [(each.stage, each.outcome) for each in scene.ended] == [("confirmed", "paused")]
    assert scene.strange == []


@pytest.mark.parametrize("end", ["failed", "refused"])
def test_a_failure_or_refusal_ends_it_with_its_reason(scene, end):
    row = scene.order()
    scene.acknowledge(row, end, "the lid is open")
    assert [(each.stage, each.outcome) for each in scene.ended] == [(end, "the lid is open")]
    assert scene.stage(row) == end


def test_an_answer_that_overtakes_the_sending_is_not_undone(scene):
    """The agent may answer before the desk has noted that it sent."""
    scene.desk._publish = lambda message: scene.desk.acknowledged(
        PRINTER, ack(read_command(KEY, PRINTER, message.payload).id, "accepted")
    )
    assert scene.stage(scene.order()) == "accepted"
    scene.desk._publish = lambda message: scene.desk.acknowledged(
        PRINTER, ack(read_command(KEY, PRINTER, message.payload).id, "confirmed")
    )
    assert scene.stage(scene.order()) == "confirmed"
    assert len(scene.ended) == 1


def test_no_answer_in_time_is_a_failure(scene):
    row = scene.order()
    scene.desk.tick(scene.time.unix + ANSWER_S)
    assert scene.stage(row) == "sent"
    scene.desk.tick(scene.time.unix + ANSWER_S + 1)
    assert scene.stage(row) == "failed"
    assert "did not answer" in scene.ended[0].outcome


def test_no_confirmation_in_time_is_a_failure(scene):
    row = scene.order()
    scene.acknowledge(row, "accepted")
    scene.desk.tick(scene.time.unix + CONFIRM_S)
    assert scene.stage(row) == "accepted"
    scene.desk.tick(scene.time.unix + CONFIRM_S + 1)
    assert scene.stage(row) == "failed"
    assert "did not confirm" in scene.ended[0].outcome


def test_a_late_confirmation_does_not_rewrite_history(scene):
    row = scene.order()
    scene.desk.tick(scene.time.unix + ANSWER_S + 1)
    scene.acknowledge(row, "confirmed")
    assert scene.stage(row) == "failed"
    assert len(scene.ended) == 1


def test_a_refusal_without_a_command_means_an_intruder(scene):
    scene.desk.acknowledged(PRINTER, ack("", "refused", reason="bad_signature"))
    assert scene.strange == [(PRINTER, "bad_signature")]


def test_a_refused_copy_is_told_and_leaves_the_command_alone(scene):
    """A copy of a command under way, of one that is over, and of one that this hub never knew."""
    row = scene.order()
    scene.acknowledge(row, "accepted")
    scene.acknowledge(row, "refused", "repeated")
    assert scene.stage(row) == "accepted"
    scene.acknowledge(row, "confirmed")
    scene.acknowledge(row, "refused", "other_boot")
    scene.desk.acknowledged(PRINTER, ack("0" * 16, "refused", reason="late"))
    assert scene.stage(row) == "confirmed"
    assert [reason for _, reason in scene.strange] == ["repeated", "other_boot", "late"]


def test_another_printers_agent_cannot_move_a_command(scene):
    row = scene.order()
    for stage in ("accepted", "confirmed", "refused"):
        scene.desk.acknowledged(OTHER, ack(row.id, stage, reason="x"))
    assert scene.stage(row) == "sent"
    assert scene.ended == []
    assert scene.strange == [(OTHER, "x")]


def test_an_answer_to_a_command_that_nobody_gave_changes_nothing(scene):
    scene.desk.acknowledged(PRINTER, ack("0" * 16, "confirmed"))
    assert (scene.ended, scene.strange, scene.history.commands(PRINTER)) == ([], [], [])


@pytest.mark.parametrize("stage", ["confirmed", "failed"])
def test_what_is_done_later_is_added_to_a_confirmed_command(scene, stage):
    """A heater is switched off minutes after the pause; that may fail, and the pause stays confirmed."""
    other, row = scene.order("resume"), scene.order()
    scene.acknowledge(row, "confirmed", "paused; to follow: bed_off_s")
    scene.acknowledge(row, stage, "paused, and the bed is cold")
    kept = next(each for each in scene.history.commands(PRINTER) if each.id == row.id)
    assert (kept.stage, kept.outcome) == ("confirmed", "paused, and the bed is cold")
    assert len(scene.ended) == 1
    assert scene.stage(other) == "sent"
    scene.desk.acknowledged(OTHER, ack(row.id, stage, reason="of another printer"))
    scene.acknowledge(row, stage)
    assert next(each.outcome for each in scene.history.commands(PRINTER) if each.id == row.id) == kept.outcome


def test_a_restarted_hub_closes_what_it_left_open(scene):
    row = scene.order()
    done = scene.order()
    scene.acknowledge(done, "confirmed")
    scene.desk = scene.new_desk()
    scene.desk.start()
    assert scene.stage(row) == "failed"
    assert scene.stage(done) == "confirmed"
    assert scene.history.open_commands() == []


@pytest.mark.parametrize("stage", ["confirmed", "failed"])
def test_a_pause_of_the_agents_own_is_settled_as_that_and_dated_back(scene, stage):
    """Written at 60 s of the agent's clock and told when that clock shows ten minutes more."""
    scene.live.printer(PRINTER).state = state(clock=660_000)
    scene.desk.acknowledged(PRINTER, ack(FALLBACK_PAUSE, stage, reason="the lid"))
    (row,) = scene.history.commands(PRINTER)
    assert (row.action, row.stage, row.outcome) == ("pause", stage, "the lid")
    assert (row.initiator, row.reason) == (FALLBACK, "the hub was silent")
    assert scene.time.unix - row.t == pytest.approx(600)
    assert scene.ended == [row]
    assert scene.strange == []
    assert scene.order().seq > row.seq


@pytest.mark.parametrize("heard", [None, {"boot": 99}])
def test_a_pause_that_an_earlier_boot_tells_of_is_dated_now(scene, heard):
    """The clocks of two boots have nothing to do with each other."""
    scene.live.printer(PRINTER).state = heard and state(clock=660_000, **heard)
    scene.desk.acknowledged(PRINTER, ack(FALLBACK_PAUSE, "confirmed", reason="the lid"))
    (row,) = scene.history.commands(PRINTER)
    assert row.t == scene.time.unix


def test_a_step_of_the_agents_own_is_told_and_is_no_command(scene):
    scene.desk.acknowledged(PRINTER, ack(FALLBACK_RUN, "confirmed", reason="silent for 10 min"))
    assert scene.history.commands(PRINTER) == []
    assert [(each.action, each.stage, each.outcome) for each in scene.ended] == [
        ("run", "confirmed", "silent for 10 min")
    ]
