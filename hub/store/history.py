"""What was seen, decided and done: scores, events, commands, evidence."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

from hub.regions import Region
from hub.store.database import Database, StoreError

MAX_PENDING = 20_000
#: Stands in the data of an event that is kept but told to nobody.
QUIET = "quiet"
#: Kinds of events that are decisions about a print: the warning, and the alarms of both signals.
WARNED, ALARMED = "suspected", ("failing", "moved")
#: What a stored file is for: a decision, one picture of a print's time-lapse, or the video made of those.
EVIDENCE, LAPSE, VIDEO = "evidence", "lapse", "video"
_SUFFIX = {EVIDENCE: ".jpg", LAPSE: ".lapse.jpg", VIDEO: ".webm"}


@dataclass(frozen=True)
class ScoreRow:
    """One scored frame: the picture's own score and the certainty over time after it, both 0 to 1."""

    printer: str
    camera: str
    t: float
    score: float | None
    certainty: float | None


@dataclass(frozen=True)
class EventRow:
    """Something a person may want to know; `level` is info, warning or alarm."""

    id: int
    printer: str
    t: float
    kind: str
    level: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class CommandRow:
    """A command and how far it came: requested, sent, accepted, confirmed, failed or refused."""

    id: str
    printer: str
    seq: int
    t: float
    action: str
    job: str
    initiator: str
    reason: str
    stage: str
    outcome: str
    dry: bool
    updated: float


@dataclass(frozen=True)
class EvidenceRow:
    """A stored picture, or the video made of pictures; `kind` is evidence, lapse or video."""

    id: int
    printer: str
    camera: str
    t: float
    event: int | None
    score: float | None
    path: str
    bytes: int
    pinned: bool
    kind: str = EVIDENCE
    regions: tuple[Region, ...] = ()


class About(TypedDict, total=False):
    """What is known of a file that is stored, as in its `EvidenceRow`."""

    event: int | None
    score: float | None
    kind: str
    regions: Sequence[Region]


def evidence_row(row: Any) -> EvidenceRow:
    """A stored picture out of its database row."""
    values = {key: row[key] for key in EvidenceRow.__dataclass_fields__}
    regions = tuple(Region(**each) for each in json.loads(values["regions"]))
    return EvidenceRow(**{**values, "pinned": bool(values["pinned"]), "regions": regions})


