"""`printwarden demo`: the whole line once, from a camera frame to a paused print, and the 2021 incident replayed."""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from agent import enrolment, topics
from agent.endpoint import Endpoint
from agent.protocol import Command, pack_command
from agent.session import Message, Session
from hub.app import Hub
from hub.broker.settings import BrokerSettings, PlainListener, TlsListener
from hub.cards import PrinterCard
from hub.clips import as_clip
from hub.pace import PaceSettings
from hub.settings import DetectionSection, HubSection, HubSettings, WebSection
from hub.views import NotFound

PAUSE_WITHIN_S = 180.0
ANSWER_WITHIN_S = 20.0
OWNER, STRANGER = "olivia", "mallory"

log = logging.getLogger(__name__)


class DemoError(RuntimeError):
    """A step of the demo did not happen; the text says which."""


class Viewer(Protocol):
    """The web viewer as the demo needs it."""

    @property
    def port(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class DemoOptions:
    """`clip`: the user's own recording or None; `once`: end after the last step; `speed`: of the clip."""

    clip: Path | None = None
    once: bool = False
    speed: float = 1.0
    port: int = 8080
    model: str = ""
    agent_program: Sequence[str] = (sys.executable, "-m", "agent")
    pause_within_s: float = PAUSE_WITHIN_S


class Demo:
    """One run in a temporary folder, on loopback only."""

    def __init__(
        self, options: DemoOptions, make_viewer: Callable[[Hub], Viewer], say: Callable[[str], None] = print
    ) -> None:
        self._options, self._make_viewer = options, make_viewer
        self._write = say
        self._began = time.monotonic()
        self._events: list[tuple[str, str]] = []
        self._heard = threading.Condition()
        self._agents: list[subprocess.Popen[bytes]] = []

    def run(self, wait: Callable[[], None]) -> int:
        """Play the demo; `wait` blocks until the user has seen enough. Returns 0 only if every step happened."""
        with tempfile.TemporaryDirectory(prefix="printwarden-demo-") as name:
            folder = Path(name)
            hub = Hub(self._settings(folder), _BROKER)
            hub.start()
            viewer = self._make_viewer(hub)
            try:
                viewer.start()
                self._play(hub, viewer, folder)
                if not self._options.once:
                    self._say("the hub goes on; Ctrl-C ends it")
                    wait()
            except DemoError as error:
                self._say(f"FAILED: {error}")
                return 1
            finally:
                self._stop_agents()
                viewer.stop()
                hub.stop()
        return 0

    # The steps

    def _play(self, hub: Hub, viewer: Viewer, folder: Path) -> None:
        self._say("hub, embedded broker and viewer run on this machine (loopback only)")
        hub.outcomes.listeners.append(self._hear)
        for person in (OWNER, STRANGER):
            hub.people.add(person, None, role="user", now=time.time())
        card = self._enrol(hub, OWNER, "Olivia's printer", folder / OWNER)
        address = f"http://127.0.0.1:{viewer.port}"
        self._say(f"watch it live: {address}/sign-in/{hub.people.mint_link(OWNER, time.time())}")
        self._follow(hub, card)
        self._say("")
        self._say("and now August 2021 again: another user of this hub goes for Olivia's printer")
        self._replay_2021(hub, card, folder)
        self._say("done: the failing print was paused, and nobody else could touch the printer")
        self._say(f"viewer: {address}/sign-in/{hub.people.mint_link(OWNER, time.time())}   (one-time link)")

    def _enrol(self, hub: Hub, person: str, name: str, home: Path) -> PrinterCard:
        """Add a printer in a person's account and redeem its enrolment by a real agent process."""
        card, invitation = hub.view(person).add_printer(name)
        command = [*self._options.agent_program, "--home", str(home), "enrol", invitation.line]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own agent
        if done.returncode != 0:
            raise DemoError(f"the agent could not enrol: {done.stderr.strip()}")
        self._say(f"{person} enrolled {name!r} (id {card.id[:8]}..., its key never leaves agent and hub)")
        return card

    def _follow(self, hub: Hub, card: PrinterCard) -> None:
        """Run the agent and tell what happens until the printer is paused."""
        home = Path(self._settings_of_agent(hub.settings.hub.data.parent / OWNER))
        program = [*self._options.agent_program, "--home", str(home), "run"]
        with (home / "agent.log").open("wb") as output:
            self._agents.append(subprocess.Popen(program, stdout=output, stderr=output))  # noqa: S603 - our own agent
        view, told, deadline = hub.view(OWNER), "", time.monotonic() + self._options.pause_within_s
        last, stages = 0.0, set[str]()
        while time.monotonic() < deadline:
            now = view.printer(card.id)
            camera = now.cameras[0] if now.cameras else None
            if camera and camera.score is not None and (now.verdict != told or time.monotonic() - last > 3):
                told, last = now.verdict, time.monotonic()
                self._say(
                    f"frame {camera.seq:>4}  score {camera.score:4.2f}  {_bar(now.certainty or 0)}"
                    f" certainty {now.certainty or 0:6.1%}  {now.verdict}"
                )
            for row in view.commands(card.id, 1):
                if row.stage not in stages:
                    stages.add(row.stage)
                    self._say(f"command {row.action} {row.id[:6]}: {row.stage}  ({row.reason})")
                if row.stage == "confirmed":
                    self._until(lambda: view.printer(card.id).phase == "paused", "the printer did not pause")
                    self._until(lambda: self._count("paused") > 0, "the pause was not told")
                    self._say("the printer is paused: " + self._text("paused"))
                    return
                if row.stage in ("failed", "refused"):
                    raise DemoError(f"the pause {row.stage}: {row.outcome}")
            time.sleep(0.1)
        raise DemoError(f"the print was not paused within {self._options.pause_within_s:.0f} s")

    def _replay_2021(self, hub: Hub, card: PrinterCard, folder: Path) -> None:
        """A second user with a valid account, a valid agent credential and the victim's printer id."""
        self._enrol(hub, STRANGER, "Mallory's printer", folder / STRANGER)
        credential = enrolment.load(folder / STRANGER / "printer.credential.json")
        self._refused_by_viewer(hub, card)
        order = _order(hub, card.id, bytes.fromhex(credential.key))
        self._refused_by_broker(hub, card, credential, order)
        self._refused_by_agent(hub, order)
        if hub.view(OWNER).printer(card.id).phase != "paused":
            raise DemoError("the printer is not paused any more")

    def _refused_by_viewer(self, hub: Hub, card: PrinterCard) -> None:
        try:
            hub.view(STRANGER).order(card.id, "resume")
        except NotFound:
            self._say("REFUSED by the viewer: for mallory there is no such printer")
            return
        raise DemoError("the viewer let a stranger order")

    def _refused_by_broker(
        self, hub: Hub, card: PrinterCard, credential: enrolment.Credential, order: Message
    ) -> None:
        """The stranger publishes on the victim's command topic with the stranger's own, valid credential."""
        denied, strange = hub.broker.metrics()["publishes_denied"], self._count("intrusion")
        up = threading.Event()
        session = Session(
            Endpoint(credential.host, credential.port, credential.ca),
            username=credential.printer,
            token=credential.token,
            client_id="demo",
            filters=(),
            on_message=lambda *_: None,
            on_up=lambda _: up.set(),
        )
        session.start()
        try:
            if not up.wait(ANSWER_WITHIN_S):
                raise DemoError("mallory's own credential does not work, so nothing was shown")
            session.publish(order)
            self._until(
                lambda: hub.broker.metrics()["publishes_denied"] > denied, "the broker did not refuse"
            )
        finally:
            session.stop()
        proof = hub.desk.order(
            card.id, "resume", initiator=OWNER, reason="proof that the agent listens", dry=True
        )
        self._until(
            lambda: any(
                row.id == proof.id and row.stage == "confirmed" for row in hub.history.commands(card.id)
            ),
            "the agent did not answer its own hub",
        )
        if self._count("intrusion") != strange:
            raise DemoError("the stranger's command passed the broker")
        self._say("REFUSED by the broker: mallory's command never left it")

    def _refused_by_agent(self, hub: Hub, order: Message) -> None:
        """The same command once more, carried past every rule of the broker, as if all of them had failed."""
        strange = self._count("intrusion")
        hub.session.publish(order)
        self._until(lambda: self._count("intrusion") > strange, "the agent did not refuse")
        self._say(
            "REFUSED by the agent: carried past the broker, the command has no seal of its printer's key"
        )

    # Small things

    def _settings(self, folder: Path) -> HubSettings:
        return HubSettings(
            hub=HubSection(
                data=folder / "data", names=("127.0.0.1",), enrolment_host="127.0.0.1", enrolment_port=0
            ),
            web=WebSection(port=self._options.port),
            detection=DetectionSection(model=self._options.model),
            pace=PaceSettings(quiet_s=1.0, viewed_s=0.5, suspect_s=0.25),
        )

    def _settings_of_agent(self, home: Path) -> Path:
        """Write the agent's settings: a simulated printer and the clip as its camera."""
        if self._options.clip is None:
            demo = Path(str(files("agent.demo")))
            path, fps = demo / "failing.mjpeg", float(json.loads((demo / "clip.json").read_text())["fps"])
        else:
            path, fps = as_clip(self._options.clip, home)
        lines = [
            "[[printer]]",
            'credential = "printer.credential.json"',
            'kind = "simulated"',
            'options = {job_s = 600.0, file = "demo.gcode"}',
            "[[printer.camera]]",
            'name = "main"',
            'kind = "clip"',
            f"options = {{path = {json.dumps(str(path))}, fps = {(fps or 4.0) * self._options.speed}}}",
        ]
        (home / "agent.toml").write_text("\n".join(lines), encoding="utf-8")
        return home

    def _hear(self, _printer: str, kind: str, _level: str, text: str) -> None:
        with self._heard:
            self._events.append((kind, text))
            self._heard.notify_all()
        if kind in ("suspected", "failing"):
            self._say(f"decision  {text}")

    def _count(self, kind: str) -> int:
        return sum(1 for each, _ in self._events if each == kind)

    def _text(self, kind: str) -> str:
        return next(text for each, text in self._events if each == kind)

    def _until(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while not done():
            if time.monotonic() > deadline:
                raise DemoError(otherwise)
            time.sleep(0.05)

    def _stop_agents(self) -> None:
        for process in self._agents:
            process.terminate()
        for process in self._agents:
            process.wait(timeout=10)

    def _say(self, text: str) -> None:
        self._write(f"{time.monotonic() - self._began:7.1f} s  {text}" if text else "")


_BROKER = BrokerSettings(plain=PlainListener(port=0), tls=TlsListener(host="127.0.0.1", port=0))


def _order(hub: Hub, printer: str, key: bytes) -> Message:
    """A command for the victim's printer that is right in everything but the key it was signed with."""
    state = hub.live.printer(printer).state
    assert state is not None
    command = Command(
        id=secrets.token_hex(8),
        boot=state.boot,
        seq=int(time.time() * 1000),
        job=state.job,
        action="resume",
        expires=state.clock + 600_000,
        reason="because I can",
        initiator=STRANGER,
    )
    return Message(topics.command(printer), pack_command(key, printer, command))


def _bar(share: float) -> str:
    return "[" + "#" * round(share * 20) + "." * (20 - round(share * 20)) + "]"
