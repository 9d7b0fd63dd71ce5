"""The pictures of running prints: how many, which ones, and what happens when they cannot be kept."""

import errno
import os
from unittest import mock

import pytest

from agent.protocol import Frame, State
from hub.film import FilmError, write_film
from hub.films import Films
from hub.live import CameraLive, Live
from hub.regions import Region
from hub.settings import TimelapseSection
from hub.store import people
from hub.store.database import Database, StoreError
from hub.store.history import LAPSE, VIDEO, History
from hub.store.printers import Printers
from hub.store.prints import Prints
from hub.timelapse import Timelapse, interval_of
from tests.support.pictures import picture
from tests.support.stores import QuickHasher

T0 = 1_800_000_000.0
SETTINGS = TimelapseSection(interval_s=10.0, pictures=10)


class World:
    """A store with one printer that prints before a camera."""

    def __init__(self, folder):
        self.database = Database(":memory:")
        self.database.start()
        with mock.patch.object(people, "PasswordHasher", QuickHasher):
            store = people.People(self.database)
        store.add("olivia", None, role="user", now=T0)
        self.printer = Printers(self.database).add("One", "olivia", T0).id
        self.folder = folder / "evidence"
        self.history, self.prints = History(self.database, self.folder), Prints(self.database, self.folder)
        self.live, self.told, self.seq = Live(), [], 0
        self.lapse = self.timelapse()
        self.phase("printing")

    def timelapse(self):
        return Timelapse(SETTINGS, self.prints, self.history, self.live, lambda *a: self.told.append(a))

    def films(self, *, child=False):
        """Films made by the real child process, or in this process, which is quicker."""
        films = Films(SETTINGS, self.prints, self.history, self.folder, lambda *a: self.told.append(a))
        if not child:
            films._encode = lambda pictures, target: write_film(pictures, target, 12.0) > 0
        return films

    def phase(self, phase):
        live = self.live.printer(self.printer)
        live.online = True
        live.state = State(boot=1, seq=1, clock=0, time=0, phase=phase, job="a")

    def frame(self, camera="main", jpeg=None):
        self.seq += 1
        jpeg = jpeg or picture(60, self.seq)
        frame = Frame(camera=camera, boot=1, seq=self.seq, clock=0, time=0, job="a", jpeg=jpeg)
        found = (Region(0.1, 0.2, 0.3, 0.4, 0.9),)
        self.live.printer(self.printer).cameras[camera] = CameraLive(frame=frame, score=0.3, regions=found)

    def run(self, seconds, start=0):
        for second in range(start, start + seconds):
            self.frame()
            self.lapse.tick(T0 + second)

    def begin(self):
        self.prints.begin(self.printer, "a", "a.gcode", T0)
        return self.row()

    def row(self):
        return self.prints.of(self.printer)[0]

    def times(self):
        return [each.t - T0 for each in self.prints.lapse(self.row())]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.parametrize(
    ("times", "expected"),
    [([], 10), ([5.0], 10), ([0, 10, 20], 10), ([0, 11, 32], 10), ([0, 41, 81, 900], 40), ([0, 1], 10)],
)
def test_the_interval_is_what_the_kept_pictures_say(times, expected):
    assert interval_of(times, 10.0) == expected


def test_a_print_has_at_most_so_many_pictures_however_long_it_is(world):
    world.begin()
    world.run(85)
    assert world.times() == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    world.run(60, 85)
    assert world.times() == [0, 20, 40, 60, 80, 100, 120, 140]
    world.run(900, 145)
    assert len(world.times()) < 10
    assert len(list(world.folder.rglob("*.jpg"))) == len(world.times())


def test_a_restarted_hub_goes_on_at_the_same_pace(world):
    world.begin()
    world.run(145)
    world.lapse = world.timelapse()
    world.run(20, 145)
    assert world.times()[-3:] == [120, 140, 160]


def test_pictures_come_as_the_camera_made_them_with_what_was_found(world):
    row = world.begin()
    world.run(1)
    [kept] = world.prints.lapse(row)
    assert (kept.kind, kept.score, kept.regions) == (LAPSE, 0.3, (Region(0.1, 0.2, 0.3, 0.4, 0.9),))
    assert world.history.picture(world.printer, kept.id) == picture(60, 1)
    assert world.history.evidence(world.printer) == []


def test_nothing_is_taken_while_nothing_prints_or_nothing_new_came(world):
    world.begin()
    world.run(1)
    world.lapse.tick(T0 + 50)
    world.phase("paused")
    world.run(30, 60)
    assert world.times() == [0]


def test_one_camera_makes_the_film(world):
    row = world.begin()
    world.frame("side")
    world.frame("main")
    world.lapse.tick(T0)
    world.frame("alpha")
    world.run(30, 1)
    assert {each.camera for each in world.prints.lapse(row)} == {"main"}


