"""A whole hub on free loopback ports, people and printers in it, and real agent processes beside them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent import enrolment
from agent.enrolment import Credential
from agent.session import Message
from hub.app import Hub
from hub.broker.probe import Gone, Probe
from hub.broker.settings import BrokerSettings, PlainListener, TlsListener
from hub.pace import PaceSettings
from hub.settings import DetectionSection, HubSection, HubSettings, WebSection
from hub.store.history import CommandRow, EventRow
from hub.views import UserView
from tests.support import pictures
from tests.support.models import brightness_model
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
AGENT = (sys.executable, "-m", "agent")
PATIENCE = 40.0
#: A print is paused a frame or two after it begins to fail, so that tests need not wait for evidence to gather.
HASTY = {"warn_at": 0.05, "act_at": 0.05, "act_hold_s": 0.0}
PACE = PaceSettings(quiet_s=0.3, viewed_s=0.3, suspect_s=0.2)
LOOPBACK = BrokerSettings(plain=PlainListener(port=0), tls=TlsListener(host="127.0.0.1", port=0))


def hub_settings(folder: Path, model: Path, *, pace: PaceSettings = PACE) -> HubSettings:
    """A hub that keeps everything in `folder` and listens on free ports of the loopback."""
    return HubSettings(
        hub=HubSection(
            data=folder / "data", names=("127.0.0.1",), enrolment_host="127.0.0.1", enrolment_port=0
        ),
        web=WebSection(port=0),
        detection=DetectionSection(model=str(model), workers=1),
        pace=pace,
    )


@dataclass(frozen=True)
class Owned:
    """An enrolled printer, its owner's view and its agent's home folder."""

    id: str
    view: UserView
    home: Path
    credential: Credential

    @property
    def key(self) -> bytes:
        return bytes.fromhex(self.credential.key)

    def kinds(self) -> list[str]:
        """The kinds of its newest events, newest first."""
        return [each.kind for each in self.view.events(self.id)]

    def event(self, kind: str, limit_s: float = PATIENCE) -> EventRow:
        """The newest event of a kind, waited for."""
        return until(
            lambda: next((each for each in self.view.events(self.id) if each.kind == kind), None), limit_s
        )

    def command(self, stage: str, action: str = "pause", limit_s: float = PATIENCE) -> CommandRow:
        """The newest command of an action once it has reached a stage."""
        return until(
            lambda: next(
                (
                    each
                    for each in self.view.commands(self.id, 50)
                    if (each.action, each.stage) == (action, stage)
                ),
                None,
            ),
            limit_s,
        )

    def phase(self, wanted: str, limit_s: float = PATIENCE) -> None:
        """Returns once its owner sees it in a phase."""
        until(lambda: self.view.printer(self.id).phase == wanted, limit_s)

    def watch(self, wanted: str, limit_s: float = PATIENCE) -> str:
        """The reason of the watch once it is in a state."""
        until(lambda: self.view.printer(self.id).watch == wanted, limit_s)
        return self.view.printer(self.id).watch_reason


class Rig:
    """A started hub and what tests do with it."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self._numbers = itertools.count(1)
        self._agents: list[subprocess.Popen[bytes]] = []

    def person(self) -> str:
        """A new user."""
        name = f"person{next(self._numbers)}"
        self.hub.people.add(name, None, role="user", now=0.0)
        return name

    def printer(self, person: str | None = None, *, hasty: bool = True) -> Owned:
        """A new printer of a person (or of a new one), enrolled over TLS as an agent would."""
        view = self.hub.view(person or self.person())
        card, invitation = view.add_printer("a printer")
        credential = enrolment.redeem(enrolment.parse(invitation.line))
        home = self.folder / card.id
        home.mkdir()
        enrolment.save(credential, home / "printer.credential.json")
        if hasty:
            view.save_settings(card.id, HASTY)
        return Owned(card.id, view, home, credential)

    def agent(
        self, printer: Owned, shown: Sequence[bytes], *, program: Sequence[str] = AGENT, loop: bool = False
    ) -> subprocess.Popen[bytes]:
        """A real agent process that shows these pictures, one after the other."""
        write_agent_settings(printer.home, pictures.clip(printer.home / "clip.mjpeg", shown), loop=loop)
        return self.run_agent(printer, program)

    def run_agent(self, printer: Owned, program: Sequence[str] = AGENT) -> subprocess.Popen[bytes]:
        """A real agent process that runs the settings in the printer's home folder."""
        process = start_agent(printer.home, program)
        self._agents.append(process)
        return process

    def publish_as_broker(self, message: Message) -> None:
        """Publish past every rule of the broker, as if all of them had failed."""
        self.hub.session.publish(message)

    def probe(self, credential: Credential, client_id: str | None = None) -> Probe:
        """A raw connection that is logged in with an agent's credential."""
        probe = Probe(self.hub.broker.endpoint("plain"), PATIENCE)
        name = credential.printer
        assert probe.connect(name, credential.token, name if client_id is None else client_id) == 0
        return probe

    def can_log_in(self, credential: Credential) -> bool:
        """Whether the broker still lets an agent credential in."""
        with Probe(self.hub.broker.endpoint("plain"), PATIENCE) as probe:
            try:
                return probe.connect(credential.printer, credential.token, credential.printer) == 0
            except Gone:
                return False

    def stop_agents(self) -> None:
        """End all agent processes."""
        for process in self._agents:
            process.kill()
        for process in self._agents:
            process.wait()
        self._agents.clear()


@contextmanager
def running_hub(
    folder: Path, *, model: Path | None = None, prepare: Callable[[Hub], None] = lambda _hub: None
) -> Iterator[Rig]:
    """A started hub in a folder of its own; `prepare` may change it before it starts."""
    hub = Hub(hub_settings(folder, model or brightness_model(folder / "model")), LOOPBACK)
    prepare(hub)
    hub.start()
    rig = Rig(hub, folder)
    try:
        yield rig
    finally:
        rig.stop_agents()
        hub.stop()


def start_agent(home: Path, program: Sequence[str] = AGENT) -> subprocess.Popen[bytes]:
    """A real agent process that runs the settings in its home folder and logs there."""
    with (home / "agent.log").open("ab") as log:
        return subprocess.Popen(
            [*program, "--home", str(home), "run"], cwd=ROOT, env=dict(os.environ), stdout=log, stderr=log
        )


def write_agent_settings(home: Path, clip: Path, *, loop: bool) -> None:
    """A simulated printer and a clip as its camera, one picture after the other."""
    lines = (
        "[[printer]]",
        'credential = "printer.credential.json"',
        'kind = "simulated"',
        "options = {delay_s = 0.1}",
        "[[printer.camera]]",
        'name = "main"',
        'kind = "clip"',
        f"options = {{path = {json.dumps(str(clip))}, fps = 0.0, loop = {json.dumps(loop)}}}",
    )
    (home / "agent.toml").write_text("\n".join(lines), encoding="utf-8")
