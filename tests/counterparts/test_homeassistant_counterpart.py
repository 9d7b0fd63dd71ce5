"""Real Home Assistants with an integration's credential: what they show, what they move, and what they never see."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from agent import topics
from hub.access import Right
from hub.app import Hub
from hub.broker.mosquitto_config import write_config
from hub.broker.settings import BrokerSettings, PlainListener, TlsListener
from hub.discovery import Announced, components
from hub.entities import of_hub
from hub.intents import payloads
from hub.settings import BrokerSection, HomeAssistantSection
from tests.counterparts.homeassistant_rig import (
    EVERY_S,
    NEW,
    OLD,
    HomeAssistant,
    Phone,
    Release,
    found_on_page,
    running,
)
from tests.support.brokers import MosquittoProcess, run_as
from tests.support.browsers import chromium
from tests.support.debian import require
from tests.support.hubs import HASTY, LOOPBACK, Owned, Rig, hub_settings
from tests.support.models import brightness_model
from tests.support.pictures import failing, fine
from tests.support.processes import free_ports
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.slow, pytest.mark.timeout(1800)]

DASHBOARD = Path(__file__).parents[2] / "packaging" / "homeassistant" / "dashboard.yaml"
LAMP = """
input_boolean: {lamp: {name: Lamp}}
light:
  - platform: template
    lights:
      lamp:
        value_template: "{{ is_state('input_boolean.lamp', 'on') }}"
        turn_on: {service: input_boolean.turn_on, target: {entity_id: input_boolean.lamp}}
        turn_off: {service: input_boolean.turn_off, target: {entity_id: input_boolean.lamp}}
