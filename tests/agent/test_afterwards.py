"""After a pause: at once, later, and not at all when the print goes on."""

import pytest

from agent.afterwards import Afterwards
from agent.printers.base import PrinterError, Snapshot


class Fake:
    def __init__(self):
        self.now, self.did, self.error = Snapshot("paused", "a"), [], None

    def snapshot(self):
        if self.now is None:
            raise PrinterError("off")
        return self.now

    def after_pause(self, options):
        if self.error:
            raise PrinterError(self.error)
        self.did.append(dict(options))


@pytest.fixture(name="parts")
def parts_fixture():
    fake, clock = Fake(), [0]
    return fake, clock, Afterwards(fake, lambda: clock[0])


def test_movements_at_once_and_heaters_later(parts):
    fake, clock, afterwards = parts
    told = afterwards.begin("c1", "a", {"retract_mm": 3, "lift_mm": 5, "hotend_off_s": 600, "bed_off_s": 0})
    assert told == "paused; done after it: bed_off_s, lift_mm, retract_mm; to follow: hotend_off_s"
    assert fake.did == [{"retract_mm": 3, "lift_mm": 5, "bed_off_s": 0}]
    clock[0] = 599_999
    assert afterwards.carry_out() == []
    clock[0] = 600_000
    assert afterwards.carry_out() == [("c1", True, "paused; done after it: hotend_off_s", "paused")]
    assert fake.did[-1] == {"hotend_off_s": 0.0}
    assert afterwards.carry_out() == []


@pytest.mark.parametrize(
    "now", [Snapshot("printing", "a"), Snapshot("paused", "b"), Snapshot("cancelled", "")]
)
def test_heaters_stay_on_when_the_print_went_on(parts, now):
    fake, clock, afterwards = parts
    afterwards.begin("c1", "a", {"hotend_off_s": 1})
    fake.now, clock[0] = now, 5000
    assert afterwards.carry_out() == []
    fake.now = Snapshot("paused", "a")
    assert afterwards.carry_out() == []
    assert fake.did == []


def test_what_cannot_be_asked_stays_due(parts):
    fake, clock, afterwards = parts
    afterwards.begin("c1", "a", {"hotend_off_s": 1})
    fake.now, clock[0] = None, 5000
    assert afterwards.carry_out() == []
    fake.now = Snapshot("paused", "a")
    assert afterwards.carry_out()[0][1] is True


def test_failures_are_told(parts):
    fake, clock, afterwards = parts
    fake.error = "too cold"
    assert afterwards.begin("c1", "a", {"retract_mm": 3, "bed_off_s": 9}) == (
        "paused, but: too cold; to follow: bed_off_s"
    )
    clock[0] = 9000
    assert afterwards.carry_out() == [("c1", False, "paused, but bed_off_s failed: too cold", "paused")]


def test_a_new_pause_takes_the_place_of_the_old(parts):
    _, clock, afterwards = parts
    afterwards.begin("c1", "a", {"hotend_off_s": 10})
    clock[0] = 5000
    afterwards.begin("c2", "a", {"hotend_off_s": 10})
    clock[0] = 10_000
    assert afterwards.carry_out() == []
    clock[0] = 15_000
    assert [each[0] for each in afterwards.carry_out()] == ["c2"]
