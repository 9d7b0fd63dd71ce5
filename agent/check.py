"""`printwarden-agent check`: tries everything a running agent needs and says what to mend."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable

from agent import enrolment
from agent.camera.base import CameraError
from agent.camera.watch import empty
from agent.config import AgentConfig, CameraConfig, PrinterConfig, make_camera, make_printer
from agent.endpoint import Endpoint
from agent.enrolment import Credential
from agent.printers.base import NotYet, Printer, PrinterError, Snapshot
from agent.seal import MAX_FRAME
from agent.session import REFUSED, Session
from agent.settings import SettingsError

_CONNECT_S = 15.0
#: What a frame's header may take of its size.
_HEADER = 1000


def check(config: AgentConfig, say: Callable[[str], None] = print) -> int:
    """Try each printer, camera and broker connection; 0 if all work, 1 if not."""
    results = [_check(each, say) for each in config.printer]
    return 0 if all(results) else 1


def _check(config: PrinterConfig, say: Callable[[str], None]) -> bool:
    try:
        credential = enrolment.load(config.credential)
    except enrolment.EnrolmentError as error:
        say(f"{config.credential.name} ({config.kind})")
        say(f"  credential: {error}")
        return False
    say(f"{credential.name} ({config.kind})")
    results = [_printer(config, say), _broker(credential, say)]
    if not config.camera:
        say("  camera: none is set up, so nothing can be watched; add a [[printer.camera]] table")
        results.append(False)
    return all(results + [_camera(each, say) for each in config.camera])


def _printer(config: PrinterConfig, say: Callable[[str], None]) -> bool:
    try:
        printer = make_printer(config)
    except SettingsError as error:
        say(f"  printer: {error}")
        return False
    printer.start()
    try:
        found = asked(printer)
    except PrinterError as error:
        say(f"  printer: {error}")
        return False
    finally:
        printer.stop()
    say(f"  printer: {found.phase}" + (f"; control: {found.control}" if found.control else ""))
    if found.control and config.fallback.action == "pause":
        say("  fallback: it is to pause this printer, which cannot be controlled")
        return False
    return True


def asked(printer: Printer) -> Snapshot:
    """A printer's state; one that has to connect first is given a moment. Raises PrinterError."""
    until = time.monotonic() + _CONNECT_S
    while True:
        try:
            return printer.snapshot()
        except NotYet:
            if time.monotonic() > until:
                raise
        time.sleep(0.2)


def _camera(settings: CameraConfig, say: Callable[[str], None]) -> bool:
    try:
        camera = make_camera(settings)
    except SettingsError as error:
        say(f"  {error}")
        return False
    camera.start()
    try:
        picture = camera.grab()
        trouble = _flaw(picture)
    except CameraError as error:
        trouble = f"{error.fault}: {error}"
    finally:
        camera.stop()
    say(f"  camera {settings.name}: {trouble or f'a picture of {len(picture) // 1000} kB'}")
    return not trouble


def _flaw(picture: bytes) -> str:
    """What makes a picture useless, if anything does."""
    if len(picture) > MAX_FRAME - _HEADER:
        return f"its pictures of {len(picture) // 1000} kB are too large to be sent: set a smaller size or quality"
    if empty(picture):
        return "its picture shows nothing: is it dark, or the lens covered?"
    return ""


def _broker(credential: Credential, say: Callable[[str], None]) -> bool:
    where = f"{credential.host}:{credential.port}"
    outcomes: queue.Queue[str] = queue.Queue()

    session = Session(
        Endpoint(credential.host, credential.port, credential.ca),
        username=credential.printer,
        token=credential.token,
        client_id=f"{credential.printer}-check",
        filters=(),
        on_message=lambda *_: None,
        on_up=lambda _: outcomes.put(""),
        on_down=outcomes.put,
    )
    session.start()
    try:
        trouble = outcomes.get(timeout=_CONNECT_S)
    except queue.Empty:
        trouble = f"{where} does not answer in time"
    session.stop()
    say(f"  broker: {trouble or f'connected to {where}'}")
    if trouble.startswith(REFUSED):
        say("    a printer that was removed or enrolled anew has another credential: enrol it again")
    return not trouble