"""
EXTRA = f"""
mobile_app:
lovelace: {{dashboards: {{prints-here: {{mode: yaml, title: Prints, filename: {DASHBOARD}}}}}}}
{LAMP}"""
AUTOMATIONS = [
    {
        "id": "ask",
        "alias": "ask",
        "use_blueprint": {
            "path": "printwarden/pause_unless_dismissed.yaml",
            "input": {
                "failure": "binary_sensor.blue_print_failure",
                "pause": "button.blue_pause",
                "dismiss": "button.blue_false_alarm",
                "grace": 1,
            },
        },
    },
    {
        "id": "light",
        "alias": "light",
        "use_blueprint": {
            "path": "printwarden/lights_when_suspicious.yaml",
            "input": {"verdict": "sensor.blue_verdict", "lamp": "light.lamp", "calm": 0},
        },
    },
    {
        "id": "tell",
        "alias": "tell",
        "use_blueprint": {
            "path": "printwarden/notify_with_picture.yaml",
            "input": {
                "verdict": "sensor.green_verdict",
                "picture": "image.green_last_detection",
                "pause": "button.green_pause",
                "dismiss": "button.green_false_alarm",
                "notify": "notify.mobile_app_phone",
                "tell_from": ["failing"],
            },
        },
    },
]


@dataclass(frozen=True)
class Way:
    """A broker and a release of Home Assistant with the form of discovery that it reads."""

    name: str
    release: Release
    form: str
    mosquitto: bool = False


WAYS = (
    Way("2024.3 on Mosquitto", OLD, "entity", mosquitto=True),
    Way("2025.4 on the embedded broker", NEW, "device"),
)


def started_hub(
    folder: Path, form: str, mosquitto: MosquittoProcess | None = None, broker: BrokerSettings = LOOPBACK
) -> Hub:
    settings = replace(
        hub_settings(folder, brightness_model(folder / "model")), homeassistant=HomeAssistantSection(form)
    )
    if mosquitto is not None:
        port = mosquitto.endpoint.port
        section = BrokerSection(
            kind="mosquitto", port=port, admin="warden", token="admin-token", public_host="127.0.0.1"
        )
        settings = replace(settings, broker=section)
    hub = Hub(settings, None if mosquitto else broker)
    hub.start()
    return hub


def named(rig: Rig, name: str, person: str | None = None) -> Owned:
    printer = rig.printer(person, hasty=False)
    printer.view.rename(printer.id, name)
    return printer


def household(
    rig: Rig, release: Release, folder: Path, rights: dict[str, Right], owner: Owned, **more
) -> HomeAssistant:
    made = rig.hub.sharing(owner.view.person).add_integration("home", rights)
    return HomeAssistant(release, folder, rig.hub.port.own(), made, **more)


def expected(printer: Owned, name: str) -> set[str]:
    """The ids of every entity that is announced for a printer with all rights."""
    each = Announced("c", printer.id, name, ("main",), payloads(printer.key, "c", Right.OWN))
    found = components(each).values()
    return {f"{one['p']}.{name} {one['name']}".lower().replace(" ", "_") for one in found}


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("hub")
    hub = started_hub(folder, "entity")
    rig = Rig(hub, folder)
    yield rig
    rig.stop_agents()
    hub.stop()


@pytest.fixture(scope="module")
def ender(rig: Rig) -> Owned:
    """A printer that prints and is watched."""
    printer = named(rig, "Ender")
    rig.agent(printer, fine(), loop=True)
    printer.watch("watched")
    return printer


@pytest.fixture(scope="module")
def others(rig: Rig, ender: Owned) -> dict[str, Owned]:
    """Printers of the same owner."""
    return {name: named(rig, name, ender.view.person) for name in ("Blue", "Green", "Second")}


@pytest.fixture(scope="module")
def phone() -> Iterator[Phone]:
    phone = Phone()
    phone.start()
    yield phone
    phone.stop()


@pytest.fixture(scope="module")
def homes(
    rig: Rig, ender: Owned, others, phone: Phone, tmp_path_factory
) -> Iterator[tuple[HomeAssistant, ...]]:
    """Home Assistants of two households on the same hub."""
    stranger = named(rig, "Strangers")
    rights = {each.id: Right.OWN for each in (ender, others["Blue"], others["Green"])}
    rights[others["Second"].id] = Right.VIEW
    folders = [tmp_path_factory.mktemp("home") for _ in range(2)]
    mine = household(
        rig, OLD, folders[0], rights, ender, extra=EXTRA, automations=yaml.safe_dump(AUTOMATIONS)
    )
    theirs = household(rig, OLD, folders[1], {stranger.id: Right.OWN}, stranger)
    with running(mine, theirs):
        mine.add_phone("phone", phone.url)
        yield mine, theirs


@pytest.fixture
def home(homes) -> HomeAssistant:
    return homes[0]


def test_every_entity_is_there_and_knows_its_state(home: HomeAssistant, ender: Owned) -> None:
    wanted = expected(ender, "Ender")
    home.has(*wanted)
    for entity, state in (
        ("sensor.ender_printer", "printing"),
        ("sensor.ender_watch_state", "watched"),
        ("sensor.ender_verdict", "ok"),
        ("binary_sensor.ender_print_failure", "off"),
        ("binary_sensor.ender_camera_fault", "off"),
        ("binary_sensor.ender_control_available", "on"),
        ("binary_sensor.ender_agent", "on"),
        ("switch.ender_watch", "on"),
    ):
        home.becomes(entity, state)
    states = home.states()
    silent = {"image.ender_last_detection", "event.ender_event"}  # nothing has happened yet
    silent |= {each for each in wanted if each.startswith("button.")}  # unknown until pressed
    assert not [each for each in wanted - silent if states[each] in ("unknown", "unavailable")]


def test_the_hub_is_a_device_of_its_own(home: HomeAssistant) -> None:
    wanted = {
        f"{one['p']}.printwarden_hub_{one['name']}".lower().replace(" ", "_") for one in of_hub("c").values()
    }
    home.has(*wanted)
    home.becomes("binary_sensor.printwarden_hub_isolation_check", "off")
    home.becomes("sensor.printwarden_hub_printers", "4", "3")


def test_every_button_reaches_the_printer_and_its_state_returns(home: HomeAssistant, ender: Owned) -> None:
    home.has("button.ender_pause")
    home.becomes("sensor.ender_printer", "printing")
    home.press("button.ender_pause")
    assert ender.command("confirmed").initiator.startswith("integration ")
    home.becomes("sensor.ender_printer", "paused")
    home.press("button.ender_resume")
    home.becomes("sensor.ender_printer", "printing")
    home.press("button.ender_false_alarm")
    home.press("button.ender_test_detection")
    until(lambda: home.attributes("event.ender_event").get("event_type") == "test_failed", 60, EVERY_S)


def test_every_setting_is_changed_and_comes_back(home: HomeAssistant, ender: Owned) -> None:
    """Each through Home Assistant's own service; a value that makes no sense changes nothing and is told."""
    for entity, state in (
        ("switch.ender_act_on_failures", "on"),
        ("select.ender_action", "pause"),
        ("select.ender_sensitivity", "normal"),
        ("number.ender_warn_at", "60.0"),
        ("number.ender_act_at", "99.0"),
        ("number.ender_act_after", "3.0"),
    ):
        home.becomes(entity, state)
    for service, entity, data, state in (
        ("switch.turn_off", "switch.ender_watch", {}, "off"),
        ("switch.turn_on", "switch.ender_watch", {}, "on"),
        ("switch.turn_off", "switch.ender_act_on_failures", {}, "off"),
        ("select.select_option", "select.ender_action", {"option": "cancel"}, "cancel"),
        ("select.select_option", "select.ender_sensitivity", {"option": "high"}, "high"),
        ("number.set_value", "number.ender_act_at", {"value": 97.25}, "97.25"),
        ("number.set_value", "number.ender_warn_at", {"value": 55}, "55.0"),
        ("number.set_value", "number.ender_act_after", {"value": 10}, "10.0"),
    ):
        home.call(service, entity, **data)
        home.becomes(entity, state)
    chosen = ender.view.printer(ender.id).settings
    assert (chosen.watch, chosen.action, chosen.warn_at, chosen.act_at) == (True, "cancel", 0.55, 0.9725)
    assert chosen.act_hold_s == 10.0
    home.becomes("select.ender_sensitivity", "custom")
    home.call("number.set_value", "number.ender_warn_at", value=98)
    assert "act_at" in ender.event("intent_refused").text
    assert home.states()["number.ender_warn_at"] == "55.0"
    assert ender.view.printer(ender.id).settings == chosen


