"""`printwarden-agent check`: tries everything a running agent needs and says what to mend."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent import enrolment
from agent.camera.base import CameraError
from agent.config import AgentConfig, PrinterConfig, make_camera, make_printer
from agent.endpoint import Endpoint
from agent.enrolment import Credential
from agent.printers.base import PrinterError
from agent.session import Session

_CONNECT_S = 15.0


def check(config: AgentConfig, say: Callable[[str], None] = print) -> int:
    """Try each printer, camera and broker connection; 0 if all work, 1 if not."""
    results = [_check(each, say) for each in config.printer]
    return 0 if all(results) else 1


def _check(config: PrinterConfig, say: Callable[[str], None]) -> bool:
    credential = enrolment.load(config.credential)
    say(f"{credential.name} ({config.kind})")
    results = [_printer(config, say), _broker(credential, say)]
    if not config.camera:
        say("  camera: none is set up, so nothing can be watched; add a [[printer.camera]] table")
        results.append(False)
    return all(results + [_camera(config, place, say) for place in range(len(config.camera))])


def _printer(config: PrinterConfig, say: Callable[[str], None]) -> bool:
    printer = make_printer(config)
    printer.start()
    try:
        found = printer.snapshot()
    except PrinterError as error:
        say(f"  printer: {error}")
        return False
    finally:
        printer.stop()
    say(f"  printer: {found.phase}" + (f"; control: {found.control}" if found.control else ""))
    return True


def _camera(config: PrinterConfig, place: int, say: Callable[[str], None]) -> bool:
    settings = config.camera[place]
    camera = make_camera(settings)
    camera.start()
    try:
        size = len(camera.grab())
    except CameraError as error:
        say(f"  camera {settings.name}: {error.fault}: {error}")
        return False
    finally:
        camera.stop()
    say(f"  camera {settings.name}: a picture of {size // 1000} kB")
    return True


def _broker(credential: Credential, say: Callable[[str], None]) -> bool:
    done, outcome = threading.Event(), ["no answer"]

    def ended(why: str) -> None:
        outcome[0] = why
        done.set()

    session = Session(
        Endpoint(credential.host, credential.port, credential.ca),
        username=credential.printer,
        token=credential.token,
        client_id=f"{credential.printer}-check",
        filters=(),
        on_message=lambda *_: None,
        on_up=lambda _: ended(""),
        on_down=ended,
    )
    session.start()
    done.wait(_CONNECT_S)
    session.stop()
    where = f"{credential.host}:{credential.port}"
    say(f"  broker {where}: " + (f"{outcome[0]}" if outcome[0] else "connected"))
    return not outcome[0]
