"""Messages as an agent makes them, right in everything that a test does not change."""

from __future__ import annotations

from agent.enrolment import Credential
from agent.protocol import Ack, CameraStatus, Command, Frame, State

PRINTER, OTHER = "c" * 32, "d" * 32
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
BOOT, JOB = 500, "benchy.gcode#1"
JPEG = b"\xff\xd8\xff\xd9"


def state(seq: int = 1, **changes) -> State:
    """A printer that prints, watched by the camera "main"."""
    right = {"boot": BOOT, "seq": seq, "clock": 60_000, "time": 1, "phase": "printing", "job": JOB}
    return State(**{**right, "cameras": (CameraStatus("main"),), **changes})


def frame(seq: int = 1, **changes) -> Frame:
    """A frame of the camera "main"."""
    right = {"camera": "main", "boot": BOOT, "seq": seq, "clock": 60_000, "time": 1, "job": JOB, "jpeg": JPEG}
    return Frame(**{**right, **changes})


def ack(command: str, stage: str, seq: int = 1, **changes) -> Ack:
    """An acknowledgement."""
    right = {"boot": BOOT, "seq": seq, "clock": 60_000, "time": 1, "phase": "printing"}
    return Ack(**{**right, "command": command, "stage": stage, **changes})


def command(seq: int = 1, **changes) -> Command:
    """A pause of the running job."""
    right = {"id": f"c{seq}", "boot": BOOT, "seq": seq, "job": JOB, "action": "pause", "expires": 20_000}
    return Command(**{**right, "reason": "99 % sure", "initiator": "printwarden", **changes})


def credential(**changes) -> Credential:
    """What an agent keeps after enrolling."""
    right = {"printer": PRINTER, "name": "Prusa", "host": "127.0.0.1", "port": 8883, "enrolment_port": 8884}
    rest = {"token": "token", "key": KEY.hex(), "ca": "", "enrolment_host": "127.0.0.1", "enrolment_ca": ""}
    return Credential(**{**right, **rest, **changes})
