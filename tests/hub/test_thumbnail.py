"""Small versions of pictures."""

import pytest

from agent.camera.jpeg import size
from hub.thumbnail import WIDTH, thumbnail
from tests.support.pictures import picture


@pytest.mark.parametrize("side", [328, 640, 1000, 1920, 2600])
def test_a_large_picture_becomes_as_wide_as_wanted_and_keeps_its_shape(side):
    assert size(thumbnail(picture(60, side=side))) == (WIDTH, 240)


@pytest.mark.parametrize("jpeg", [picture(60), b"", b"no picture", picture(60, side=640)[:300]])
def test_what_is_small_or_broken_stays_as_it_is(jpeg):
    assert thumbnail(jpeg) == jpeg
