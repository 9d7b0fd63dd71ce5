"""A hub without broker and network: the real store and views, a desk and a registrar that only pretend."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from dataclasses import asdict, replace
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from argon2 import PasswordHasher

from agent.camera.jpeg import split
from agent.protocol import Frame, State
from hub.accounts import AccountParts, Accounts
from hub.credentials import Credentials
from hub.enrolment import Enrolments
from hub.judge import Judge
from hub.live import CameraLive, Live
from hub.notify.actions import Actions
from hub.notify.desk import DeskParts, PersonNotify
from hub.pace import PaceSettings
from hub.policy import changed, settings_from
from hub.print_views import PrintParts
from hub.prints import PrintKeeper
from hub.regions import Region
from hub.replays import Replays
from hub.sharing import PersonSharing, SharingParts
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.database import Database
from hub.store.history import CommandRow, History, ScoreRow
from hub.store.notify import NotifyStore
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.prints import Prints
from hub.store.sharing import Sharing
from hub.store.trials import TrialStore
from hub.views import Parts, UserView, checked_name
from hub.vision import Detection, PictureError
from web import Site, create_app, live
from web.auth import Door
from web.site import EXTENSION

PASSWORD = "correct horse battery"
KEY = b"a key for tests only"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nnot really\n-----END CERTIFICATE-----\n"
JOB = "benchy.gcode#1"
#: Real argon2, but not made to be slow.
CHEAP = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)


class Desk:
    """Takes orders; `refusal` makes it refuse. `advance` plays what agent and printer would answer."""

    def __init__(self, world: World) -> None:
        self._world, self.refusal, self.step_s = world, "", 0.0
        self._seq = 0
        self._closing, self._threads = threading.Event(), []

    def close(self):
        self._closing.set()
        for thread in self._threads:
            thread.join()

    def order(self, printer, action, *, initiator, reason):
        if self.refusal:
            raise ValueError(self.refusal)
        self._seq += 1
        now = time.time()
        row = CommandRow(
            id=secrets.token_hex(8),
            printer=printer,
            seq=self._seq,
            t=now,
            action=action,
            job=JOB,
            initiator=initiator,
            reason=reason,
            stage="sent",
            outcome="",
            dry=False,
            updated=now,
        )
        self._world.history.add_command(row)
        if self.step_s:
            self._threads.append(threading.Thread(target=self._advance, args=(row,)))
            self._threads[-1].start()
        return row

    def _advance(self, row):
        for stage in ("accepted", "confirmed"):
            if self._closing.wait(self.step_s):
                return
            self._world.history.move_command(row.id, stage, "", time.time())
        phase = {"pause": "paused", "resume": "printing", "cancel": "cancelled"}[row.action]
        self._world.set_state(row.printer, phase=phase)
        text = f"{phase}, confirmed by the printer (asked by {row.initiator}: {row.reason})"
        self._world.history.add_event(row.printer, time.time(), phase, "info", text, {"command": row.id})


class Registrar:
    """Adds and removes in the store only, and remembers what was told."""

    def __init__(self, world: World) -> None:
        self._world, self.dismissed, self.changed = world, [], []
        self._enrolments = Enrolments(
            world.printers, Confirmations(world.database, world.printers), world.audit
        )

    def add(self, person, name):
        if self._world.printers.owned_by(person) >= self._world.people.get(person).quota:
            raise ValueError(f"{person} may own no more printers; an administrator can raise this")
        return self._world.printers.add(checked_name(name), person, time.time())

    def invite(self, person, printer, *, ask_code=False):
        return self._enrolments.mint(
            person,
            printer,
            host="hub.local",
            port=8884,
            fingerprint="ab" * 32,
            now=time.time(),
            ask_code=ask_code,
        )

    def confirm(self, person, printer, code):
        self._enrolments.confirm(person, printer, code, time.time())
        self._enrolments.settle(time.time())

    def redeem(self, ticket):
        return self._enrolments.redeem(ticket.identity, ticket.secret, time.time())

    def remove(self, printer):
        self._world.printers.remove(printer)
        self._world.history.forget(printer)
        self._world.live.drop(printer)

    def hand_over(self, printer, owner):
        self._world.live.drop(printer)
        return self._world.printers.hand_over(self._world.printers.get(printer), owner, time.time())

    def change_settings(self, printer, changes):
        settings = changed(self._world.printers.get(printer).settings, changes)
        self._world.printers.save_settings(printer, asdict(settings))
        self.changed.append(printer)
        return settings

    def dismiss(self, printer):
        self.dismissed.append(printer)


class Eye:
    """A detector that is told what it sees: `scores` by picture; of the clip's frames the last third fails."""

    def __init__(self) -> None:
        self.scores = {}

    def detect(self, jpeg):
        if not jpeg:
            raise PictureError("not a picture")
        frames = clip()
        late = jpeg in frames and frames.index(jpeg) > len(frames) * 0.66
        score = self.scores.get(jpeg, 0.97 if late else 0.02)
        heat = np.zeros((4, 4), np.float32)
        heat[2, 2] = score
        return Detection(score, heat, 100, 100, 100.0)


