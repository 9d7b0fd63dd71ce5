"""Prints as things: when each began and how it ended, what belongs to it, and what people said about its pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hub.habits import Heat
from hub.store.database import Database
from hub.store.history import (
    ALARMED,
    LAPSE,
    VIDEO,
    WARNED,
    CommandRow,
    EventRow,
    EvidenceRow,
    ScoreRow,
    evidence_row,
)

RUNNING = "running"
FALSE_ALARM, MISSED = "false_alarm", "missed"
LABELS = (FALSE_ALARM, MISSED)


@dataclass(frozen=True)
class PrintRow:
    """One print. `outcome` is running, finished, cancelled, failed or unknown; `good` is what its owner said of it.

    `film` is None until its time-lapse was made, and then tells why there is none; empty when there is nothing to tell.
    """

    id: int
    printer: str
    job: str
    file: str
    started: float
    ended: float | None
    outcome: str
    pinned: bool
    good: bool | None
    film: str | None = None

    @property
    def duration(self) -> float | None:
        """How long it took, in seconds; None while it runs."""
        return None if self.ended is None else self.ended - self.started


@dataclass(frozen=True)
class PrintSummary:
    """One print in a list: how many warnings and alarms it had, and the newest of its pictures."""

    row: PrintRow
    warnings: int
    alarms: int
    picture: EvidenceRow | None


@dataclass(frozen=True)
class FeedbackRow:
    """What a person said of one stored picture: false_alarm, or missed with the place (x, y) in shares."""

    evidence: int
    printer: str
    camera: str
    path: str
    event: int | None
    t_picture: float
    t: float
    person: str
    label: str
    x: float | None
    y: float | None


class Prints:
    """Prints of all printers; nothing here asks who is asking. Rows and pictures belong to a print by their time."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._db, self._folder = database, folder

    # The life of a print

    def begin(self, printer: str, job: str, file: str, now: float) -> int:
        """A print has begun; returns its id."""
        row = {"printer": printer, "job": job, "file": file, "started": now, "outcome": RUNNING}
        with self._db.write() as db:
            return int(db.table("prints").insert(row).last_pk or 0)

    def end(self, identity: int, outcome: str, now: float) -> None:
        """A print has ended."""
        with self._db.write() as db:
            db.execute("UPDATE prints SET ended = ?, outcome = ? WHERE id = ?", [now, outcome, identity])

    def running(self, printer: str) -> PrintRow | None:
        """The print that runs on a printer."""
        return self._one("SELECT * FROM prints WHERE printer = ? AND ended IS NULL ORDER BY id DESC", printer)

    def get(self, printer: str, identity: int) -> PrintRow | None:
        """One print of one printer."""
        return self._one("SELECT * FROM prints WHERE printer = ? AND id = ?", printer, identity)

    def of(self, printer: str, limit: int = 50, before: int | None = None) -> list[PrintRow]:
        """Prints of one printer, newest first."""
        query = "SELECT * FROM prints WHERE printer = ? AND id < ? ORDER BY id DESC LIMIT ?"
        return [_print(row) for row in self._db.rows(query, printer, before or 2**62, limit)]

    def summaries(self, printer: str, limit: int, before: int | None = None) -> list[PrintSummary]:
        """Prints of one printer as a list shows them, newest first."""
        return [self._summary(row) for row in self.of(printer, limit, before)]

    def all_running(self) -> list[PrintRow]:
        """Every print that runs, of all printers."""
        return [_print(row) for row in self._db.rows("SELECT * FROM prints WHERE ended IS NULL ORDER BY id")]

    def without_film(self) -> PrintRow | None:
        """The print that waits longest for its time-lapse."""
        return self._one("SELECT * FROM prints WHERE film IS NULL AND ended NOT NULL ORDER BY id")

    def save_film(self, identity: int, why_not: str) -> None:
        """Its time-lapse was made, or there is none for a reason worth telling."""
        with self._db.write() as db:
            db.execute("UPDATE prints SET film = ? WHERE id = ?", [why_not, identity])

    def at(self, printer: str, t: float) -> PrintRow | None:
        """The print that ran at a time."""
        query = "SELECT * FROM prints WHERE printer = ? AND started <= ? AND ifnull(ended, 9e18) >= ? ORDER BY id DESC"
        return self._one(query, printer, t, t)

    def mark(self, identity: int, good: bool | None) -> None:
        """Keep what its owner says of a print."""
        with self._db.write() as db:
            db.execute("UPDATE prints SET good = ? WHERE id = ?", [good, identity])

    def pin(self, row: PrintRow, *, pinned: bool) -> None:
        """Keep a print and its pictures beyond retention, or no longer. Pictures that people judged stay in any case."""
        with self._db.write() as db:
            db.execute("UPDATE prints SET pinned = ? WHERE id = ?", [pinned, row.id])
            db.execute(
                "UPDATE evidence SET pinned = ? OR id IN (SELECT evidence FROM feedback)"
                " WHERE printer = ? AND t BETWEEN ? AND ?",
                [pinned, *_span(row)],
            )

    def delete(self, row: PrintRow) -> None:
        """Delete a print with everything that belongs to it, pictures first out of the rows, then off the disk."""
        paths = [each.path for each in self.evidence(row)]
        with self._db.write() as db:
            for table in ("evidence", "scores", "events"):
                where = "printer = ? AND t BETWEEN ? AND ?"
                db.execute(f"DELETE FROM {table} WHERE {where}", list(_span(row)))  # noqa: S608 - constant names
            told = "printer = ? AND json_extract(data, '$.print') = ?"
            db.execute(f"DELETE FROM events WHERE {told}", [row.printer, row.id])  # noqa: S608 - constant text
            old = "seq < (SELECT max(seq) FROM commands)"  # numbers rise for ever
            where = f"printer = ? AND t BETWEEN ? AND ? AND {old}"
            db.execute(f"DELETE FROM commands WHERE {where}", list(_span(row)))  # noqa: S608 - constant text
            db.execute("DELETE FROM prints WHERE id = ?", [row.id])
        for path in paths:
            (self._folder / path).unlink(missing_ok=True)

    def prune(self, now: float, days: float) -> None:
        """Forget prints that ended too long ago, unless they are pinned; their pictures have a retention of their own."""
        with self._db.write() as db:
            db.execute("DELETE FROM prints WHERE pinned = 0 AND ended < ?", [now - days * 86_400])

    # What belongs to a print

    def scores(self, row: PrintRow) -> list[ScoreRow]:
        """Its score curve, oldest first."""
        return [ScoreRow(**dict(each)) for each in self._of("scores", row, "t")]

    def certainties(self, row: PrintRow) -> list[tuple[float, float | None]]:
        """Of its score curve the second of the print and the certainty alone, oldest first: prints have thousands."""
        query = "SELECT t - ?, certainty FROM scores WHERE printer = ? AND t BETWEEN ? AND ? ORDER BY t"
        return [(t, certainty) for t, certainty in self._db.rows(query, row.started, *_span(row))]

    def events(self, row: PrintRow) -> list[EventRow]:
        """Its events, oldest first."""
        return [
            EventRow(**{**dict(each), "data": json.loads(each["data"])})
            for each in self._of("events", row, "id")
        ]

    def evidence(self, row: PrintRow) -> list[EvidenceRow]:
        """Everything stored of it: pictures of decisions and of the time-lapse, and the video; oldest first."""
        return [evidence_row(each) for each in self._of("evidence", row, "t, id")]

    def lapse(self, row: PrintRow) -> list[EvidenceRow]:
        """The pictures of its time-lapse, oldest first."""
        return [each for each in self.evidence(row) if each.kind == LAPSE]

    def drop(self, pictures: Sequence[EvidenceRow]) -> None:
        """Forget stored pictures, out of the rows and then off the disk."""
        with self._db.write() as db:
            db.conn.executemany("DELETE FROM evidence WHERE id = ?", [(each.id,) for each in pictures])
        for each in pictures:
            (self._folder / each.path).unlink(missing_ok=True)

    def commands(self, row: PrintRow) -> list[CommandRow]:
        """Its commands, oldest first."""
        return [
            CommandRow(**{**dict(each), "dry": bool(each["dry"])})
            for each in self._of("commands", row, "seq")
        ]

    # What it looked like to the network

    def save_habit(self, identity: int, camera: str, model: str, cells: Heat) -> None:
        """Keep what one camera showed during a print."""
        row = {"print": identity, "camera": camera, "model": model, "rows": cells.shape[0]}
        row |= {"columns": cells.shape[1], "cells": cells.astype(np.float32).tobytes()}
        with self._db.write() as db:
            db.table("habits").insert(row, replace=True)

    def habits(self, printer: str, model: str) -> Sequence[tuple[PrintRow, str, Heat]]:
        """Every kept (print, camera, cells) of a printer by this model, oldest first."""
        query = (
            "SELECT prints.*, camera, rows, columns, cells FROM habits JOIN prints ON prints.id = habits.print"
            " WHERE printer = ? AND model = ? ORDER BY prints.id"
        )
        found = []
        for each in self._db.rows(query, printer, model):
            cells = np.frombuffer(each["cells"], np.float32).reshape(each["rows"], each["columns"])
            found.append(
                (_print({key: each[key] for key in PrintRow.__dataclass_fields__}), each["camera"], cells)
            )
        return found

    # What people said

    def add_feedback(
        self, picture: EvidenceRow, person: str, label: str, t: float, place: tuple[float, float] | None
    ) -> None:
        """Keep what a person says of a picture, in the place of what was said before."""
        x, y = place or (None, None)
        row = {"evidence": picture.id, "printer": picture.printer, "t": t, "person": person}
        with self._db.write() as db:
            db.table("feedback").insert({**row, "label": label, "x": x, "y": y}, pk="evidence", replace=True)
            db.execute("UPDATE evidence SET pinned = 1 WHERE id = ?", [picture.id])

    def drop_feedback(self, picture: EvidenceRow) -> None:
        """Forget what a person said of a picture; it is no longer kept beyond retention for that."""
        with self._db.write() as db:
            db.execute("DELETE FROM feedback WHERE evidence = ?", [picture.id])
            kept = "SELECT max(pinned) FROM prints WHERE printer = ? AND started <= ? AND ifnull(ended, 9e18) >= ?"
            db.execute(
                f"UPDATE evidence SET pinned = ifnull(({kept}), 0) WHERE id = ?",  # noqa: S608 - constant text
                [picture.printer, picture.t, picture.t, picture.id],
            )

    def feedback(self, printer: str | None = None) -> list[FeedbackRow]:
        """What people said, of one printer or of all, oldest first."""
        query = (
            "SELECT feedback.*, evidence.camera, evidence.path, evidence.event, evidence.t AS t_picture FROM feedback JOIN evidence"
            " ON evidence.id = feedback.evidence WHERE ? IS NULL OR feedback.printer = ? ORDER BY feedback.t"
        )
        return [FeedbackRow(**dict(row)) for row in self._db.rows(query, printer, printer)]

    def evidence_row(self, printer: str, identity: int) -> EvidenceRow | None:
        """One stored picture (or video) of one printer."""
        row = self._db.row("SELECT * FROM evidence WHERE printer = ? AND id = ?", printer, identity)
        return evidence_row(row) if row else None

    def picture(self, path: str) -> bytes | None:
        """A stored picture by its path."""
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None

    def _summary(self, row: PrintRow) -> PrintSummary:
        levels = self._db.rows(
            "SELECT kind, count(*) AS n FROM events WHERE printer = ? AND t BETWEEN ? AND ?"
            " AND kind IN (?, ?, ?) GROUP BY kind",
            *_span(row),
            WARNED,
            *ALARMED,
        )
        counts = {each["kind"]: int(each["n"]) for each in levels}
        newest = self._db.row(
            "SELECT * FROM evidence WHERE printer = ? AND t BETWEEN ? AND ? AND kind != ? ORDER BY t DESC LIMIT 1",
            *_span(row),
            VIDEO,
        )
        picture = evidence_row(newest) if newest else None
        alarms = sum(counts.get(kind, 0) for kind in ALARMED)
        return PrintSummary(row, counts.get(WARNED, 0), alarms, picture)

    def _of(self, table: str, row: PrintRow, order: str) -> list[Any]:
        where = "printer = ? AND t BETWEEN ? AND ?"
        query = f"SELECT * FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608 - constant names
        return self._db.rows(query, *_span(row))

    def _one(self, query: str, *arguments: Any) -> PrintRow | None:
        row = self._db.row(query + " LIMIT 1", *arguments)
        return _print(dict(row)) if row else None


def _span(row: PrintRow) -> tuple[str, float, float]:
    return row.printer, row.started, 9e18 if row.ended is None else row.ended


def _print(row: Any) -> PrintRow:
    values = dict(row)
    good = values["good"]
    return PrintRow(
        **{**values, "pinned": bool(values["pinned"]), "good": None if good is None else bool(good)}
    )
