"""The print head: nozzle, heater block, fins, shroud, fans and ducts around one nozzle position. Pure."""

import numpy as np
from numpy.typing import NDArray

from models.training.render import shapes as s
from models.training.render.shapes import Rgb, Shape

Array = NDArray[np.float64]


def print_head(tip: Array, shroud: Rgb, accent: Rgb) -> dict[str, Shape]:
    """The head whose nozzle ends at `tip`, facing the front."""
    brass, dark = s.metal((0.75, 0.55, 0.25), 0.2), s.matt((0.012, 0.012, 0.014))
    body, steel = s.plastic(shroud, 0.18), s.metal((0.6, 0.6, 0.62), 0.3)
    pieces = {
        "nozzle0": s.rod(tip, s.at(tip, 0, 0, 0.03), 0.012, brass),
        "nozzle1": s.rod(s.at(tip, 0, 0, 0.025), s.at(tip, 0, 0, 0.07), 0.034, brass),
        "heater": s.box(s.at(tip, 0.02, 0, 0.115), [0.2, 0.16, 0.1], s.plastic(accent, 0.4)),
        "break": s.rod(s.at(tip, 0, 0, 0.16), s.at(tip, 0, 0, 0.24), 0.03, steel),
        "shroud": s.box(s.at(tip, 0, 0.0, 0.43), [0.44, 0.3, 0.36], body),
        "back": s.box(s.at(tip, 0, 0.15, 0.42), [0.5, 0.06, 0.5], dark),
        "lip": s.box(s.at(tip, 0, -0.02, 0.62), [0.36, 0.26, 0.05], s.plastic(accent, 0.3)),
        "coupler": s.rod(s.at(tip, 0, 0, 0.6), s.at(tip, 0, 0, 0.7), 0.035, steel),
        "duct": s.box(s.at(tip, 0.26, 0.0, 0.24), [0.1, 0.16, 0.3], body, 0.1),
        "outlet": s.box(s.at(tip, 0.18, 0.0, 0.1), [0.14, 0.13, 0.045], body),
        "probe": s.rod(
            s.at(tip, -0.25, 0.02, 0.06), s.at(tip, -0.25, 0.02, 0.5), 0.035, s.plastic((0.7, 0.7, 0.68))
        ),
    }
    for index in range(4):
        pieces[f"fin{index}"] = s.box(s.at(tip, 0, 0, 0.2 + 0.02 * index), [0.2, 0.2, 0.008], steel)
    front = s.at(tip, 0, -0.152, 0.44)
    pieces["fan0"] = s.disc(front, [0, -1, 0], 0.15, dark)
    pieces["fan1"] = s.disc(s.at(front, 0, -0.004, 0), [0, -1, 0], 0.055, s.plastic(accent, 0.3))
    for index in range(5):
        angle = index * 2 * np.pi / 5
        blade = s.at(front, 0.1 * np.cos(angle), -0.002, 0.1 * np.sin(angle))
        pieces[f"blade{index}"] = {
            **s.box([0, 0, 0], [0.085, 0.002, 0.035], s.plastic((0.06, 0.06, 0.06), 0.1)),
            "to_world": s.translate(blade) @ s.rotate(1, -angle + 0.5) @ s.scale([0.042, 0.001, 0.018]),
        }
    return pieces
