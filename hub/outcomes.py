"""What follows from a judgement: the live picture, the history, the pace, events, evidence and orders."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent import topics
from agent.guards import REFUSALS
from agent.session import Message
from hub import policy, telling
from hub.commands import FALLBACK, CommandDesk
from hub.judge import Judge, Judgement
from hub.live import Live
from hub.pace import Pace
from hub.policy import ALERT, Decision, PrinterSettings
from hub.recent import Recent, Seen
from hub.store.history import QUIET, CommandRow, History, ScoreRow

HUB = "printwarden"
#: What a decision rests on: a tangle that the network sees, or a part that is no longer where it was.
TANGLE, MOVED = "tangle", "moved"
RARE_S = 60.0
MAX_TOLD = 1000

log = logging.getLogger(__name__)

#: Told (printer, kind, level, text) of everything a person may want to know at once.
Listener = Callable[[str, str, str, str], None]


class Outcomes:
    """Carries decisions out and keeps the record of them. `desk` and `judge` are set when the hub is wired.

    `model` names the network in every decision's record.
    """

    desk: CommandDesk
    judge: Judge

    def __init__(
        self,
        history: History,
        live: Live,
        pace: Pace,
        model: Mapping[str, str],
        publish: Callable[[Message], None],
    ) -> None:
        self._history, self._live, self._pace = history, live, pace
        self._model, self._publish = dict(model), publish
        self._recent = Recent()
        self.listeners: list[Listener] = []
        self.pictures: list[Callable[[str, bytes], None]] = []
        self._told: dict[tuple[str, str], float] = {}

    def decided(self, judgement: Judgement) -> None:
        """Take one judgement into account; called on a detection thread."""
        scored, certainty = judgement.scored, judgement.certainty
        printer = scored.printer
        with self._live.lock:
            live = self._live.printer(printer)
            changed = live.verdict != judgement.verdict
            live.certainty, live.verdict = certainty, judgement.verdict
            live.suspicion = certainty if judgement.suspicion is None else judgement.suspicion
            suspicion = live.suspicion
        now = time.time()
        self._history.add_score(ScoreRow(printer, scored.frame.camera, now, scored.score, certainty))
        seen = Seen(now, scored.frame, scored.score, certainty, scored.regions, judgement.moved_certainty)
        self._recent.add(printer, seen, suspicious=self._pace.suspects(suspicion))
        self._pace.tell(printer, suspicion, time.monotonic())
        if changed:
            self.tell_verdict(printer)
        for signal, decision in ((TANGLE, judgement.decision), (MOVED, judgement.moved)):
            if decision.kind != "none":
                self._carry_out(judgement, decision, signal)

    def command_ended(self, row: CommandRow) -> None:
        """Record the end of a command; a failed one of our own may be tried again."""
        if row.action == "run":
            self._fallback_ran(row)
            return
        past = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[row.action]
        if row.stage != "confirmed":
            kind, level, text = f"{row.action}_{row.stage}", "alarm", f"could not {row.action}"
        elif row.dry:
            kind, level, text = "dry_run", "info", f"would have {past}"
        else:
            level = "warning" if row.initiator == FALLBACK else "info"  # no alarm came before that one
            kind, text = past, f"{past}, confirmed by the printer"
        details = [row.outcome, f"asked by {row.initiator}: {row.reason}"]
        self.event(
            row.printer, kind, level, f"{text} ({'; '.join(filter(None, details))})", {"command": row.id}
        )
        if row.initiator == HUB and row.stage != "confirmed":
            self.judge.action_failed(row.printer)

    def rare_event(self, printer: str, kind: str, level: str, text: str) -> None:
        """Like `event`, but the same text at most once a minute: for what a stranger can provoke as often as he likes."""
        now = time.monotonic()
        if now - self._told.get((printer, text), float("-inf")) >= RARE_S:
            if len(self._told) > MAX_TOLD:
                self._told.clear()
            self._told[printer, text] = now
            self.event(printer, kind, level, text)

    def message_refused(self, printer: str, reason: str) -> None:
        """A message in the name of a printer's agent did not verify, or two agents take turns ("cloned")."""
        if reason == "cloned":
            text = "two agents speak with its credential, or its messages are replayed: enrol the right one again"
            self.rare_event(printer, "cloned", "alarm", text)
            return
        text = f"messages in its agent's name were refused ({reason}): somebody else, or an agent with old credentials"
        self.rare_event(printer, "refused", "warning", text)

    def intent_refused(self, printer: str, reason: str) -> None:
        """An integration asked for something that it may not have."""
        self.rare_event(printer, "intent_refused", "warning", reason)

    def strange_command(self, printer: str, reason: str) -> None:
        """Something came to the agent's command topic that this hub did not send there just now; it was refused."""
        if reason in REFUSALS:
            text = f"its agent refused a copy of an earlier command ({reason}): it was held up, or somebody recorded it"
            self.rare_event(printer, "stale_command", "warning", text)
            return
        text = f"its agent refused a command that this hub did not sign ({reason}): somebody is on its command topic"
        self.rare_event(printer, "intrusion", "alarm", text)

    def watch_changed(self, printer: str, watch: str, reason: str, *, at_risk: bool = True) -> None:
        """Tell that a printer began or ceased to be watched; an alarm only when a print is `at_risk` by that."""
        words = {
            "watched": "watched again",
            "standing_down": "watch stands down",
            "not_watched": "NOT WATCHED" if at_risk else "not watched, while no print is known to run",
        }
        level = "alarm" if watch == "not_watched" and at_risk else "info"
        self.event(printer, watch, level, words[watch] + (f": {reason}" if reason else ""))
        self.tell_verdict(printer)

    def event(
        self,
        printer: str,
        kind: str,
        level: str,
        text: str,
        data: Mapping[str, Any] | None = None,
        *,
        quiet: bool = False,
    ) -> int:
        """Settle an event and tell everybody who listens, unless it shall be quiet."""
        kept = {**(data or {}), QUIET: True} if quiet else data
        identity = self._history.add_event(printer, time.time(), kind, level, text, kept)
        log.log(
            logging.WARNING if level == "alarm" else logging.INFO,
            "printer %s: %s",
            printer,
            text,
            extra={"event": identity, "printer": printer, "kind": kind},
        )
        for listener in () if quiet else self.listeners:
            listener(printer, kind, level, text)
        return identity

    def forget(self, printer: str) -> None:
        """Drop a removed printer."""
        self._recent.forget(printer)

    def tell_verdict(self, printer: str) -> None:
        """Publish the verdict and the state of the watch for viewers and integrations."""
        with self._live.lock:
            body = telling.verdict(self._live.printer(printer))
        self._publish(Message(topics.out(printer, "verdict"), body, retain=True))

    def _fallback_ran(self, row: CommandRow) -> None:
        """Record that an agent took its owner's own step while this hub was gone."""
        done = row.stage == "confirmed"
        text = "its agent took the step chosen for a silent hub" + ("" if done else ", which failed")
        self.event(row.printer, "fallback", "warning" if done else "alarm", f"{text} ({row.outcome})")

    def _carry_out(self, judgement: Judgement, decision: Decision, signal: str) -> None:
        printer, kind, warns = judgement.scored.printer, decision.kind, decision.kind == "warn"
        seen = "failing" if signal == TANGLE else "a part is no longer where it was"
        words = {"warn": "suspicious", ALERT: seen}.get(kind, f"{seen}: {kind} ordered")
        event = self.event(
            printer,
            "suspected" if warns else "failing" if signal == TANGLE else "moved",
            "warning" if warns else "alarm",
            f"{words}: {decision.reason}",
            self._record(judgement, decision, signal),
            quiet=warns and judgement.quiet,
        )
        self._keep(judgement, event)
        if kind not in ("warn", ALERT):
            self.order(printer, kind, decision.reason, dry=judgement.settings.dry_run)

    def unwatched(self, printer: str, action: str, reason: str, settings: PrinterSettings) -> None:
        """Nobody could watch a print for longer than its owner allows."""
        record = {"initiator": HUB, "reason": reason, "dry_run": settings.dry_run}
        record |= {"settings": asdict(settings), "settings_version": policy.version(settings)}
        self.event(printer, "unwatched", "alarm", f"{reason}: {action} ordered", record)
        self.order(printer, action, reason, dry=settings.dry_run)

    def order(self, printer: str, action: str, reason: str, *, dry: bool) -> None:
        """Order something in the hub's own name; what cannot be sent is told."""
        try:
            self.desk.order(printer, action, initiator=HUB, reason=reason, dry=dry)
        except ValueError as error:
            self.event(printer, f"{action}_failed", "alarm", f"could not {action}: {error}")
            self.judge.action_failed(printer)

    def _record(self, judgement: Judgement, decision: Decision, signal: str) -> dict[str, Any]:
        """Everything by which a decision can be understood later, ready for JSON.

        `curve` is the certainty of a tangle whatever decided; a decision of the second signal has its own one besides.
        """
        scored, now = judgement.scored, time.time()
        printer, camera = scored.printer, scored.frame.camera
        own = {"moved_curve": self._recent.moved_curve(printer, camera, now)} if signal == MOVED else {}
        return {
            **own,
            "signal": signal,
            "initiator": HUB,
            "reason": decision.reason,
            "certainty": round(decision.certainty, 4),
            "camera": camera,
            "frame": scored.frame.seq,
            "score": scored.score,
            "region": asdict(scored.regions[0]) if scored.regions else None,
            "curve": self._recent.curve(printer, camera, now),
            "model": self._model,
            "settings": asdict(judgement.settings),
            "settings_version": policy.version(judgement.settings),
            "dry_run": judgement.settings.dry_run,
            "quiet_hours": judgement.quiet,
        }

    def _keep(self, judgement: Judgement, event: int) -> None:
        """Store the picture that decided and the last ones before it."""
        scored = judgement.scored
        for show in self.pictures:
            show(scored.printer, scored.frame.jpeg)
        before = [each for each in self._recent.take(scored.printer) if each.frame is not scored.frame]
        last = Seen(time.time(), scored.frame, scored.score, judgement.certainty, scored.regions)
        try:
            for each in [*before, last]:
                frame = each.frame
                self._history.add_evidence(
                    scored.printer,
                    frame.camera,
                    each.t,
                    frame.jpeg,
                    event=event,
                    score=each.score,
                    regions=each.regions,
                )
        except OSError as error:
            self.event(scored.printer, "storage", "alarm", f"the evidence could not be stored: {error}")
