"""The plugin in a real OctoPrint: installed by pip, enrolled on its settings page, watched and paused by a real hub."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

import agent
from tests.counterparts.octoprint_rig import OctoPrint, binaries
from tests.support.browsers import chromium, shoot
from tests.support.faulty import Faulty
from tests.support.hubs import HASTY, Owned, running_hub
from tests.support.pictures import failing, fine
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
API = "/api/plugin/printwarden"
LIMIT_S = 90.0


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """A folder into which OctoPrint's own pip has installed agent and plugin."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("plugins")
    pip = ["-m", "pip", "-q", "--disable-pip-version-check"]
    plugin = tmp_path_factory.mktemp("source") / "octoprint"  # a build leaves things behind
    shutil.copytree(ROOT / "packaging" / "octoprint", plugin)
    for source in (ROOT, plugin):
        build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source)]
        subprocess.run([sys.executable, *pip, *build], check=True, capture_output=True)
    found = [str(each) for each in wheels.glob("*.whl")]
    install = ["install", "--target", str(folder), *found]
    done = subprocess.run(
        [str(binaries() / "python"), *pip, *install], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


class Camera:
    """OctoPrint's webcam."""

    def __init__(self) -> None:
        self._server = Faulty(self._answer)
        self.asked = ""
        self.url = f"http://127.0.0.1:{self._server.port}/snapshot"
        self.start, self.stop = self._server.start, self._server.stop
        self.show(fine())

    def show(self, pictures) -> None:
        self._shown = itertools.cycle(pictures)

    def _answer(self, request) -> None:
        self.asked = request.path
        request.reply(200, next(self._shown))


@pytest.fixture(scope="module")
def camera():
    camera = Camera()
    camera.start()
    yield camera
    camera.stop()


@pytest.fixture(scope="module")
def installed(plugins, camera, tmp_path_factory):
    rig = OctoPrint(tmp_path_factory.mktemp("octoprint"), plugins=plugins, snapshot=camera.url)
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture
def octoprint(installed, camera):
    """It knows no hub, and its webcam shows a good print."""
    camera.show(fine())
    installed.quiet()
    assert installed.request("POST", API, {"command": "forget"})[0] == 200
    return installed


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with running_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def invited(hub):
    """A printer that is waiting to be enrolled, and its line."""

    def invite(**wishes):
        view = hub.hub.view(hub.person())
        card, invitation = view.add_printer("prusa", **wishes)
        view.save_settings(card.id, {**HASTY, "after": {"hotend_off_s": 1.0}})
        return Owned(card.id, view, Path(), None), invitation.line

    return invite


def told(octoprint):
    return octoprint.request("GET", API)[1]


def test_the_versions_agree():
    text = (ROOT / "packaging/octoprint/pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{agent.__version__}"' in text
    assert f'"printwarden>={agent.__version__},<' in text


def test_only_administrators_may_ask_and_enrol(octoprint):
    key = octoprint.limited_key("STATUS", "PRINT", "SETTINGS_READ", "CONTROL")
    for method, body in (
        ("GET", None),
        ("POST", {"command": "forget"}),
        ("POST", {"command": "enrol", "line": "x"}),
    ):
        assert octoprint.request(method, API, body, key=key)[0] == 403


def test_a_wrong_line_is_told_in_words(octoprint):
    status, answer = octoprint.request("POST", API, {"command": "enrol", "line": "hello"})
    assert status == 400
    assert "this is not an enrolment line" in answer.decode()
    assert told(octoprint)["enrolled"] is False


def test_a_line_that_the_hub_does_not_take_is_told_too(octoprint, invited):
    """What only the hub can know comes later, while the page looks again and again."""
    _, line = invited()
    used = line.replace(line.split("/")[3], "0" * 16)
    assert octoprint.request("POST", API, {"command": "enrol", "line": used})[0] == 200
    trouble = until(lambda: told(octoprint).get("trouble"), LIMIT_S)
    assert "the hub refused" in trouble
    assert (told(octoprint)["enrolled"], told(octoprint)["busy"]) == (False, False)


def test_a_damaged_credential_is_told_on_the_page(octoprint):
    """OctoPrint starts all the same, and the hub can be forgotten."""
    octoprint.stop()
    (octoprint.folder / "data/printwarden").mkdir(parents=True, exist_ok=True)
    (octoprint.folder / "data/printwarden/printer.credential.json").write_text("{}")
    octoprint.start()
    answer = until(lambda: told(octoprint)["said"] and told(octoprint), LIMIT_S)
    assert (answer["enrolled"], answer["running"]) == (True, False)
    assert "the agent could not be started" in answer["said"][0]
    assert "not a credential file" in answer["said"][0]


def test_from_the_line_to_a_confirmed_pause_and_goodbye(octoprint, camera, invited):
    printer, line = invited()
    assert octoprint.request("POST", API, {"command": "enrol", "line": line})[0] == 200
    until(lambda: told(octoprint)["running"] or told(octoprint).get("trouble"), LIMIT_S)
    answer = told(octoprint)
    assert (answer["enrolled"], answer["name"], answer["cameras"]) == (True, "prusa", ["classic"]), answer
    (secret,) = octoprint.folder.rglob("printer.credential.json")
    assert secret.stat().st_mode & 0o777 == 0o600
    again, reply = octoprint.request("POST", API, {"command": "enrol", "line": line})
    assert (again, "forget that hub first" in reply.decode()) == (400, True)

    octoprint.print("plugin.gcode", moves=60_000)
    printer.phase("printing", LIMIT_S)
    printer.watch("watched", LIMIT_S)
    _failing_picture_pauses(octoprint, camera, printer)
    _it_comes_back_with_octoprint(octoprint, printer)
    _another_webcam_is_used_at_once(octoprint, camera, printer)

    status, answer = octoprint.request("POST", API, {"command": "forget"})
    assert (status, answer["enrolled"], answer["running"]) == (200, False, False)
    assert not secret.exists()
    until(lambda: not printer.view.printer(printer.id).online, LIMIT_S)


@pytest.mark.browser
def test_the_settings_page(octoprint, invited):
    """As a person does it: log in, open the settings, paste the line, confirm the code, and later forget the hub."""
    printer, line = invited(ask_code=True)
    person = {
        "name": "olivia",
        "password": "a long password",
        "active": True,
        "admin": True,
        "permissions": [],
    }
    assert octoprint.request("POST", "/api/access/users", {**person, "groups": ["admins"]})[0] == 200
    with chromium() as driver:
        driver.set_window_size(1280, 900)

        def find(selector):
            return driver.find_element(By.CSS_SELECTOR, selector)

        def shown(selector):
            return until(lambda: (each := find(selector)).is_displayed() and each, LIMIT_S, 0.2)

        driver.get(octoprint.url)
        shown("#login-user").send_keys(person["name"])
        find("#login-password").send_keys(person["password"])
        find("#login-button").click()
        until(lambda: driver.find_elements(By.ID, "navbar_show_settings"), LIMIT_S, 0.5)
        shown("#navbar_show_settings").click()
        shown("#settings_plugin_printwarden_link a").click()
        shown("#printwarden_line").send_keys("printwarden://not a line")
        shoot(driver, "octoprint-enrol")
        find("#printwarden_enrol").click()
        assert "this is not an enrolment line" in shown("#printwarden_trouble").text
        find("#printwarden_line").clear()
        find("#printwarden_line").send_keys(line)
        find("#printwarden_enrol").click()
        code = until(lambda: find("#printwarden_code").text, LIMIT_S, 0.2)
        shoot(driver, "octoprint-code")
        printer.view.confirm(printer.id, code.replace(" ", ""))
        shown("#printwarden_forget")
        until(lambda: "connected to the hub" in find("#printwarden_said").text, LIMIT_S, 0.5)
        until(lambda: printer.view.printer(printer.id).online, LIMIT_S)
        shoot(driver, "octoprint-enrolled")
        find("#printwarden_forget").click()
        sure = shown(".modal.in .modal-footer .btn-danger")
        shoot(driver, "octoprint-forget")
        sure.click()
        shown("#printwarden_line")
        assert [each for each in driver.get_log("browser") if each["source"] == "javascript"] == []
    assert told(octoprint)["enrolled"] is False


def _failing_picture_pauses(octoprint, camera, printer) -> None:
    camera.show(failing())
    pause = printer.command("confirmed", limit_s=LIMIT_S)
    assert (pause.initiator, octoprint.state()) == ("printwarden", "Paused")
    until(lambda: "done after it: hotend_off_s" in printer.view.commands(printer.id, 1)[0].outcome, LIMIT_S)
    camera.show(fine())
    printer.phase("paused", LIMIT_S)

    def resumed():
        printer.view.order(printer.id, "resume")
        newest = until(lambda: _ended(printer), LIMIT_S)
        assert newest.stage == "confirmed" or "heating again" in newest.outcome
        return newest.stage == "confirmed"

    until(resumed, LIMIT_S, 0.5)
    assert octoprint.state() == "Printing"


def _ended(printer):
    newest = printer.view.commands(printer.id, 1)[0]
    return newest if newest.stage in ("confirmed", "failed", "refused") else None


def _it_comes_back_with_octoprint(octoprint, printer) -> None:
    printer.view.order(printer.id, "cancel")
    printer.command("confirmed", "cancel", LIMIT_S)
    assert octoprint.state() == "Operational"
    octoprint.stop()
    until(lambda: not printer.view.printer(printer.id).online, LIMIT_S)
    octoprint.start()
    until(lambda: printer.view.printer(printer.id).online, LIMIT_S)
    assert told(octoprint)["running"] is True
    assert any("connected to the hub's broker" in line for line in told(octoprint)["said"])


def _another_webcam_is_used_at_once(octoprint, camera, printer) -> None:
    change = {"plugins": {"classicwebcam": {"snapshot": f"{camera.url}/other"}}}
    assert octoprint.request("POST", "/api/settings", change)[0] == 200
    until(lambda: camera.asked == "/snapshot/other", LIMIT_S)
    until(lambda: printer.view.printer(printer.id).online, LIMIT_S)
