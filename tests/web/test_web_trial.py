"""The test of the whole line, as people see it."""

from __future__ import annotations

import pytest

from hub.access import Right
from hub.store.trials import STALE_S, Stage

STAGES = [
    Stage("clip", ok=True, text="34 pictures of the demo clip were judged"),
    Stage("model", ok=True, text="the failing pictures scored up to 0.99 of 1"),
    Stage("decision", ok=True, text="would decide pause 6 s after the print began to fail"),
    Stage("camera", ok=True, text="pictures arrive from nozzle"),
    Stage("pause", ok=True, text="broker and agent carried a dry-run pause in 80 ms"),
]
BROKEN = Stage("camera", ok=False, text="no camera has sent a picture in the last 30 s")


@pytest.fixture
def bench(world, olivia):
    return world.printer("Bench", "olivia")


def shown(browser, printer):
    return browser.get(f"/p/{printer}/test/live").text


def test_a_test_is_started_by_a_button(bench, world, olivia):
    assert "Never tested." in olivia.get(f"/p/{bench}").text
    assert "Test it now" in olivia.get(f"/p/{bench}/test").text
    assert olivia.post(f"/p/{bench}/test").location == f"/p/{bench}/test"
    assert [each.person for each in world.trials.waiting(world.now())] == ["olivia"]
    assert "Testing" in shown(olivia, bench)


def test_a_second_click_starts_no_second_test(bench, world, olivia):
    for _ in range(3):
        olivia.post(f"/p/{bench}/test")
    assert len(world.trials.waiting(world.now())) == 1
    assert "A test is under way already." in olivia.get(f"/p/{bench}/test").text


def test_each_stage_shows_as_it_comes(bench, world, olivia):
    trial = world.trials.ask(bench, "olivia", world.now())
    for count in range(len(STAGES)):
        world.trials.save(trial, STAGES[:count], None)
        page = shown(olivia, bench)
        assert page.count('<li class="done">') == count
        assert page.count('<li class="now">') == 1
        assert page.count('<li class="open">') == len(STAGES) - count - 1
    world.trials.save(trial, STAGES, world.now())
    page = shown(olivia, bench)
    assert "It works" in page
    assert "Pictures arrive from nozzle." in page
    assert "Test again" in page
    assert "It works" in olivia.get(f"/p/{bench}").text


def test_what_is_broken_is_named(bench, world, olivia):
    trial = world.trials.ask(bench, "olivia", world.now())
    world.trials.save(trial, [*STAGES[:3], BROKEN, STAGES[4]], world.now())
    page = shown(olivia, bench)
    assert "It does not work" in page
    assert "Look at: camera" in page
    assert '<li class="failed">' in page
    assert "No camera has sent a picture in the last 30 s." in page


def test_a_hub_that_does_not_begin_is_told(bench, world, olivia):
    world.trials.ask(bench, "olivia", world.now() - STALE_S - 1)
    assert "Not carried out" in shown(olivia, bench)
    assert olivia.post(f"/p/{bench}/test").status_code == 303
    assert len(world.trials.waiting(world.now())) == 1


def test_an_error_of_the_test_itself_is_shown(bench, world, olivia):
    trial = world.trials.ask(bench, "olivia", world.now())
    world.trials.save(trial, [Stage("test", ok=False, text="clip.json is missing")], world.now())
    assert "Clip.json is missing." in shown(olivia, bench)


def test_the_newest_result_stays(bench, world, olivia):
    for ok in (False, True):
        trial = world.trials.ask(bench, "olivia", world.now())
        world.trials.save(trial, STAGES if ok else [BROKEN], world.now())
    assert "It works" in olivia.get(f"/p/{bench}/test").text


def test_somebody_who_may_only_look_sees_the_result_and_no_button(bench, world, browser):
    world.person("vera")
    world.printers.grant(bench, "vera", Right.VIEW)
    trial = world.trials.ask(bench, "olivia", world.now())
    world.trials.save(trial, STAGES, world.now())
    vera = browser("vera")
    assert "It works" in vera.get(f"/p/{bench}/test").text
    assert 'id="do-test"' not in vera.get(f"/p/{bench}/test").text + vera.get(f"/p/{bench}").text
