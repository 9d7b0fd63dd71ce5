"""Where the loose filament lies in a picture: its mask, region and coverage, from projected points."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.render.views import View

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Loose filament as one picture shows it; the region is (left, top, width, height) in parts of the picture."""

    mask: NDArray[np.uint8]
    region: tuple[float, float, float, float] | None
    coverage: float


def sample(lines: list[Array], most: int = 400) -> list[NDArray[np.bool_]]:
    """For each line, which of its points to test for visibility: evenly spread, about `most` in all."""
    total = sum(len(line) for line in lines)
    stride = max(1, total // most)
    return [np.arange(len(line)) % stride == 0 for line in lines]


def trace(lines: list[Array], seen: list[NDArray[np.bool_]], radius: float, view: View) -> Trace:
    """Mask and region of the lines' parts that are seen; `seen` marks the visible points of each line."""
    mask = np.zeros((view.height, view.width), np.uint8)
    places = []
    for line, visible in zip(lines, seen, strict=True):
        relative, inside = view.project(line)
        keep = inside & visible
        places.append(relative[keep])
        pixels = np.round(relative * [view.width, view.height] * 8).astype(np.int32)
        thickness = _thickness(line, radius, view)
        for first, last in _runs(keep):
            cv2.polylines(mask, [pixels[first:last]], False, 255, thickness, cv2.LINE_8, 3)
    spots = np.vstack(places) if places else np.zeros((0, 2))
    if len(spots) < 2:
        return Trace(mask, None, 0.0)
    low, high = spots.min(axis=0), spots.max(axis=0)
    region = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Trace(mask, region, float((mask > 0).mean()))


def area(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask with the gaps between neighbouring strands filled."""
    side = max(3, mask.shape[1] // 26) | 1
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)))


def spread(
    lines: list[Array], tested: list[NDArray[np.bool_]], seen: NDArray[np.bool_]
) -> list[NDArray[np.bool_]]:
    """Visibility of every point from that of the tested ones: the nearest tested point of the line decides."""
    done, start = [], 0
    for line, chosen in zip(lines, tested, strict=True):
        spots = np.flatnonzero(chosen)
        nearest = np.abs(np.arange(len(line))[:, None] - spots[None, :]).argmin(axis=1)
        done.append(seen[start : start + len(spots)][nearest])
        start += len(spots)
    return done


def _thickness(line: Array, radius: float, view: View) -> int:
    distance = float(np.linalg.norm(line.mean(axis=0) - view.eye))
    return max(1, round(2 * radius / distance / math.radians(view.fov) * view.width))


def _runs(keep: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(int), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2) if last - first > 1]
