"""A camera that sends pictures by itself: a thread keeps the newest one and connects again when the source is lost."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from agent.camera.base import CameraError

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT_S = 30.0


class Stream(Protocol):
    """One connection to a source."""

    def pictures(self) -> Iterator[bytes]:
        """Every JPEG as it comes; ends or raises CameraError when the source is lost or silent for too long."""
        ...

    def interrupt(self) -> None:
        """Make `pictures` end soon; called from another thread."""
        ...

    def close(self) -> None:
        """Give everything back; called on the thread that read."""
        ...


def backoff(failures: int) -> float:
    """Seconds to wait before the next attempt: doubling, with jitter so that a farm does not come back as one."""
    return random.uniform(0.5, 1.0) * min(_LONGEST_WAIT_S, 2.0 ** min(failures, 10))


class StreamCamera:
    """Keeps the newest picture of a stream; a slow `grab` skips pictures and never queues them."""

    def __init__(
        self,
        connect: Callable[[], Stream],
        *,
        timeout_s: float,
        idle_s: float = 0.0,
        wait: Callable[[int], float] = backoff,
    ) -> None:
        """`connect` opens the source or raises CameraError; `idle_s` without a `grab` closes it until the next."""
        self._connect, self._timeout, self._idle, self._wait = connect, timeout_s, idle_s, wait
        self._changed = threading.Condition()
        self._newest: bytes | None = None
        self._trouble: CameraError | None = None
        self._asked = time.monotonic()
        self._stream: Stream | None = None
        self._stopping = False
        self._came = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        if self._thread is None:
            self._stopping = False
            self._asked = time.monotonic()
            self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and a waiting `grab`."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            stream, thread, self._thread = self._stream, self._thread, None
        if stream is not None:
            stream.interrupt()
        if thread is not None:
            thread.join(self._timeout + 5)

    def grab(self) -> bytes:
        """A picture that no earlier call returned: the newest, or the next one to come; raises CameraError."""
        with self._changed:
            self._asked = time.monotonic()
            self._changed.notify_all()
            self._changed.wait_for(self._settled, self._timeout)
            picture, self._newest = self._newest, None
            if picture is not None:
                return picture
            if self._stopping:
                raise CameraError("offline", "the camera is being stopped")
            raise self._trouble or CameraError("offline", f"no picture for {self._timeout:g} s")

    def _settled(self) -> bool:
        return self._newest is not None or self._trouble is not None or self._stopping

    def _read(self) -> None:
        failures = 0
        while not self._stopping:
            self._came = False
            trouble = self._follow()
            failures = 0 if self._came or trouble is None else failures + 1
            if trouble is not None:
                _LOG.debug("camera: %s", trouble)
                with self._changed:
                    self._newest, self._trouble = None, trouble
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._stopping, self._wait(failures))

    def _follow(self) -> CameraError | None:
        """Read one connection to its end; why it ended, or None if it was closed on purpose."""
        try:
            if self._keep_newest():
                return None
        except CameraError as error:
            return error
        return CameraError("offline", "the stream ended")

    def _keep_newest(self) -> bool:
        """True when nobody wants pictures any more, False when the stream ended by itself."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._unasked())
        if self._stopping:
            return True
        stream = self._connect()
        try:  # a `stop` during the connect is seen at the first picture
            with self._changed:
                self._stream = stream
            for picture in stream.pictures():
                self._came = True
                with self._changed:
                    self._newest, self._trouble = picture, None
                    self._changed.notify_all()
                    if self._stopping or self._unasked():
                        self._newest = None
                        return True
            return False
        finally:
            stream.close()
            self._stream = None

    def _unasked(self) -> bool:
        return bool(self._idle) and time.monotonic() - self._asked > self._idle
