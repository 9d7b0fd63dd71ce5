"""The newest frame of each camera wins, and no camera waits for ever."""

from __future__ import annotations

import threading
from collections import Counter

from hub.slots import Arrival, Slots
from tests.support.messages import OTHER, PRINTER, frame


def arrival(seq, camera="main", printer=PRINTER):
    return Arrival(printer, frame(seq, camera=camera), float(seq))


def taken(slots):
    found = slots.take()
    return found.printer[0], found.frame.camera, found.frame.seq


def test_only_the_newest_frame_of_a_camera_waits():
    slots = Slots()
    for seq in range(1, 6):
        slots.put(arrival(seq))
    assert (slots.waiting(), slots.dropped) == (1, 4)
    assert slots.take().frame.seq == 5
    assert slots.waiting() == 0


def test_cameras_are_served_in_the_order_in_which_they_began_to_wait():
    """A camera that sends a lot keeps its place and does not push others back."""
    slots = Slots()
    slots.put(arrival(1, "main"))
    slots.put(arrival(2, "side"))
    slots.put(arrival(3, "main", OTHER))
    slots.put(arrival(4, "main"))
    assert [taken(slots) for _ in range(3)] == [
        (PRINTER[0], "main", 4),
        (PRINTER[0], "side", 2),
        (OTHER[0], "main", 3),
    ]


def test_a_hundred_suspicious_printers_get_the_same_share():
    """Each sends twice a second, and a quiet one every 10 s, to a hub that can score 60 a second: all are served."""
    slots, served, waited = Slots(), Counter(), []
    for tick in range(600):  # a minute in tenths of a second
        for number in range(100):
            if (tick + number) % 5 == 0:
                slots.put(Arrival(f"p{number}", frame(tick), tick / 10))
        if tick % 100 == 0:
            slots.put(Arrival("quiet", frame(tick), tick / 10))
        for _ in range(min(6, slots.waiting())):
            taken = slots.take()
            served[taken.printer] += 1
            waited.append((taken.printer, tick / 10 - taken.received))
    shares = [served[f"p{number}"] for number in range(100)]
    assert max(shares) - min(shares) <= 1
    assert min(shares) >= 30, "every one is judged at least every two seconds"
    assert served["quiet"] == 6
    assert max(wait for printer, wait in waited if printer != "quiet") <= 0.5, "and by a picture of just now"
    assert max(wait for printer, wait in waited if printer == "quiet") <= 2.0


def test_a_taker_waits_for_a_frame():
    slots, found = Slots(), []
    taker = threading.Thread(target=lambda: found.append(slots.take()))
    taker.start()
    slots.put(arrival(1))
    taker.join(30)
    assert [each.frame.seq for each in found] == [1]


def test_closing_sends_every_taker_home_and_drops_what_waits():
    slots, found = Slots(), []
    takers = [threading.Thread(target=lambda: found.append(slots.take())) for _ in range(3)]
    for each in takers:
        each.start()
    slots.close()
    for each in takers:
        each.join(30)
    assert found == [None] * 3
    slots.put(arrival(1))
    assert slots.take() is None
