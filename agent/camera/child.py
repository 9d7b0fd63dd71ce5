"""Pictures from a child process that writes one JPEG after the other to its standard output."""

from __future__ import annotations

import collections
import contextlib
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

from agent.camera import jpeg
from agent.camera.base import CameraError

_PIECE = 256 * 1024


class ChildStream:
    """One run of a program. `secret` is kept out of error texts."""

    def __init__(self, command: Sequence[str], *, timeout_s: float, secret: str = "") -> None:
        self._name, self._timeout, self._secret = command[0], timeout_s, secret
        if shutil.which(command[0]) is None:
            raise CameraError(
                "offline", f"the program {command[0]} is not installed (Debian: apt install {command[0]})"
            )
        self._words: collections.deque[str] = collections.deque(maxlen=3)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program and an argument list, no shell
                list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise CameraError("offline", f"{command[0]} cannot be run: {error.strerror}") from error
        self._listener = threading.Thread(target=self._listen, name="camera-errors", daemon=True)
        self._listener.start()

    def pictures(self) -> Iterator[bytes]:
        """Pictures until the program ends; raises CameraError when it fails or falls silent.

        ffmpeg repeats a picture to keep its rate when the camera is slower: what equals the one before is dropped.
        """
        rest, last, until = b"", b"", time.monotonic() + self._timeout
        while True:
            piece = self._piece(until)
            if not piece:
                break
            found, rest = jpeg.split(rest + piece)
            if found and found[-1] != last:
                last, until = found[-1], time.monotonic() + self._timeout
                yield last
        self.close()
        said = "; ".join(self._words) or f"exit status {self._process.returncode}"
        raise CameraError("offline", f"{self._name} ended: {said}")

    def interrupt(self) -> None:
        """Kill the program."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """Kill the program, collect it and close its pipes."""
        self.interrupt()
        self._process.wait()
        self._listener.join(2)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _piece(self, until: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise CameraError("offline", f"{self._name} gave no new picture for {self._timeout:g} s")
        return os.read(descriptor, _PIECE)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as errors:
            for line in errors:
                text = line.decode("utf-8", "replace").strip()
                self._words.append(text.replace(self._secret, "***")[:200] if self._secret else text[:200])
