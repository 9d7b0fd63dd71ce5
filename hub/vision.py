"""From JPEG bytes to a heat map: the only user of OpenCV and onnxruntime."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from agent.camera.jpeg import JpegError, size
from hub.displaced import SIDE
from hub.second_look import WHOLE, SecondLook, Window, look

#: The precision that sees less and costs a third less, for small machines; it is never taken unasked.
LIGHT = "light"
TRIAL_S = 0.4
MAX_PIXELS = 40_000_000
#: Below this mean grey level (0 to 255) a picture shows nothing that could be judged.
DARK = 10.0
#: Less detail for its brightness than this shows nothing. Of 2499 pictures of prints the least has 0.0062; behind a hand
#: or a cloth, with the noise of a sensor, 95 % have less than 0.0045.
COVERED = 0.005
#: Up to this shrink two pixels each way hold all there is; above it the slower mean over the area is needed.
LINEAR_TO = 2.2

log = logging.getLogger(__name__)


class ModelError(Exception):
    """The model cannot be used; the text names the file and what is wrong."""


class PictureError(ValueError):
    """These bytes are not a picture that can be judged."""


@dataclass(frozen=True)
class Detection:
    """What the network made of one picture of `width` x `height` pixels.

    `score` is the calibrated probability that it shows a failure, `heat` the same for each cell (rows, columns).
    `detail` is the mean step between neighbouring pixels at the network's size, `small` the picture in grey.
    """

    score: float
    heat: NDArray[np.float32]
    width: int
    height: int
    brightness: float
    detail: float | None = None
    small: NDArray[np.uint8] | None = None

    @property
    def dark(self) -> bool:
        """Whether the picture is too dark to say anything."""
        return self.brightness < DARK

    @property
    def covered(self) -> bool:
        """Whether something even is right in front of the lens."""
        return not self.dark and self.detail is not None and self.detail < COVERED * self.brightness


@dataclass(frozen=True)
class Network:
    """One file of a model, the size in pixels of the pictures it looks at, and which it looks at twice."""

    path: Path
    precision: str
    sha256: str
    width: int
    height: int
    second_look: SecondLook | None = None


@dataclass(frozen=True)
class Model:
    """A checked `model.json` and the folder it stands in; its networks go by precision."""

    folder: Path
    name: str
    version: str
    warn: float
    act: float
    networks: Mapping[str, Network]


def shipped_model() -> Path:
    """The folder of the models that come with the product."""
    return Path(str(files("hub.models")))


def read_model(folder: Path) -> Model:
    """Read `model.json` and check every file's SHA-256; raises ModelError naming the file."""
    path = folder / "model.json"
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        picture = data["input"]
        networks = {entry["precision"]: _network(folder, {**picture, **entry}) for entry in data["files"]}
        if picture["channels"] != "BGR" or picture["resize"] != "stretch" or not networks:
            raise ModelError(f"{path}: this version reads stretched BGR pictures and needs one file at least")
        warn, act = (float(data["thresholds"][name]) for name in ("warn", "act"))
        return Model(folder, data["name"], data["version"], warn, act, networks)
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a model description: {error!r}") from error


