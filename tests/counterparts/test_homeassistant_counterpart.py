"""A real Home Assistant with an integration's credential: what it shows, what its buttons do, and what it never sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hub.access import Right
from hub.app import Hub
from hub.settings import HomeAssistantSection
from tests.counterparts.homeassistant_rig import HomeAssistant
from tests.support.hubs import LOOPBACK, Owned, Rig, hub_settings
from tests.support.models import brightness_model
from tests.support.pictures import fine
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("hub")
    settings = replace(
        hub_settings(folder, brightness_model(folder / "model")), homeassistant=HomeAssistantSection("entity")
    )
    hub = Hub(settings, LOOPBACK)
    hub.start()
    rig = Rig(hub, folder)
    yield rig
    rig.stop_agents()
    hub.stop()


@pytest.fixture(scope="module")
def printer(rig: Rig) -> Owned:
    """A printer that prints and is watched."""
    printer = rig.printer(hasty=False)
    printer.view.rename(printer.id, "Ender")
    rig.agent(printer, fine(), loop=True)
    printer.watch("watched")
    return printer


@pytest.fixture(scope="module")
def second(rig: Rig, printer: Owned) -> Owned:
    """Another printer of the same owner."""
    second = rig.printer(printer.view.person)
    second.view.rename(second.id, "Second")
    return second


@pytest.fixture(scope="module")
def home(rig: Rig, printer: Owned, second: Owned, tmp_path_factory) -> Iterator[HomeAssistant]:
    """Home Assistant of the printer's owner, beside a stranger's printer on the same hub."""
    stranger = rig.printer()
    stranger.view.rename(stranger.id, "Strangers")
    rights = {printer.id: Right.CONTROL, second.id: Right.VIEW}
    made = rig.hub.sharing(printer.view.person).add_integration("home", rights)
    endpoint = rig.hub.broker.endpoint("plain")
    home = HomeAssistant(
        tmp_path_factory.mktemp("homeassistant"),
        {"broker": endpoint.host, "port": endpoint.port, "username": made.username, "password": made.token},
    )
    home.start()
    yield home
    home.stop()


def test_a_print_is_paused_and_resumed_from_home_assistant(home: HomeAssistant, printer: Owned) -> None:
    """Entities appear, show the print, and the button's press ends as a confirmed pause that is shown again."""
    phase = home.entity(".ender_printer")
    home.becomes(phase, "printing")
    home.becomes(home.entity(".ender_watch"), "watched")
    home.becomes(home.entity(".ender_verdict"), "ok")
    home.becomes(home.entity(".ender_print_failure"), "off")
    home.press(home.entity("button.ender_pause"))
    assert printer.command("confirmed").initiator.startswith("integration ")
    home.becomes(phase, "paused")
    home.press(home.entity("button.ender_resume"))
    home.becomes(phase, "printing")


def test_the_camera_shows_the_very_bytes(home: HomeAssistant, printer: Owned) -> None:
    camera = home.entity("camera.ender_camera_main")
    live = printer.view

    def same() -> bool:
        status, shown = home.request("GET", f"/api/camera_proxy/{camera}")
        frame = live.frame(printer.id, "main")
        return status == 200 and frame is not None and shown == frame.jpeg

    until(same, 60)


def test_a_stranger_is_not_there(home: HomeAssistant) -> None:
    """Nothing of the other user's printer is known to this Home Assistant."""
    home.entity(".ender_printer")
    assert not [entity for entity in home.states() if "stranger" in entity]


def test_a_removed_printer_leaves_no_entity(home: HomeAssistant, second: Owned) -> None:
    """Its announcements are cleared while Home Assistant may still be told."""
    home.entity(".second_printer")
    second.view.remove(second.id)
    until(lambda: not [each for each in home.states() if ".second_" in each], 60)
    assert home.entity(".ender_printer")
