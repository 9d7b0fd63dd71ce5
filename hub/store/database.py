"""The one SQLite connection, in WAL mode, shared by the hub's threads behind a lock."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database as SqliteDatabase

from hub.store.migrations import migrations


class StoreError(Exception):
    """The database cannot be opened or written; the text names the file."""


class Database:
    """The database file of a data folder. `path` may be ":memory:"."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def start(self) -> None:
        """Open, create or migrate the file; raises StoreError."""
        try:
            connection = sqlite3.connect(self.path, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            tables = SqliteDatabase(connection)
            tables.enable_wal()
            migrations.apply(tables)
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"{self.path}: {error}") from error
        self._connection, self.tables = connection, tables

    def stop(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def write(self) -> Iterator[SqliteDatabase]:
        """One transaction: all of it is settled when the block ends, or none of it. Raises StoreError (disk full)."""
        with self._lock:
            self._open()
            try:
                with self.tables.atomic():
                    yield self.tables
            except sqlite3.OperationalError as error:
                raise StoreError(f"{self.path}: {error}") from error

    def rows(self, query: str, *arguments: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._open().execute(query, arguments).fetchall()

    def row(self, query: str, *arguments: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._open().execute(query, arguments).fetchone()
            return row

    def foreign_changes(self) -> int:
        """A number that changes when another process has written to the file."""
        row = self.row("PRAGMA data_version")
        return int(row[0]) if row else 0

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path}: not open")
        return self._connection
