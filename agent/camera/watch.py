"""Faults of a camera that shows itself working: cheap and without decoding. Pure.

A picture without content compresses to almost nothing, so very few bytes for a picture's size mean black, covered or
over-exposed. That finds a dead sensor or a cap; noise of a sensor in the dark hides it, and a dark or blurred room in
which there is still something to see is for the hub to judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.camera import jpeg

#: An even picture needs 0.016 to 0.0196 bytes a pixel, whatever its brightness and quality (every block costs its few
#: bits); the smallest of 2687 pictures of real prints has 0.035.
EMPTY_BYTES_PER_PIXEL = 0.02
FROZEN_PICTURES = 5
FROZEN_S = 10.0


@dataclass
class FrozenWatch:
    """Sees the same bytes again and again; no two pictures of a live sensor are the same."""

    pictures: int = FROZEN_PICTURES
    seconds: float = FROZEN_S
    _last: bytes = field(default=b"", init=False, repr=False)
    _count: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)

    def seen(self, picture: bytes, now: float) -> bool:
        """True from the `pictures`-th equal picture on, if they span `seconds` of `now`."""
        if picture != self._last:
            self._last, self._count, self._since = picture, 0, now
        self._count += 1
        return self._count >= self.pictures and now - self._since >= self.seconds


def empty(picture: bytes) -> bool:
    """Whether a picture has far too few bytes for its size to show anything; False when its size cannot be read."""
    try:
        width, height = jpeg.size(picture)
    except jpeg.JpegError:
        return False
    return len(picture) < EMPTY_BYTES_PER_PIXEL * width * height


@dataclass
class Watch:
    """All of it for one camera."""

    frozen: FrozenWatch = field(default_factory=FrozenWatch)
    _empty: int = field(default=0, init=False)

    def fault(self, picture: bytes, now: float) -> str:
        """One of `protocol.CAMERA_FAULTS`, or "" when nothing is wrong; "dark" only from the third such picture on."""
        self._empty = self._empty + 1 if empty(picture) else 0
        if self.frozen.seen(picture, now):
            return "frozen"
        return "dark" if self._empty >= 3 else ""