class History:
    """Rows by printer, and the evidence folder. Scores are collected and written in batches by `flush`."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._db = database
        self._folder = folder
        self._pending: list[ScoreRow] = []
        self._lock = threading.Lock()

    # Scores

    def add_score(self, row: ScoreRow) -> None:
        """Keep a score for the next `flush`."""
        with self._lock:
            self._pending.append(row)

    def flush(self) -> int:
        """Write the collected scores in one transaction; returns how many. On StoreError the newest are kept."""
        with self._lock:
            rows, self._pending = self._pending, []
        values = [(row.printer, row.camera, row.t, row.score, row.certainty) for row in rows]
        try:
            with self._db.write() as db:
                db.conn.executemany("INSERT INTO scores VALUES (?, ?, ?, ?, ?)", values)
        except StoreError:
            with self._lock:
                self._pending = (rows + self._pending)[-MAX_PENDING:]
            raise
        return len(rows)

    def scores(self, printer: str, since: float) -> list[ScoreRow]:
        """Scores of one printer, oldest first."""
        rows = self._db.rows("SELECT * FROM scores WHERE printer = ? AND t >= ? ORDER BY t", printer, since)
        return [ScoreRow(**dict(row)) for row in rows]

    # Events

    def add_event(
        self, printer: str, t: float, kind: str, level: str, text: str, data: Mapping[str, Any] | None = None
    ) -> int:
        """Settle an event and return its id."""
        row = {
            "printer": printer,
            "t": t,
            "kind": kind,
            "level": level,
            "text": text,
            "data": json.dumps(dict(data or {})),
        }
        with self._db.write() as db:
            return int(db.table("events").insert(row).last_pk or 0)

    def events(self, printer: str, limit: int = 50, before: int | None = None) -> list[EventRow]:
        """Events of one printer, newest first."""
        rows = self._db.rows(
            "SELECT * FROM events WHERE printer = ? AND id < ? ORDER BY id DESC LIMIT ?",
            printer,
            before or 2**62,
            limit,
        )
        return _events(rows)

    def newest_events(self, limit: int, printer: str | None = None) -> tuple[list[EventRow], int]:
        """The newest events of one printer or of all, oldest first, and the id after which new ones come."""
        row = self._db.row("SELECT ifnull(max(id), 0) AS id FROM events")
        last = int(row["id"]) if row else 0
        query = "SELECT * FROM events WHERE id <= ? AND (? IS NULL OR printer = ?) ORDER BY id DESC LIMIT ?"
        return _events(self._db.rows(query, last, printer, printer, limit))[::-1], last

    def events_after(self, event: int, printer: str | None = None, limit: int = 200) -> list[EventRow]:
        """Events that came after one, of one printer or of all, oldest first."""
        query = "SELECT * FROM events WHERE id > ? AND (? IS NULL OR printer = ?) ORDER BY id LIMIT ?"
        return _events(self._db.rows(query, event, printer, printer, limit))

    # Commands

    def add_command(self, row: CommandRow) -> None:
        """Settle a command before it is sent."""
        with self._db.write() as db:
            db.table("commands").insert({**vars(row), "dry": int(row.dry)})

    def move_command(self, command: str, stage: str, outcome: str, t: float) -> None:
        """Settle how far a command came."""
        with self._db.write() as db:
            db.execute(
                "UPDATE commands SET stage = ?, outcome = ?, updated = ? WHERE id = ?",
                [stage, outcome, t, command],
            )

    def commands(self, printer: str, limit: int = 20) -> list[CommandRow]:
        """Commands of one printer, newest first."""
        rows = self._db.rows(
            "SELECT * FROM commands WHERE printer = ? ORDER BY seq DESC LIMIT ?", printer, limit
        )
        return [CommandRow(**{**dict(row), "dry": bool(row["dry"])}) for row in rows]

    def command(self, printer: str, identity: str) -> CommandRow | None:
        """One command of one printer."""
        row = self._db.row("SELECT * FROM commands WHERE printer = ? AND id = ?", printer, identity)
        return CommandRow(**{**dict(row), "dry": bool(row["dry"])}) if row else None

    def open_commands(self) -> list[CommandRow]:
        """Commands whose end is not known, of all printers."""
        rows = self._db.rows("SELECT * FROM commands WHERE stage IN ('requested', 'sent', 'accepted')")
        return [CommandRow(**{**dict(row), "dry": bool(row["dry"])}) for row in rows]

    def last_sequence(self) -> int:
        """The highest command sequence number ever used."""
        row = self._db.row("SELECT max(seq) AS seq FROM commands")
        return int(row["seq"] or 0) if row else 0

    # Evidence

    def add_evidence(self, printer: str, camera: str, t: float, data: bytes, **about: Unpack[About]) -> int:
        """Store a picture: file first, then its row, so that no row ever lacks its file. Raises OSError (disk full)."""
        return self.settle_evidence([self.write_evidence(printer, camera, t, data, **about)])[0]

    def write_evidence(
        self, printer: str, camera: str, t: float, data: bytes, **about: Unpack[About]
    ) -> Mapping[str, Any]:
        """Write the file only; what comes back is for `settle_evidence`, without which it is swept away."""
        kind = about.get("kind", EVIDENCE)
        folder = self._folder / printer
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{int(t * 1000)}-{camera}{_SUFFIX[kind]}"
        partial = path.with_suffix(".part")
        try:
            partial.write_bytes(data)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        partial.replace(path)
        return {
            "printer": printer,
            "camera": camera,
            "t": t,
            "event": about.get("event"),
            "score": about.get("score"),
            "path": str(path.relative_to(self._folder)),
            "bytes": len(data),
            "kind": kind,
            "regions": json.dumps([asdict(each) for each in about.get("regions", ())]),
        }

    def settle_evidence(self, stored: Sequence[Mapping[str, Any]]) -> list[int]:
        """Settle the rows of written files in one transaction, since each waits for the disk; returns their ids."""
        with self._db.write() as db:
            return [int(db.table("evidence").insert(dict(row)).last_pk or 0) for row in stored]

    def evidence(self, printer: str, limit: int = 50, event: int | None = None) -> list[EvidenceRow]:
        """Pictures kept for decisions of one printer, newest first; of one event if asked."""
        rows = self._db.rows(
            "SELECT * FROM evidence WHERE printer = ? AND kind = ? AND (? IS NULL OR event = ?)"
            " ORDER BY id DESC LIMIT ?",
            printer,
            EVIDENCE,
            event,
            event,
            limit,
        )
        return [evidence_row(row) for row in rows]

    def picture(self, printer: str, evidence: int) -> bytes | None:
        """What one of this printer's stored files holds."""
        row = self._db.row("SELECT path FROM evidence WHERE printer = ? AND id = ?", printer, evidence)
        try:
            return (self._folder / row["path"]).read_bytes() if row else None
        except FileNotFoundError:
            return None

    def evidence_bytes(self) -> int:
        """The size of all kept pictures."""
        row = self._db.row("SELECT ifnull(sum(bytes), 0) AS bytes FROM evidence")
        return int(row["bytes"]) if row else 0

    # Retention

    def prune(self, now: float, *, days: float, gigabytes: float) -> int:
        """Delete unpinned pictures older than `days` or beyond `gigabytes`, and old rows.

        Beyond the gigabytes the single pictures of time-lapses go first, then the oldest.

        Returns how many pictures went. A row goes before its file, so a crash leaves a file and never a broken row;
        such files are swept here too.
        """
        doomed = self._doomed(now - days * 86_400, gigabytes * 1e9)
        with self._db.write() as db:
            db.conn.executemany("DELETE FROM evidence WHERE id = ?", [(row["id"],) for row in doomed])
            for table in ("scores", "events"):
                db.execute(f"DELETE FROM {table} WHERE t < ?", [now - days * 86_400])  # noqa: S608 - constant names
            old = "t < ? AND seq < (SELECT max(seq) FROM commands)"  # numbers rise for ever
            db.execute(f"DELETE FROM commands WHERE {old}", [now - days * 86_400])  # noqa: S608 - constant text
        known = {row["path"] for row in self._db.rows("SELECT path FROM evidence")}
        for path in self._folder.glob("*/*"):
            if str(path.relative_to(self._folder)) not in known:
                _unlink_older(path, now - 60)
        for path in {row["path"] for row in doomed} - known:
            (self._folder / path).unlink(missing_ok=True)
        return len(doomed)

    def _doomed(self, oldest: float, budget: float) -> list[Any]:
        doomed, kept = [], 0
        query = "SELECT id, path, t, bytes FROM evidence WHERE pinned = 0 ORDER BY kind = ?, t DESC"
        for row in self._db.rows(query, LAPSE):
            kept += row["bytes"]
            if row["t"] < oldest or kept > budget:
                doomed.append(row)
        return doomed

    def forget(self, printer: str) -> None:
        """Delete everything about a printer, pictures included."""
        with self._db.write() as db:
            for table in ("scores", "events", "commands", "evidence"):
                db.execute(f"DELETE FROM {table} WHERE printer = ?", [printer])  # noqa: S608 - constant names
        for path in (self._folder / printer).glob("*"):
            path.unlink(missing_ok=True)


def _events(rows: Sequence[Any]) -> list[EventRow]:
    return [EventRow(**{**dict(row), "data": json.loads(row["data"])}) for row in rows]


def _unlink_older(path: Path, oldest: float) -> None:
    """Delete a stray file unless it is so new that its row may still be on its way."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_mtime < oldest:
            path.unlink()
