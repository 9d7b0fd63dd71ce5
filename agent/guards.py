"""Guards against replay: what a verified message must still be before it is believed or obeyed. Pure."""

from __future__ import annotations

from agent.protocol import Command

#: Why a command with a good seal may be refused.
REFUSALS = ("retained", "other_boot", "repeated", "late", "other_job")


class CommandGuard:
    """The agent's side: lets each command through once, in order, in time, for this boot and this job."""

    def __init__(self, boot: int) -> None:
        self._boot = boot
        self._last_seq = -1

    def refusal(self, command: Command, *, retained: bool, clock: int, job: str) -> str | None:
        """Why a command whose seal is good must not run, or None, which also uses its sequence number up.

        `clock` is the agent's own, in ms since boot; `job` is what the printer works on now.
        """
        if retained:
            return "retained"
        if command.boot != self._boot:
            return "other_boot"
        if command.seq <= self._last_seq:
            return "repeated"
        self._last_seq = command.seq
        if clock > command.expires:
            return "late"
        if command.job != job:
            return "other_job"
        return None


class UplinkGuard:
    """The hub's side: believes each stream of an agent only forwards, and never an older boot of it."""

    def __init__(self, boot: int = 0) -> None:
        self.boot = boot
        self._last_seq: dict[str, int] = {}

    def refusal(self, stream: str, boot: int, seq: int, *, retained: bool = False) -> str | None:
        """Why a message must not be believed ("old_boot", "repeated"), or None, which also moves the guard on.

        A retained copy of the newest message is the broker's memory and no replay, so it may repeat the last number.
        """
        if boot < self.boot:
            return "old_boot"
        if boot > self.boot:
            self.boot = boot
            self._last_seq.clear()
        last = self._last_seq.get(stream, -1)
        if seq < last or (seq == last and not retained):
            return "repeated"
        self._last_seq[stream] = seq
        return None
