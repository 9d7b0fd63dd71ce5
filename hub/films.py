"""Makes the time-lapse videos of prints that have ended: one at a time, in the background, in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hub.film import FilmError
from hub.settings import TimelapseSection
from hub.store.database import StoreError
from hub.store.history import VIDEO, EvidenceRow, History
from hub.store.prints import PrintRow, Prints
from hub.ticker import Ticker

LOOK_S = 2.0
LONGEST_S = 1800.0
#: Fewer pictures are no film.
LEAST = 5
PREFIX = "film-"


class Films:
    """`told` hears (printer, kind, level, text) when a video could not be made; the pictures stay in any case."""

    def __init__(
        self,
        settings: TimelapseSection,
        prints: Prints,
        history: History,
        folder: Path,
        told: Callable[[str, str, str, str], object],
    ) -> None:
        self._settings, self._prints, self._history = settings, prints, history
        self._folder, self._told = folder, told
        self._ticker = Ticker("films", LOOK_S, self._make_all)

    def start(self) -> None:
        """Begin with the print that waits longest, if the settings want videos."""
        for left in self._folder.parent.glob(f"{PREFIX}*"):  # of a hub that was killed
            shutil.rmtree(left, ignore_errors=True)
        if self._settings.enabled:
            self._ticker.start()

    def stop(self) -> None:
        """Give up what is under way; it is made after the next start."""
        self._ticker.stop()

    def _make_all(self) -> None:
        while not self._ticker.stopping.is_set() and self.make_next():
            pass

    def make_next(self) -> bool:
        """Make the video that waits longest; False when none waits or the hub stops meanwhile."""
        row = self._prints.without_film()
        if row is None:
            return False
        pictures = self._prints.lapse(row)
        why_not = ""
        if len(pictures) >= LEAST:
            try:
                if not self._made(row, pictures):
                    return False
            except (OSError, FilmError, StoreError) as error:
                why_not = str(error)
                text = f"no time-lapse video of {row.file or row.job or 'the print'}: {error}; its pictures are kept"
                self._told(row.printer, "timelapse", "warning", text)
        self._prints.save_film(row.id, why_not)
        return True

    def _made(self, row: PrintRow, pictures: list[EvidenceRow]) -> bool:
        """Make and keep one video; False when the hub stops meanwhile. Raises OSError, FilmError, StoreError."""
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=self._folder.parent) as folder:
            target = Path(folder) / "film.webm"
            if not self._encode([self._folder / each.path for each in pictures], target):
                return False
            data = target.read_bytes()
        if self._prints.get(row.printer, row.id) is None:
            return True  # deleted meanwhile
        camera = pictures[-1].camera
        self._history.add_evidence(row.printer, camera, row.ended or row.started, data, kind=VIDEO)
        if row.pinned:
            self._prints.pin(row, pinned=True)
        return True

    def _encode(self, pictures: list[Path], target: Path) -> bool:
        """Run the encoder; False when the hub stops meanwhile. Raises FilmError with what it says."""
        names, said = target.with_suffix(".txt"), target.with_suffix(".said")
        names.write_text("\n".join(map(str, pictures)), encoding="utf-8")
        command = [sys.executable, "-m", "hub.film", str(target), str(self._settings.fps)]
        with names.open() as given, said.open("w") as out:
            child = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=given, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True
            )
            deadline = time.monotonic() + LONGEST_S
            while (
                child.poll() is None and time.monotonic() < deadline and not self._ticker.stopping.wait(0.2)
            ):
                pass
            cut_short = child.poll() is None
            child.kill()
            status = child.wait()
        if cut_short and self._ticker.stopping.is_set():
            return False
        if status:
            text = said.read_text(encoding="utf-8", errors="replace").strip()
            raise FilmError(text or f"the encoder ended with status {status}")
        return True