def test_a_picture_that_somebody_wants_kept_is_not_thinned_out(world):
    row = world.begin()
    world.run(15)
    wanted = world.prints.lapse(row)[1]
    world.prints.add_feedback(wanted, "olivia", "missed", T0, (0.5, 0.5))
    world.run(300, 15)
    assert world.prints.evidence_row(world.printer, wanted.id) is not None


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("write_evidence", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
        ("settle_evidence", StoreError("hub.db: No space left on device")),
    ],
)
def test_a_full_disk_is_told_once_and_loses_nothing(world, monkeypatch, broken, error):
    world.begin()
    world.run(1)

    def full(*_arguments, **_named):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(world.history, broken, full)
        world.run(60, 1)
    assert [each[1:3] for each in world.told] == [("storage", "warning")]
    assert "No space left" in world.told[0][3]
    world.run(20, 61)
    assert world.times() == [0, 61, 71]


def test_what_is_due_at_once_waits_for_the_disk_once(world, monkeypatch):
    """Each transaction waits for the disk, and a hundred printers have a picture due every ten seconds."""
    printers = Printers(world.database)
    for number in range(5):
        other = printers.add(f"Other {number}", "olivia", T0).id
        world.live.printer(other).state = world.live.printer(world.printer).state
        world.live.printer(other).online = True
        frame = Frame(camera="main", boot=1, seq=1, clock=0, time=0, job="a", jpeg=picture(60))
        world.live.printer(other).cameras["main"] = CameraLive(frame=frame)
        world.prints.begin(other, "a", "a.gcode", T0)
    settled = []
    settle = world.history.settle_evidence
    monkeypatch.setattr(
        world.history, "settle_evidence", lambda rows: settled.append(len(rows)) or settle(rows)
    )
    world.lapse.tick(T0 + 1)
    assert settled == [5]


def test_what_a_killed_hub_left_is_cleared_away(world):
    left = world.folder.parent / "film-abc"
    left.mkdir()
    (left / "film.webm").write_bytes(b"half")
    films = world.films()
    films.start()
    films.stop()
    assert not left.exists()


# The video


def ended(world, pictures=8):
    row = world.begin()
    world.run(pictures * 10)
    world.prints.end(row.id, "finished", T0 + 90)
    return world.row()


def test_a_print_that_ended_gets_its_video(world):
    row = ended(world)
    films = world.films(child=True)
    assert films.make_next()
    [video] = [each for each in world.prints.evidence(row) if each.kind == VIDEO]
    data = world.history.picture(world.printer, video.id)
    assert data.startswith(b"\x1a\x45\xdf\xa3")  # EBML, as WebM begins
    assert (video.bytes, video.t) == (len(data), T0 + 90)
    assert world.row().film == ""
    assert len(world.prints.lapse(row)) == 8
    assert not films.make_next()
    assert list(world.folder.parent.iterdir()) == [world.folder]


def test_a_running_or_very_short_print_gets_none(world):
    world.begin()
    world.run(30)
    assert not world.films().make_next()
    world.prints.end(world.row().id, "cancelled", T0 + 30)
    assert world.films().make_next()
    assert world.row().film == ""
    assert world.told == []


def test_what_cannot_be_made_is_told_and_the_pictures_stay(world):
    row = ended(world)
    for each in world.prints.lapse(row):
        (world.folder / each.path).write_bytes(b"no picture")
    assert world.films(child=True).make_next()
    assert world.row().film == "none of its pictures could be read"
    assert world.told[0][1:3] == ("timelapse", "warning")
    assert "its pictures are kept" in world.told[0][3]
    assert len(world.prints.lapse(row)) == 8
    assert not world.films().make_next()


def test_a_hub_that_stops_makes_it_after_the_next_start(world):
    ended(world)
    films = world.films(child=True)
    films.stop()
    assert not films.make_next()
    assert world.row().film is None
    assert world.films().make_next()


def test_delete_takes_pictures_and_video_off_the_disk(world):
    row = ended(world)
    world.films().make_next()
    assert {path.suffix for path in world.folder.rglob("*.*")} == {".jpg", ".webm"}
    world.prints.delete(row)
    assert list(world.folder.rglob("*.*")) == []


def test_retention_takes_time_lapse_pictures_before_evidence(world):
    ended(world)
    old = world.history.add_evidence(world.printer, "main", T0 - 500, picture(90))
    world.films().make_next()
    rows = world.database.rows("SELECT kind, bytes FROM evidence")
    room = sum(row["bytes"] for row in rows if row["kind"] != LAPSE)
    world.history.prune(T0 + 100, days=30, gigabytes=(room + 1) / 1e9)
    assert world.history.picture(world.printer, old) is not None
    assert {row["kind"] for row in world.database.rows("SELECT kind FROM evidence")} == {"evidence", VIDEO}


def test_broken_pictures_and_other_sizes_do_not_spoil_a_film(tmp_path):
    for number, data in enumerate((picture(60), b"broken", picture(90, side=64), picture(120))):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    names = [tmp_path / f"{number}.jpg" for number in (0, 1, 2, 3, 9)]
    assert write_film(names, tmp_path / "film.webm", 12.0) == 3


def test_a_film_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "0.jpg").write_bytes(picture(60))
    with pytest.raises(FilmError, match="cannot be written"):
        write_film([tmp_path / "0.jpg"], tmp_path / "nowhere" / "film.webm", 12.0)
