"""Signed commands carried out on real print servers: every stage is reported, stale ones touch nothing."""

import contextlib

import pytest

from agent.clock import AgentClock
from agent.execute import Executor
from agent.guards import CommandGuard
from agent.printers import moonraker, octoprint
from agent.protocol import Command, pack_command
from tests.counterparts.moonraker_rig import Moonraker
from tests.counterparts.octoprint_rig import OctoPrint
from tests.support.printers import reached
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(600)]

KEY, PRINTER, BOOT = bytes(range(32)), "ab" * 16, 7
RIGS = {"octoprint": (OctoPrint, octoprint), "moonraker": (Moonraker, moonraker)}


class Orders:
    """The agent's side that obeys, with a hub's hand that signs."""

    def __init__(self, printer):
        self.clock, self.told, self._sequence = AgentClock(), [], 0
        report = lambda command, stage, reason, phase: self.told.append((command, stage, reason, phase))  # noqa: E731
        self.executor = Executor(KEY, PRINTER, printer, CommandGuard(BOOT), self.clock, report)

    def give(self, action, job, after=None):
        """Send a command and wait for its end; returns the stages, the last reason and the last phase."""
        self._sequence += 1
        command = Command(
            id=f"c{self._sequence}",
            boot=BOOT,
            seq=self._sequence,
            job=job,
            action=action,
            expires=self.clock.now() + 300_000,
            reason="spaghetti",
            initiator="system",
            after=after or {},
        )
        self.executor.receive(pack_command(KEY, PRINTER, command), retained=False)
        until(lambda: self._of(command.id) and self._of(command.id)[-1][1] != "accepted", 120)
        mine = self._of(command.id)
        return [each[1] for each in mine], mine[-1][2], mine[-1][3]

    def _of(self, command):
        return [each for each in self.told if each[0] == command]


@pytest.mark.parametrize("kind", sorted(RIGS))
def test_orders_from_the_signature_to_the_printers_own_word(kind, tmp_path):
    make_rig, module = RIGS[kind]
    with contextlib.ExitStack() as stack:
        rig = make_rig(tmp_path)
        stack.callback(rig.stop)
        rig.start()
        printer = module.create(module.Settings(rig.url, rig.key))
        stack.callback(printer.stop)
        orders = Orders(printer)
        stack.callback(orders.executor.stop)
        orders.executor.start()
        rig.print("orders.gcode")
        first = reached(printer, "printing").job
        assert orders.give("resume", first)[0] == ["failed"]
        done = ["accepted", "confirmed"]
        assert orders.give("pause", first, {"hotend_off_s": 1.0}) == (
            done,
            "paused; to follow: hotend_off_s",
            "paused",
        )
        until(lambda: [each for each in orders.told if "done after it: hotend_off_s" in each[2]], 60)
        until(lambda: printer.snapshot().temperatures.get("hotend", (0.0, 1.0))[1] == 0, 60)
        until(lambda: orders.give("resume", first)[0] == done, 120, 0.5)
        assert orders.give("cancel", first)[0] == done
        rig.print("orders.gcode")
        second = reached(printer, "printing").job
        assert orders.give("pause", first) == (["refused"], "other_job", "printing")
        now = printer.snapshot()
        assert (now.phase, now.job) == ("printing", second)
        rig.quiet()
