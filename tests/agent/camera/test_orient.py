"""Orientation by Exif does what turning the pixels would do."""

import itertools

import cv2
import numpy as np
import pytest

from agent.camera.orient import Orientation, oriented, write
from tests.agent.camera.pictures import encode


def scene():
    """Four different quarters of different colour."""
    array = np.zeros((64, 96, 3), np.uint8)
    array[:32, :48], array[:32, 48:], array[32:, :48] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return array


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("flip_h", "flip_v", "rotate"), list(itertools.product((False, True), (False, True), (0, 90, 180, 270)))
)
def test_as_if_the_pixels_were_turned(flip_h, flip_v, rotate):
    expected = scene()
    expected = expected[:, ::-1] if flip_h else expected
    expected = expected[::-1] if flip_v else expected
    expected = np.rot90(expected, -rotate // 90)
    actual = decoded(write(encode(scene(), 95), Orientation(flip_h, flip_v, rotate).exif()))
    assert actual.shape == expected.shape
    assert np.abs(actual.astype(int) - expected).mean() < 12


def test_an_orientation_replaces_the_one_that_is_there():
    plain = encode(scene())
    assert write(write(plain, 6), 3) == write(plain, 3)
    assert len(write(plain, 3)) - len(plain) < 40


def test_the_picture_data_is_not_touched():
    plain = encode(scene())
    assert write(plain, 6).endswith(plain[20:])


@pytest.mark.parametrize(
    "junk", [b"", b"\xff", b"GIF89a", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1\x00"]
)
def test_hostile_bytes_do_not_raise(junk):
    write(junk, 6)


def test_no_wrapping_when_nothing_is_to_be_turned():
    class Fake:
        def start(self): ...
        def stop(self): ...
        def grab(self):
            return encode(scene())

    camera = Fake()
    assert oriented(camera, Orientation()) is camera
    assert oriented(camera, Orientation(flip_h=True, flip_v=True, rotate=180)) is camera
    assert decoded(oriented(camera, Orientation(rotate=90)).grab()).shape[:2] == (96, 64)
