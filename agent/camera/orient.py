"""Turning and mirroring without decoding: the orientation is written into the JPEG's Exif, and viewers carry it out."""

from __future__ import annotations

from dataclasses import dataclass

from agent.camera.base import Camera

_SOI = b"\xff\xd8"
_EXIF = b"Exif\0\0"
#: (mirrored left to right, then turned clockwise by) to the Exif orientation.
_VALUES = {
    (False, 0): 1,
    (True, 0): 2,
    (False, 180): 3,
    (True, 180): 4,
    (True, 270): 5,
    (False, 90): 6,
    (True, 90): 7,
    (False, 270): 8,
}


@dataclass(frozen=True)
class Orientation:
    """Mirror the picture first, then turn it clockwise by `rotate` degrees, as slicer and printer front ends do."""

    flip_h: bool = False
    flip_v: bool = False
    rotate: int = 0

    def __post_init__(self) -> None:
        if self.rotate not in (0, 90, 180, 270):
            raise ValueError("rotate must be 0, 90, 180 or 270 (degrees clockwise)")

    def exif(self) -> int:
        """The value of the Exif orientation tag."""
        turned = 180 if self.flip_v else 0  # upside down is mirrored and turned half way
        return _VALUES[self.flip_h != self.flip_v, (self.rotate + turned) % 360]


def write(jpeg: bytes, value: int) -> bytes:
    """The JPEG with this orientation in place of the one it has; anything else than a JPEG is returned as it is."""
    if jpeg[:2] != _SOI:
        return jpeg
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + value.to_bytes(2, "big") + bytes(6)
    segment = _EXIF + tiff
    head, rest = _SOI, jpeg[2:]
    if rest[:2] == b"\xff\xe0":  # a JFIF header stays in front
        end = 2 + int.from_bytes(rest[2:4], "big")
        head, rest = head + rest[:end], rest[end:]
    if rest[:2] == b"\xff\xe1" and rest[4:10] == _EXIF:
        rest = rest[2 + int.from_bytes(rest[2:4], "big") :]
    return head + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + rest


class _Oriented:
    """A camera whose pictures carry an orientation."""

    def __init__(self, camera: Camera, value: int) -> None:
        self._camera, self._value = camera, value
        self.start, self.stop = camera.start, camera.stop

    def grab(self) -> bytes:
        return write(self._camera.grab(), self._value)


def oriented(camera: Camera, orientation: Orientation) -> Camera:
    """The camera, or one around it that marks its pictures if they are to be turned."""
    value = orientation.exif()
    return camera if value == 1 else _Oriented(camera, value)
