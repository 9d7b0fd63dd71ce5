"""Splitting a stream into pictures and reading their size, also from hostile bytes."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.camera import jpeg

APP0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def picture(width=64, height=48, *, progressive=False, restart=0, seed=0):
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    return cv2.imencode(".jpg", noise, options)[1].tobytes()


PICTURES = [picture(), picture(80, 32, progressive=True), picture(33, 17, restart=1), picture(seed=3)]


def with_thumbnail(outer, inner):
    segment = b"Exif\0\0" + inner
    return outer[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + outer[2:]


@given(cuts=st.lists(st.integers(1, 4000), max_size=30))
def test_pictures_survive_any_cutting(cuts):
    stream = b"".join(PICTURES)
    found, rest, place = [], b"", 0
    for length in [*cuts, len(stream)]:
        more, rest = jpeg.split(rest + stream[place : place + length])
        found += more
        place += length
    assert found == PICTURES
    assert rest == b""


def test_a_thumbnail_does_not_end_the_picture():
    whole = with_thumbnail(PICTURES[0], PICTURES[2])
    assert jpeg.split(whole) == ([whole], b"")
    assert jpeg.size(whole) == (64, 48)


def test_bytes_between_pictures_are_dropped():
    stream = b"--frame\r\n\r\n" + PICTURES[0] + b"\xff\xd8 junk \xff" + PICTURES[1] + b"\r\n"
    assert jpeg.split(stream) == (PICTURES[:2], b"")


def test_a_picture_cut_off_by_the_next_one_is_dropped():
    stream = PICTURES[0][:-200] + PICTURES[1]
    assert jpeg.split(stream) == ([PICTURES[1]], b"")


def test_a_picture_that_never_ends_is_given_up():
    endless = b"\xff\xd8" + SCAN + bytes(5000)
    assert jpeg.split(endless, limit=10_000) == ([], endless)
    assert jpeg.split(endless, limit=4000) == ([], b"")
    assert jpeg.split(PICTURES[0], limit=len(PICTURES[0]) - 1) == ([], b"")


@pytest.mark.parametrize("tail", [b"\xff", b"\xff\xd8"])
def test_a_start_marker_may_be_cut(tail):
    assert jpeg.split(b"junk" + tail) == ([], tail)


def test_a_start_marker_at_the_end_of_a_picture_is_no_tail_of_it():
    assert jpeg.split(PICTURES[0][:-1] + b"\xd9") == ([PICTURES[0]], b"")


@given(st.binary(max_size=400))
def test_hostile_bytes_never_raise_from_split(noise):
    for stream in (noise, b"\xff\xd8\xff" + noise, b"\xff\xd8" + SCAN + noise):
        found, rest = jpeg.split(stream, limit=300)
        assert len(rest) <= 300
        for each in found:
            assert each[:3] == b"\xff\xd8\xff"
            assert each[-2:] == b"\xff\xd9"


@given(st.binary(max_size=400))
def test_hostile_bytes_raise_only_the_one_error_from_size(noise):
    for stream in (noise, b"\xff\xd8\xff" + noise, b"\xff\xd8" + APP0 + noise):
        try:
            width, height = jpeg.size(stream)
        except jpeg.JpegError:
            continue
        assert 0 < width < 65536
        assert 0 < height < 65536


def test_work_grows_with_the_bytes_only():
    """Nested start markers must not make the splitter begin again and again at the same place."""
    hostile = (b"\xff\xd8\xff\xe0\xff\xff" + b"\xff\xd8\xff" * 21000) * 20
    assert jpeg.split(hostile)[0] == []


@pytest.mark.parametrize("image", PICTURES)
def test_size(image):
    decoded = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert jpeg.size(image) == decoded.shape[1::-1]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (b"", "no start marker"),
        (b"GIF89a", "no start marker"),
        (b"\xff\xd8" + APP0, "ends before"),
        (b"\xff\xd8" + SCAN, "no frame header"),
        (b"\xff\xd8\xff\xc0\x00\x05\x08\x00\x01", "too short"),
        (b"\xff\xd8\xff\xc0\x00\x0b\x08" + bytes(8), "no size"),
        (b"\xff\xd8\xff\xe0\x00\x01", "shorter than"),
    ],
)
def test_no_size(broken, told):
    with pytest.raises(jpeg.JpegError, match=told):
        jpeg.size(broken)