def test_the_camera_shows_the_very_bytes(home: HomeAssistant, ender: Owned) -> None:
    home.has("camera.ender_camera_main")

    def same() -> bool:
        frame = ender.view.frame(ender.id, "main")
        return frame is not None and home.picture("camera.ender_camera_main") == frame.jpeg

    until(same, 60)


def test_two_households_stay_apart(homes) -> None:
    """Neither knows anything of the other's printers, entities and pictures."""
    mine, theirs = homes
    mine.has("sensor.ender_printer", "sensor.printwarden_hub_printers")
    theirs.has("sensor.strangers_printer", "sensor.printwarden_hub_printers")
    theirs.becomes("sensor.printwarden_hub_printers", "1")
    names = {each.split(".")[1].split("_")[0] for each in theirs.states()}
    assert "strangers" in names
    assert not names & {"ender", "blue", "green", "second"}
    assert not [each for each in mine.states() if "strangers" in each]


def test_a_stranger_with_a_copied_payload_moves_nothing(rig: Rig, homes, ender: Owned) -> None:
    """Another household's Home Assistant publishes what it must never know; its broker connection takes it nowhere."""
    mine, theirs = homes
    mine.becomes("sensor.ender_printer", "printing")
    orders, settings = ender.view.commands(ender.id), ender.view.printer(ender.id).settings
    [own] = [
        each for each in rig.hub.sharing(ender.view.person).integrations() if each.owner == ender.view.person
    ]
    copied = payloads(ender.key, own.username[2:], Right.OWN)
    for topic in (topics.intent(ender.id, own.username[2:]), topics.command(ender.id)):
        for body in (copied["cancel"], f"{copied['watch']} off"):
            status, _ = theirs.request(
                "POST", "/api/services/mqtt/publish", {"topic": topic, "payload": body}
            )
            assert status == 200
    theirs.has("number.strangers_act_after")
    theirs.call("number.set_value", "number.strangers_act_after", value=30)
    theirs.becomes("number.strangers_act_after", "30.0")  # so everything published before has arrived
    assert ender.view.commands(ender.id) == orders
    assert ender.view.printer(ender.id).settings == settings
    mine.becomes("sensor.ender_printer", "printing")


