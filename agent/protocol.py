"""The wire contract: every message between an agent and its hub, strictly parsed. Pure.

`docs/protocol.md` tells the same in prose; reading this file, `topics.py`, `seal.py` and `guards.py` is enough to
write another agent. Unknown members are ignored, wrong types are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from agent import topics
from agent.seal import ProtocolError, derive, open_jpeg, open_json, seal_jpeg, seal_json

VERSION = 1

ACTIONS = ("pause", "resume", "cancel")
#: What a printer is doing. Only the four in NOT_PRINTING stand the watch down.
PHASES = ("idle", "printing", "paused", "finished", "cancelled", "error", "unreachable", "unknown")
NOT_PRINTING = ("idle", "finished", "cancelled", "error")
STAGES = ("accepted", "refused", "confirmed", "failed")
#: In place of a command's id: what an agent did by itself while its hub was gone, told once it is back.
FALLBACK_PAUSE, FALLBACK_RUN = FALLBACKS = ("fallback-pause", "fallback-run")
CAMERA_FAULTS = ("offline", "no_signal", "frozen", "dark", "covered")
#: After-pause options: name to (least, greatest) value. Heater delays are in seconds, lengths in millimetres.
AFTER_PAUSE = {
    "retract_mm": (0.0, 20.0),
    "lift_mm": (0.0, 50.0),
    "hotend_off_s": (0.0, 86_400.0),
    "bed_off_s": (0.0, 86_400.0),
}

MAX_INTEGER = 2**53
_TEXT = 300

T = TypeVar("T")


@dataclass(frozen=True)
class Status:
    """Birth or will of an agent session. `session` counts connections since `boot`, so an old will is known as old."""

    boot: int
    session: int
    online: bool


@dataclass(frozen=True)
class CameraStatus:
    """One camera as its agent sees it; `fault` is empty or one of CAMERA_FAULTS."""

    name: str
    fault: str = ""


@dataclass(frozen=True)
class State:
    """Whole snapshot of a printer. Clock is in ms since the agent's boot, time in Unix ms, progress 0 to 1."""

    boot: int
    seq: int
    clock: int
    time: int
    phase: str
    job: str = ""
    file: str = ""
    progress: float | None = None
    remaining_s: float | None = None
    layer: int | None = None
    layers: int | None = None
    temperatures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    can: tuple[str, ...] = ()
    control: str = ""
    message: str = ""
    cameras: tuple[CameraStatus, ...] = ()
    agent: str = ""


@dataclass(frozen=True)
class Frame:
    """One picture. `jpeg` is the sealed JPEG as it crossed the broker, comment segment included."""

    camera: str
    boot: int
    seq: int
    clock: int
    time: int
    job: str
    jpeg: bytes


@dataclass(frozen=True)
class Command:
    """An order to one agent boot for one job. `expires` is in the agent's own clock (ms since boot)."""

    id: str
    boot: int
    seq: int
    job: str
    action: str
    expires: int
    reason: str
    initiator: str
    after: Mapping[str, float] = field(default_factory=dict)
    dry: bool = False


@dataclass(frozen=True)
class Ack:
    """What became of a command; `phase` is the printer's phase when this was written."""

    boot: int
    seq: int
    clock: int
    time: int
    command: str
    stage: str
    phase: str
    reason: str = ""


@dataclass(frozen=True)
class Want:
    """How often and how large the hub wants frames; `width` 0 leaves the size to the agent."""

    seq: int
    interval_ms: int
    width: int = 0
    watched: bool = False


def pack_status(key: bytes, printer: str, status: Status) -> bytes:
    """Seal a birth or will."""
    return _pack(key, "status", topics.status(printer), status)


def read_status(key: bytes, printer: str, payload: bytes) -> Status:
    """Parse a birth or will; raises ProtocolError."""
    get = _open(key, "status", topics.status(printer), payload)
    return Status(boot=get.integer("boot"), session=get.integer("session"), online=get.boolean("online"))