class Detector:
    """One network, one session, any number of threads."""

    def __init__(self, model: Model, precision: str = "auto") -> None:
        self.model = model
        self.precision = precision
        self._session: onnxruntime.InferenceSession | None = None

    def start(self) -> None:
        """Load the network; with "auto" the one that is faster on this machine, but not the light one. Raises ModelError."""
        cv2.setNumThreads(1)
        networks = self.model.networks
        wanted = (set(networks) - {LIGHT} or set(networks)) if self.precision == "auto" else {self.precision}
        if not wanted <= set(networks):
            raise ModelError(f"{self.model.folder}: there is no {self.precision} file")
        sessions = {precision: _load(networks[precision].path) for precision in sorted(wanted)}
        times = {name: _trial(session) for name, session in sessions.items()} if len(sessions) > 1 else {}
        self.precision = min(times, key=times.__getitem__) if times else wanted.pop()
        self._session = sessions.pop(self.precision)
        sessions.clear()
        _return_memory()
        measured = (
            ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in times.items()) or "not compared"
        )
        log.info("model %s %s: using %s (%s)", self.model.name, self.model.version, self.precision, measured)

    def detect(self, jpeg: bytes) -> Detection:
        """Judge one picture; raises PictureError if it cannot be decoded."""
        network = self.model.networks[self.precision]
        wide, high = network.width, network.height
        picture, width, height = prepare(jpeg, wide, high)
        heat, score = look(
            self._run, picture, lambda part: prepare(jpeg, wide, high, part)[0], network.second_look
        )
        brightness, detail = float(picture.mean()), _detail(picture)
        return Detection(score, heat, width, height, brightness, detail, small(picture))

    def _run(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        assert self._session is not None, "start the detector first"
        heat, score = self._session.run(["heat", "score"], {"image": picture[np.newaxis]})
        return heat[0], float(score[0])

    def facts(self) -> dict[str, str]:
        """What tells this network from all others, for the record."""
        return {
            "name": self.model.name,
            "version": self.model.version,
            "precision": self.precision,
            "sha256": self.model.networks[self.precision].sha256,
        }


def prepare(jpeg: bytes, wide: int, high: int, part: Window = WHOLE) -> tuple[NDArray[np.uint8], int, int]:
    """The BGR picture, or a part of it, stretched to `wide` x `high` and the width and height it came with.

    It is decoded no larger than needed, which is most of the cost. Raises PictureError.
    """
    try:
        width, height = size(jpeg)
    except JpegError as error:
        raise PictureError(str(error)) from error
    if width * height > MAX_PIXELS:
        raise PictureError(f"a picture of {width} x {height} pixels is too large")
    left, top, right, bottom = part
    flag = cv2.IMREAD_COLOR
    for divisor, reduced in ((4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2)):
        if width * (right - left) // divisor >= wide and height * (bottom - top) // divisor >= high * 0.9:
            flag = reduced
            break
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)
    except cv2.error as error:
        raise PictureError(f"not a picture: {error}") from error
    if picture is None:
        raise PictureError("not a picture that can be decoded")
    if (picture.shape[1] > picture.shape[0]) != (width > height):
        width, height = height, width  # turned by a quarter, as its Exif says and as browsers show it
    rows, columns = picture.shape[:2]
    picture = picture[
        int(top * rows) : math.ceil(bottom * rows), int(left * columns) : math.ceil(right * columns)
    ]
    shrink = max(picture.shape[1] / wide, picture.shape[0] / high)
    way = cv2.INTER_LINEAR if shrink <= LINEAR_TO else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (wide, high), interpolation=way), np.uint8), width, height


def _detail(picture: NDArray[np.uint8]) -> float:
    green = picture[..., 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=1)).mean())


def small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The green of a BGR picture, small enough to be compared with its past in no time."""
    return np.asarray(cv2.resize(picture[..., 1], (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def workers() -> int:
    """How many detection threads suit this machine: one for each core that this process may use, at most four."""
    return min(4, len(os.sched_getaffinity(0)))


def _return_memory() -> None:
    """Hand the memory of dropped sessions back to the system: glibc keeps it otherwise, some 30 MB of a NAS."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _network(folder: Path, entry: dict[str, Any]) -> Network:
    path = folder / entry["file"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
        raise ModelError(f"{path}: damaged: its SHA-256 is not the one in model.json")
    second = entry.get("second_look")
    twice = SecondLook(float(second["above"]), float(second["share"])) if second else None
    return Network(
        path, entry["precision"], entry["sha256"], int(entry["width"]), int(entry["height"]), twice
    )


def _trial(session: onnxruntime.InferenceSession) -> float:
    """Median seconds of one run."""
    blank = {"image": np.zeros(session.get_inputs()[0].shape, np.uint8)}
    session.run(None, blank)
    times, end = [], time.perf_counter() + TRIAL_S
    while time.perf_counter() < end:
        began = time.perf_counter()
        session.run(None, blank)
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def _load(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exception types are not public and share no base
        raise ModelError(f"{path}: onnxruntime cannot load it: {error}") from error
