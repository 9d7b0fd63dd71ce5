"""Takes the pictures of docs/home-assistant.md: a real Home Assistant, the shipped network and the demo's clip.

Run from the project's root: python -m tests.homeassistant_pictures docs/images
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from selenium import webdriver

from agent.camera.jpeg import split
from hub.access import Right
from hub.app import Hub
from hub.vision import shipped_model
from tests.counterparts.homeassistant_rig import NEW, HomeAssistant, found_on_page, running
from tests.support.browsers import chromium
from tests.support.hubs import LOOPBACK, Rig, hub_settings
from tests.support.waiting import until
from web.main import make_viewer

DASHBOARD = Path(__file__).parents[1] / "packaging" / "homeassistant" / "dashboard.yaml"
REST_S = 4.0
EXTRA = f"lovelace: {{dashboards: {{prints-here: {{mode: yaml, title: Prints, filename: {DASHBOARD}}}}}}}"


def main(folder: Path) -> None:
    """Everything from an empty hub to a paused print, with a picture of each step."""
    with (
        tempfile.TemporaryDirectory(prefix="printwarden-pictures-") as name,
        chromium() as driver,
        started(Path(name)) as rig,
    ):
        person = "olivia"
        rig.hub.people.add(person, None, role="user", now=0.0)
        printer = rig.printer(person, hasty=False)
        printer.view.rename(printer.id, "Ender")
        credential(rig, driver, folder / "ha-credential.jpg", person)
        made = rig.hub.sharing(person).add_integration("Home Assistant", {printer.id: Right.OWN})
        home = HomeAssistant(NEW, Path(name) / "home", rig.hub.port.own(), made, extra=EXTRA)
        clip = split(files("agent.demo").joinpath("failing.mjpeg").read_bytes())[0]
        with running(home):
            home.has("button.ender_pause")
            home.becomes("sensor.ender_printer", "unavailable")
            rig.agent(
                printer, [*clip, *clip[-20:] * 20]
            )  # so that the camera does not seem frozen afterwards
            home.becomes("sensor.ender_printer", "printing")
            home.browse(driver, "/prints-here/0")
            until(lambda: found_on_page(driver, "hui-gauge-card"), 90, 0.5)
            printer.command("confirmed", limit_s=120)
            home.becomes("sensor.ender_printer", "paused")
            shoot(driver, folder / "ha-dashboard.jpg", (760, 1180))
            device(home, driver, folder / "ha-device.jpg")


@contextmanager
def started(folder: Path):
    hub = Hub(replace(hub_settings(folder, shipped_model())), LOOPBACK)
    hub.start()
    rig = Rig(hub, folder)
    yield rig
    rig.stop_agents()
    hub.stop()


def credential(rig: Rig, driver: webdriver.Chrome, path: Path, person: str) -> None:
    """The page of the viewer where an integration is made."""
    viewer = make_viewer(rig.hub)
    viewer.start()
    base = f"http://127.0.0.1:{viewer.port}"
    driver.get(f"{base}/sign-in/{rig.hub.people.mint_link(person, time.time())}")
    driver.find_element("css selector", "main form button").click()
    until(lambda: "Ender" in driver.page_source)
    driver.get(f"{base}/programs")
    driver.find_element("id", "integration").send_keys("Home Assistant")
    driver.find_element("css selector", "select option[value=settings]").click()
    shoot(driver, path, (760, 420))
    viewer.stop()


def device(home: HomeAssistant, driver: webdriver.Chrome, path: Path) -> None:
    """The page of the printer's device."""
    _status, identity = home.request(
        "POST", "/api/template", {"template": "{{ device_id('sensor.ender_printer') }}"}
    )
    home.browse(driver, f"/config/devices/device/{identity.decode()}")
    until(lambda: len(found_on_page(driver, "ha-device-entities-card")) >= 3, 60, 0.5)
    shoot(driver, path, (1100, 1950))


def shoot(driver: webdriver.Chrome, path: Path, size: tuple[int, int]) -> None:
    """A small JPEG of the window at this size, once it has come to rest."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    time.sleep(REST_S)
    picture = cv2.imdecode(np.frombuffer(driver.get_screenshot_as_png(), np.uint8), cv2.IMREAD_COLOR)
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    assert done
    path.write_bytes(jpeg.tobytes())
    print(f"{path}: {len(jpeg)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
