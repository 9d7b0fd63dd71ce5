"""Running one command once: check, accept, do, see that it happened, acknowledge."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable

from agent.afterwards import Afterwards
from agent.clock import AgentClock
from agent.guards import CommandGuard
from agent.printers.base import Printer, PrinterError, Snapshot
from agent.protocol import FALLBACK_PAUSE, Command, read_command
from agent.seal import ProtocolError

CONFIRM_S = 90.0
POLL_S = 0.5
LATER_S = 1.0
_REFUSALS_KEPT = 16

log = logging.getLogger(__name__)

#: Reports (command id, stage, reason, phase).
Report = Callable[[str, str, str, str], None]


class Executor:
    """Obeys the hub, one command at a time, on its own thread. Every refusal and every end is reported."""

    def __init__(
        self,
        key: bytes,
        printer_id: str,
        printer: Printer,
        guard: CommandGuard,
        clock: AgentClock,
        report: Report,
    ) -> None:
        self._key, self._id = key, printer_id
        self._printer, self._guard, self._clock, self._report = printer, guard, clock, report
        self._afterwards = Afterwards(printer, clock.now)
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=_REFUSALS_KEPT)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"commands-{printer_id[:6]}", daemon=True)

    def start(self) -> None:
        """Begin to obey."""
        self._thread.start()

    def stop(self) -> None:
        """Stop obeying; a command under way is left to the printer."""
        self._stopping.set()
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout=5)

    def receive(self, payload: bytes, *, retained: bool) -> None:
        """Take a message from the command topic. Called on the MQTT thread; a flood beyond the queue is dropped."""
        self._put(lambda: self._handle(payload, retained))

    def pause(self, job: str, reason: str) -> None:
        """Pause by the agent's own decision; reported as `protocol.FALLBACK_PAUSE`."""
        command = Command(FALLBACK_PAUSE, 0, 0, job, "pause", 0, reason, "fallback")
        self._put(lambda: self._carry_out(command, self._snapshot()))

    def _put(self, work: Callable[[], None]) -> None:
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            log.warning("dropped a command: too many at once")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                work = self._waiting.get(timeout=LATER_S)
            except queue.Empty:
                work = None
            try:
                if work is not None:
                    work()
                for command, worked, reason, phase in self._afterwards.carry_out():
                    log.log(logging.INFO if worked else logging.WARNING, "command %s: %s", command, reason)
                    self._report(command, "confirmed" if worked else "failed", reason, phase)
            except Exception:  # supervisor: a driver's mistake must not end the obeying of later commands
                log.exception("a command could not be carried out")

    def _handle(self, payload: bytes, retained: bool) -> None:
        try:
            command = read_command(self._key, self._id, payload)
        except ProtocolError as error:
            log.warning("refused a command: %s", error)
            self._report("", "refused", error.reason, "unknown")
            return
        before = self._snapshot()
        refusal = self._guard.refusal(command, retained=retained, clock=self._clock.now(), job=before.job)
        if refusal is not None:
            log.warning("refused command %s (%s): %s", command.id, command.action, refusal)
            self._report(command.id, "refused", refusal, before.phase)
            return
        self._carry_out(command, before)

    def _carry_out(self, command: Command, before: Snapshot) -> None:
        if command.action not in before.can:
            reason = before.control or f"the printer cannot {command.action} while {before.phase}"
            self._report(command.id, "failed", reason, before.phase)
            return
        self._report(command.id, "accepted", command.reason, before.phase)
        if command.dry:
            self._report(command.id, "confirmed", "dry run: the printer was not touched", before.phase)
            return
        try:
            self._send(command)
        except PrinterError as error:
            self._report(command.id, "failed", str(error), self._snapshot().phase)
            return
        after = self._confirmed(command)
        if after is None:
            reason = f"the printer did not {command.action} within {CONFIRM_S:.0f} s"
            if self._stopping.is_set():
                reason = "the agent was stopped before the printer had confirmed it"
            self._report(command.id, "failed", reason, self._snapshot().phase)
            return
        reason = ""
        if command.action == "pause" and command.after:
            # what fails after a pause is told and does not undo it
            reason = self._afterwards.begin(command.id, command.job, command.after)
        self._report(command.id, "confirmed", reason, after.phase)

    def _send(self, command: Command) -> None:
        if command.action == "pause":
            self._printer.pause(command.job, command.reason)
        elif command.action == "resume":
            self._printer.resume(command.job)
        else:
            self._printer.cancel(command.job, command.reason)

    def _confirmed(self, command: Command) -> Snapshot | None:
        """The first snapshot that shows the command's effect, or None in time."""
        deadline = self._clock.now() + CONFIRM_S * 1000
        late = False
        while not (late or self._stopping.is_set()):
            # before the look: a machine that slept meanwhile looks once more
            late = self._clock.now() >= deadline
            now = self._snapshot()
            if _shows(command, now):
                return now
            self._stopping.wait(POLL_S)
        return None

    def _snapshot(self) -> Snapshot:
        try:
            return self._printer.snapshot()
        except PrinterError as error:
            return Snapshot(phase="unreachable", control=str(error))


def _shows(command: Command, now: Snapshot) -> bool:
    if command.action == "cancel":
        return now.phase in ("cancelled", "idle", "finished") or (
            now.job != command.job and now.phase != "unreachable"
        )
    wanted = {"pause": "paused", "resume": "printing"}[command.action]
    return now.phase == wanted and now.job == command.job