def test_the_blueprints_light_up_and_pause_a_failing_print(rig: Rig, home: HomeAssistant, others) -> None:
    """The owner chose to be told only, so it is Home Assistant that pauses, by the blueprint's button."""
    blue = others["Blue"]
    home.has("button.blue_pause", "light.lamp")
    home.becomes("select.blue_action", "pause")  # what is still unavailable ignores a call without a word
    home.call("select.select_option", "select.blue_action", option="alert")
    home.becomes("select.blue_action", "alert")
    blue.view.save_settings(blue.id, HASTY)
    rig.agent(blue, [*fine(10), *failing()])
    home.becomes("light.lamp", "on")
    paused = blue.command("confirmed", limit_s=90)
    assert paused.initiator.startswith("integration ")
    home.becomes("sensor.blue_printer", "paused")
    assert home.picture("image.blue_last_detection") is not None


def test_the_phone_gets_a_picture_and_its_button_pauses(
    rig: Rig, home: HomeAssistant, others, phone: Phone
) -> None:
    green = others["Green"]
    green.view.save_settings(green.id, {**HASTY, "action": "alert"})
    home.has("button.green_pause")
    rig.agent(green, [*fine(10), *failing()])
    told = until(lambda: phone.notifications[-1] if phone.notifications else None, 90)
    assert (told["title"], told["message"]) == ("Green", "The print is failing.")
    # Home Assistant answers 500 for a camera until the first picture of it has come in.
    answer = until(lambda: (got := home.request("GET", told["data"]["image"]))[0] == 200 and got, 20)
    assert answer[1][:2] == b"\xff\xd8"
    pause, dismiss = told["data"]["actions"]
    assert (pause["title"], dismiss["title"]) == ("Pause", "False alarm")
    home.fire("mobile_app_notification_action", {"action": pause["action"]})
    assert green.command("confirmed").initiator.startswith("integration ")


def test_the_dashboard_shows_entities_that_are_there(home: HomeAssistant) -> None:
    """In a browser every card is drawn, and none of them says that something is wrong with it."""
    named_there = set(entities_in(yaml.safe_load(DASHBOARD.read_text(encoding="utf-8"))))
    assert len(named_there) > 15
    home.has(*named_there)
    with chromium() as driver:
        home.browse(driver, "/prints-here/0")
        until(
            lambda: len(found_on_page(driver, "hui-gauge-card", "hui-glance-card", "hui-entities-card")) == 3,
            90,
            0.5,
        )
        until(lambda: found_on_page(driver, "hui-image"), 60, 0.5)
        assert found_on_page(driver, "hui-error-card", "hui-warning") == []


def test_a_removed_printer_leaves_no_entity(home: HomeAssistant, others) -> None:
    """Its announcements are cleared while Home Assistant may still be told."""
    home.has("sensor.second_printer")
    assert not [each for each in home.states() if each.startswith("button.second")]
    others["Second"].view.remove(others["Second"].id)
    until(lambda: not [each for each in home.states() if ".second_" in each], 60, EVERY_S)
    home.becomes("sensor.printwarden_hub_printers", "3")


def test_a_restarted_home_assistant_knows_everything_again(home: HomeAssistant, ender: Owned) -> None:
    home.has("sensor.ender_printer")
    home.stop()
    home.launch()
    home.ready()
    home.has(*expected(ender, "Ender"))
    home.becomes("sensor.ender_printer", "printing")
    home.becomes("switch.ender_watch", "on")


