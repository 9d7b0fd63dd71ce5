"""The editor of places that do not count, also without scripts."""

from __future__ import annotations

import pytest

from hub.policy import MAX_POINTS, MAX_ZONES
from web.zones import as_text, from_text


@pytest.fixture
def bench(world, olivia):
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5)
    world.frame(printer, 6, camera="side")
    return printer


def test_places_are_saved_and_shown_on_the_live_picture(bench, world, olivia):
    text = "0,0 20,25.5\n70,70 95,65 98,98"
    answer = olivia.post(f"/p/{bench}/zones", {"camera": "nozzle", "zones": text})
    assert answer.location == f"/p/{bench}/zones?camera=nozzle"
    assert world.settings(bench).zones == {
        "nozzle": [[[0.0, 0.0], [0.2, 0.255]], [[0.7, 0.7], [0.95, 0.65], [0.98, 0.98]]]
    }
    assert world.registrar.changed == [bench]
    assert text in olivia.get(answer.location).text
    assert olivia.get(f"/p/{bench}?camera=nozzle").text.count('class="zone"') == 2


def test_each_camera_has_its_own_and_other_settings_stay(bench, world, olivia):
    world.printers.save_settings(bench, {"warn_at": 0.3})
    olivia.post(f"/p/{bench}/zones", {"camera": "nozzle", "zones": "0,0 20,20"})
    olivia.post(f"/p/{bench}/zones", {"camera": "side", "zones": "50,50 60,60"})
    olivia.post(f"/p/{bench}/zones", {"camera": "nozzle", "zones": "  \n"})
    settings = world.settings(bench)
    assert settings.zones == {"side": [[[0.5, 0.5], [0.6, 0.6]]]}
    assert settings.warn_at == 0.3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,0", "line 1: a place has 2 to 50 corners, this one has 1"),
        ("0,0 10,10\n5,5 101,7", "line 2: &#39;101,7&#39; is no corner"),
        ("0,0 -1,5", "is no corner"),
        ("a,b c,d", "is no corner"),
        ("0 10,10", "is no corner"),
        ("nan,1 2,2", "is no corner"),
        ("0,0 1,1\n" * (MAX_ZONES + 1), f"at most {MAX_ZONES} places, these are {MAX_ZONES + 1}"),
        ("0,0 " * (MAX_POINTS + 1), f"this one has {MAX_POINTS + 1}"),
        ("<script>,1", "&lt;script&gt;"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_saved_or_lost(text, words, bench, world, olivia):
    answer = olivia.post(f"/p/{bench}/zones", {"camera": "nozzle", "zones": text})
    assert answer.status_code == 422
    assert "Nothing was saved:" in answer.text
    assert words in answer.text
    assert text.split(maxsplit=1)[0].replace("<", "&lt;").replace(">", "&gt;") in answer.text
    assert world.settings(bench).zones == {}


def test_what_is_shown_is_what_is_read():
    text = "0,0 33.33,66.67\n1,2 3,4 5,6"
    assert as_text(tuple(from_text(text))) == text


def test_without_a_camera_there_is_nothing_to_draw_on(world, olivia):
    printer = world.printer("New", "olivia")
    assert "No camera of this printer is known yet." in olivia.get(f"/p/{printer}/zones").text
    assert olivia.post(f"/p/{printer}/zones", {"zones": "0,0 1,1"}).status_code == 422
    assert world.settings(printer).zones == {}


def test_an_unknown_camera_is_not_saved(bench, world, olivia):
    """Not for another camera either: what was drawn belongs to the picture on which it was drawn."""
    answer = olivia.post(f"/p/{bench}/zones", {"camera": "attic", "zones": "0,0 1,1"})
    assert answer.status_code == 422
    assert "there is no camera &#39;attic&#39; any more" in answer.text
    assert world.settings(bench).zones == {}
