"""Camera offers, heaters to be hot again, and which orders fit."""

import pytest

from agent import topics
from agent.printers.base import PrinterError, Snapshot, fits
from agent.printers.heaters import SwitchedOff
from agent.printers.offers import camera_name, offer
from agent.printers.rest import number, one_line, rows, table, text, whole


@pytest.mark.parametrize(
    ("snapshot", "stream", "server", "kind", "url"),
    [
        ("http://cam/s", "/stream", "http://pi/", "snapshot", "http://cam/s"),
        ("/webcam/?action=snapshot", "", "http://pi/x/", "snapshot", "http://pi/webcam/?action=snapshot"),
        (
            "http://127.0.0.1:8080/s",
            "/webcam/?action=stream",
            "http://pi/",
            "mjpeg",
            "http://pi/webcam/?action=stream",
        ),
        ("http://localhost/s", "/stream", "http://127.0.0.1:5000/", "snapshot", "http://localhost/s"),
        ("", "http://cam/m", "http://pi/", "mjpeg", "http://cam/m"),
    ],
)
def test_the_address_that_can_be_reached_is_offered(snapshot, stream, server, kind, url):
    made = offer("Bed Cam!", snapshot, stream, server, rotate=90)
    assert made.name == "bed-cam"
    assert made.settings == {"kind": kind, "options": {"url": url, "rotate": 90}}


def test_what_is_not_plain_http_is_not_offered():
    assert offer("x", "", "webrtc://cam", "http://pi/") is None
    assert offer("x", "http://[::1]/s", "", "http://pi/") is None


@pytest.mark.parametrize("name", ["", "Ä", "Front Camera / left", "x" * 90, "-_-", "a" * 31 + " b"])
def test_camera_names_are_valid(name):
    assert topics.NAME.fullmatch(camera_name(name))


def test_heaters_must_be_hot_before_going_on():
    heaters, heated = SwitchedOff(), []
    heaters.remember("hotend", 210.0)
    heaters.remember("bed", 0.0)
    for temperatures in ({"hotend": (60.0, 0.0), "bed": (20.0, 0.0)}, {"hotend": (150.0, 210.0)}, {}):
        with pytest.raises(PrinterError, match=r"resume when hot: hotend \d+ of 210"):
            heaters.restore(temperatures, lambda *told: heated.append(told))
    assert heated == [("hotend", 210.0)] * 2
    heaters.restore({"hotend": (206.0, 210.0)}, lambda *told: heated.append(told))
    heaters.restore({"hotend": (20.0, 0.0)}, lambda *told: heated.append(told))
    assert len(heated) == 2
    heaters.remember("hotend", 210.0)
    heaters.forget()
    heaters.restore({}, lambda *told: heated.append(told))


def test_fits():
    now = Snapshot(phase="printing", job="a", can=("pause", "cancel"))
    assert fits("pause", "a", now)
    assert not fits("resume", "a", now)
    assert not fits("pause", "a", Snapshot(phase="paused", job="a"))
    for order, job, snapshot, why in [
        ("pause", "b", now, "that job is over"),
        ("pause", "", Snapshot(phase="printing"), "that job is over"),
        ("resume", "a", Snapshot(phase="error", job="a"), "while error"),
        ("pause", "a", Snapshot(phase="printing", job="a", control="locked"), "locked"),
    ]:
        with pytest.raises(PrinterError, match=why):
            fits(order, job, snapshot)


def test_careful_reading():
    assert table({"a": {"b": [1]}}, "a", "b") == {}
    assert table({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert table(None, "a") == table([1]) == {}
    assert rows([{"a": 1}, 2, None]) == [{"a": 1}]
    assert rows({"a": 1}) == []
    assert [text(each) for each in ("a", 5, True, None, {}, "x" * 300)] == ["a", "5", "", "", "", "x" * 200]
    assert [number(each) for each in (1, "2.5", "x", True, None, float("nan"), 1e300)] == [
        1,
        2.5,
        *[None] * 4,
        1e9,
    ]
    assert [whole(each) for each in (3.0, -1, "4", None)] == [3, None, 4, None]
    assert one_line('a\nb; "c"') == "a b, 'c'"
