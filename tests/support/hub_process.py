"""A hub as a process of its own, as a user runs it, with a person and printers in it that were made beforehand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from hub.enrolment import Enrolments
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.database import Database
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.sharing import Sharing
from tests.support.certificates import listener_tls
from tests.support.hubs import ROOT
from tests.support.models import brightness_model
from tests.support.processes import free_ports

PERSON = "olivia"
_YEAR_S = 365 * 86_400


class HubProcess:
    """`printwarden run` in a folder. `lines` enrols its printers, `asked` reads its API as their owner."""

    def __init__(self, folder: Path, printers: int, *, quiet_s: float = 0.3) -> None:
        self.folder = folder
        plain, self.port, enrolment, self.web = free_ports(4)
        self.config = _write_settings(folder, plain, self.port, enrolment, self.web, quiet_s)
        self.lines, self._token = _prepare(folder / "data", printers, enrolment)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; does not wait until it answers."""
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "web.main", "-c", str(self.config), "run"],
                cwd=ROOT,
                env=dict(os.environ),
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def asked(self, path: str) -> dict:
        """What its API answers, nothing when it does not."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web}{path}", headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}


def _write_settings(folder: Path, plain: int, tls: int, enrolment: int, web: int, quiet_s: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    broker, config = folder / "broker.conf", folder / "printwarden.toml"
    broker.write_text(f"[plain]\nport = {plain}\n[tls]\nhost = '127.0.0.1'\nport = {tls}\n", encoding="utf-8")
    config.write_text(
        f"[hub]\ndata = 'data'\nnames = ['127.0.0.1']\nenrolment_host = '127.0.0.1'\n"
        f"enrolment_port = {enrolment}\n[broker]\nconfig = '{broker}'\n[web]\nport = {web}\n"
        f"[detection]\nmodel = '{brightness_model(folder / 'model')}'\n[pace]\nquiet_s = {quiet_s}\n",
        encoding="utf-8",
    )
    return config


def _prepare(data: Path, count: int, enrolment_port: int) -> tuple[list[str], str]:
    """Enrolment lines of new printers and their owner's API token, in a database that no hub has open yet."""
    data.mkdir(parents=True)
    database = Database(data / "hub.db")
    database.start()
    now = time.time()
    People(database).add(PERSON, None, role="user", now=now)
    _entry, token = Sharing(database).add_token(PERSON, "read", "test", now=now, lifetime=_YEAR_S)
    printers = Printers(database)
    fingerprint = listener_tls(data).fingerprint
    enrolments = Enrolments(printers, Confirmations(database, printers), Audit(database))
    lines = []
    for number in range(count):
        row = printers.add(f"printer {number + 1}", PERSON, now)
        invitation = enrolments.mint(
            PERSON, row.id, host="127.0.0.1", port=enrolment_port, fingerprint=fingerprint, now=now
        )
        lines.append(invitation.line)
    database.stop()
    return lines, token
