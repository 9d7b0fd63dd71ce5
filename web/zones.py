"""The editor of places in the picture that do not count."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.access import Right
from hub.cards import CameraCard, PrinterCard
from hub.policy import MAX_POINTS, MAX_ZONES, Zone
from web.site import own_view, printer_with
from web.states import chosen_camera, picture_size

blueprint = Blueprint("zones", __name__)

Shape = list[list[float]]


@blueprint.get("/p/<printer>/zones")
@blueprint.post("/p/<printer>/zones")
def editor(printer: str) -> ResponseReturnValue:
    """The zones of one camera over its newest picture."""
    view, card = own_view(), printer_with(Right.OWN, printer)
    name = request.values.get("camera", "")
    camera = chosen_camera(card, name) or next(iter(card.cameras), None)
    if request.method != "POST":
        zones = card.settings.zones.get(camera.name, ()) if camera else ()
        return _page(card, camera, as_text(zones), "")
    text = request.form.get("zones", "")
    if camera is None or camera.name != name:
        return _page(card, camera, text, f"there is no camera {name!r:.40} any more")
    try:
        zones_of_all = _with(card.settings.zones, camera.name, from_text(text))
        view.save_settings(printer, {"zones": zones_of_all})
    except ValueError as error:
        return _page(card, camera, text, str(error).removeprefix(f"zones.{camera.name}: "))
    flash("Saved. What is seen in these places does not count from now on.")
    return redirect(url_for(".editor", printer=printer, camera=camera.name), 303)


def as_text(zones: tuple[Zone, ...]) -> str:
    """Zones as people type them: one a line, its corners as x,y in percent."""
    return "\n".join(" ".join(f"{x * 100:.4g},{y * 100:.4g}" for x, y in zone) for zone in zones)


def from_text(text: str) -> list[Shape]:
    """Zones out of what was typed; raises ValueError naming the line."""
    lines = [line for line in enumerate(text.splitlines(), 1) if line[1].strip()]
    if len(lines) > MAX_ZONES:
        raise ValueError(f"at most {MAX_ZONES} places, these are {len(lines)}")
    return [_shape(number, line) for number, line in lines]


def _shape(number: int, line: str) -> Shape:
    corners: Shape = []
    for corner in line.split():
        x, comma, y = corner.partition(",")
        try:
            place = [float(x) / 100, float(y) / 100]
        except ValueError:
            place = [-1.0, -1.0]
        if not comma or not all(0.0 <= each <= 1.0 for each in place):
            raise ValueError(
                f"line {number}: {corner!r:.40} is no corner; write x,y in percent, like 10,25.5"
            )
        corners.append([round(each, 4) for each in place])
    if not 2 <= len(corners) <= MAX_POINTS:
        raise ValueError(f"line {number}: a place has 2 to {MAX_POINTS} corners, this one has {len(corners)}")
    return corners


def _with(zones: dict[str, tuple[Zone, ...]], camera: str, shapes: list[Shape]) -> dict[str, object]:
    """The zones of all cameras with those of one replaced; a camera without any is left out."""
    return {name: each for name, each in {**zones, camera: shapes}.items() if each}


def _page(card: PrinterCard, camera: CameraCard | None, text: str, error: str) -> ResponseReturnValue:
    page = render_template(
        "zones.html",
        card=card,
        camera=camera,
        size=picture_size(own_view(), card.id, camera),
        text=text,
        error=error,
        most=MAX_ZONES,
    )
    return page, 422 if error else 200
