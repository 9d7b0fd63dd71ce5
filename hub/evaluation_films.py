"""Which films are played: prints that went well, as they are, and with tangles at several onsets."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from hub.evaluation_data import GOOD
from hub.evaluation_growth import SPACING_S, Back, Film
from hub.recordings import shots

#: Titles at both ends of a time-lapse are no part of the print.
TITLE, END = 20, 12
#: A print of fewer pictures is too short to grow a tangle on.
LEAST = 9
#: Share of the print at which the failure begins, for the long prints.
ONSETS = (0.0, 0.15, 0.4, 0.7)
#: Growth stops so long after the onset, and goes on so much later, in the films of resumed prints.
STOPPED_S, RESUMED_S = 120.0, 600.0
#: Short prints are repeated so long after the onset.
LASTING_S = 900.0


def backs(data: Path) -> list[Back]:
    """All prints that went well: the whole time-lapses, and the good pictures of each print of a fixed camera."""
    found = []
    for path in sorted((data / "clips").glob("good_*.mp4")):
        frames = [shot.jpeg for shot in shots(path, SPACING_S)][TITLE:-END]
        found.append(Back(path.stem, "clips", tuple(frames), (0.55, 0.78)))
    prints: dict[str, list[dict[str, str]]] = {}
    with (data / "sequences.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["label"] == GOOD and row["fixed_camera"] == "1":
                prints.setdefault(row["print_id"], []).append(row)
    for name, rows in prints.items():
        rows.sort(key=lambda row: int(row["frame_index"]))
        frames = [(data / row["file"]).read_bytes() for row in rows]
        # Prints of one camera in one folder of a compilation are different printers: no print is another's past.
        found.append(Back(name, name, tuple(frames)))
    return found


def good_films(prints: Sequence[Back]) -> list[Film]:
    """Every print as it is, and the long ones under a change of light."""
    films = [Film(each, "good") for each in prints]
    films += [Film(each, "good", light=("lamp", "dusk")[n % 2]) for n, each in enumerate(_long(prints))]
    return films


def failing_films(prints: Sequence[Back], tangles: int) -> list[Film]:
    """Tangles on the long prints at every onset, and on the shorter ones from the first picture and the middle on.

    On the long ones some flicker behind the head, some meet changing light, and some prints are resumed.
    """
    films: list[Film] = []
    for number, back in enumerate(_long(prints)):
        for place, share in enumerate(ONSETS):
            onset = round(share * back.end / SPACING_S) * SPACING_S
            films += [
                Film(back, "growing", onset, tangle + (place + number) % 2, seed=place)
                for tangle in range(0, tangles, 2)
            ]
            for nth, tangle in enumerate(range(place, tangles, 4)):
                light = ("lamp", "dusk")[nth % 2]
                films.append(Film(back, "head in front", onset, tangle, seed=7 + place, hidden=0.5))
                films.append(Film(back, "changing light", onset, tangle, seed=17 + place, light=light))
        films += [_resumed(back, tangle) for tangle in range(0, tangles, 2)]
    short = [back for back in prints if len(back.frames) >= LEAST and back not in _long(prints)]
    for number, back in enumerate(short):
        for place, onset in enumerate((0.0, back.end // 2)):
            which = (2 * number + place) % tangles
            films.append(Film(back, "other cameras", onset, which, seed=place, length=onset + LASTING_S))
    return films


def _resumed(back: Back, tangle: int) -> Film:
    onset = round(0.3 * back.end / SPACING_S) * SPACING_S
    return Film(back, "resumed", onset, tangle, seed=27, pause_growth=STOPPED_S, again=onset + RESUMED_S)


def _long(prints: Sequence[Back]) -> list[Back]:
    return [each for each in prints if each.rig == "clips"]
