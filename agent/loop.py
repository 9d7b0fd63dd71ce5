"""One printer's agent: sends state and frames at the hub's pace and obeys its commands."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from agent import __version__, topics
from agent.camera.base import Camera, CameraError
from agent.camera.watch import Watch
from agent.clock import AgentClock
from agent.endpoint import Endpoint
from agent.enrolment import Credential
from agent.execute import Executor
from agent.fallback import Fallback
from agent.fallback import Settings as FallbackSettings
from agent.guards import CommandGuard
from agent.printers.base import Printer, PrinterError, Snapshot
from agent.protocol import (
    FALLBACKS,
    Ack,
    CameraStatus,
    Frame,
    State,
    Status,
    Want,
    pack_ack,
    pack_frame,
    pack_state,
    pack_status,
    read_want,
)
from agent.seal import ProtocolError
from agent.session import Message, Session
from agent.silence import Silence

STATE_S = 2.0
REPEAT_STATE_S = 15.0
HUB_GONE_S = 90.0
QUIET_MS = 10_000
#: So many acknowledgements are kept for a hub that is gone; the oldest go first.
ACKS_KEPT = 100

log = logging.getLogger(__name__)


class PrinterAgent:
    """Everything between one printer with its cameras and the hub."""

    def __init__(
        self,
        credential: Credential,
        printer: Printer,
        cameras: Mapping[str, Camera],
        boot: int,
        fallback: FallbackSettings | None = None,
    ) -> None:
        self._id, self._key = credential.printer, bytes.fromhex(credential.key)
        self._printer, self._cameras, self._boot = printer, dict(cameras), boot
        self._clock = AgentClock()
        self._sequence = 0
        self._lock, self._ack_lock = threading.Lock(), threading.Lock()
        self._stopping = threading.Event()
        self._state_due = threading.Event()
        self._want = Want(seq=-1, interval_ms=QUIET_MS)
        self._want_changed = {name: threading.Event() for name in self._cameras}
        self._silence, self._hub_gone = Silence(), False
        self._acks: deque[Ack] = deque(maxlen=ACKS_KEPT)
        self._down_told = ""
        self._faults = dict.fromkeys(self._cameras, "")
        self._snapshot = Snapshot(phase="unknown")
        self._executor = Executor(self._key, self._id, printer, CommandGuard(boot), self._clock, self._report)
        self._fallback = Fallback(fallback or FallbackSettings(), self._executor.pause, self._report)
        self._session = Session(
            Endpoint(credential.host, credential.port, credential.ca),
            username=self._id,
            token=credential.token,
            client_id=self._id,
            filters=(topics.command(self._id), topics.want(self._id)),
            on_message=self._received,
            on_up=self._up,
            on_down=self._down,
            will=lambda number: self._status(number, online=False),
        )
        self._threads = [threading.Thread(target=self._watch_printer, name="state", daemon=True)]
        self._threads += [
            threading.Thread(target=self._watch_camera, args=(name,), name=f"camera-{name}", daemon=True)
            for name in self._cameras
        ]

    def start(self) -> None:
        """Open the printer and the cameras and connect, all in the background."""
        self._printer.start()
        for camera in self._cameras.values():
            camera.start()
        self._executor.start()
        self._session.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Say goodbye and close everything."""
        self._stopping.set()
        self._state_due.set()
        for changed in self._want_changed.values():
            changed.set()
        for camera in self._cameras.values():
            camera.stop()
        self._executor.stop()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._session.connected:
            self._session.publish(self._status(1 << 30, online=False))
        self._session.stop()
        self._printer.stop()

    # Messages from the hub, on the connection's thread

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == topics.command(self._id):
            self._executor.receive(payload, retained=retained)
            return
        try:
            want = read_want(self._key, self._id, payload)
        except ProtocolError as error:
            log.warning("ignored a wish: %s", error)
            return
        if want.seq <= self._want.seq:
            return
        if not retained:
            self._silence.heard()
        self._want = want
        for changed in self._want_changed.values():
            changed.set()

    def _down(self, why: str) -> None:
        """Log each reason once an outage, not at every attempt."""
        if why != self._down_told:
            self._down_told = why
            log.warning("not connected to the hub's broker: %s", why)

    def _up(self, number: int) -> None:
        log.info("connected to the hub's broker")
        self._down_told = ""
        self._session.publish(self._status(number, online=True))
        self._state_due.set()

    # The printer

    def _watch_printer(self) -> None:
        sent, sent_at = None, 0.0
        while not self._stopping.is_set():
            try:
                sent, sent_at = self._tell_state(sent, sent_at)
                self._notice_hub()
            except (
                Exception
            ):  # supervisor: a driver's mistake must not end the watch; silence would tell the hub anyway
                log.exception("the printer's state could not be told")
            self._state_due.wait(STATE_S)

    def _tell_state(self, sent: State | None, sent_at: float) -> tuple[State | None, float]:
        """Send the state if it changed, was asked for or is old; returns what was sent last, and when."""
        due = self._state_due.is_set() or time.monotonic() - sent_at > REPEAT_STATE_S
        self._state_due.clear()  # what cannot be told now, a new connection asks for again
        self._snapshot = self._ask()
        state = self._state()
        told = replace(state, seq=0, clock=0, time=0, progress=None, remaining_s=None, temperatures={})
        if not self._session.connected or not (due or told != sent or state.phase == "printing"):
            return sent, sent_at
        payload = pack_state(self._key, self._id, state)
        if self._session.publish_newest(Message(topics.state(self._id), payload, retain=True)):
            return told, time.monotonic()
        return None, sent_at

    def _ask(self) -> Snapshot:
        try:
            return self._printer.snapshot()
        except PrinterError as error:
            return Snapshot(phase="unreachable", control=str(error)[:200])

    def _state(self) -> State:
        cameras = tuple(CameraStatus(name, fault) for name, fault in sorted(self._faults.items()))
        return State(
            boot=self._boot,
            seq=self._next(),
            clock=self._clock.now(),
            time=_unix_ms(),
            cameras=cameras,
            agent=__version__,
            **vars(self._snapshot),
        )

    def _notice_hub(self) -> None:
        """Tell, once each time, that the hub fell silent or came back; do without it what the owner chose."""
        silent_s = self._silence.look()
        gone = silent_s > HUB_GONE_S
        if gone != self._hub_gone:
            self._hub_gone = gone
            log.warning("the hub is silent: nobody watches this print" if gone else "the hub is back")
            self._show("Printwarden: NOT WATCHED, hub is gone" if gone else "Printwarden: watched again")
        self._send_acks()
        self._fallback.look(self._snapshot, silent_s)

    def _show(self, line: str) -> None:
        try:
            self._printer.show(line)
        except PrinterError as error:
            log.warning("the printer's display: %s", error)

    # The cameras

    def _watch_camera(self, name: str) -> None:
        watch, changed = Watch(), self._want_changed[name]
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                fault = self._send_frame(name, watch)
            except Exception:  # supervisor: as for the printer; a camera that fails like this counts as off
                log.exception("camera %s", name)
                fault = "offline"
            if fault != self._faults[name]:
                log.warning("camera %s: %s", name, fault or "works again")
                self._faults[name] = fault
                self._state_due.set()
            pause = self._interval_s() - (time.monotonic() - began)
            if pause > 0 and changed.wait(pause):
                changed.clear()

    def _interval_s(self) -> float:
        """From one picture to the next; without a hub they serve to notice a camera's fault only."""
        return (QUIET_MS if self._hub_gone else self._want.interval_ms) / 1000

    def _send_frame(self, name: str, watch: Watch) -> str:
        """Send one frame; returns the camera's fault, which is empty when all is well."""
        try:
            jpeg = self._cameras[name].grab()
            fault = watch.fault(jpeg, time.monotonic())
            frame = Frame(
                camera=name,
                boot=self._boot,
                seq=self._next(),
                clock=self._clock.now(),
                time=_unix_ms(),
                job=self._snapshot.job,
                jpeg=jpeg,
            )
            payload = pack_frame(self._key, self._id, frame)
            self._session.publish_newest(Message(topics.frame(self._id, name), payload, qos=0))
        except CameraError as error:
            log.debug("camera %s: %s", name, error)
            return error.fault
        except ProtocolError as error:
            log.warning("camera %s: its picture cannot be sent: %s", name, error)
            return "no_signal"
        return fault

    # What goes up

    def _report(self, command: str, stage: str, reason: str, phase: str) -> None:
        if command in FALLBACKS and stage == "accepted":
            return  # nobody waits for it; how it ended is what counts
        with self._ack_lock:  # numbered in the order in which they are sent
            ack = Ack(
                boot=self._boot,
                seq=self._next(),
                clock=self._clock.now(),
                time=_unix_ms(),
                command=command,
                stage=stage,
                phase=phase,
                reason=reason[:200],
            )
            self._acks.append(ack)
        self._send_acks()
        self._state_due.set()

    def _send_acks(self) -> None:
        """Send what waits, unless the hub is known to be gone: a broker without it would take and lose them."""
        with self._ack_lock:
            while self._acks and self._session.connected and not self._hub_gone:
                payload = pack_ack(self._key, self._id, self._acks.popleft())
                self._session.publish(Message(topics.ack(self._id), payload))

    def _status(self, number: int, *, online: bool) -> Message:
        status = Status(boot=self._boot, session=number, online=online)
        return Message(topics.status(self._id), pack_status(self._key, self._id, status), retain=True)

    def _next(self) -> int:
        with self._lock:
            self._sequence += 1
            return self._sequence


def _unix_ms() -> int:
    return int(time.time() * 1000)
