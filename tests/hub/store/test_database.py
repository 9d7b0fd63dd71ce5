"""The database: settled is settled, a failure is one clear error, and every older file opens."""

import sqlite3
import subprocess
import sys
import threading

import pytest
from sqlite_utils import Database as SqliteDatabase

from hub.store.audit import Audit
from hub.store.database import Database, StoreError
from hub.store.history import History
from hub.store.migrations import migrations
from tests.support.databases import opened

TABLES = {
    "people",
    "sessions",
    "sign_in_links",
    "printers",
    "grants",
    "credentials",
    "enrolments",
    "scores",
    "events",
    "commands",
    "evidence",
    "audit",
}


def schema(path):
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")
        found = dict(rows.fetchall())
    connection.close()
    return found


def insert(database, name):
    with database.write() as db:
        db.table("people").insert({"name": name, "role": "user", "password_hash": "", "created": 1.0})


def names(database):
    return [row["name"] for row in database.rows("SELECT name FROM people ORDER BY name")]


# Opening


def test_an_empty_folder_gets_a_database_with_every_table(path):
    with opened(path) as database:
        found = {row["name"] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert found > TABLES


def test_a_database_in_memory():
    with opened(":memory:") as database:
        insert(database, "a")
        assert names(database) == ["a"]


def test_how_it_is_opened(database):
    """Write-ahead log, full synchronisation and foreign keys are what "nothing is lost" rests on."""
    assert database.row("PRAGMA journal_mode")[0] == "wal"
    assert database.row("PRAGMA synchronous")[0] == 2
    assert database.row("PRAGMA foreign_keys")[0] == 1


@pytest.mark.parametrize("applied", range(len(migrations.pending(SqliteDatabase(memory=True))) + 1))
def test_a_file_of_any_older_version_is_brought_up_to_date(path, tmp_path, applied):
    pending = [each.name for each in migrations.pending(SqliteDatabase(memory=True))]
    connection = sqlite3.connect(path)
    migrations.apply(SqliteDatabase(connection), stop_before=pending[applied:])
    if applied:
        connection.execute(
            "INSERT INTO people (name, role, password_hash, created) VALUES ('old', 'user', '', 1.0)"
        )
    connection.commit()
    connection.close()
    with opened(path) as database:
        assert names(database) == (["old"] if applied else [])
    with opened(tmp_path / "fresh.db"):
        pass
    assert schema(path) == schema(tmp_path / "fresh.db")


def test_opening_again_changes_nothing(path):
    with opened(path) as database:
        insert(database, "a")
    before = schema(path)
    with opened(path) as database:
        assert names(database) == ["a"]
    assert schema(path) == before


@pytest.mark.parametrize(
    "content", [b"this is no database, however long it may be" * 50, b"SQLite format 3\0" * 70]
)
def test_a_file_that_is_no_database_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"hub\.db"):
        Database(path).start()
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        Database(tmp_path / "nowhere" / "hub.db").start()


def test_stopping_twice_and_using_it_afterwards(path):
    database = Database(path)
    database.start()
    database.stop()
    database.stop()
    with pytest.raises(StoreError, match="not open"):
        database.rows("SELECT 1")
    with pytest.raises(StoreError, match="not open"):
        database.row("SELECT 1")
    with pytest.raises(StoreError, match="not open"), database.write():
        pass


def test_before_it_is_started(path):
    with pytest.raises(StoreError, match="not open"), Database(path).write():
        pass


# Writing


def fail_after(database, name):
    with database.write():
        insert(database, name)
        raise RuntimeError


def test_a_block_is_settled_whole_or_not_at_all(database):
    with pytest.raises(RuntimeError):
        fail_after(database, "a")
    assert names(database) == []


def test_an_inner_block_belongs_to_the_outer_one(database):
    with pytest.raises(RuntimeError):
        fail_inside_after(database, "a", "b")
    assert names(database) == []
    with database.write():
        insert(database, "a")
        with pytest.raises(RuntimeError):
            fail_after(database, "b")
    assert names(database) == ["a"]


def fail_inside_after(database, outer, inner):
    with database.write():
        insert(database, outer)
        with database.write():
            insert(database, inner)
        raise RuntimeError


def test_threads_share_it(database):
    def work(number):
        for each in range(10):
            insert(database, f"p{number}-{each}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80


def fill(database):
    for number in range(10_000):
        insert(database, f"{number:060}")


def test_a_full_disk_is_one_clear_error_and_what_was_settled_stays(path):
    with opened(path) as database:
        insert(database, "a")
        database.row(f"PRAGMA max_page_count = {database.row('PRAGMA page_count')[0]}")
        with pytest.raises(StoreError, match=r"hub\.db.*full"):
            fill(database)
        assert "a" in names(database)
        database.row("PRAGMA max_page_count = 1000000")
        insert(database, "b")
        assert "b" in names(database)


def test_another_process_that_wrote_is_noticed(path, database):
    before = database.foreign_changes()
    insert(database, "mine")
    assert database.foreign_changes() == before
    with opened(path) as other:
        insert(other, "theirs")
    assert database.foreign_changes() != before
    assert names(database) == ["mine", "theirs"]


# kill -9

WRITER = """
import itertools, sys, threading
from pathlib import Path
from hub.store.audit import Audit
from hub.store.database import Database
from hub.store.history import History

database = Database(sys.argv[1])
database.start()
history, audit = History(database, Path(sys.argv[2])), Audit(database)

def write(printer):
    for number in itertools.count():
        event = history.add_event(printer, float(number), "test", "info", "x" * 500)
        picture = history.add_evidence(printer, "main", float(number), b"jpeg" * 500, event=event)
        audit.add(float(number), "me", "wrote", printer, str(event))
        sys.stdout.write(f"{printer} {event} {picture}\\n")
        sys.stdout.flush()

threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
for thread in threads:
    thread.start()
"""


def test_kill_9_loses_nothing_that_was_settled(path, tmp_path):
    """Three times in a row: what the child process was told to be settled is there when the file is opened again."""
    settled = []
    for run in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, tmp_path / "evidence"], stdout=subprocess.PIPE, text=True
        )
        with child:
            settled += [child.stdout.readline().split() for _ in range(20 + 10 * run)]
            child.kill()
            rest = child.stdout.read()
        settled += [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    with opened(path) as database:
        history = History(database, tmp_path / "evidence")
        for printer in ("a", "b"):
            events = {each.id for each in history.events(printer, 100_000)}
            pictures = {each.id: each for each in history.evidence(printer, 100_000)}
            for name, event, picture in settled:
                if name == printer:
                    assert int(event) in events
                    assert history.picture(printer, int(picture)) == b"jpeg" * 500
            assert all(history.picture(printer, each) for each in pictures), "no row lacks its file"
        assert Audit(database).verify() is None
        logged = {row.detail for row in Audit(database).rows(100_000)}
        assert {event for _, event, _ in settled} <= logged
    assert len(settled) >= 90
