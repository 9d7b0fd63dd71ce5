"""From JPEG bytes to a score: what is a picture, what is none, and which model is really used."""

from __future__ import annotations

import hashlib
import json
import logging
import threading

import cv2
import numpy as np
import pytest

from agent.camera.orient import write
from agent.seal import seal_jpeg
from hub import vision
from hub.second_look import agreed
from hub.vision import (
    DARK,
    Detector,
    ModelError,
    PictureError,
    prepare,
    read_model,
    shipped_model,
    workers,
)
from tests.support.models import SIDE, brightness_model
from tests.support.pictures import FAILING, FINE, picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return brightness_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def detector(folder):
    made = Detector(read_model(folder))
    made.start()
    return made


def encoded(image, *options):
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95, *options])
    assert done
    return data.tobytes()


def card(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")
    return folder


# Pictures


def test_a_picture_is_scored_with_its_size_and_brightness(detector):
    found = detector.detect(picture(FAILING, side=160))
    assert found.score == pytest.approx(FAILING / 255, abs=0.01)
    assert (found.width, found.height, found.heat.shape) == (160, 120, (4, 4))
    assert found.brightness == pytest.approx(FAILING, abs=2)
    assert not found.dark
    assert found.score == pytest.approx(float(found.heat[0, 0]))


def test_a_dark_picture_is_told(detector):
    assert detector.detect(picture(2)).dark
    assert not detector.detect(picture(int(DARK) + 10)).dark


@pytest.mark.parametrize("level", [120, 220])
def test_something_even_right_before_the_lens_is_told(detector, level):
    """Behind a hand there is the sensor's noise and nothing else; in a faint picture there still is something."""
    noise = np.random.default_rng(1).normal(0, 1.5, (480, 640, 3))
    hand = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert detector.detect(cv2.imencode(".jpg", hand)[1].tobytes()).covered
    faint = np.clip(hand - (np.arange(640) // 40 % 2 * 20)[:, None], 0, 255).astype(np.uint8)
    assert not detector.detect(cv2.imencode(".jpg", faint)[1].tobytes()).covered
    assert not detector.detect(picture(2)).covered, "that one is dark"


@pytest.mark.parametrize(("width", "height"), [(16, 16), (SIDE, SIDE), (200, 150), (1920, 1080), (90, 1600)])
def test_every_size_gives_the_same_score(detector, width, height):
    """Large pictures are decoded at a reduced size, which must not change what is seen."""
    grey = np.full((height, width, 3), 128, np.uint8)
    found = detector.detect(encoded(grey))
    assert (found.width, found.height) == (width, height)
    assert found.score == pytest.approx(128 / 255, abs=0.01)


def bright_corner(width, height, rest):
    canvas = np.full((height, width, 3), rest, np.uint8)
    canvas[: (height + 1) // 2, : (width + 1) // 2] = 220
    return encoded(canvas)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folder = brightness_model(tmp_path_factory.mktemp("twice"), second_look={"above": 0.3, "share": 0.5})
    made = Detector(read_model(folder))
    made.start()
    return made


@pytest.mark.parametrize(("width", "height"), [(90, 70), (640, 480), (1920, 1080)])
def test_a_suspicious_picture_is_seen_again_from_nearer(twice, width, height):
    """Its hottest cell is the first one, in a corner that is brighter than the whole."""
    found = twice.detect(bright_corner(width, height, rest=40))
    assert found.score == pytest.approx(agreed(85 / 255, 220 / 255), abs=0.02)
    assert (found.width, found.height) == (width, height)
    assert found.brightness == pytest.approx(85, abs=3), "that of the whole picture"


def test_a_picture_without_suspicion_is_seen_once(twice):
    assert twice.detect(bright_corner(640, 480, rest=10)).score == pytest.approx(62.5 / 255, abs=0.02)


def test_the_smallest_picture_can_be_seen_twice(twice):
    assert twice.detect(bright_corner(1, 1, rest=0)).score == pytest.approx(220 / 255, abs=0.01)


def test_a_part_of_a_turned_picture_is_the_part_that_browsers_show():
    canvas = np.full((96, 128, 3), 30, np.uint8)
    canvas[:48, 64:] = 220  # what is upper right is lower right after a quarter turn clockwise
    turned = write(encoded(canvas), 6)
    part, _, _ = prepare(turned, 64, 64, (0.5, 0.5, 1.0, 1.0))
    assert part.mean() == pytest.approx(220, abs=3)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"no picture",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(40),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        picture(60)[:200],
        picture(60)[:-3000],
        picture(60)[:300] + b"\x00" * 3000,
    ],
)
def test_what_is_no_picture_is_refused(detector, rubbish):
    with pytest.raises(PictureError):
        detector.detect(rubbish)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(detector):
    small = picture(60, side=160)
    place = small.index(b"\xff\xc0") + 5
    bomb = small[:place] + b"\xff\xff\xff\xff" + small[place + 4 :]
    with pytest.raises(PictureError, match="65535 x 65535 pixels is too large"):
        detector.detect(bomb)


def test_a_grey_picture_is_a_picture(detector):
    assert detector.detect(encoded(np.full((90, 120), 200, np.uint8))).score == pytest.approx(
        200 / 255, abs=0.01
    )


@pytest.mark.parametrize(("orientation", "turned"), [(1, False), (3, False), (6, True), (8, True)])
def test_a_picture_is_judged_as_it_is_shown(detector, orientation, turned):
    """The Exif orientation that an agent writes holds for the network too, so that regions lie where people see them."""
    canvas = np.full((240, 320, 3), 30, np.uint8)
    canvas[:, :160] = 250
    plain = cv2.imencode(".jpg", canvas)[1].tobytes()
    sealed = seal_jpeg(bytes(32), "topic", {"v": 1}, write(plain, orientation))
    found, width, height = prepare(sealed, 224, 224)
    assert (width, height) == ((240, 320) if turned else (320, 240))
    shown = cv2.resize(cv2.imdecode(np.frombuffer(sealed, np.uint8), cv2.IMREAD_COLOR), found.shape[1::-1])
    assert float(np.abs(found.astype(int) - shown).mean()) < 3.0
    assert (float(found[: SIDE // 2].mean()) > 200) == (orientation == 6)


def test_threads_share_one_session(detector):
    scores = []
    threads = [
        threading.Thread(target=lambda level=level: scores.append(detector.detect(picture(level)).score))
        for level in (FINE, FAILING) * 4
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(round(each, 1) for each in scores) == [0.2] * 4 + [1.0] * 4


# Models


def test_the_shipped_model_is_whole_and_judges(caplog):
    caplog.set_level(logging.INFO)
    model = read_model(shipped_model())
    made = Detector(model)
    made.start()
    found = made.detect(picture(FINE, side=640))
    assert 0.0 <= found.score <= 1.0
    assert made.precision in model.networks
    assert f"model {model.name} {model.version}: using {made.precision}" in caplog.text


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_both_shipped_precisions_agree(precision):
    made = Detector(read_model(shipped_model()), precision)
    made.start()
    assert made.precision == precision
    assert made.detect(picture(FINE, side=640)).score < 0.5


def test_the_faster_file_is_chosen(tmp_path, monkeypatch):
    folder = brightness_model(tmp_path)
    entry = json.loads((folder / "model.json").read_text())["files"][0]
    card(folder, files=[entry, {**entry, "precision": "int8"}])
    monkeypatch.setattr(vision, "TRIAL_S", 0.01)
    made = Detector(read_model(folder))
    made.start()
    assert made.precision in ("fp32", "int8")
    made = Detector(read_model(folder))
    times = iter((2.0, 1.0))
    monkeypatch.setattr(vision, "_trial", lambda _session: next(times))
    made.start()
    assert made.precision == "int8"


def test_the_light_file_is_taken_only_when_asked_for(tmp_path, monkeypatch):
    folder = brightness_model(tmp_path)
    entry = json.loads((folder / "model.json").read_text())["files"][0]
    light = brightness_model(tmp_path / "light", side=SIDE // 2)
    small = json.loads((light / "model.json").read_text())["files"][0]
    (folder / "light.onnx").write_bytes((light / small["file"]).read_bytes())
    small |= {"file": "light.onnx", "precision": "light", "width": SIDE // 2, "height": SIDE // 2}
    card(folder, files=[small, entry])
    monkeypatch.setattr(vision, "TRIAL_S", 0.01)
    made = Detector(read_model(folder))
    made.start()
    assert made.precision == "fp32"
    made = Detector(read_model(folder), "light")
    made.start()
    assert made.facts()["sha256"] == small["sha256"]
    assert made.detect(picture(FAILING, side=160)).heat.shape == (SIDE // 16 // 2, SIDE // 16 // 2)


def test_a_precision_that_does_not_exist_is_named(folder):
    with pytest.raises(ModelError, match="there is no int8 file"):
        Detector(read_model(folder), "int8").start()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": []}, "needs one file at least"),
        ({"input": {"width": 1, "height": 1, "channels": "RGB", "resize": "stretch"}}, "stretched BGR"),
        ({"input": {}}, "not a model description: KeyError"),
        ({"thresholds": {"warn": "high"}}, "not a model description: ValueError"),
        ({"files": [{"file": "network.onnx", "precision": "fp32", "sha256": "0"}]}, "damaged"),
        ({"files": [{"file": "none.onnx", "precision": "fp32", "sha256": "0"}]}, "none.onnx: No such file"),
    ],
)
def test_a_wrong_model_is_named(tmp_path, changes, told):
    with pytest.raises(ModelError, match=told):
        read_model(card(brightness_model(tmp_path), **changes))


def test_a_wrong_second_look_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"model\.json: not a model description.*above 2"):
        read_model(brightness_model(tmp_path, second_look={"above": 2, "share": 0.5}))


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_card_that_is_none_is_named(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.json: not a model description"):
        read_model(tmp_path)


def test_a_file_that_is_no_network_is_named(tmp_path):
    folder = brightness_model(tmp_path)
    rubbish = b"this is no network"
    (folder / "network.onnx").write_bytes(rubbish)
    entry = {"file": "network.onnx", "precision": "fp32", "sha256": hashlib.sha256(rubbish).hexdigest()}
    with pytest.raises(ModelError, match=r"network\.onnx: onnxruntime cannot load it") as caught:
        Detector(read_model(card(folder, files=[entry]))).start()
    assert "\n" not in str(caught.value)


def test_there_is_a_thread_for_each_core_and_never_more_than_four():
    assert 1 <= workers() <= 4


def test_a_wide_picture_is_shrunk_without_losing_thin_lines():
    """A far shrink takes the mean over the area: no thin strand falls between the pixels that are looked at."""
    canvas = np.zeros((240, 1800, 3), np.uint8)
    canvas[:, ::8] = 255
    found, _, _ = prepare(cv2.imencode(".jpg", canvas)[1].tobytes(), 224, 224)
    assert float(found[..., 1].std(axis=1).max()) < 30
