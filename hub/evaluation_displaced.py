"""How well lost parts are noticed: real good time-lapses in which the part is moved from a moment on.

Part of `make report-detection`. Only whole time-lapses of a camera that does not move can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hub.displaced import GRID
from hub.evaluation_growth import SPACING_S, Back
from hub.pace import PaceSettings
from hub.policy import ALERT, PAUSE, PrinterSettings
from hub.replay import PRINTER, Player
from hub.vision import Detection, small
from hub.workers import scored

Picture = NDArray[np.uint8]
Result = dict[str, Any]

KINDS = ("gone", "shifted", "knocked over", "dragged")
#: At which shares of a print its part comes loose, and how long it may take to notice.
SHARES, PATIENCE_S = (0.45, 0.65, 0.85), 180.0
#: The pictures in which each time-lapse shows its print: before comes a title, after it the finished part.
PRINTS = {"good_benchy_red": (60, 264), "good_benchy_blue": (0, 192)}
#: Left, right and lower edge of the part in shares of the picture, and its height when finished.
LEFT, RIGHT, BOTTOM, HEIGHT = 0.36, 0.60, 0.89, 0.30


@dataclass(frozen=True)
class Clip:
    """The pictures of one print from its first to its last layer."""

    name: str
    pictures: tuple[Picture, ...]


def clips(backs: Sequence[Back]) -> list[Clip]:
    """The time-lapses whose part is known."""
    found = []
    for back in backs:
        if back.name in PRINTS:
            begin, end = PRINTS[back.name]
            found.append(Clip(back.name, tuple(_read(jpeg) for jpeg in back.frames[begin:end])))
    return found


def measure(found: Sequence[Clip]) -> Result:
    """Lost parts noticed, by what happened to them, and false alarms in the prints as they are."""
    table: Result = {kind: {"films": 0, "noticed": 0} for kind in KINDS}
    for clip in found:
        for share in SHARES:
            for kind in KINDS:
                onset = int(share * len(clip.pictures))
                alarms = [t - onset * SPACING_S for t in _alarms(_film(clip, onset, kind))]
                table[kind]["films"] += 1
                table[kind]["noticed"] += any(0 <= t <= PATIENCE_S for t in alarms)
    hours = sum(len(clip.pictures) for clip in found) * SPACING_S / 3600
    false = sum(len(_alarms(iter(clip.pictures))) for clip in found)
    return {"kinds": table, "hours": hours, "false_alarms": false}


def _alarms(pictures: Iterator[Picture]) -> list[float]:
    """When the hub's own judge would have told of a lost part, each time resumed at once."""
    settings = PrinterSettings(action=ALERT, moved=PAUSE)
    player, alarms = Player(settings, PaceSettings()), []
    cold = np.zeros((GRID, GRID), np.float32)
    for n, picture in enumerate(pictures):
        shown = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)
        seen = Detection(0.0, cold, 0, 0, 255.0, None, small(np.asarray(shown, np.uint8)))
        t = n * SPACING_S
        judgement, _ = player.judged(scored(PRINTER, player.frame(n, t), t, seen, 0.5))
        if judgement.moved.kind != "none":
            alarms.append(t)
            player.resume()
    return alarms


def _film(clip: Clip, onset: int, kind: str) -> Iterator[Picture]:
    rng = np.random.default_rng(onset)
    last = min(len(clip.pictures), onset + int(PATIENCE_S / SPACING_S) + 1)
    for n, picture in enumerate(clip.pictures[:last]):
        yield picture if n < onset else _displaced(picture, n / len(clip.pictures), kind, rng)


def _displaced(picture: Picture, progress: float, kind: str, rng: np.random.Generator) -> Picture:
    """The part cut out, its place filled from around it, and the part put elsewhere."""
    height, width = picture.shape[:2]
    top = BOTTOM - 0.06 - (HEIGHT - 0.06) * progress
    centre = ((LEFT + RIGHT) / 2 * width, (top + BOTTOM) / 2 * height)
    axes = (int((RIGHT - LEFT) / 2 * width), int((BOTTOM - top) / 2 * height))
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (int(centre[0]), int(centre[1])), axes, 0, 0, 360, 255, -1)
    wide = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    soft = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.float32)[..., None] / 255
    result = picture * (1 - soft) + cv2.inpaint(picture, wide, 4, cv2.INPAINT_TELEA) * soft
    if kind != "gone":
        dx, dy, angle = {
            "shifted": (0.10, 0.01, 0.0),
            "knocked over": (0.07, 0.04, 80.0),
            "dragged": (float(rng.normal(0, 0.15)), 0.0, float(rng.normal(0, 20))),
        }[kind]
        matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
        matrix[:, 2] += (dx * width, dy * height)
        part = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(soft[..., 0], matrix, (width, height))[..., None]
        result = result * (1 - alpha) + part * alpha
    return np.asarray(result, np.uint8)


def _read(jpeg: bytes) -> Picture:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
