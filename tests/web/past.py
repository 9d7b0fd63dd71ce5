"""Prints that lie behind a printer: with curve, decisions, pictures and time-lapse."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from hub.film import write_film
from hub.policy import PrinterSettings
from hub.regions import Region
from hub.store.history import LAPSE, VIDEO, ScoreRow
from tests.web.world import World, clip

TANGLE = Region(0.3, 0.43, 0.42, 0.36, 0.94)
MODEL = {"name": "spaghetti", "version": "1.0", "precision": "int8"}


def decision(certainty=0.993, score=0.94, **more):
    """What the hub keeps with a decision."""
    quiet = [(-10.0 * n, 0.02 + 0.03 * (n % 3), 0.01) for n in range(30, 4, -1)]
    rise = [(round(-0.5 * n, 1), score, round(certainty * (1 - n / 90), 4)) for n in range(60, -1, -1)]
    more = {"curve": [*quiet, *rise][-60:], "settings": asdict(PrinterSettings(act_at=0.98)), **more}
    data = {"certainty": certainty, "camera": "nozzle", "score": score, "dry_run": False}
    return {**data, "initiator": "printwarden", "model": MODEL, "settings_version": "a1b2c3d4", **more}


class Past:
    """Adds prints to a printer, the newest last; a decision keeps a picture of each time in `before`, in seconds."""

    def __init__(self, world: World, printer: str, frames: list[bytes] | None = None, before=(0.0,)) -> None:
        self.world, self.printer, self.frames = world, printer, frames or clip()
        self.before = before

    def print(self, file, hours_ago, length, outcome="finished", pictures=8, *, alarm=False, video=False):
        """One print of `length` seconds; the clip's good part, or all of it when it ends in an alarm."""
        world, start = self.world, time.time() - hours_ago * 3600
        identity = world.prints.begin(self.printer, f"{file}#1", file, start)
        told = {"print": identity}
        world.history.add_event(
            self.printer, start + 0.1, "print_started", "info", f"print started: {file}", told
        )
        shown = self.frames if alarm else self.frames[: len(self.frames) // 2]
        for n in range(pictures):
            share = n / max(1, pictures - 1)
            regions = (TANGLE,) if alarm and share > 0.85 else ()
            world.history.add_evidence(
                self.printer,
                "nozzle",
                start + share * length * 0.98,
                shown[int(share * (len(shown) - 1))],
                score=0.9 if regions else 0.03,
                kind=LAPSE,
                regions=regions,
            )
        self._scores(start, length, alarm)
        if alarm:
            self._alarm(start + length * 0.95, shown[-3])
        if outcome != "running":
            world.prints.end(identity, outcome, start + length)
            if video:
                self._video(identity)
            world.prints.save_film(identity, "")
        return identity

    def _scores(self, start, length, alarm):
        for n in range(200):
            share = n / 200
            rise = max(0.0, share - 0.85) / 0.1 if alarm else 0.0
            noise = 0.03 * (n * 7 % 5)
            certainty = min(0.993, 0.01 + noise / 3 + rise)
            score = ScoreRow(
                self.printer, "nozzle", start + share * length, min(0.96, noise + rise), certainty
            )
            self.world.history.add_score(score)
        self.world.history.flush()

    def _alarm(self, t, jpeg):
        add, keep = self.world.history.add_event, self.world.history.add_evidence
        for kind, level, text, at in (
            ("suspected", "warning", "suspicious: 63% sure, the warning limit is 60%", t - 30),
            ("failing", "alarm", "failing: pause ordered: 99% sure for 3 s, the limit is 98%", t),
        ):
            certainty = 0.993 if kind == "failing" else 0.63
            event = add(self.printer, at, kind, level, text, decision(certainty))
            for before in self.before:
                shown = {"event": event, "score": 0.94, "regions": (TANGLE,)}
                keep(self.printer, "nozzle", at - before, jpeg, **shown)

    def _video(self, identity):
        row = self.world.prints.get(self.printer, identity)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "film.webm"
            names = []
            for each in self.world.prints.lapse(row):
                names.append(Path(folder) / f"{each.id}.jpg")
                names[-1].write_bytes(self.world.prints.picture(each.path))
            write_film(names, target, 12.0)
            self.world.history.add_evidence(
                self.printer, "nozzle", row.ended, target.read_bytes(), kind=VIDEO
            )


def past(world: World, printer: str) -> dict[str, int]:
    """A past with one print of every sort; their ids by file."""
    add = Past(world, printer, before=(24.0, 12.0, 6.0, 0.0)).print
    add("calibration-cube.gcode", 60, 1900, "finished", 24)
    add("drawer-organizer-4x6-with-a-rather-long-file-name.gcode", 50, 40_000, "finished", 30, video=True)
    failed = add("planter.gcode", 26, 7300, "cancelled", 40, alarm=True, video=True)
    bracket = add("bracket-v2.gcode", 3, 5000, "finished", 30)
    benchy = add("benchy.gcode", 0.6, 2160, "running", 36)
    world.prints.mark(bracket, good=True)
    return {"planter": failed, "bracket": bracket, "benchy": benchy}
