"""One person's view of prints: looking, judging, keeping, deleting, taking along."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass

from hub.prints import PrintKeeper
from hub.store.history import CommandRow, EventRow, EvidenceRow, ScoreRow
from hub.store.prints import LABELS, MISSED, PrintRow, Prints
from hub.store.trials import TrialRow, TrialStore


@dataclass(frozen=True)
class PrintDetail:
    """One print with everything that belongs to it, each oldest first."""

    row: PrintRow
    scores: tuple[ScoreRow, ...]
    events: tuple[EventRow, ...]
    commands: tuple[CommandRow, ...]
    evidence: tuple[EvidenceRow, ...]


@dataclass(frozen=True)
class PrintParts:
    """What views of prints are made from; `keeper` learns again when people change what is known of a print."""

    prints: Prints
    keeper: PrintKeeper
    trials: TrialStore


class PrintDesk:
    """Prints of printers that somebody else has already checked the right on."""

    def __init__(self, parts: PrintParts, picture: Callable[[str, int], bytes | None]) -> None:
        self._prints, self._keeper, self._picture = parts.prints, parts.keeper, picture
        self._trials = parts.trials

    def of(self, printer: str, limit: int, before: int | None) -> list[PrintRow]:
        """Prints, newest first."""
        return self._prints.of(printer, limit, before)

    def detail(self, printer: str, identity: int) -> PrintDetail | None:
        """One print with all that belongs to it."""
        row = self._prints.get(printer, identity)
        if row is None:
            return None
        stored = self._prints
        return PrintDetail(
            row,
            tuple(stored.scores(row)),
            tuple(stored.events(row)),
            tuple(stored.commands(row)),
            tuple(stored.evidence(row)),
        )

    def zipped(self, detail: PrintDetail) -> bytes:
        """The print as one zip: its facts as JSON, its curve as CSV, its pictures as they came from the camera."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            facts = {
                "print": asdict(detail.row),
                "events": [asdict(each) for each in detail.events],
                "commands": [asdict(each) for each in detail.commands],
                "evidence": [asdict(each) | {"path": _name(each)} for each in detail.evidence],
            }
            archive.writestr("print.json", json.dumps(facts, indent=2))
            archive.writestr("scores.csv", _curve(detail.scores))
            for each in detail.evidence:
                picture = self._picture(each.printer, each.id)
                if picture is not None:
                    archive.writestr(_name(each), picture, zipfile.ZIP_STORED)
        return out.getvalue()

    def pin(self, row: PrintRow, *, pinned: bool) -> None:
        """Keep it beyond retention, or no longer."""
        self._prints.pin(row, pinned=pinned)

    def mark(self, row: PrintRow, good: bool | None) -> None:
        """Whether the network may learn from it; None leaves that to how it ended."""
        self._prints.mark(row.id, good)
        self._keeper.learn(row.printer)

    def delete(self, row: PrintRow) -> None:
        """Delete it with its pictures; what was learnt from it goes too. Raises ValueError while it runs."""
        if row.ended is None:
            raise ValueError("this print is still running")
        self._prints.delete(row)
        self._keeper.learn(row.printer)

    def say(
        self, printer: str, evidence: int, person: str, label: str, place: tuple[float, float] | None
    ) -> bool:
        """Keep what a person says of a picture; False if there is none.

        Raises ValueError for an unknown label or a place outside of the picture.
        """
        if label not in LABELS:
            raise ValueError(f"label: {label!r} is none of {', '.join(LABELS)}")
        if place is not None and (label != MISSED or not all(0.0 <= each <= 1.0 for each in place)):
            raise ValueError("place: only a missed failure has one, from 0 to 1")
        picture = self._prints.evidence_row(printer, evidence)
        if picture is None:
            return False
        self._prints.add_feedback(picture, person, label, time.time(), place)
        self._keeper.learn(printer)
        return True

    def ask_test(self, printer: str, person: str) -> int:
        """Ask the running hub for a test of the whole line."""
        return self._trials.ask(printer, person, time.time())

    def test(self, printer: str, identity: int) -> TrialRow | None:
        """How far a test has come."""
        return self._trials.get(printer, identity)


def _name(row: EvidenceRow) -> str:
    return f"evidence/{row.id}-{row.camera}.jpg"


def _curve(scores: tuple[ScoreRow, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("t", "camera", "score", "certainty"))
    writer.writerows((row.t, row.camera, row.score, row.certainty) for row in scores)
    return out.getvalue()
