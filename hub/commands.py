"""Commands: signed, sent once, and followed until the printer itself confirms them."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from agent import topics
from agent.protocol import FALLBACK_PAUSE, FALLBACKS, Ack, Command, State, pack_command
from agent.session import Message
from hub.live import Live
from hub.policy import PrinterSettings
from hub.store.history import CommandRow, History

TTL_S = 20.0
ANSWER_S = 20.0
CONFIRM_S = 120.0
LATE = 20
#: Who asked for what an agent did while this hub was gone.
FALLBACK = "its agent's fallback"
_ORDER = ("requested", "sent", "accepted", "confirmed", "failed", "refused")
_ENDS = ("confirmed", "failed", "refused")

log = logging.getLogger(__name__)


class CommandDesk:
    """The only signer of commands.

    `ended` is told each command that reached its end, `strange` (printer, reason) each time an agent refused a
    message on its command topic that this hub did not send there just now: one without a good seal, or a copy of an
    earlier command.
    """

    def __init__(
        self,
        history: History,
        live: Live,
        key_of: Callable[[str], bytes | None],
        publish: Callable[[Message], None],
        ended: Callable[[CommandRow], None],
        strange: Callable[[str, str], None],
        settings_of: Callable[[str], PrinterSettings],
    ) -> None:
        self._history, self._live, self._key_of = history, live, key_of
        self._publish, self._ended, self._strange = publish, ended, strange
        self._settings_of = settings_of
        self._open: dict[str, CommandRow] = {}
        self._lock = threading.Lock()
        self._sequence = 0

    def start(self) -> None:
        """Close what an earlier run of the hub left open, whose end nobody will hear of."""
        self._sequence = self._history.last_sequence()
        for row in self._history.open_commands():
            self._history.move_command(
                row.id, "failed", "the hub was restarted before the end was known", time.time()
            )

    def order(
        self, printer: str, action: str, *, initiator: str, reason: str, dry: bool = False
    ) -> CommandRow:
        """Send a command for the job that runs now; raises ValueError saying why if that cannot be."""
        key, state = self._key_of(printer), self._ready(printer)
        if key is None:
            raise ValueError("this printer is not enrolled")
        with self._lock:
            row = CommandRow(
                id=secrets.token_hex(8),
                printer=printer,
                seq=self._next(),
                t=time.time(),
                action=action,
                job=state.job,
                initiator=initiator,
                reason=reason[:200],
                stage="requested",
                outcome="",
                dry=dry,
                updated=time.time(),
            )
            self._history.add_command(row)
            self._open[row.id] = row
        self._send(row, key, state)
        return row

    def acknowledged(self, printer: str, ack: Ack) -> None:
        """Take a verified acknowledgement into account."""
        if not ack.command:
            self._strange(printer, ack.reason)
            return
        if ack.command in FALLBACKS:
            self._alone(printer, ack)
            return
        with self._lock:
            row = self._open.get(ack.command)
        if row is not None and row.printer != printer:
            row = None
        if ack.stage == "refused" and (row is None or row.stage == "accepted"):
            self._strange(printer, ack.reason)
        elif row is not None:
            self._move(row, ack.stage, ack.reason)
        elif ack.reason:
            self._add(printer, ack)

    def tick(self, now: float) -> None:
        """Give up on commands that were not answered or not confirmed in time; `now` is Unix time."""
        with self._lock:
            rows = list(self._open.values())
        for row in rows:
            if row.stage in ("requested", "sent") and now - row.updated > ANSWER_S:
                self._move(row, "failed", f"the agent did not answer within {ANSWER_S:.0f} s")
            elif row.stage == "accepted" and now - row.updated > CONFIRM_S:
                self._move(row, "failed", f"the printer did not confirm within {CONFIRM_S:.0f} s")

    def _next(self) -> int:
        self._sequence = max(self._sequence + 1, int(time.time() * 1000))
        return self._sequence

    def _ready(self, printer: str) -> State:
        live = self._live.printer(printer)
        if not live.online or live.state is None:
            raise ValueError("its agent is not connected")
        return live.state

    def _send(self, row: CommandRow, key: bytes, state: State) -> None:
        live = self._live.printer(row.printer)
        agent_now = state.clock + (time.monotonic() - live.state_received) * 1000
        command = Command(
            id=row.id,
            boot=state.boot,
            seq=row.seq,
            job=row.job,
            action=row.action,
            expires=int(agent_now + TTL_S * 1000),
            reason=row.reason,
            initiator=row.initiator,
            after=self._settings_of(row.printer).after if row.action == "pause" else {},
            dry=row.dry,
        )
        self._publish(Message(topics.command(row.printer), pack_command(key, row.printer, command)))
        self._move(row, "sent", "")

    def _alone(self, printer: str, ack: Ack) -> None:
        """Settle what an agent did by itself while this hub was gone; told late, it is dated back."""
        pause, now = ack.command == FALLBACK_PAUSE, time.time()
        with self._lock:
            number = self._next()
        row = CommandRow(
            id=secrets.token_hex(8),
            printer=printer,
            seq=number,
            t=now - self._age_s(printer, ack),
            action="pause" if pause else "run",
            job="",
            initiator=FALLBACK,
            reason="the hub was silent",
            stage=ack.stage,
            outcome=ack.reason,
            dry=False,
            updated=now,
        )
        if pause:
            self._history.add_command(row)
        self._ended(row)

    def _age_s(self, printer: str, ack: Ack) -> float:
        """How long ago an acknowledgement was written, by its agent's own clock."""
        live = self._live.printer(printer)
        if live.state is None or live.state.boot != ack.boot:
            return 0.0
        return max(0.0, (live.state.clock - ack.clock) / 1000 + time.monotonic() - live.state_received)

    def _add(self, printer: str, ack: Ack) -> None:
        """What an agent tells of a confirmed command later (a heater whose delay is over) belongs to its outcome."""
        for row in self._history.commands(printer, LATE):
            if (row.id, row.stage) == (ack.command, "confirmed"):
                log.log(
                    logging.WARNING if ack.stage == "failed" else logging.INFO,
                    "command %s: %s",
                    row.id,
                    ack.reason,
                )
                self._history.move_command(row.id, row.stage, ack.reason, time.time())

    def _move(self, row: CommandRow, stage: str, outcome: str) -> None:
        moved = replace(row, stage=stage, outcome=outcome, updated=time.time())
        with self._lock:
            current = self._open.get(row.id)
            if current is None or _ORDER.index(stage) <= _ORDER.index(current.stage):
                return
            self._open[row.id] = moved
            if stage in _ENDS:
                del self._open[row.id]
        self._history.move_command(row.id, stage, outcome, moved.updated)
        log.info("command %s %s: %s %s", row.id, row.action, stage, outcome)
        if stage in _ENDS:
            self._ended(moved)