class Line:
    """A hub on one way, a printer that prints, and its owner's Home Assistant."""

    def __init__(self, way: Way, mosquitto: MosquittoProcess | None, folder: Path, home: Path) -> None:
        self._way, self._mosquitto, self._folder = way, mosquitto, folder
        ports = free_ports(2)
        self._broker = replace(
            LOOPBACK, plain=PlainListener(port=ports[0]), tls=TlsListener(host="127.0.0.1", port=ports[1])
        )
        self.rig = Rig(self._start(), folder)
        self._printer = named(self.rig, "Ender")
        self.rig.agent(self.printer, fine(), loop=True)
        self.printer.watch("watched")
        rights = {self.printer.id: Right.OWN}
        automations = yaml.safe_dump(AUTOMATIONS)
        self.home = household(
            self.rig, way.release, home, rights, self.printer, extra=LAMP, automations=automations
        )

    @property
    def printer(self) -> Owned:
        """The printer, through the hub that runs now."""
        return replace(self._printer, view=self.rig.hub.view(self._printer.view.person))

    def restart(self) -> None:
        """The same hub again, on the same ports."""
        self.rig.hub = self._start()

    def stop(self) -> None:
        self.rig.stop_agents()
        self.rig.hub.stop()

    def _start(self) -> Hub:
        return started_hub(self._folder, self._way.form, self._mosquitto, self._broker)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.name)
def line(request, tmp_path_factory) -> Iterator[Line]:
    way: Way = request.param
    way.release.program()
    mosquitto = None
    if way.mosquitto:
        require("mosquitto")
        there = tmp_path_factory.mktemp("mosquitto")
        mosquitto = MosquittoProcess(
            lambda listener: write_config(there, listener, admin="warden", token="admin-token", user=run_as())
        )
    line = Line(way, mosquitto, tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("home"))
    with running(line.home):
        yield line
    line.stop()
    if mosquitto is not None:
        mosquitto.stop()


def test_the_whole_line(line: Line) -> None:
    """All entities, a command, settings, the camera's bytes, and nothing that Home Assistant complains of.

    Every blueprint loads in every release; what they do is tried elsewhere.
    """
    home, printer = line.home, line.printer
    home.has(*expected(printer, "Ender"))
    home.becomes("sensor.ender_printer", "printing")
    for automation in AUTOMATIONS:
        home.becomes(f"automation.{automation['alias']}", "on")
    home.press("button.ender_pause")
    assert printer.command("confirmed").initiator.startswith("integration ")
    home.becomes("sensor.ender_printer", "paused")
    home.press("button.ender_resume")
    home.becomes("sensor.ender_printer", "printing")
    home.call("number.set_value", "number.ender_act_at", value=97.25)
    home.becomes("number.ender_act_at", "97.25")
    home.call("select.select_option", "select.ender_action", option="alert")
    home.becomes("switch.ender_act_on_failures", "off")

    def same() -> bool:
        frame = printer.view.frame(printer.id, "main")
        return frame is not None and home.picture("camera.ender_camera_main") == frame.jpeg

    until(same, 60)
    assert home.complaints() == []


def test_the_last_will_makes_everything_unavailable_until_the_hub_is_back(line: Line) -> None:
    """The broker speaks for a hub whose connection is cut; back again, the hub tells everything anew."""
    home, client = line.home, line.rig.hub.session._client
    mine = expected(line.printer, "Ender")
    home.has(*mine)
    home.becomes("binary_sensor.ender_agent", "on")
    client.reconnect_delay_set(6, 6)
    client.socket().shutdown(socket.SHUT_RDWR)
    until(
        lambda: {state for each, state in home.states().items() if each in mine} == {"unavailable"},
        60,
        EVERY_S,
    )
    until(lambda: "unavailable" not in home.states().values(), 60, EVERY_S)


def test_a_restarted_hub_heals(line: Line) -> None:
    home = line.home
    home.becomes("sensor.ender_printer", "printing")
    line.rig.hub.stop()
    home.becomes("sensor.ender_printer", "unavailable")
    line.restart()
    home.becomes("sensor.ender_printer", "printing")
    home.becomes("switch.ender_watch", "on")
    home.press("button.ender_pause")
    home.becomes("sensor.ender_printer", "paused")
    home.press("button.ender_resume")
    home.becomes("sensor.ender_printer", "printing")


def entities_in(value: object) -> Iterator[str]:
    """Every entity id that stands anywhere in a dashboard."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("entity", "camera_image"):
                yield each
            elif key == "entities":
                yield from (one for one in each if isinstance(one, str))
                yield from entities_in([one for one in each if not isinstance(one, str)])
            else:
                yield from entities_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from entities_in(each)
