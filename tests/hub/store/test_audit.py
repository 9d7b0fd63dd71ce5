"""The audit log: every row is chained to the one before it, and any change to the chain is named."""

import threading

import pytest

from hub.store.audit import Audit


@pytest.fixture
def audit(database):
    made = Audit(database)
    for number in range(1, 6):
        made.add(float(number), "ann", f"action {number}", "printer", "Büro 😀", "session")
    return made


def change(database, statement, *arguments):
    with database.write() as db:
        db.execute(statement, list(arguments))


def test_an_empty_log_is_whole(database):
    assert Audit(database).verify() is None
    assert Audit(database).rows() == []


def test_rows_come_newest_first(audit):
    rows = audit.rows(2)
    assert [row.action for row in rows] == ["action 5", "action 4"]
    assert (rows[0].t, rows[0].actor, rows[0].object) == (5.0, "ann", "printer")
    assert (rows[0].detail, rows[0].session) == ("Büro 😀", "session")
    assert rows[0].previous == rows[1].hash


def test_a_log_nobody_touched_is_whole(audit):
    assert audit.verify() is None


@pytest.mark.parametrize("t", [0, 5, 1_700_000_000, 1.5, 1_700_000_000.123456])
def test_any_time_is_whole_when_it_is_read_back(audit, t):
    """A whole number comes back from the database with a fraction and must not look like a change."""
    audit.add(t, "ann", "later")
    assert audit.verify() is None


@pytest.mark.parametrize(
    "column", ["t", "actor", "session", "action", "object", "detail", "previous", "hash"]
)
@pytest.mark.parametrize("row", [1, 3, 5])
def test_an_edit_is_named(database, audit, column, row):
    change(database, f"UPDATE audit SET {column} = '9' WHERE id = ?", row)
    assert audit.verify() == f"row {row} was changed"


@pytest.mark.parametrize("row", [1, 3, 4])
def test_a_deletion_is_named(database, audit, row):
    change(database, "DELETE FROM audit WHERE id = ?", row)
    assert audit.verify() == f"row {row} is missing"


def test_a_deletion_with_renumbering_is_named(database, audit):
    change(database, "DELETE FROM audit WHERE id = 2")
    change(database, "UPDATE audit SET id = id - 1 WHERE id > 2")
    assert audit.verify() == "row 2 was changed"


def test_a_reordering_is_named(database, audit):
    for old, new in ((2, 99), (3, 2), (99, 3)):
        change(database, "UPDATE audit SET id = ? WHERE id = ?", new, old)
    assert audit.verify() == "row 2 was changed"


def test_an_edit_with_a_fresh_hash_breaks_the_next_row(database, audit):
    """Somebody who knows the method must rewrite everything that came after."""
    from hub.store.audit import _hash

    row = dict(database.row("SELECT * FROM audit WHERE id = 2"))
    row["actor"] = "eve"
    change(database, "UPDATE audit SET actor = 'eve', hash = ? WHERE id = 2", _hash(row))
    assert audit.verify() == "row 3 was changed"


def test_an_inserted_row_is_named(database, audit):
    change(database, "UPDATE audit SET id = 6 WHERE id = 5")
    change(
        database,
        "INSERT INTO audit SELECT 5, t, actor, session, action, object, detail, previous, hash FROM audit WHERE id = 4",
    )
    assert audit.verify() == "row 5 was changed"


def test_threads_make_one_chain(audit):
    def work(name):
        for number in range(10):
            audit.add(float(number), name, "worked")

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify() is None
    assert [row.id for row in audit.rows(1000)] == list(range(65, 0, -1))