class World:
    """Everything behind a viewer. Worlds that are `quick` share one application, so only one of them may live."""

    def __init__(self, folder: Path | None = None, *, quick: bool = False) -> None:
        self._folder = None if folder else tempfile.TemporaryDirectory(prefix="printwarden-web-")
        self.database = Database(":memory:")
        self.database.start()
        with mock.patch("hub.store.people.PasswordHasher", CHEAP):
            self.people = People(self.database)
        self.printers = Printers(self.database)
        self.folder = evidence = folder or Path(self._folder.name)
        self.history, self.audit = History(self.database, evidence), Audit(self.database)
        self.live = Live()
        self.desk, self.registrar = Desk(self), Registrar(self)
        self.prints = Prints(self.database, evidence)
        self.trials = TrialStore(self.database)
        judge = Judge(self.live, self.settings, lambda _judgement: None)
        self.keeper = PrintKeeper(self.prints, self.live, judge, "model", lambda *_told: None)
        self.eye = Eye()
        self.replays = Replays(self.eye, 0.5, PaceSettings(), self.history.picture)
        self.parts = Parts(
            self.printers,
            self.history,
            self.audit,
            self.live,
            self.desk,
            self.registrar,
            prints=PrintParts(self.prints, self.keeper, self.trials, self.replays),
        )
        self.shares = Sharing(self.database)
        self.notify_store = NotifyStore(self.database)
        self.notify_parts = DeskParts(self.notify_store, self.printers, self.audit)
        self.actions = Actions(self.notify_store, self.prints, self._view, KEY)
        self.credentials = Credentials(self.printers)
        self.sharing_parts = SharingParts(
            self.people, self.printers, self.credentials, self.shares, self.audit
        )
        self.account_parts = AccountParts(
            self.people, self.printers, self.audit, self.registrar, changed=self.credentials.reload
        )
        self.healthy = "ok"
        self.now = time.time
        self.site = Site(
            people=self.people,
            view=self._view,
            health=lambda: {"status": self.healthy, "broker": self.healthy == "ok"},
            sharing=lambda person, session: PersonSharing(self.sharing_parts, person, session),
            accounts=lambda person, session: Accounts(self.account_parts, person, session),
            shares=self.shares,
            notify=lambda person, session: PersonNotify(self.notify_parts, person, session),
            actions=self.actions,
            authority=lambda: AUTHORITY,
            secret_key=KEY,
            clock=self._clock,
        )
        self.app = application() if quick else create_app(self.site)
        if quick:
            self.app.extensions.update(
                {EXTENSION: self.site, "printwarden_door": Door(), "printwarden_curves": {}}
            )
            live.install(self.app, self.site.waiters)

    def _view(self, person, session):
        return UserView(self.parts, person, session)

    def _clock(self):
        return self.now()

    def close(self):
        self.desk.close()
        self.replays.stop()
        self.database.stop()
        if self._folder:
            self._folder.cleanup()

    def person(self, name, password=None, *, role="user"):
        return self.people.add(name, password, role=role, now=time.time())

    def printer(self, name, owner, **state):
        """An enrolled printer that prints; returns its id."""
        row = self.printers.add(name, owner, time.time())
        self.printers.save_enrolled(row.id, bytes(32), time.time())
        live = self.live.printer(row.id)
        live.online, live.watch, live.watch_reason, live.verdict, live.certainty = (
            True,
            "watched",
            "",
            "ok",
            0.03,
        )
        live.state = State(
            boot=1,
            seq=1,
            clock=1,
            time=1,
            phase="printing",
            job=JOB,
            file="benchy.gcode",
            progress=0.43,
            remaining_s=4870.0,
            layer=86,
            layers=200,
            temperatures={"bed": (60.2, 60.0), "hotend": (214.8, 215.0)},
            can=("pause", "cancel"),
        )
        self.set_state(row.id, **state)
        return row.id

    def set_state(self, printer, **changes):
        live = self.live.printer(printer)
        can = {"printing": ("pause", "cancel"), "paused": ("resume", "cancel")}
        if "phase" in changes:
            changes.setdefault("can", can.get(changes["phase"], ()))
            if changes["phase"] != "printing":
                live.watch, live.watch_reason = "standing_down", f"the print is {changes['phase']}"
        live.state = replace(live.state, **changes)
        self.live.changed()

    def frame(self, printer, seq, jpeg=None, camera="nozzle", regions=(), score=0.02):
        """A new picture of a camera."""
        frame = Frame(camera=camera, boot=1, seq=seq, clock=1, time=1, job=JOB, jpeg=jpeg or picture(seq))
        with self.live.lock:
            cameras = self.live.printer(printer).cameras
            cameras[camera] = CameraLive(
                frame=frame, received=time.monotonic(), score=score, regions=tuple(regions)
            )
        self.live.changed()

    def settings(self, printer):
        return settings_from(self.printers.get(printer).settings)

    def dump(self):
        """The whole database as text, to see whether anything changed."""
        return "\n".join(self.database.tables.conn.iterdump())


