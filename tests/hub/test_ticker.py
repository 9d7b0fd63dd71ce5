"""The thread behind what the hub does every now and then."""

import threading

from hub.ticker import Ticker


def test_an_error_ends_nothing_and_stop_ends_everything(caplog):
    ticks, third = [], threading.Event()

    def tick():
        ticks.append(len(ticks))
        if len(ticks) == 1:
            raise OSError("the disk is full")
        if len(ticks) == 3:
            third.set()

    ticker = Ticker("films", 0.01, tick, rest_s=0.02)
    ticker.start()
    assert third.wait(10)
    ticker.stop()
    count = len(ticks)
    assert ticker.stopping.wait(0.05)
    assert len(ticks) == count
    assert "films met an error" in caplog.text


def test_what_was_never_started_can_be_stopped():
    Ticker("films", 60.0, list).stop()
