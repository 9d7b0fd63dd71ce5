"""The agent's clock never jumps back, and neither does its boot number."""

from __future__ import annotations

import time

import pytest

from agent import clock
from agent.clock import AgentClock, next_boot, ticks


def test_the_clock_counts_milliseconds_from_its_own_begin(monkeypatch):
    now = [500.0]
    monkeypatch.setattr(clock, "ticks", lambda: now[0])
    mine = AgentClock()
    assert mine.now() == 0
    now[0] = 501.25
    assert mine.now() == 1250


@pytest.mark.parametrize("source", [getattr(time, "CLOCK_BOOTTIME", None), None])
def test_ticks_never_go_back_whatever_the_system_offers(monkeypatch, source):
    monkeypatch.setattr(clock, "_BOOTTIME", source)
    assert ticks() <= ticks()


def test_each_boot_is_higher_than_the_one_before(tmp_path):
    path = tmp_path / "printer.boot"
    boots = [next_boot(path, now=100.0) for _ in range(3)]
    assert boots == [100, 101, 102]
    assert next_boot(path, now=5000.7) == 5000


def test_a_clock_that_was_set_back_does_not_set_boots_back(tmp_path):
    path = tmp_path / "printer.boot"
    next_boot(path, now=5000.0)
    assert next_boot(path, now=0.0) == 5001


@pytest.mark.parametrize("content", [b"", b"not a number", b"\xff\xfe"])
def test_a_damaged_file_falls_back_to_the_time(tmp_path, content):
    path = tmp_path / "printer.boot"
    path.write_bytes(content)
    assert next_boot(path, now=777.0) == 777
    assert path.read_text() == "777"


def test_a_folder_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(OSError, match=r"nowhere/printer\.boot"):
        next_boot(tmp_path / "nowhere" / "printer.boot", now=1.0)


def test_nothing_half_written_is_left(tmp_path):
    next_boot(tmp_path / "printer.boot", now=1.0)
    assert [each.name for each in tmp_path.iterdir()] == ["printer.boot"]
