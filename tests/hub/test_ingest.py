"""Nothing is believed that does not verify, and nothing twice; a clone is noticed."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from agent import topics
from agent.protocol import (
    CameraStatus,
    Status,
    pack_ack,
    pack_frame,
    pack_state,
    pack_status,
)
from hub import ingest
from hub.ingest import CLONE_S, CLONE_TURNS, Ingest
from hub.slots import Slots
from tests.support.messages import BOOT, OTHER, OTHER_KEY, ack, frame, state
from tests.support.stores import Time


class Scene:
    """One enrolled printer and an ingest that believes its key."""

    def __init__(self, stores):
        self.stores, self.live, self.slots = stores, stores.live, Slots()
        self.row = stores.printer()
        self.id, self.key = self.row.id, self.row.key
        self.acks, self.refused, self.intents, self.promoted = [], [], [], []
        self.ingest = Ingest(
            stores.printers,
            self.live,
            self.slots,
            lambda printer, each: self.acks.append((printer, each)),
            lambda printer, reason: self.refused.append((printer, reason)),
            lambda topic, payload, retained: self.intents.append((topic, payload, retained)),
            self.promoted.append,
        )
        self.ingest.start()

    @property
    def now(self):
        return self.live.printer(self.id)

    def state(self, seq=1, *, key=None, retained=False, **changes):
        payload = pack_state(key or self.key, self.id, state(seq, **changes))
        self.ingest.receive(topics.state(self.id), payload, retained)

    def status(self, session=1, *, online=True, boot=BOOT, retained=False):
        payload = pack_status(self.key, self.id, Status(boot, session, online))
        self.ingest.receive(topics.status(self.id), payload, retained)

    def frame(self, seq=1, *, key=None, **changes):
        made = frame(seq, **changes)
        payload = pack_frame(key or self.key, self.id, made)
        self.ingest.receive(topics.frame(self.id, made.camera), payload, False)

    def ack(self, seq=1):
        payload = pack_ack(self.key, self.id, ack("c1", "accepted", seq))
        self.ingest.receive(topics.ack(self.id), payload, False)

    def reasons(self):
        return [reason for _, reason in self.refused]


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(ingest, "time", time)
    return time


@pytest.fixture
def scene(stores, time):
    return Scene(stores)


def test_a_frame_is_shown_and_waits_to_be_scored(scene, time):
    scene.frame(seq=7)
    camera = scene.now.cameras["main"]
    assert (camera.frame.seq, camera.received) == (7, time.steady)
    arrival = scene.slots.take()
    assert (arrival.printer, arrival.frame.seq, arrival.received) == (scene.id, 7, time.steady)
    assert scene.live.newest_frame(scene.id, "main", 0, 0.0).seq == 7


def test_a_state_tells_what_the_printer_does_and_which_cameras_there_are(scene, time):
    scene.frame(camera="gone")
    scene.state(cameras=(CameraStatus("main", "frozen"), CameraStatus("side")))
    assert (scene.now.state.phase, scene.now.state_received, scene.now.online) == (
        "printing",
        time.steady,
        True,
    )
    assert {name: each.fault for name, each in scene.now.cameras.items()} == {"main": "frozen", "side": ""}


def test_a_retained_state_is_no_sign_of_life(scene):
    scene.state(retained=True)
    assert scene.now.state is not None
    assert not scene.now.online


def test_the_brokers_memory_of_a_message_is_no_replay(scene):
    scene.state(seq=3)
    scene.state(seq=3, retained=True)
    assert scene.refused == []


def test_birth_and_will_say_whether_the_agent_is_there(scene, time):
    scene.status(1)
    assert scene.now.online
    scene.status(1, online=False)
    assert (scene.now.online, scene.now.offline_since) == (False, time.steady)
    time.pass_(5.0)
    scene.status(2)
    scene.status(1, online=False)
    assert scene.now.online, "the will of an earlier connection"
    assert scene.reasons() == ["repeated"]


def test_an_acknowledgement_is_handed_on_once(scene):
    scene.ack(seq=1)
    scene.ack(seq=1)
    assert [(printer, each.command) for printer, each in scene.acks] == [(scene.id, "c1")]
    assert scene.reasons() == ["repeated"]


@pytest.mark.parametrize("what", ["state", "frame", "ack", "status"])
def test_a_message_with_another_printers_seal_is_refused_in_one_line(scene, caplog, what):
    right, scene.key = scene.key, OTHER_KEY
    getattr(scene, what)()
    assert scene.reasons() == ["bad_signature"]
    assert scene.now.refused == {"bad_signature": 1}
    (line,) = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert "refused: bad_signature" in line
    assert "\n" not in line
    assert (scene.now.state, scene.now.online, scene.now.cameras, scene.acks) == (None, False, {}, [])
    scene.key = right
    getattr(scene, what)()
    assert scene.refused == [(scene.id, "bad_signature")]


def test_old_messages_are_refused_and_counted(scene):
    scene.frame(seq=5)
    scene.frame(seq=5)
    scene.frame(seq=4)
    scene.state(seq=2)
    scene.state(seq=1)
    scene.state(seq=9, boot=BOOT - 1)
    assert scene.now.refused == {"repeated": 3, "old_boot": 1}
    assert scene.now.cameras["main"].frame.seq == 5


@pytest.mark.parametrize(
    "topic",
    [
        "printwarden/v1/hub/status",
        "something/else",
        topics.state(OTHER),
        "{dn}",
        "{unknown}",
        "{frame}",
    ],
)
def test_what_is_none_of_the_hubs_business_is_passed_over(scene, topic):
    """Foreign topics, unknown printers, the hub's own commands, unknown kinds, a frame without a camera."""
    known = {
        "{dn}": topics.command(scene.id),
        "{unknown}": topics.status(scene.id).replace("status", "weather"),
        "{frame}": topics.frame(scene.id, "")[:-1],
    }
    scene.ingest.receive(known.get(topic, topic), b"rubbish", False)
    assert (scene.refused, scene.acks, scene.intents) == ([], [], [])


