"""What one printer's agent sends, and when: to a hub that is there, one that is gone, and one that is back."""

from __future__ import annotations

import pytest

from agent import loop, topics
from agent.loop import ACKS_KEPT, HUB_GONE_S, QUIET_MS, PrinterAgent
from agent.printers.simulated import Settings, create
from agent.protocol import FALLBACK_PAUSE, Want, pack_want, read_ack, read_state
from agent.silence import LONGEST_STEP_S, Silence
from tests.support.messages import BOOT, KEY, PRINTER, credential


class FakeSession:
    """A connection that is up or not; `busy` topics have a message that is still on its way."""

    def __init__(self, *_, **__):
        self.connected, self.sent, self.busy = True, [], set()

    def publish(self, message):
        self.sent.append(message)

    def publish_newest(self, message):
        if not self.connected or message.topic in self.busy:
            return False
        self.sent.append(message)
        return True


class Scene:
    def __init__(self):
        self.now = 0.0
        self.printer = create(Settings())
        self.printer.start()
        self.agent = PrinterAgent(credential(), self.printer, {}, BOOT)
        self.agent._silence = Silence(lambda: self.now)
        self.session = self.agent._session
        self.told = None, 0.0
        self.wishes = 0

    def look(self, passed_s=0.0):
        """One round of the thread that watches the printer, as often as the time needs."""
        for _ in range(max(1, round(passed_s / LONGEST_STEP_S))):
            self.now += min(passed_s, LONGEST_STEP_S)
            self.told = self.agent._tell_state(*self.told)
            self.agent._notice_hub()

    def hub_speaks(self, *, retained=False, interval_ms=500):
        self.wishes += 1
        want = pack_want(KEY, PRINTER, Want(self.wishes, interval_ms))
        self.agent._received(topics.want(PRINTER), want, retained)

    def states(self):
        return [
            read_state(KEY, PRINTER, each.payload)
            for each in self.session.sent
            if each.topic == topics.state(PRINTER)
        ]

    def acks(self):
        return [
            read_ack(KEY, PRINTER, each.payload)
            for each in self.session.sent
            if each.topic == topics.ack(PRINTER)
        ]


@pytest.fixture
def scene(monkeypatch):
    monkeypatch.setattr(loop, "Session", FakeSession)
    return Scene()


def test_while_there_is_no_connection_nothing_hurries_and_nothing_is_kept(scene):
    """A camera's fault asks for a state at once; without a connection that must not ask the printer again and again."""
    scene.session.connected = False
    scene.agent._state_due.set()
    scene.look()
    assert not scene.agent._state_due.is_set()
    scene.session.connected = True
    scene.agent._up(1)
    scene.look()
    assert len(scene.states()) == 1


def test_on_a_network_that_takes_nothing_states_do_not_pile_up_and_the_newest_is_told_later(scene):
    scene.session.busy.add(topics.state(PRINTER))
    scene.look(3 * LONGEST_STEP_S)
    assert scene.states() == []
    scene.session.busy.clear()
    scene.printer.pause(scene.printer.snapshot().job, "")
    scene.look()
    assert len(scene.states()) == 1


def test_a_hub_that_falls_silent_is_told_on_the_display_once_and_its_return_too(scene):
    scene.hub_speaks()
    scene.look(1)
    scene.look(HUB_GONE_S)
    assert scene.printer.shown == ""
    scene.look(1)
    assert scene.printer.shown == "Printwarden: NOT WATCHED, hub is gone"
    scene.hub_speaks()
    scene.look(1)
    assert scene.printer.shown == "Printwarden: watched again"


def test_a_hub_that_was_never_there_is_missed_too(scene):
    scene.hub_speaks(retained=True)
    scene.look(2 * HUB_GONE_S)
    assert "NOT WATCHED" in scene.printer.shown


def test_what_is_done_without_a_hub_is_told_when_it_is_back_and_not_to_a_broker_without_it(scene):
    scene.look(2 * HUB_GONE_S)
    scene.agent._report(FALLBACK_PAUSE, "accepted", "", "printing")
    scene.agent._report(FALLBACK_PAUSE, "confirmed", "", "paused")
    scene.look(2)
    assert scene.acks() == []
    scene.hub_speaks(retained=True)
    scene.look(2)
    assert scene.acks() == []
    scene.hub_speaks()
    scene.look(2)
    assert [(each.command, each.stage) for each in scene.acks()] == [(FALLBACK_PAUSE, "confirmed")]


def test_acknowledgements_wait_for_a_connection_in_their_order_and_the_oldest_go_first(scene):
    scene.session.connected = False
    for number in range(ACKS_KEPT + 5):
        scene.agent._report(f"c{number}", "confirmed", "", "paused")
    scene.session.connected = True
    scene.look()
    acks = scene.acks()
    assert [each.command for each in acks] == [f"c{number}" for number in range(5, ACKS_KEPT + 5)]
    assert [each.seq for each in acks] == sorted({each.seq for each in acks})


def test_with_a_hub_acknowledgements_are_sent_at_once(scene):
    scene.agent._report("c1", "accepted", "", "printing")
    assert len(scene.acks()) == 1


def test_while_the_hub_is_gone_the_cameras_are_looked_at_quietly(scene):
    scene.hub_speaks(interval_ms=200)
    scene.look(1)
    assert scene.agent._interval_s() == 0.2
    scene.look(2 * HUB_GONE_S)
    assert scene.agent._interval_s() == QUIET_MS / 1000
