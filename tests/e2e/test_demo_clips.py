"""The demo on recordings that are not ours: a real failing print, and videos as people have them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.camera.jpeg import split
from hub.clips import ClipError, as_clip
from hub.recordings import shots
from hub.vision import Detector, read_model, shipped_model

DATA = Path(__file__).parents[3] / "shared" / "data"
REAL = DATA / "sequences" / "wfpfopt" / "blue_figure"


@pytest.mark.skipif(not REAL.exists(), reason="the set of real pictures is not beside the project")
def test_a_real_failing_print_scores_higher_at_its_end() -> None:
    """The shipped network reacts to a folder of real frames as the demo plays them."""
    detector = Detector(read_model(shipped_model()), "int8")
    detector.start()
    scores = [detector.detect(shot.jpeg).score for shot in shots(REAL, 10.0)]
    third = len(scores) // 3
    assert sum(scores[-third:]) / third > sum(scores[:third]) / third + 0.3


@pytest.mark.skipif(not DATA.exists(), reason="the set of real pictures is not beside the project")
def test_a_video_becomes_a_clip_with_its_own_speed(tmp_path: Path) -> None:
    path, fps = as_clip(DATA / "clips" / "good_benchy_red.mp4", tmp_path)
    assert fps > 0
    pictures, rest = split(path.read_bytes())
    assert len(pictures) > 100
    assert rest == b""
    assert cv2.imdecode(np.frombuffer(pictures[-1], np.uint8), cv2.IMREAD_COLOR).shape == (270, 480, 3)


@pytest.mark.parametrize(("name", "content"), [("missing.mp4", None), ("text.mp4", b"not a video at all")])
def test_what_is_no_recording_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ClipError, match=name):
        as_clip(tmp_path / name, tmp_path)
