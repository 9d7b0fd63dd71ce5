"""One person's view of prints: looking, judging, keeping, deleting, taking along."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO

from hub.courses import courses_of
from hub.policy import PrinterSettings
from hub.prints import PrintKeeper, ended_well
from hub.replays import Replays, Run
from hub.store.history import EVIDENCE, LAPSE, VIDEO, CommandRow, EventRow, EvidenceRow, ScoreRow
from hub.store.prints import LABELS, MISSED, FeedbackRow, PrintRow, Prints, PrintSummary
from hub.store.trials import TrialRow, TrialStore
from hub.tuning import Tuning, tuned

_FOLDERS = {EVIDENCE: "evidence", LAPSE: "timelapse", VIDEO: "timelapse"}


@dataclass(frozen=True)
class PrintDetail:
    """One print with everything that belongs to it, each oldest first.

    `stored` holds every picture and the video, `said` what people said of its pictures, `teaches` whether the network
    holds it against what it sees now.
    """

    row: PrintRow
    scores: tuple[ScoreRow, ...]
    events: tuple[EventRow, ...]
    commands: tuple[CommandRow, ...]
    stored: tuple[EvidenceRow, ...]
    said: tuple[FeedbackRow, ...]
    teaches: bool

    @property
    def evidence(self) -> tuple[EvidenceRow, ...]:
        """The pictures that were kept for decisions."""
        return tuple(each for each in self.stored if each.kind == EVIDENCE)

    @property
    def lapse(self) -> tuple[EvidenceRow, ...]:
        """The pictures of the time-lapse."""
        return tuple(each for each in self.stored if each.kind == LAPSE)

    @property
    def video(self) -> EvidenceRow | None:
        """The time-lapse as a video."""
        return next((each for each in self.stored if each.kind == VIDEO), None)


@dataclass(frozen=True)
class PictureDetail:
    """One stored picture: the print in which it was taken, what was decided then, and what people said of it.

    `before` and `after` are the ids of its neighbours of the same kind in that print.
    """

    row: EvidenceRow
    of: PrintRow | None
    event: EventRow | None
    said: FeedbackRow | None
    before: int | None
    after: int | None


@dataclass(frozen=True)
class PrintParts:
    """What views of prints are made from; `keeper` learns again when people change what is known of a print."""

    prints: Prints
    keeper: PrintKeeper
    trials: TrialStore
    replays: Replays


class PrintDesk:
    """Prints of printers that somebody else has already checked the right on."""

    def __init__(self, parts: PrintParts, picture: Callable[[str, int], bytes | None]) -> None:
        self._prints, self._keeper, self._picture = parts.prints, parts.keeper, picture
        self._trials, self._replays = parts.trials, parts.replays

    def of(self, printer: str, limit: int, before: int | None) -> list[PrintRow]:
        """Prints, newest first."""
        return self._prints.of(printer, limit, before)

    def summaries(self, printer: str, limit: int, before: int | None) -> list[PrintSummary]:
        """Prints as a list shows them, newest first."""
        return self._prints.summaries(printer, limit, before)

    def row(self, printer: str, identity: int) -> PrintRow | None:
        """One print."""
        return self._prints.get(printer, identity)

    def detail(self, printer: str, identity: int) -> PrintDetail | None:
        """One print with all that belongs to it."""
        row = self._prints.get(printer, identity)
        if row is None:
            return None
        stored = self._prints
        events, pictures = stored.events(row), stored.evidence(row)
        said, known = stored.feedback(printer), {each.id for each in pictures}
        return PrintDetail(
            row,
            tuple(stored.scores(row)),
            tuple(events),
            tuple(stored.commands(row)),
            tuple(pictures),
            tuple(each for each in said if each.evidence in known),
            ended_well(row, events, said),
        )

    def picture(self, printer: str, identity: int) -> PictureDetail | None:
        """One stored picture with what belongs to it; a video is none."""
        row = self._prints.evidence_row(printer, identity)
        if row is None or row.kind == VIDEO:
            return None
        of = self._prints.at(printer, row.t)
        events = self._prints.events(of) if of and row.event is not None else []
        event = next((each for each in events if each.id == row.event), None)
        said = next((each for each in self._prints.feedback(printer) if each.evidence == identity), None)
        ids = [each.id for each in self._prints.evidence(of) if each.kind == row.kind] if of else [row.id]
        place = ids.index(row.id)
        before, after = ids[:place], ids[place + 1 :]
        return PictureDetail(
            row, of, event, said, before[-1] if before else None, after[0] if after else None
        )

    def write_zip(self, detail: PrintDetail, out: IO[bytes]) -> None:
        """The print as one zip: facts as JSON, the curve as CSV, pictures as they came from the camera, the video."""
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            facts = {
                "print": asdict(detail.row),
                "events": [asdict(each) for each in detail.events],
                "commands": [asdict(each) for each in detail.commands],
                "evidence": [asdict(each) | {"path": _name(each)} for each in detail.stored],
                "feedback": [asdict(each) for each in detail.said],
            }
            archive.writestr("print.json", json.dumps(facts, indent=2))
            archive.writestr("scores.csv", _curve(detail.scores))
            for each in detail.stored:
                picture = self._picture(each.printer, each.id)
                if picture is not None:
                    archive.writestr(_name(each), picture, zipfile.ZIP_STORED)

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
        self._replays.forget(row)
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

    def unsay(self, printer: str, evidence: int) -> bool:
        """Forget what was said of a picture; False if there is none."""
        picture = self._prints.evidence_row(printer, evidence)
        if picture is None:
            return False
        self._prints.drop_feedback(picture)
        self._keeper.learn(printer)
        return True

    def replay(self, row: PrintRow, settings: PrinterSettings) -> None:
        """Play a print again with these settings, in the background; raises ValueError saying why that cannot be."""
        stored = self._prints.evidence(row)
        self._replays.begin(
            row, stored, settings, lambda camera: self._keeper.habit_before(row, camera), time.time()
        )

    def replayed(self, row: PrintRow) -> Run | None:
        """The newest replay of a print, if one was asked for lately."""
        return self._replays.of(row, time.time())

    def tuning(self, printer: str, settings: PrinterSettings, accepted: float) -> tuple[Tuning, int]:
        """What other limits would have done to a printer's prints, and of how many prints it is not known how they went."""
        known, unknown = courses_of(self._prints, printer)
        return tuned(known, settings, accepted), unknown

    def ask_test(self, printer: str, person: str) -> int:
        """Ask the running hub for a test of the whole line."""
        return self._trials.ask(printer, person, time.time())

    def test(self, printer: str, identity: int) -> TrialRow | None:
        """How far a test has come."""
        return self._trials.get(printer, identity)

    def last_test(self, printer: str) -> TrialRow | None:
        """The newest test."""
        return self._trials.newest(printer)


def _name(row: EvidenceRow) -> str:
    """Where a file lies in the zip; pictures of the time-lapse are named so that they sort by time."""
    number = f"{row.id:08d}" if row.kind == LAPSE else row.id
    return f"{_FOLDERS[row.kind]}/{number}-{row.camera}{'.webm' if row.kind == VIDEO else '.jpg'}"


def _curve(scores: tuple[ScoreRow, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("t", "camera", "score", "certainty"))
    writer.writerows((row.t, row.camera, row.score, row.certainty) for row in scores)
    return out.getvalue()
