"""Killed between the settling of an event and its sending: the next run of the hub sends it, once."""

import subprocess
import sys

from hub.notify.courier import Courier, CourierParts
from hub.notify.targets import Sender
from hub.store.database import Database
from hub.store.history import History
from hub.store.notify import NotifyStore, TargetRow
from hub.store.printers import Printers
from tests.support.databases import opened, people
from tests.support.hubs import ROOT
from tests.support.receivers import LOOPBACK, as_ntfy, receiver
from tests.support.waiting import until

PROGRAM = """
import sys, os, signal, time
from tests.hub.notify.test_kill import courier, Database, History
database = Database(sys.argv[1]); database.start()
class Killed:
    def send(self, row, message):
        os.kill(os.getpid(), signal.SIGKILL)
made = courier(database, Killed()) if sys.argv[3] == "sending" else None
History(database, None).add_event(sys.argv[2], time.time(), "failing", "alarm", "failing: before the kill")
if made is None:
    os.kill(os.getpid(), signal.SIGKILL)
made.start()
time.sleep(30)
"""


def courier(database, sender):
    parts = CourierParts(
        NotifyStore(database), Printers(database), History(database, None), sender, b"k" * 32
    )
    return Courier(parts)


def run(path, when):
    with receiver() as server:
        with opened(path) as database:
            people(database, "olivia")
            printer = Printers(database).add("Prusa", "olivia", 1.0).id
            target = TargetRow(
                "t", "olivia", "ntfy", "phone", server.url("topic"), "", "info", False, False, False, 1.0
            )
            NotifyStore(database).add_target(target)
        killed = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path), printer, when], cwd=ROOT, check=False, timeout=50
        )
        assert killed.returncode == -9
        assert server.got == []
        with opened(path) as database:
            made = courier(database, Sender(LOOPBACK))
            made.start()
            try:
                until(lambda: not NotifyStore(database).waiting() and server.got)
            finally:
                made.stop()
        return [as_ntfy(each).message for each in server.got]


def test_after_settling(tmp_path):
    assert run(tmp_path / "hub.db", "settled") == ["Failing: before the kill"]


def test_while_sending(tmp_path):
    assert run(tmp_path / "hub.db", "sending") == ["Failing: before the kill"]


__all__ = ["Database", "History", "courier"]
