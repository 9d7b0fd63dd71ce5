"""What an integration is announced and may ask for, seen by a plain MQTT client with its credential."""

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager

from agent import topics
from agent.session import Message, Session
from hub.access import Right
from hub.entities import OFFLINE, ONLINE
from hub.intents import payload
from tests.support.hubs import PATIENCE, Rig
from tests.support.pictures import fine
from tests.support.waiting import until


class Household:
    """A client with an integration's credential that asks for what Home Assistant asks for, and keeps what comes."""

    def __init__(self, rig: Rig, owned, right: Right = Right.CONTROL) -> None:
        self.made = rig.hub.sharing(owned.view.person).add_integration("home", {owned.id: right})
        self.seen: dict[str, bytes] = {}
        self._up: queue.Queue[int] = queue.Queue()
        filters = ["homeassistant/+/+/config", "homeassistant/+/+/+/config"]
        filters += [f"printwarden/v1/{owned.id}/out/#", "homeassistant/#"]
        filters += [f"printwarden/v1/hub/{name}" for name in ("status", "health", self.made.id)]
        self.session = Session(
            rig.hub.broker.endpoint("plain"),
            username=self.made.username,
            token=self.made.token,
            client_id=self.made.username,
            filters=filters,
            on_message=lambda topic, payload, _retained: self.seen.update({topic: payload}),
            on_up=self._up.put,
        )
        self.session.start()
        self._up.get(timeout=PATIENCE)

    def devices(self) -> dict[str, dict]:
        """The printers announced, by topic; cleared ones are gone."""
        return {topic: json.loads(body) for topic, body in self.seen.items() if "/device/" in topic and body}

    def device(self, owned) -> dict:
        topic = f"homeassistant/device/{self.made.id}_{owned.id}/config"
        return until(lambda: self.devices().get(topic))


@contextmanager
def household(rig: Rig, owned, right: Right = Right.CONTROL) -> Iterator[Household]:
    made = Household(rig, owned, right)
    try:
        yield made
    finally:
        made.session.stop()


def test_two_households_see_disjoint_worlds(rig: Rig) -> None:
    """Each is announced its own printer and nothing of the other, whatever it subscribes to."""
    mine, theirs = rig.printer(), rig.printer()
    with household(rig, mine) as olivia, household(rig, theirs) as mallory:
        olivia.device(mine)
        mallory.device(theirs)
        assert not [
            topic for topic, body in mallory.seen.items() if mine.id in topic or mine.id.encode() in body
        ]
        assert not [
            topic for topic, body in olivia.seen.items() if theirs.id in topic or theirs.id.encode() in body
        ]


def test_a_pressed_button_pauses_the_printer(rig: Rig) -> None:
    """The payload that is announced is all a button needs; the state comes back on the announced topic."""
    printer = rig.printer(hasty=False)
    with household(rig, printer) as home:
        rig.agent(printer, fine(), loop=True)
        printer.watch("watched")
        pause = home.device(printer)["cmps"]["pause"]
        home.session.publish(Message(pause["command_topic"], pause["payload_press"].encode()))
        row = printer.command("confirmed")
        assert row.initiator == f"integration {home.made.id}"
        state = f"printwarden/v1/{printer.id}/out/state"
        until(lambda: json.loads(home.seen.get(state, b"{}")).get("phase") == "paused")


def test_who_may_only_look_is_given_no_buttons(rig: Rig) -> None:
    printer = rig.printer()
    with household(rig, printer, Right.VIEW) as home:
        platforms = {each["p"] for each in home.device(printer)["cmps"].values()}
        assert "button" not in platforms
        assert "binary_sensor" in platforms


