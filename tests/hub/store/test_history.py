"""Scores, events, commands and evidence: kept by printer, bounded by retention, never half there."""

import os
from dataclasses import replace

import pytest

from hub.store import history as module
from hub.store.database import StoreError
from hub.store.history import CommandRow, History, ScoreRow

DAY = 86_400.0
NOW = 1_700_000_000.0
COMMAND = CommandRow(
    id="c1",
    printer="p",
    seq=1,
    t=NOW,
    action="pause",
    job="j",
    initiator="watch",
    reason="spaghetti",
    stage="requested",
    outcome="",
    dry=False,
    updated=NOW,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "evidence"


@pytest.fixture
def history(database, folder):
    return History(database, folder)


def files(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.glob("*/*"))


def pictures(history, printer="p"):
    return [each.id for each in history.evidence(printer, 1000)]


def pin(database, evidence):
    with database.write() as db:
        db.execute("UPDATE evidence SET pinned = 1 WHERE id = ?", [evidence])


def age(folder, seconds=3600.0):
    """Make every file look as if it had been written long before NOW."""
    for each in folder.glob("*/*"):
        os.utime(each, (NOW - seconds, NOW - seconds))


# Scores


def test_scores_are_written_in_batches(database, history):
    rows = [ScoreRow("p", "main", NOW + number, 0.5, None) for number in range(3)]
    for row in reversed(rows):
        history.add_score(row)
    history.add_score(ScoreRow("q", "main", NOW, None, 0.1))
    assert history.scores("p", 0.0) == []
    assert history.flush() == 4
    assert history.scores("p", 0.0) == rows
    assert history.scores("p", NOW + 1) == rows[1:]
    assert history.scores("q", 0.0) == [ScoreRow("q", "main", NOW, None, 0.1)]
    assert history.flush() == 0


def test_scores_that_could_not_be_written_are_kept_for_the_next_time(database, history, monkeypatch):
    """The newest ones: what cannot be written must not fill the memory instead of the disk."""
    monkeypatch.setattr(module, "MAX_PENDING", 5)
    for number in range(8):
        history.add_score(ScoreRow("p", "main", NOW + number, 0.5, None))
    database.row("PRAGMA query_only = 1")
    with pytest.raises(StoreError):
        history.flush()
    database.row("PRAGMA query_only = 0")
    assert history.flush() == 5
    assert [row.t - NOW for row in history.scores("p", 0.0)] == [3, 4, 5, 6, 7]


# Events


def test_events(history):
    first = history.add_event("p", NOW, "warn", "warning", "text", {"certainty": 0.7})
    second = history.add_event("p", NOW, "pause", "alarm", "text")
    history.add_event("q", NOW, "warn", "warning", "of another printer")
    newest, oldest = history.events("p")
    assert (newest.id, oldest.id) == (second, first)
    assert (oldest.kind, oldest.level, oldest.data) == ("warn", "warning", {"certainty": 0.7})
    assert newest.data == {}
    assert history.events("p", limit=1) == [newest]
    assert history.events("p", before=second) == [oldest]


# Commands


def test_commands(history):
    history.add_command(COMMAND)
    history.add_command(replace(COMMAND, id="c2", seq=2, dry=True))
    history.add_command(replace(COMMAND, id="c3", seq=3, printer="q"))
    history.move_command("c1", "confirmed", "done", NOW + 5)
    history.move_command("unknown", "confirmed", "done", NOW + 5)
    assert history.commands("p") == [
        replace(COMMAND, id="c2", seq=2, dry=True),
        replace(COMMAND, stage="confirmed", outcome="done", updated=NOW + 5),
    ]
    assert [row.id for row in history.commands("p", limit=1)] == ["c2"]
    assert {row.id for row in history.open_commands()} == {"c2", "c3"}
    assert history.last_sequence() == 3


@pytest.mark.parametrize(
    ("stage", "is_open"),
    [
        ("requested", True),
        ("sent", True),
        ("accepted", True),
        ("confirmed", False),
        ("failed", False),
        ("refused", False),
    ],
)
def test_commands_whose_end_is_not_known(history, stage, is_open):
    history.add_command(replace(COMMAND, stage=stage))
    assert bool(history.open_commands()) is is_open


def test_without_commands_numbers_begin(history):
    assert history.last_sequence() == 0


# Evidence


def test_evidence(history, folder):
    event = history.add_event("p", NOW, "warn", "warning", "text")
    first = history.add_evidence("p", "main", NOW, b"one", event=event, score=0.9)
    second = history.add_evidence("p", "side", NOW, b"two")
    newest, oldest = history.evidence("p")
    assert (newest.id, oldest.id) == (second, first)
    assert (oldest.camera, oldest.t, oldest.event, oldest.score) == ("main", NOW, event, 0.9)
    assert (oldest.bytes, oldest.pinned) == (3, False)
    assert history.evidence("p", event=event) == [oldest]
    assert history.evidence("p", limit=1) == [newest]
    assert history.picture("p", first) == b"one"
    assert history.picture("p", second) == b"two"
    assert files(folder) == [oldest.path, newest.path]


def test_a_picture_belongs_to_its_printer(history):
    mine = history.add_evidence("p", "main", NOW, b"one")
    assert history.picture("q", mine) is None
    assert history.picture("p", mine + 1) is None


def test_a_picture_whose_file_was_taken_away_is_none(history, folder):
    mine = history.add_evidence("p", "main", NOW, b"one")
    (folder / files(folder)[0]).unlink()
    assert history.picture("p", mine) is None


def test_the_file_comes_before_the_row(database, history, folder, monkeypatch):
    """A hub that dies in between leaves a file without a row, which is swept, and never a row without a file."""

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            history.add_evidence("p", "main", NOW, b"one")
    assert len(files(folder)) == 1
    assert history.evidence("p") == []
    age(folder)
    history.prune(NOW, days=1, gigabytes=1)
    assert files(folder) == []


def test_a_picture_that_cannot_be_written_leaves_no_row(history, folder):
    folder.write_bytes(b"in the way")
    with pytest.raises(OSError, match="evidence"):
        history.add_evidence("p", "main", NOW, b"one")
    assert history.evidence("p") == []


# Retention


def test_pruning_by_days(history, folder):
    old = history.add_evidence("p", "main", NOW - 3 * DAY, b"old")
    new = history.add_evidence("p", "main", NOW - DAY, b"new")
    for t in (NOW - 3 * DAY, NOW - DAY):
        history.add_event("p", t, "warn", "warning", "text")
        history.add_score(ScoreRow("p", "main", t, 0.5, 0.5))
        history.add_command(replace(COMMAND, id=str(t), seq=int(t), t=t))
    history.flush()
    assert history.prune(NOW, days=2, gigabytes=1) == 1
    assert pictures(history) == [new]
    assert history.picture("p", old) is None
    assert len(files(folder)) == 1
    assert [row.t for row in history.events("p")] == [NOW - DAY]
    assert [row.t for row in history.scores("p", 0)] == [NOW - DAY]
    assert [row.t for row in history.commands("p")] == [NOW - DAY]


def test_pruning_by_gigabytes_takes_the_oldest(history, folder):
    kept = [history.add_evidence("p", "main", NOW + number, b"x" * 100) for number in range(5)]
    assert history.prune(NOW + 9, days=1, gigabytes=250e-9) == 3
    assert pictures(history) == kept[:2:-1]
    assert len(files(folder)) == 2
    assert history.prune(NOW + 9, days=1, gigabytes=200e-9) == 0


def test_pinned_pictures_are_kept(database, history):
    mine = history.add_evidence("p", "main", NOW - 99 * DAY, b"x" * 100)
    pin(database, mine)
    assert history.prune(NOW, days=1, gigabytes=0) == 0
    assert history.picture("p", mine)
    assert history.evidence("p")[0].pinned


def test_two_events_may_share_one_picture(database, history):
    """A frame that warned and paused is one file; as long as one of its rows is kept, so is the file."""
    first, second = (history.add_evidence("p", "main", NOW - 9 * DAY, b"same") for _ in range(2))
    pin(database, second)
    assert history.prune(NOW, days=1, gigabytes=1) == 1
    assert history.picture("p", first) is None
    assert history.picture("p", second) == b"same"


def test_stray_files_are_swept_once_their_row_cannot_come_any_more(history, folder):
    kept = history.add_evidence("p", "main", NOW, b"one")
    for name in ("1-main.jpg", "2-main.part"):
        (folder / "p" / name).write_bytes(b"stray")
    age(folder, 59.0)
    history.prune(NOW, days=1, gigabytes=1)
    assert len(files(folder)) == 3
    age(folder, 61.0)
    history.prune(NOW, days=1, gigabytes=1)
    assert files(folder) == [history.evidence("p")[0].path]
    assert history.picture("p", kept)


def test_a_file_that_vanishes_while_sweeping_is_no_error(tmp_path):
    module._unlink_older(tmp_path / "gone.part", NOW)


def test_pruning_without_a_folder(history):
    assert history.prune(NOW, days=1, gigabytes=1) == 0


def test_the_highest_command_number_is_never_forgotten(history):
    """An agent that runs for months refuses numbers that it has seen; they must not begin again."""
    for seq in (1, 2, 3):
        history.add_command(replace(COMMAND, id=f"c{seq}", seq=seq))
    history.prune(NOW + 99 * DAY, days=1, gigabytes=1)
    assert history.last_sequence() == 3
    assert [row.id for row in history.commands("p")] == ["c3"]


def test_forgetting_a_printer_leaves_nothing_and_touches_no_other(history, folder):
    for printer in ("p", "q"):
        history.add_evidence(printer, "main", NOW, b"one")
        history.add_event(printer, NOW, "warn", "warning", "text")
        history.add_command(replace(COMMAND, id=printer, printer=printer))
        history.add_score(ScoreRow(printer, "main", NOW, 0.5, 0.5))
    history.flush()
    history.forget("p")
    history.forget("never there")
    gone = [history.evidence("p"), history.events("p"), history.commands("p"), history.scores("p", 0)]
    assert gone == [[]] * 4
    assert history.evidence("q")
    assert history.events("q")
    assert history.commands("q")
    assert history.scores("q", 0)
    assert len(files(folder)) == 1
