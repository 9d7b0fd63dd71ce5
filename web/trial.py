"""Is it really working? Starts the test of the whole line and shows each stage as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from hub.store.trials import STALE_S, Stage, TrialRow
from hub.views import UserView
from web.site import own_view, site
from web.words import Told, clock

blueprint = Blueprint("trial", __name__)

#: The stages in their order: what each is called, and what is done in it.
STAGES = {
    "clip": ("Pictures", "The demo clip of a failing print goes into the detector."),
    "model": ("Detector", "The network has to see the failure in them."),
    "decision": ("Decision", "By this printer's own limits it has to be sure enough to act."),
    "camera": ("Camera", "This printer's own camera has to send pictures."),
    "pause": ("Pause", "Broker and agent carry a pause that does not touch the printer."),
}


@dataclass(frozen=True)
class Line:
    """One stage as it is shown: done, failed, now or open."""

    title: str
    text: str
    state: str


@blueprint.get("/p/<printer>/test")
def page(printer: str) -> ResponseReturnValue:
    """The newest test of a printer."""
    return render_template("trial.html", **trial_state(own_view(), printer))


@blueprint.post("/p/<printer>/test")
def start(printer: str) -> ResponseReturnValue:
    """Ask the hub for a test, unless one is under way."""
    view = own_view()
    last = view.last_detection_test(printer)
    if last is None or not under_way(last):
        view.test_detection(printer)
    else:
        flash("A test is under way already.")
    return redirect(url_for(".page", printer=printer), 303)


def under_way(trial: TrialRow) -> bool:
    """Whether a test may still bring something."""
    return trial.done is None and (bool(trial.stages) or site().clock() - trial.asked < STALE_S)


def trial_state(view: UserView, printer: str) -> dict[str, Any]:
    """The newest test, stage by stage."""
    card, trial = view.printer(printer), view.last_detection_test(printer)
    return {
        "card": card,
        "trial": trial,
        "lines": lines(trial) if trial else [],
        "result": result(trial) if trial else None,
        "busy": trial is not None and under_way(trial),
        "now": site().clock(),
    }


def result(trial: TrialRow) -> Told:
    """How a test ended, or that it has not."""
    if under_way(trial):
        return Told("calm", "Testing", "this takes a minute at most")
    if trial.done is None:
        return Told("alarm", "Not carried out", "the hub did not begin with it; is it running?")
    if trial.ok:
        return Told("ok", "It works", "every part of the line did what it should")
    broken = [STAGES.get(stage.name, (stage.name, ""))[0] for stage in trial.stages if not stage.ok]
    return Told("alarm", "It does not work", f"look at: {', '.join(broken)}")


def told_test(trial: TrialRow | None) -> Told | None:
    """The newest test in a line, with the time of it as text."""
    if trial is None:
        return None
    when = "" if trial.done is None else clock(trial.done, site().clock())
    told = result(trial)
    return Told(told.tone, told.title, when)


def lines(trial: TrialRow) -> list[Line]:
    """Every stage, those that are still to come too."""
    known = {stage.name: stage for stage in trial.stages}
    shown = [_line(name, known.pop(name, None)) for name in STAGES]
    waiting = next((n for n, line in enumerate(shown) if line.state == "open"), None)
    if waiting is not None and under_way(trial):
        shown[waiting] = Line(shown[waiting].title, shown[waiting].text, "now")
    return shown + [_line(stage.name, stage) for stage in known.values()]


def _line(name: str, stage: Stage | None) -> Line:
    title, text = STAGES.get(name, (name.capitalize(), ""))
    if stage is None:
        return Line(title, text, "open")
    told = f"{stage.text[:1].upper()}{stage.text[1:].rstrip('.')}."
    return Line(title, told, "done" if stage.ok else "failed")