def test_somebody_elses_payload_does_nothing(rig: Rig) -> None:
    """A copied button payload on one's own topic is refused and told."""
    printer = rig.printer(hasty=False)
    with household(rig, printer) as one, household(rig, printer) as other:
        rig.agent(printer, fine(), loop=True)
        printer.watch("watched")
        own, copied = one.device(printer)["cmps"]["pause"], other.device(printer)["cmps"]["pause"]
        assert own["payload_press"] != copied["payload_press"]
        one.session.publish(Message(own["command_topic"], copied["payload_press"].encode()))
        printer.event("intent_refused")
        assert not printer.view.commands(printer.id)


def test_an_announcement_goes_with_its_printer(rig: Rig) -> None:
    printer = rig.printer()
    with household(rig, printer) as home:
        home.device(printer)
        printer.view.remove(printer.id)
        until(lambda: not [topic for topic in home.devices() if printer.id in topic])


def test_a_restarted_home_assistant_is_told_again(rig: Rig, monkeypatch) -> None:
    monkeypatch.setattr("hub.announcer.SPREAD_S", 0.05)
    printer = rig.printer()
    with household(rig, printer) as home:
        home.device(printer)
        home.seen.clear()
        home.session.publish(Message("homeassistant/status", b"online", qos=0))
        home.device(printer)


def test_the_agents_presence_is_told(rig: Rig) -> None:
    printer = rig.printer()
    topic = f"printwarden/v1/{printer.id}/out/online"
    with household(rig, printer) as home:
        agent = rig.agent(printer, fine(), loop=True)
        until(lambda: home.seen.get(topic) == ONLINE.encode())
        agent.kill()
        until(lambda: home.seen.get(topic) == OFFLINE.encode())


def test_settings_are_changed_and_told(rig: Rig) -> None:
    """A knob's payload with a value becomes the owner's setting, and its position comes back retained."""
    printer = rig.printer(hasty=False)
    settings = f"printwarden/v1/{printer.id}/out/settings"
    with household(rig, printer, Right.OWN) as home:
        until(lambda: json.loads(home.seen.get(settings, b"{}")).get("act") is True)
        switch = home.device(printer)["cmps"]["set_act"]
        home.session.publish(Message(switch["command_topic"], switch["payload_off"].encode()))
        until(lambda: json.loads(home.seen[settings])["act"] is False)
        assert printer.view.printer(printer.id).settings.action == "alert"
        until(lambda: any(each.actor == f"integration {home.made.id}" for each in rig.hub.audit.rows(20)))


def test_control_alone_changes_no_setting(rig: Rig) -> None:
    """Even with the right capability, which an integration without that right is never given."""
    printer = rig.printer(hasty=False)
    with household(rig, printer) as home:
        assert not [key for key in home.device(printer)["cmps"] if key.startswith("set_")]
        shown = payload(rig.hub.printers.get(printer.id).key, home.made.id, "watch")
        home.session.publish(Message(topics.intent(printer.id, home.made.id), f"{shown} off".encode()))
        assert "may not change settings" in printer.event("intent_refused").text
        assert printer.view.printer(printer.id).settings.watch


def test_the_hub_tells_each_world_of_its_own_printers(rig: Rig) -> None:
    printer = rig.printer()
    rig.printer()
    with household(rig, printer) as home:
        world = until(lambda: home.seen.get(f"printwarden/v1/hub/{home.made.id}"))
        assert json.loads(world)["printers"] == 1
        health = json.loads(until(lambda: home.seen.get("printwarden/v1/hub/health")))
        assert health["isolation"] is True


def test_a_test_of_the_detection_tells_how_it_went(rig: Rig) -> None:
    """The brightness model of these tests cannot know the demo clip, so the test says that it failed, and where."""
    printer = rig.printer(hasty=False)
    with household(rig, printer) as home:
        button = home.device(printer)["cmps"]["test_detection"]
        home.session.publish(Message(button["command_topic"], button["payload_press"].encode()))
        event = f"printwarden/v1/{printer.id}/out/event"
        told = json.loads(until(lambda: home.seen.get(event)))
        assert told["event_type"] == "test_failed"
