"""A replay as one HTML page that loads nothing from anywhere: the curve as SVG, the deciding pictures beside it."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import cv2
import numpy as np

from hub.regions import Region
from hub.replay import Replayed, Step, clock

WIDTH, HEIGHT, PAD = 900, 260, 34
SMALL = 320
_SHADES = {"warn": "#c80", "alert": "#c00", "pause": "#c00", "cancel": "#c00"}

_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
svg{width:100%;background:#fafafa;border:1px solid #ddd}table{border-collapse:collapse}td,th{padding:.15rem .8rem;
text-align:left;border-bottom:1px solid #ddd}figure{display:inline-block;margin:.6rem .8rem .6rem 0;width:20rem}
figure img{width:100%;display:block}figcaption{font-size:.85rem}"""


def page(replayed: Replayed, name: str) -> str:
    """The whole page."""
    parts = [f"<h1>Replay of {_text(name)}</h1>", f"<p>{_text(_summary(replayed))}</p>", curve(replayed)]
    parts.append(
        "<p>Black: how sure it was that the print is failing. Grey dots: the score of each single picture. "
        "Dashed: the limits of warning and acting.</p>"
    )
    if replayed.decided:
        parts += ["<h2>What was decided, and why</h2>", _table(replayed.decided)]
        parts += [_figure(step, replayed.pictures.get(step.index)) for step in replayed.decided]
    settings = ", ".join(f"{key} = {value}" for key, value in vars(replayed.settings).items())
    parts.append(f"<h2>Settings</h2><p>{_text(settings)}</p>")
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Replay of {_text(name)}</title>'
        f"<style>{_STYLE}</style><body>{body}</body></html>\n"
    )


def curve(replayed: Replayed) -> str:
    """Certainty and single scores over the print as inline SVG."""
    steps = replayed.steps
    end = max((step.t for step in steps), default=0.0) or 1.0
    limits = ((replayed.settings.warn_at, "#c80"), (replayed.settings.act_at, "#c00"))
    points = " ".join(
        f"{_x(step.t, end):.1f},{_y(step.certainty):.1f}" for step in steps if step.certainty is not None
    )
    pieces = [_limit(_y(value), shade) for value, shade in limits]
    pieces += [
        f'<circle cx="{_x(step.t, end):.1f}" cy="{_y(step.score):.1f}" r="1.6" fill="#aaa"/>'
        for step in steps
        if step.score is not None
    ]
    pieces.append(f'<polyline fill="none" stroke="#222" stroke-width="1.6" points="{points}"/>')
    pieces += [_mark(_x(step.t, end), step) for step in replayed.decided]
    pieces += [
        _label(_x(share * end, end), HEIGHT - 12, clock(share * end)) for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    pieces += [_label(16, _y(value) + 4, f"{value:.0%}") for value in (0.0, 0.5, 1.0)]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="certainty over time">{"".join(pieces)}</svg>'


def _limit(y: float, shade: str) -> str:
    return f'<line x1="{PAD}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="{shade}" stroke-dasharray="5 4"/>'


def _mark(x: float, step: Step) -> str:
    shade = _SHADES.get(step.decision, "#222")
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{HEIGHT - PAD}" stroke="{shade}" stroke-width="2"/>'
        f'<text x="{x + 4:.1f}" y="20" font-size="12" fill="{shade}">{_text(step.decision)} {clock(step.t)}</text>'
    )


def _label(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="middle">{words}</text>'


def _summary(replayed: Replayed) -> str:
    def when(step: Step | None) -> str:
        return f"after {clock(step.t)}" if step else "never"

    return (
        f"{len(replayed.steps)} pictures were judged. Warned: {when(replayed.warned)}. "
        f"{replayed.settings.action.capitalize()}: {when(replayed.acted)}."
    )


def _table(steps: Sequence[Step]) -> str:
    rows = "".join(
        f"<tr><td>{clock(step.t)}</td><td>{_text(step.decision)}</td><td>{_text(step.reason)}</td></tr>"
        for step in steps
    )
    return f"<table><tr><th>time</th><th>decision</th><th>reason</th></tr>{rows}</table>"


def _figure(step: Step, jpeg: bytes | None) -> str:
    small = None if jpeg is None else _small(jpeg, step.regions)
    if small is None:
        return ""
    data = base64.b64encode(small).decode("ascii")
    score = "" if step.score is None else f", score {step.score:.2f}"
    return (
        f'<figure><img alt="the picture that decided" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{clock(step.t)} {_text(step.decision)}{score}</figcaption></figure>"
    )


def _small(jpeg: bytes, regions: Sequence[Region]) -> bytes | None:
    """A small copy with the regions drawn in; None when it cannot be decoded."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    height, width = (max(1, round(side * SMALL / picture.shape[1])) for side in picture.shape[:2])
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    for each in regions:
        corner = (round(each.x * width), round(each.y * height))
        cv2.rectangle(
            picture,
            corner,
            (round((each.x + each.w) * width), round((each.y + each.h) * height)),
            (40, 40, 230),
            2,
        )
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def _x(t: float, end: float) -> float:
    return PAD + t / end * (WIDTH - PAD - 8)


def _y(value: float) -> float:
    return 8 + (1 - value) * (HEIGHT - PAD - 8)


def _text(words: str) -> str:
    return html.escape(str(words))