@cache
def application():
    """An application whose site is put in afterwards."""
    return create_app(Site(people=None, view=None, health=None, secret_key=KEY))


@cache
def picture(seed: int) -> bytes:
    """A small JPEG that differs by its seed."""
    canvas = np.full((240, 320, 3), 40, np.uint8)
    cv2.rectangle(canvas, (60, 150), (260, 210), (90, 90, 90), -1)
    cv2.circle(canvas, (80 + seed % 160, 120), 40, (200, 160, 60), -1)
    return cv2.imencode(".jpg", canvas)[1].tobytes()


@cache
def clip() -> list[bytes]:
    """The frames of the demo's clip, or drawn ones where it is not shipped."""
    file = files("agent.demo").joinpath("failing.mjpeg")
    return split(file.read_bytes())[0] if file.is_file() else [picture(n) for n in range(60)]


def workshop(world: World) -> dict[str, str]:
    """A person "olivia" with printers in every state worth seeing; returns their ids by name."""
    world.person("olivia", PASSWORD)
    frames, now = clip(), time.time()
    count = len(frames)
    ids = {
        "Workshop left": world.printer("Workshop left", "olivia"),
        "Workshop right": world.printer("Workshop right", "olivia", progress=0.81, remaining_s=910.0),
        "Resin corner": world.printer("Resin corner", "olivia", phase="finished", progress=1.0),
        "Attic": world.printer("Attic", "olivia", progress=0.12, remaining_s=20_400.0),
        "School printer": world.printer("School printer", "olivia", progress=0.36),
        "New one": world.printers.add("New one", "olivia", now).id,
    }
    tangle = (Region(0.3, 0.43, 0.42, 0.36, 0.94),)
    left = ids["Workshop left"]
    world.frame(left, 7, frames[int(count * 0.85)], regions=tangle, score=0.94)
    world.frame(left, 9, frames[int(count * 0.5)], camera="side", score=0.31)
    live = world.live.printer(left)
    live.verdict, live.certainty = "failing", 0.993
    world.frame(ids["Workshop right"], 31, frames[int(count * 0.3)])
    world.frame(ids["Resin corner"], 12, frames[int(count * 0.1)])
    world.frame(
        ids["School printer"],
        4,
        frames[int(count * 0.62)],
        regions=(Region(0.32, 0.46, 0.34, 0.28, 0.58),),
        score=0.58,
    )
    live = world.live.printer(ids["School printer"])
    live.verdict, live.certainty = "suspect", 0.71
    world.frame(ids["Attic"], 4, frames[int(count * 0.2)])
    live = world.live.printer(ids["Attic"])
    live.cameras["nozzle"].received -= 200
    live.watch, live.watch_reason = "not_watched", "camera nozzle has sent nothing for 200 s"
    live.verdict, live.certainty = "unknown", None
    _history(world, left, frames, now)
    return ids


def _history(world, printer, frames, now):
    for step in range(420):
        t = now - 1700 + step * 4
        rise = max(0.0, (step - 330) / 90)
        noise = 0.05 * abs(np.sin(step * 1.7)) + (0.22 if 150 < step < 156 else 0)
        score = min(0.97, noise + rise * 0.9)
        certainty = min(0.993, 0.01 + noise / 3 + rise**1.5 * 1.05)
        world.history.add_score(ScoreRow(printer, "nozzle", t, float(score), float(certainty)))
    world.history.flush()
    add = world.history.add_event
    add(printer, now - 1695, "watched", "info", "watched again")
    warned = add(
        printer, now - 150, "suspected", "warning", "suspicious: 63 % sure, the warning limit is 60 %"
    )
    failed = add(
        printer, now - 24, "failing", "alarm", "failing: pause ordered: 99 % sure for 3 s, the limit is 99 %"
    )
    for event, t, place, score in ((warned, now - 150, 0.7, 0.61), (failed, now - 24, 0.85, 0.94)):
        jpeg = frames[int(len(frames) * place)]
        world.history.add_evidence(printer, "nozzle", t, jpeg, event=event, score=score)
    for seq, age, action, stage, outcome, by, reason in (
        (1, 1500, "pause", "confirmed", "", "olivia", "asked for in the viewer"),
        (2, 1440, "resume", "confirmed", "", "olivia", "asked for in the viewer"),
        (
            3,
            700,
            "pause",
            "failed",
            "the agent did not answer within 20 s",
            "olivia",
            "asked for in the viewer",
        ),
        (4, 24, "pause", "accepted", "", "printwarden", "99 % sure for 3 s, the limit is 99 %"),
    ):
        world.history.add_command(
            CommandRow(
                id=secrets.token_hex(8),
                printer=printer,
                seq=seq,
                t=now - age,
                action=action,
                job=JOB,
                initiator=by,
                reason=reason,
                stage=stage,
                outcome=outcome,
                dry=False,
                updated=now - age + 2,
            )
        )