def pack_state(key: bytes, printer: str, state: State) -> bytes:
    """Seal a snapshot. What is only shown (`file`, `control`, `message`) is cut to what may be sent."""
    state = replace(
        state,
        file=_sendable(state.file),
        control=_sendable(state.control),
        message=_sendable(state.message),
    )
    return _pack(key, "state", topics.state(printer), state)


def read_state(key: bytes, printer: str, payload: bytes) -> State:
    """Parse a snapshot; raises ProtocolError."""
    get = _open(key, "state", topics.state(printer), payload)
    return State(
        **get.stamps(),
        phase=get.choice("phase", PHASES),
        job=get.text("job", ""),
        file=get.text("file", ""),
        progress=get.number("progress", 0, 1),
        remaining_s=get.number("remaining_s", 0, 1e8),
        layer=get.optional_integer("layer"),
        layers=get.optional_integer("layers"),
        temperatures=get.temperatures("temperatures"),
        can=get.choices("can", ACTIONS),
        control=get.text("control", ""),
        message=get.text("message", ""),
        cameras=get.cameras("cameras"),
        agent=get.text("agent", ""),
    )


def pack_frame(key: bytes, printer: str, frame: Frame) -> bytes:
    """Put the header and the seal into `frame.jpeg`; raises ProtocolError if that is no JPEG or too large."""
    header = {"v": VERSION, **vars(frame)}
    del header["jpeg"]
    return seal_jpeg(derive(key, "frame"), topics.frame(printer, frame.camera), header, frame.jpeg)


def read_frame(key: bytes, printer: str, camera: str, payload: bytes) -> Frame:
    """Check and parse a sealed frame; raises ProtocolError. The picture itself is not decoded."""
    get = _Members(open_jpeg(derive(key, "frame"), topics.frame(printer, camera), payload))
    if get.text("camera") != camera or not topics.NAME.fullmatch(camera):
        raise ProtocolError("wrong_type", "camera must be a camera name, the one in the topic")
    return Frame(camera=camera, job=get.text("job", ""), jpeg=payload, **get.stamps())


def pack_command(key: bytes, printer: str, command: Command) -> bytes:
    """Sign a command."""
    return _pack(key, "command", topics.command(printer), command)


def read_command(key: bytes, printer: str, payload: bytes) -> Command:
    """Check and parse a command; raises ProtocolError. Whether it may run is for `guards.CommandGuard`."""
    get = _open(key, "command", topics.command(printer), payload)
    return Command(
        id=get.text("id"),
        boot=get.integer("boot"),
        seq=get.integer("seq"),
        job=get.text("job"),
        action=get.choice("action", ACTIONS),
        expires=get.integer("expires"),
        reason=get.text("reason"),
        initiator=get.text("initiator"),
        after=get.after("after"),
        dry=get.boolean("dry", default=False),
    )


def pack_ack(key: bytes, printer: str, ack: Ack) -> bytes:
    """Seal an acknowledgement."""
    return _pack(key, "ack", topics.ack(printer), ack)


def read_ack(key: bytes, printer: str, payload: bytes) -> Ack:
    """Parse an acknowledgement; raises ProtocolError."""
    get = _open(key, "ack", topics.ack(printer), payload)
    return Ack(
        **get.stamps(),
        command=get.text("command"),
        stage=get.choice("stage", STAGES),
        phase=get.choice("phase", PHASES),
        reason=get.text("reason", ""),
    )


def pack_want(key: bytes, printer: str, want: Want) -> bytes:
    """Seal a wish."""
    return _pack(key, "want", topics.want(printer), want)


def read_want(key: bytes, printer: str, payload: bytes) -> Want:
    """Parse a wish; raises ProtocolError."""
    get = _open(key, "want", topics.want(printer), payload)
    return Want(
        seq=get.integer("seq"),
        interval_ms=get.integer("interval_ms", 100, 3_600_000),
        width=get.integer("width", 0, 8192, default=0),
        watched=get.boolean("watched", default=False),
    )


