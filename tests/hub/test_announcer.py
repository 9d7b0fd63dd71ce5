"""What integrations are told, how often, and what is taken back."""

import json

import pytest

from agent import topics
from hub import announcer
from hub.access import Kind, Right
from hub.announcer import SELDOM_S, Announcer
from hub.credentials import Credentials
from hub.live import Live
from tests.support.waiting import until

NOW = 1000.0
HEALTH = {"frames_scored": 0, "isolation": True}


class Scene:
    """A printer that one integration of its owner may control, and what was published."""

    def __init__(self, stores):
        self.row = stores.printer("Ender")
        stores.printers.add_credential(
            "i-home", Kind.INTEGRATION, NOW, owner=self.row.owner, rights={self.row.id: int(Right.CONTROL)}
        )
        credentials = Credentials(stores.printers)
        credentials.start()
        self.live, self.published = Live(), []
        self.announcer = Announcer(
            stores.printers,
            credentials,
            self.live,
            self.published.append,
            lambda message, _timeout: self.published.append(message) or True,
            "device",
        )

    def told(self, topic):
        """Every body that was published on a topic, in order."""
        return [each.payload for each in self.published if each.topic == topic]


@pytest.fixture
def scene(stores):
    return Scene(stores)


def test_the_hub_is_announced_before_its_printers(scene):
    scene.announcer.start()
    nodes = [each.topic.split("/")[2] for each in scene.published]
    assert nodes == ["home_hub", f"home_{scene.row.id}"]


def test_a_state_is_told_when_it_changes(scene):
    verdict = topics.out(scene.row.id, "verdict")
    for second in range(3):
        scene.announcer.tick(scene.row, NOW + second)
    assert len(scene.told(verdict)) == 1
    scene.live.printer(scene.row.id).certainty = 0.99999
    scene.announcer.tick(scene.row, NOW + 4)
    assert json.loads(scene.told(verdict)[-1])["certainty"] == 0.999


def test_the_hubs_health_is_told_now_and_then_with_its_pace(scene):
    topic = topics.hub("health")
    for after in (0.0, 1.0, SELDOM_S, SELDOM_S + 1):
        scene.announcer.tick_hub({**HEALTH, "frames_scored": after * 2}, NOW + after)
    first, second = (json.loads(each) for each in scene.told(topic))
    assert first["frames_per_second"] is None
    assert second["frames_per_second"] == 2.0
    assert json.loads(scene.told(topics.hub("home"))[0]) == {"printers": 1, "watched": 0}


def test_a_removed_printer_leaves_nothing_on_the_broker(scene):
    scene.announcer.start()
    scene.announcer.tick(scene.row, NOW)
    scene.announcer.withdraw(scene.row.id)
    kept = {each.topic: each.payload for each in scene.published if each.retain}
    assert {topic for topic, body in kept.items() if body and scene.row.id in topic} == set()
    assert kept[topics.out(scene.row.id, "state")] == b""


def test_many_births_are_answered_once(scene, monkeypatch):
    """One integration that says again and again that it started keeps nobody waiting and costs no more than one."""
    monkeypatch.setattr(announcer.random, "uniform", lambda _least, _most: 0.2)
    scene.announcer.start()
    scene.published.clear()
    for _ in range(50):
        scene.announcer.birth(b"online")
    scene.announcer.birth(b"offline")
    until(lambda: len(scene.published) == 3)
    assert len(scene.told(topics.hub("status"))) == 1
