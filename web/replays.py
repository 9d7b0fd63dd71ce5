"""A past print played again with other settings: the form, how far it has come, and what came out beside what was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Conflict

from hub.access import Right
from hub.outcomes import HUB
from hub.print_views import PrintDetail
from hub.replay import Replayed, Step
from hub.replays import Run
from hub.store.history import EvidenceRow, ScoreRow
from hub.views import UserView
from web import forms, words
from web.curve import GAP_S, Curve, Mark, curve
from web.print_states import SHORTEST_S, elapsed
from web.site import own_view, printer_with, site

DONE = {"warn": "warned", "alert": "raised the alarm", "pause": "paused", "cancel": "cancelled"}

blueprint = Blueprint("replays", __name__)


@dataclass(frozen=True)
class Compared:
    """One thing that might be done: when, in seconds of the print, by the replay and in truth."""

    what: str
    replayed: float | None
    real: float | None


@dataclass(frozen=True)
class Shown:
    """One decision of a replay and the picture at which it was made."""

    step: Step
    picture: EvidenceRow


@blueprint.get("/p/<printer>/prints/<int:identity>/replay")
def page(printer: str, identity: int) -> ResponseReturnValue:
    """The newest replay of a print, and the form for another one."""
    state = replay_state(own_view(), printer, identity)
    run: Run | None = state["run"]
    settings = run.settings if run else state["card"].settings
    return render_template("replay.html", **state, values=forms.shown_replay(settings), errors={})


@blueprint.post("/p/<printer>/prints/<int:identity>/replay")
def start(printer: str, identity: int) -> ResponseReturnValue:
    """Play a print again with the settings of the form."""
    printer_with(Right.CONTROL, printer)
    view = own_view()
    changes, errors = forms.read_replay(request.form)
    if errors:
        state, values = replay_state(view, printer, identity), request.form.to_dict()
        return render_template("replay.html", **state, values=values, errors=errors), 422
    try:
        view.replay_print(printer, identity, changes)
    except ValueError as error:
        raise Conflict(f"Nothing was replayed: {error}.") from error
    return redirect(url_for(".page", printer=printer, identity=identity), 303)


def replay_state(view: UserView, printer: str, identity: int) -> dict[str, Any]:
    """Everything about the newest replay of a print."""
    card, detail = view.printer(printer), view.print_(printer, identity)
    run = view.replayed(printer, identity)
    state = {"card": card, "row": detail.row, "run": run, "fields": forms.REPLAYED, "now": site().clock()}
    if run is None or run.replayed is None:
        return state
    return {
        **state,
        "curve": _curve(detail, run, run.replayed),
        "compared": _compared(detail, run.replayed),
        "shown": [Shown(step, run.pictures[step.index]) for step in run.replayed.decided],
        "every": _every(run),
    }


def result(run: Run) -> words.Told:
    """How a replay stands, in words."""
    if run.error:
        return words.Told("alarm", "It could not be replayed", run.error)
    if run.replayed is None:
        return words.Told("calm", "Replaying", f"{run.done} of {len(run.pictures)} pictures")
    if not run.replayed.steps:
        return words.Told("warn", "Nothing could be judged", "none of its pictures can be read any more")
    acted, warned = run.replayed.acted, run.replayed.warned
    if acted:
        return words.Told(
            "alarm", f"It would have {DONE[acted.decision]}", f"after {words.duration(acted.t)}"
        )
    if warned:
        return words.Told("warn", "It would have warned", f"after {words.duration(warned.t)}")
    surest = max((step.certainty or 0.0 for step in run.replayed.steps), default=0.0)
    return words.Told("ok", "It would have done nothing", f"it was {words.percent(surest)} sure at most")


def _real(detail: PrintDetail) -> Mapping[str, float | None]:
    """When the hub first warned and raised the alarm, and its pause and cancel were confirmed, in seconds of the print."""

    def first(times: list[float]) -> float | None:
        return min(times) - detail.row.started if times else None

    def events(*kinds: str) -> float | None:
        return first([event.t for event in detail.events if event.kind in kinds])

    def ordered(action: str) -> float | None:
        orders = (row for row in detail.commands if row.initiator == HUB and row.action == action)
        return first([row.updated for row in orders if row.stage == "confirmed" and not row.dry])

    return {
        "warn": events("suspected", "failing"),
        "alert": events("failing"),
        "pause": ordered("pause"),
        "cancel": ordered("cancel"),
    }


def _compared(detail: PrintDetail, replayed: Replayed) -> list[Compared]:
    real, action = _real(detail), replayed.settings.action
    acted = replayed.acted.t if replayed.acted else None
    rows = [Compared("warn", replayed.warned.t if replayed.warned else None, real["warn"])]
    rows.append(Compared(action, acted, real[action]))
    others = (
        ("pause", "cancel") if action == "alert" else {"pause": ("cancel",), "cancel": ("pause",)}[action]
    )
    return rows + [Compared(each, None, real[each]) for each in others if real[each] is not None]


def _curve(detail: PrintDetail, run: Run, replayed: Replayed) -> Curve:
    """The replay's certainty over the print, with what it would have done and what was done."""
    row = detail.row
    span = max(SHORTEST_S, (row.ended or row.started) - row.started)
    scores = [
        ScoreRow(row.printer, "", row.started + step.t, step.score, step.certainty) for step in replayed.steps
    ]
    marks = [
        Mark(
            each.t / span * 100,
            "warning" if each.decision == "warn" else "alarm",
            each.reason,
            f"would have {DONE[each.decision]}",
        )
        for each in (replayed.warned, replayed.acted)
        if each is not None
    ]
    real = {kind: t for kind, t in _real(detail).items() if t is not None and kind != "alert"}
    marks += [
        Mark(t / span * 100, "info", f"what really happened: {DONE[kind]}", f"really {DONE[kind]}")
        for kind, t in real.items()
    ]
    drawn = curve(scores, [], replayed.settings, row.started + span, span, gap=max(GAP_S, 3 * _every(run)))
    return replace(drawn, marks=tuple(marks), ticks=elapsed(span))


def _every(run: Run) -> float:
    """How far apart its pictures lie, in seconds, as a mean."""
    times = [each.t for each in run.pictures]
    return (times[-1] - times[0]) / max(1, len(times) - 1)