def _pack(key: bytes, purpose: str, topic: str, message: Any) -> bytes:
    return seal_json(derive(key, purpose), topic, {"v": VERSION, **asdict(message)})


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:_TEXT]


def _open(key: bytes, purpose: str, topic: str, payload: bytes) -> _Members:
    return _Members(open_json(derive(key, purpose), topic, payload))


class _Members:
    """Typed access to the members of one message; every mismatch is a ProtocolError that names the member."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._message = message
        version = message.get("v")
        if type(version) is not int or version != VERSION:
            raise ProtocolError("version", f"not a message of version {VERSION}")

    def stamps(self) -> dict[str, int]:
        return {name: self.integer(name) for name in ("boot", "seq", "clock", "time")}

    def text(self, name: str, default: str | None = None) -> str:
        value = self._typed(name, str, default)
        if len(value) > _TEXT:
            raise ProtocolError("wrong_type", f"{name} is longer than {_TEXT} characters")
        return value

    def boolean(self, name: str, *, default: bool | None = None) -> bool:
        return self._typed(name, bool, default)

    def integer(
        self, name: str, least: int = 0, greatest: int = MAX_INTEGER, default: int | None = None
    ) -> int:
        value = self._typed(name, int, default)
        if isinstance(value, bool) or not least <= value <= greatest:
            raise ProtocolError("wrong_type", f"{name} must be a whole number from {least} to {greatest}")
        return value

    def optional_integer(self, name: str) -> int | None:
        return None if self._message.get(name) is None else self.integer(name)

    def number(self, name: str, least: float, greatest: float) -> float | None:
        value = self._message.get(name)
        return None if value is None else _number(name, value, least, greatest)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        return _choice(name, self.text(name), allowed)

    def choices(self, name: str, allowed: Sequence[str]) -> tuple[str, ...]:
        return tuple(_choice(name, value, allowed) for value in self._typed(name, list, [])[: len(allowed)])

    def temperatures(self, name: str) -> dict[str, tuple[float, float]]:
        readings = {}
        for sensor, pair in list(self._typed(name, dict, {}).items())[:16]:
            if not isinstance(pair, list) or len(pair) != 2:
                raise ProtocolError("wrong_type", f"{name} must hold pairs of actual and target")
            readings[sensor[:32]] = (_number(name, pair[0], -300, 3000), _number(name, pair[1], -300, 3000))
        return readings

    def cameras(self, name: str) -> tuple[CameraStatus, ...]:
        return tuple(_camera(name, entry) for entry in self._typed(name, list, [])[:16])

    def after(self, name: str) -> dict[str, float]:
        options = self._typed(name, dict, {})
        for option in options:
            _choice(name, option, tuple(AFTER_PAUSE))
        return {
            option: _number(f"{name}.{option}", value, *AFTER_PAUSE[option])
            for option, value in options.items()
        }

    def _typed(self, name: str, kind: type[T], default: T | None) -> T:
        value = self._message.get(name, default)
        if not isinstance(value, kind):
            raise ProtocolError("wrong_type", f"{name} must be {kind.__name__}, not {type(value).__name__}")
        return value


def _camera(name: str, entry: Any) -> CameraStatus:
    if not isinstance(entry, dict):
        raise ProtocolError("wrong_type", f"{name} must hold objects")
    camera, fault = entry.get("name"), entry.get("fault", "")
    if not isinstance(camera, str) or not topics.NAME.fullmatch(camera):
        raise ProtocolError("wrong_type", f"{name} must hold camera names")
    return CameraStatus(camera, _choice(name, fault, ("", *CAMERA_FAULTS)))


def _choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ProtocolError("wrong_type", f"{name} must be one of {', '.join(filter(None, allowed))}")
    return value


def _number(name: str, value: Any, least: float, greatest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= greatest:
        raise ProtocolError("wrong_type", f"{name} must be a number from {least} to {greatest}")
    return float(value)
