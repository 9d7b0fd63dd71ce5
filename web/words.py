"""How states are told to people: short words, never a code. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.access import Right
from hub.cards import CameraCard, PrinterCard
from hub.notify.desk import TargetCard
from hub.store.history import CommandRow

STALE_S = 30.0
STAGES = ("requested", "sent", "accepted", "confirmed")

_PHASES = {
    "idle": "Idle",
    "printing": "Printing",
    "paused": "Paused",
    "finished": "Finished",
    "cancelled": "Cancelled",
    "error": "Printer error",
    "unreachable": "Printer does not answer",
    "unknown": "State unknown",
}
_VERDICTS = {
    "ok": ("ok", "Looks fine"),
    "suspect": ("warn", "Suspicious"),
    "failing": ("alarm", "Failing"),
    "unknown": ("calm", "No verdict"),
}
_STAGE_WORDS = {
    "requested": "requested",
    "sent": "sent to the agent",
    "accepted": "accepted by the agent",
    "confirmed": "confirmed by the printer",
    "failed": "failed",
    "refused": "refused by the agent",
}
#: What a target is told, a printer's own choice, and what events are about.
TOLD = {"alarm": "only alarms", "warning": "warnings and alarms", "info": "everything"}
CHOICES = {"": "as each target says", **TOLD, "off": "nothing"}
SUBJECTS = {
    "failures": "Prints that look wrong, and what is done about it",
    "watch": "Printers that are not watched",
    "security": "Attempts on a printer, and agents with a wrong credential",
    "prints": "Prints that begin and end",
}
_DELIVERIES = {
    "muted": ("calm", "Muted"),
    "failing": ("alarm", "Not delivered"),
    "waiting": ("warn", "Waiting"),
    "delivered": ("ok", "Delivered"),
    "new": ("calm", "Nothing sent yet"),
}
_LABELS = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel print"}
_LOOK_ONLY = "You may look at this printer but not control it."


@dataclass(frozen=True)
class Told:
    """A state in words with its tone: ok, warn, alarm or calm."""

    tone: str
    title: str
    text: str = ""


@dataclass(frozen=True)
class Button:
    """Something a person might do now; `refusal` says why not when it is not possible."""

    action: str
    label: str
    refusal: str = ""


@dataclass(frozen=True)
class Step:
    """One stage of a command: done, now, open or failed."""

    name: str
    state: str


def phase(card: PrinterCard) -> str:
    """What the printer does."""
    if not card.enrolled:
        return "New"
    return _PHASES.get(card.phase, card.phase)


def verdict(card: PrinterCard) -> Told:
    """What the model makes of it."""
    tone, title = _VERDICTS[card.verdict]
    return Told(tone, title)


def watch(card: PrinterCard) -> Told:
    """Whether anybody watches."""
    if not card.enrolled:
        return Told("calm", "Not connected yet", "no agent has been enrolled for this printer")
    if card.watch == "watched":
        return Told("warn" if card.watch_reason else "ok", "Watched", card.watch_reason)
    if card.watch == "standing_down":
        return Told("calm", "Standing down", card.watch_reason)
    return Told("alarm", "Not watched", card.watch_reason)


def buttons(card: PrinterCard) -> list[Button]:
    """Pause or resume, cancel, and false alarm, each with the reason when it cannot be."""
    first = "resume" if card.phase == "paused" else "pause"
    found = [Button(action, _LABELS[action], _refusal(card, action)) for action in (first, "cancel")]
    suspicious = card.verdict in ("suspect", "failing") or any(each.regions for each in card.cameras)
    refusal = "" if suspicious else "Nothing suspicious is seen."
    return [*found, Button("dismiss", "False alarm", refusal if card.right >= Right.CONTROL else _LOOK_ONLY)]


def _refusal(card: PrinterCard, action: str) -> str:
    if card.right < Right.CONTROL:
        return _LOOK_ONLY
    if not card.online:
        return "Its agent is not connected."
    if action in card.can:
        return ""
    if card.control:
        return f"{card.control[:1].upper()}{card.control[1:].rstrip('.')}."
    if card.phase in ("printing", "paused"):
        return "The printer does not take this now."
    return "Nothing is printing."


def steps(row: CommandRow) -> list[Step]:
    """The stages of a command, up to where it came."""
    if row.stage not in STAGES:
        return [Step(STAGES[0], "done"), Step(row.stage, "failed")]
    reached = STAGES.index(row.stage)
    last = len(STAGES) - 1
    states = (
        "done" if n < reached or reached == last else "now" if n == reached else "open" for n in range(4)
    )
    return [Step(name, state) for name, state in zip(STAGES, states, strict=True)]


def stage(row: CommandRow) -> str:
    """Where a command is, in words."""
    words = _STAGE_WORDS.get(row.stage, row.stage)
    return f"{words} (rehearsal only)" if row.dry else words


def asked_by(initiator: str) -> str:
    """Who asked for a command."""
    return "Printwarden itself" if initiator == "printwarden" else initiator


def duration(seconds: float) -> str:
    """A rough length of time: 40 s, 12 min, 1 h 05 min, 3 days."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86_400} days"


def stale(camera: CameraCard) -> str:
    """How old the picture is when it is no longer live, else nothing. Coarse, so that it seldom changes."""
    if camera.age is None or camera.age < STALE_S:
        return ""
    rounded = camera.age // 10 * 10 if camera.age < 60 else camera.age
    return f"picture from {duration(rounded)} ago"


def percent(share: float | None) -> str:
    """A share as whole percent; never rounded up to 100."""
    if share is None:
        return "-"
    return f"{99 if 0.99 < share < 1.0 else round(share * 100)} %"


def delivery(target: TargetCard) -> Told:
    """How deliveries to a target stand."""
    if target.test == "waiting":
        return Told("warn", "Testing")
    tone, title = _DELIVERIES[target.state]
    return Told(tone, title)


def delivery_text(target: TargetCard, now: float) -> str:
    """The same in a sentence."""
    if target.test == "waiting":
        return "a test is on its way"
    since = clock(target.since, now) if target.since else ""
    if target.state == "failing":
        more = f"; {target.waiting} waiting, tried again by itself" if target.waiting else ""
        return f"since {since}: {target.error}{more}"
    if target.state == "delivered":
        return f"last at {since}" + (", the test arrived" if target.test == "sent" else "")
    return f"{target.waiting} collected" if target.state == "waiting" else ""


def minute(of_day: int) -> str:
    """A minute of the day as a time."""
    return f"{of_day // 60:02d}:{of_day % 60:02d}"


def limit(share: float) -> str:
    """A threshold as percent, as exactly as it was entered."""
    return f"{share * 100:.4g} %"


def clock(t: float, now: float) -> str:
    """A time of day by the hub's clock, with the date when it is not today."""
    moment, today = datetime.fromtimestamp(t).astimezone(), datetime.fromtimestamp(now).astimezone()
    same = moment.date() == today.date()
    return f"{moment:%H:%M:%S}" if same else f"{moment.day} {moment:%b %H:%M}"


def sentence(error: ValueError) -> str:
    """What was wrong with a form, as a sentence beside its field."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
