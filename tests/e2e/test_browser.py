"""The viewer in a real browser: what a person sees and clicks. Pictures of it go to build/screenshots."""

from __future__ import annotations

import contextlib
import time

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By

from tests.support.browsers import chromium, shoot
from tests.support.waiting import until
from tests.web.world import PASSWORD, World, clip, workshop
from web.server import Viewer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

DESKTOP, PHONE = (1280, 800), (390, 844)


class Window:
    """A browser window that knows the viewer's address."""

    def __init__(self, driver, base) -> None:
        self.driver, self.base = driver, base

    def open(self, path):
        self.driver.get(self.base + path)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector="body"):
        """The text of one element, also while the page replaces it."""
        script = "return document.querySelector(arguments[0])?.innerText || ''"
        return self.driver.execute_script(script, selector)

    def click(self, selector):
        """Click, again if the page replaced the element between finding and clicking it."""

        def clicked():
            with contextlib.suppress(StaleElementReferenceException):
                self.find(selector).click()
                return True
            return False

        until(clicked)

    def look(self, *, size=DESKTOP, light=False, script=True):
        """Set the size of the window, the colours wished for, and whether scripts run."""
        command = self.driver.execute_cdp_cmd
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        command("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "light" if light else "dark"}
        command("Emulation.setEmulatedMedia", {"features": [scheme]})
        command("Emulation.setScriptExecutionDisabled", {"value": not script})

    def shoot(self, name):
        """Keep a picture of the whole page."""
        shoot(self.driver, name)

    def complaints(self):
        """What the browser itself found wrong: blocked scripts and styles, missing files, errors."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def sign_in(self):
        self.open("/sign-in")
        self.find("#name").send_keys("olivia")
        self.find("#password").send_keys(PASSWORD)
        self.click("form.panel button")
        until(lambda: "Workshop left" in self.text())


@pytest.fixture(scope="module")
def driver():
    with chromium() as driver:
        yield driver


@pytest.fixture
def world():
    made = World()
    made.desk.step_s = 2.5  # longer than it takes the page to look again
    yield made
    made.close()


@pytest.fixture
def printers(world):
    return workshop(world)


@pytest.fixture
def viewer(world, printers):
    made = Viewer(world.app, "127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def window(driver, viewer):
    """A window in which nobody is signed in."""
    driver.delete_all_cookies()
    made = Window(driver, f"http://127.0.0.1:{viewer.port}")
    made.look()
    driver.get_log("browser")
    yield made
    driver.get("about:blank")
    driver.delete_all_cookies()


def test_a_print_is_watched_and_paused(window, world, printers):
    """The whole visit: sign in, see all printers, open one, pause it, follow the command until it is confirmed."""
    printer = printers["School printer"]
    window.sign_in()
    cards = [each.text for each in window.driver.find_elements(By.CSS_SELECTOR, ".card h2")]
    assert cards[0] == "Workshop left"
    assert set(cards) == set(printers)
    assert "NOT WATCHED" in window.text()
    window.click(f"#open-{printer}")
    until(lambda: "School printer" in window.text("h1"))
    window.click("#do-pause")
    until(lambda: "Pause requested" in window.text(".flash"))
    until(lambda: "Accepted by the agent" in window.text("#commands"))
    until(lambda: "Confirmed by the printer" in window.text("#commands"))
    until(lambda: "Paused" in window.text("#status"))
    assert window.find("#do-resume").is_enabled()
    assert "by olivia" in window.text("#commands")
    window.shoot("printer-paused")
    assert window.complaints() == []


def test_the_picture_follows_by_itself(window, world, printers):
    printer = printers["Workshop right"]
    window.sign_in()
    window.open(f"/p/{printer}")
    frames = clip()
    for number in range(40, 44):
        before = window.find("#frame").get_attribute("src")
        world.frame(printer, number, frames[number])
        until(lambda before=before: window.find("#frame").get_attribute("src") != before)
        until(
            lambda: window.driver.execute_script("return document.getElementById('frame').naturalWidth > 0")
        )
    assert window.complaints() == []


def test_a_new_agent_shows_up_by_itself(window, world, printers):
    """Nobody has to reload the page of a printer that was just connected."""
    printer = printers["New one"]
    window.sign_in()
    window.open(f"/p/{printer}")
    assert "Not connected yet" in window.text("#status")
    world.printers.save_enrolled(printer, bytes(32), time.time())
    world.frame(printer, 1, clip()[0])
    shown = "const f = document.getElementById('frame'); return Boolean(f && f.naturalWidth)"
    until(lambda: window.driver.execute_script(shown))


def test_the_regions_lie_on_the_picture(window, printers):
    window.sign_in()
    window.open(f"/p/{printers['Workshop left']}")
    for size in (DESKTOP, PHONE):
        window.look(size=size)
        box = "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
        picture = window.driver.execute_script(box, "#frame")
        assert window.driver.execute_script(box, "#overlay svg") == pytest.approx(picture, abs=1)
        region = window.driver.execute_script(box, ".region rect:not(.halo)")
        assert region[0] == pytest.approx(picture[0] + 0.3 * picture[2], abs=4)
        assert region[2] == pytest.approx(0.42 * picture[2], abs=4)


def test_a_dead_hub_is_told(window, viewer, printers):
    window.sign_in()
    assert not window.find("#lost").is_displayed()
    viewer.stop()
    until(lambda: window.find("#lost").is_displayed())
    assert "no longer live" in window.text("#lost")


def test_an_ended_session_leads_to_the_sign_in(window, world, printers):
    window.sign_in()
    world.people.close_sessions("olivia")
    until(lambda: "/sign-in" in window.driver.current_url)


def test_everything_but_refreshing_works_without_scripts(window, world, printers):
    printer = printers["School printer"]
    window.look(script=False)
    window.open("/sign-in")
    window.find("#name").send_keys("olivia")
    window.find("#password").send_keys(PASSWORD)
    window.click("form.panel button")
    until(lambda: window.driver.find_elements(By.CSS_SELECTOR, f"#open-{printer}"))
    window.click(f"#open-{printer}")
    until(lambda: window.driver.find_elements(By.CSS_SELECTOR, "#do-cancel"))
    window.click("#do-cancel")
    until(lambda: "Cancel this print?" in window.find("h1").text)
    window.click("main button.danger")
    until(lambda: window.driver.find_elements(By.CSS_SELECTOR, ".flash"))
    assert "Cancel requested" in window.find(".flash").text
    assert [row.action for row in world.history.commands(printer)] == ["cancel"]


def test_a_printer_is_added(window, world):
    window.sign_in()
    window.open("/printers/new")
    window.find("#name").send_keys("Kitchen")
    window.click("main button")
    until(lambda: window.text("#line"))
    assert window.text("#line").startswith("printwarden://")
    assert window.find("svg.qr").size["width"] == 200
    window.shoot("enrol")
    assert window.complaints() == []


def test_a_target_is_added_tested_and_its_answer_comes_by_itself(window, world):
    window.sign_in()
    window.open("/notifications")
    window.find("#label").send_keys("Phone")
    window.find("#address").send_keys("https://ntfy.sh/a-topic")
    window.click("form.new button.primary")
    until(lambda: "Nothing sent yet" in window.text(".targets"))
    (target,) = world.notify_store.targets("olivia")
    window.click(f"#test-{target.id}")
    until(lambda: "a test is on its way" in window.text(".targets"))
    world.notify_store.delivered(target.id, world.notify_store.waiting(), world.now())
    until(lambda: "the test arrived" in window.text(".targets"))
    assert window.complaints() == []


@pytest.mark.parametrize("light", [False, True], ids=("dark", "light"))
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=("desktop", "phone"))
def test_pages_fit_and_are_kept_as_pictures(size, light, window, printers):
    window.look(size=size, light=light)
    window.sign_in()
    left = printers["Workshop left"]
    look = f"{'phone' if size == PHONE else 'desktop'}-{'light' if light else 'dark'}"
    pages = {
        "dashboard": "/",
        "printer": f"/p/{left}",
        "settings": f"/p/{left}/settings",
        "sharing": f"/p/{left}/sharing",
        "programs": "/programs",
        "notifications": "/notifications",
        "cancel": f"/p/{left}/cancel",
        "account": "/account",
        "add": "/printers/new",
    }
    for name, path in pages.items():
        window.open(path)
        time.sleep(0.3)  # pictures that are loaded lazily
        window.shoot(f"{name}-{look}")
        wide = window.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= size[0], f"{name} is {wide} px wide"
    assert window.complaints() == []
