"""Prints in a real browser: pointing at a missed failure, drawing ignored places, playing the time-lapse."""

from __future__ import annotations

import threading

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from hub.store.history import EVIDENCE, LAPSE
from tests.e2e.test_browser import DESKTOP, PHONE, driver, printers, viewer, window, world
from tests.support.waiting import until
from tests.web.past import TANGLE, decision, past
from tests.web.world import clip

__all__ = ["driver", "printers", "viewer", "window", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def left(printers):
    return printers["Workshop left"]


@pytest.fixture
def prints(world, left):
    return past(world, left)


def gesture(window, selector, *places):
    """Press at the first place of an element (in shares of it), move to the others, let go."""
    element = window.find(selector)
    window.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    size = element.size
    moves = [(round(size["width"] * (x - 0.5)), round(size["height"] * (y - 0.5))) for x, y in places]
    actions = ActionChains(window.driver, duration=50)
    actions.move_to_element_with_offset(element, *moves[0]).click_and_hold()
    for move in moves[1:]:
        actions.move_to_element_with_offset(element, *move)
    actions.release().perform()


def value(window):
    return window.find("#zones").get_attribute("value")


def test_a_missed_failure_is_pointed_at(window, world, left, prints):
    window.sign_in()
    window.open(f"/p/{left}/prints/{prints['planter']}")
    window.click("#lapse li:nth-child(12) a")
    until(lambda: "Was a failure missed here?" in window.text())
    window.click("#point")
    until(lambda: "Where is the failure?" in window.text("h1"))
    gesture(window, ".pointing", (0.42, 0.61))
    until(lambda: "Kept as a failure that was missed." in window.text(".flash"))
    [said] = world.prints.feedback(left)
    assert (said.x, said.y) == (pytest.approx(0.42, abs=0.01), pytest.approx(0.61, abs=0.01))
    assert window.find(".pointed circle").is_displayed()
    window.click("#point")
    window.find("[name=field][value='3-2']").send_keys(Keys.ENTER)
    until(lambda: world.prints.feedback(left)[0].x == pytest.approx(2.5 / 8))
    assert world.prints.feedback(left)[0].y == pytest.approx(1.5 / 6)
    assert window.complaints() == []


def test_a_place_is_pointed_at_without_scripts(window, world, left, prints):
    picture = world.history.evidence(left)[0].id
    window.sign_in()
    window.look(script=False)
    window.open(f"/p/{left}/pictures/{picture}?point=1")
    gesture(window, ".pointing", (0.3, 0.9))
    until(lambda: world.prints.feedback(left))
    [said] = world.prints.feedback(left)
    assert (said.x, said.y) == (pytest.approx(2.5 / 8), pytest.approx(5.5 / 6))


def test_ignored_places_are_drawn_undone_and_saved(window, world, left):
    window.sign_in()
    window.open(f"/p/{left}/zones?camera=nozzle")
    gesture(window, "[data-zones]", (0.1, 0.2), (0.3, 0.3), (0.4, 0.5))
    drawn = [float(each) for corner in value(window).split() for each in corner.split(",")]
    assert drawn == pytest.approx([10, 20, 40, 50], abs=0.5)
    window.click("[data-tool=polygon]")
    for place in ((0.6, 0.6), (0.9, 0.6), (0.9, 0.9), (0.7, 0.7), (0.605, 0.605)):
        gesture(window, "[data-zones]", place)
    assert [len(line.split()) for line in value(window).split("\n")] == [2, 4]
    window.click("[data-undo]")
    assert len(value(window).split("\n")) == 1
    for place in ((0.6, 0.6), (0.9, 0.6), (0.9, 0.9), (0.6, 0.6)):
        gesture(window, "[data-zones]", place)
    window.click("form.panel .primary")
    until(lambda: "Saved." in window.text(".flash"))
    zones = world.settings(left).zones["nozzle"]
    assert [len(zone) for zone in zones] == [2, 3]
    assert len(window.driver.find_elements(By.CSS_SELECTOR, ".drawing .zone")) == 2
    window.open(f"/p/{left}?camera=nozzle")
    assert len(window.driver.find_elements(By.CSS_SELECTOR, ".overlay .zone")) == 2
    assert window.complaints() == []


def test_the_time_lapse_plays_and_jumps(window, left, prints):
    """What the hub encodes is what the browser decodes, from any place."""
    window.sign_in()
    window.open(f"/p/{left}/prints/{prints['planter']}")
    script = (
        "const [done] = arguments, video = document.querySelector('video'); video.pause();"
        "video.onseeked = () => done([video.videoWidth, video.videoHeight, video.currentTime, video.duration]);"
        "video.onerror = () => done([video.error.message]); video.currentTime = 2;"
    )
    window.driver.set_script_timeout(30)
    assert window.driver.execute_async_script(script) == [640, 480, 2, pytest.approx(40 / 12, abs=0.1)]
    assert window.complaints() == []


def test_without_a_video_its_pictures_play(window, left, prints):
    window.sign_in()
    window.open(f"/p/{left}/prints/{prints['bracket']}")
    image = window.find("[data-player] img")
    before = image.get_attribute("src")
    window.click(".player button")
    until(lambda: image.get_attribute("src") != before)
    assert window.complaints() == []


def test_a_running_print_follows_by_itself_until_it_is_over(window, world, left, prints):
    """Decision, newest picture and end come without a reload by hand; whoever looks at the newest picture stays there."""
    window.sign_in()
    window.open(f"/p/{left}/prints/{prints['benchy']}")
    newest = window.find("[data-player] img").get_attribute("src")
    now, jpeg = world.now(), clip()[-2]
    event = world.history.add_event(left, now, "failing", "alarm", "failing: just now", decision())
    for kind in (EVIDENCE, LAPSE):
        about = event if kind == EVIDENCE else None
        world.history.add_evidence(left, "nozzle", now, jpeg, event=about, kind=kind, regions=(TANGLE,))
    until(lambda: "Failing: just now" in window.text("#decisions"))
    until(lambda: window.find("[data-player] img").get_attribute("src") != newest)
    slider = window.find(".player input")
    assert slider.get_attribute("value") == slider.get_attribute("max") == "36"
    window.shoot("print-running")
    world.prints.end(prints["benchy"], "cancelled", world.now())
    until(lambda: "Cancelled" in window.text("#state"))
    world.prints.save_film(prints["benchy"], "")
    until(lambda: not window.driver.find_elements(By.CSS_SELECTOR, "[data-live]"))
    assert window.complaints() == []


def test_a_print_is_replayed_with_other_settings(window, world, left, prints):
    """Filled in on the print's page; progress and result come by themselves."""
    gate, detect = threading.Event(), world.eye.detect
    world.eye.detect = lambda jpeg: gate.wait(60) and detect(jpeg)
    window.sign_in()
    window.open(f"/p/{left}/prints/{prints['planter']}")
    window.find("#act_at").clear()
    window.find("#act_at").send_keys("95")
    window.click("#do-replay")
    until(lambda: "Replaying" in window.text("#replay"))
    gate.set()
    until(lambda: "It would have paused" in window.text("#replay"))
    assert "pauses at 95 %" in window.text("#replay")
    assert window.find("#act_at").get_attribute("value") == "95"
    assert window.complaints() == []


def test_stages_of_a_test_come_by_themselves(window, world, left):
    window.sign_in()
    window.open(f"/p/{left}")
    window.click("#do-test")
    until(lambda: "Testing" in window.text("#trial"))
    [trial] = world.trials.waiting(world.now())
    world.trials.save(trial.id, [], world.now())
    until(lambda: "Test again" in window.text("#trial"))
    assert window.complaints() == []


@pytest.mark.parametrize("light", [False, True], ids=("dark", "light"))
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=("desktop", "phone"))
def test_pages_fit_and_are_kept_as_pictures(size, light, window, world, left, prints):
    window.look(size=size, light=light)
    window.sign_in()
    look = f"{'phone' if size == PHONE else 'desktop'}-{'light' if light else 'dark'}"
    picture = world.history.evidence(left)[0].id
    pages = {
        "prints": "prints",
        "print": f"prints/{prints['planter']}",
        "print-delete": f"prints/{prints['planter']}/delete",
        "picture": f"pictures/{picture}",
        "picture-point": f"pictures/{picture}?point=1",
        "zones": "zones",
        "test": "test",
        "replay": f"prints/{prints['planter']}/replay",
        "tune": "tune",
        "tune-apply": "tune/apply?act_at=0.95&act_hold_s=0",
    }
    for name, path in pages.items():
        window.open(f"/p/{left}/{path}")
        window.shoot(f"{name}-{look}")
        wide = window.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= size[0], f"{name} is {wide} px wide"
    assert window.complaints() == []