def test_intents_are_handed_on_with_their_topic(scene):
    scene.ingest.receive(topics.intent(scene.id, "abc"), b"pause x", True)
    ((topic, payload, retained),) = scene.intents
    assert (topic.printer, topic.kind, payload, retained) == (scene.id, "abc", b"pause x", True)


def test_a_removed_printer_is_believed_no_more(scene):
    assert scene.ingest.known() == {scene.id}
    assert scene.ingest.key_of(scene.id) == scene.key
    scene.ingest.forget(scene.id)
    scene.ingest.forget(scene.id)
    scene.state()
    assert scene.now.state is None
    assert scene.ingest.key_of(scene.id) is None
    assert scene.ingest.known() == set()


def test_no_boot_older_than_the_newest_is_believed_after_a_restart_of_the_hub(scene):
    scene.state(seq=1, boot=BOOT + 7)
    scene.state(seq=2, boot=BOOT + 7)
    assert scene.stores.printers.get(scene.id).boot == BOOT + 7
    again = Ingest(
        scene.stores.printers,
        scene.live,
        scene.slots,
        print,
        lambda *each: scene.refused.append(each),
        print,
        print,
    )
    again.start()
    payload = pack_state(scene.key, scene.id, state(99))
    again.receive(topics.state(scene.id), payload, False)
    assert scene.reasons() == ["old_boot"]


def test_trusting_the_same_key_again_opens_no_way_for_replays(scene):
    scene.state(seq=5)
    scene.ingest.trust(scene.stores.printers.get(scene.id))
    scene.state(seq=5)
    assert scene.reasons() == ["repeated"]


# A key is replaced


def test_the_first_message_with_the_next_key_ends_the_old_one(scene):
    old = scene.key
    scene.ingest.trust(replace(scene.row, next_key=OTHER_KEY))
    scene.state(seq=1)
    assert (scene.promoted, scene.ingest.key_of(scene.id)) == ([], old)
    scene.state(seq=2, key=OTHER_KEY)
    assert (scene.promoted, scene.ingest.key_of(scene.id)) == ([scene.id], OTHER_KEY)
    scene.state(seq=3, key=old)
    assert scene.reasons() == ["bad_signature"]
    assert scene.now.state.seq == 2


def test_a_stranger_does_not_hasten_the_next_key(scene):
    scene.ingest.trust(replace(scene.row, next_key=OTHER_KEY))
    scene.state(key=bytes(32))
    assert scene.reasons() == ["bad_signature"]
    assert (scene.promoted, scene.ingest.key_of(scene.id)) == ([], scene.key)
    scene.ingest.receive(topics.state(scene.id), b"rubbish", False)
    assert scene.reasons() == ["bad_signature", "unsigned"]


# Two agents with one credential


def take_turns(scene, time, turns, every_s=2.0):
    """A copy with a newer boot: each outdates the other."""
    for _ in range(turns):
        scene.state(seq=scene.now.state.seq, boot=BOOT)
        time.pass_(every_s)
        scene.state(seq=scene.now.state.seq + 1, boot=BOOT + 1)


def test_two_agents_that_take_turns_are_a_clone(scene, time):
    scene.state(seq=0, boot=BOOT + 1)
    take_turns(scene, time, CLONE_TURNS - 1)
    assert "cloned" not in scene.reasons()
    take_turns(scene, time, 1)
    assert scene.reasons().count("cloned") == 1


def test_two_agents_of_the_same_boot_are_a_clone_too(scene, time):
    """Their sequence numbers interleave."""
    for turn in range(2, CLONE_TURNS + 3):
        scene.state(seq=10 * turn)
        scene.state(seq=turn)
        time.pass_(1.0)
    assert "cloned" in scene.reasons()


def test_a_few_turns_a_day_are_restarts_and_no_clone(scene, time):
    for boot in range(BOOT, BOOT + 2 * CLONE_TURNS):
        scene.state(seq=1, boot=boot)
        scene.state(seq=9, boot=boot - 1)
        time.pass_(CLONE_S)
    assert "old_boot" in scene.reasons()
    assert "cloned" not in scene.reasons()
