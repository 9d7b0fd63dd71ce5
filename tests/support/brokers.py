"""The brokers under test behind one face, so that one table can be run against each of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

from agent.endpoint import Endpoint
from hub.access import Principal
from hub.broker.directory import username
from hub.broker.embedded import EmbeddedBroker
from hub.broker.mosquitto import MosquittoFiles, MosquittoProvisioner
from hub.broker.mosquitto_config import MosquittoListener, write_acl_config, write_config
from hub.broker.settings import BrokerSettings
from tests.support.debian import require
from tests.support.mqtt import PATIENCE, Journal, People, settings, token

MOSQUITTO = "/usr/sbin/mosquitto"


class Embedded:
    """The embedded broker with credentials in memory."""

    name = "embedded"
    denies_in_suback = True

    def __init__(self, _folder: Path, configured: BrokerSettings | None = None) -> None:
        self.people = People()
        self.journal = Journal()
        self.broker = EmbeddedBroker(configured or settings(), self.people, audit=self.journal)
        self.broker.start()
        self.endpoint = self.broker.endpoint()

    def add(self, principal: Principal) -> str:
        return self.people.add(principal)

    def update(self, principal: Principal) -> None:
        self.people.add(principal)

    def remove(self, name: str) -> None:
        self.people.known.pop(name, None)
        self.broker.kick(name)

    def stop(self) -> None:
        self.broker.stop()


class MosquittoProcess:
    """A Mosquitto on a free loopback port, run from a configuration that `write` makes."""

    def __init__(self, write) -> None:
        require("mosquitto")
        for _attempt in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            self.config = write(MosquittoListener("127.0.0.1", port))
            self.process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self.config)], stderr=subprocess.PIPE, text=True, errors="replace"
            )
            self.lines: list[str] = []
            self._changed = threading.Condition()
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            if self.wait_for(" running"):
                self.endpoint = Endpoint("127.0.0.1", port)
                return
            self.stop()
        raise AssertionError("Mosquitto does not start: " + "\n".join(self.lines))

    def wait_for(self, text: str, since: int = 0, limit_s: float = PATIENCE) -> bool:
        """Whether the log says something in time and before the process ends."""
        with self._changed:
            self._changed.wait_for(
                lambda: any(text in line for line in self.lines[since:]) or not self._reader.is_alive(),
                limit_s,
            )
            return any(text in line for line in self.lines[since:])

    def reload(self) -> None:
        """Mosquitto loses a signal that comes while it still reloads for the one before, so it is sent again."""
        since = len(self.lines)
        for _ in range(10):
            self.process.send_signal(signal.SIGHUP)
            if self.wait_for("Reloading config", since, PATIENCE / 10):
                return
        raise AssertionError(f"Mosquitto does not reload: {self.lines[since:]}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stderr.close()

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def run_as() -> str:
    """The user Mosquitto keeps when root starts it: the files belong to root."""
    return "root" if os.geteuid() == 0 else ""


class Mosquitto:
    """Mosquitto with dynamic security."""

    name = "mosquitto"
    denies_in_suback = True

    def __init__(self, folder: Path) -> None:
        self.process = MosquittoProcess(
            lambda listener: write_config(
                folder, listener, admin="warden", token="admin-token", user=run_as()
            )
        )
        self.endpoint = self.process.endpoint
        self.provisioner = MosquittoProvisioner(self.endpoint, "warden", "admin-token", PATIENCE)
        self.provisioner.start()

    def add(self, principal: Principal) -> str:
        return self.provisioner.add(principal, token(username(principal)))

    def update(self, principal: Principal) -> None:
        self.provisioner.update(principal)

    def remove(self, name: str) -> None:
        self.provisioner.remove(name)

    def stop(self) -> None:
        self.provisioner.stop()
        self.process.stop()


class MosquittoAcl:
    """Mosquitto with a password and an ACL file."""

    name = "mosquitto-acl"
    denies_in_suback = False

    def __init__(self, folder: Path) -> None:
        self.process = MosquittoProcess(lambda listener: write_acl_config(folder, listener, user=run_as()))
        self.endpoint = self.process.endpoint
        self.files = MosquittoFiles(folder, self.process.reload)

    def add(self, principal: Principal) -> str:
        return self.files.add(principal, token(username(principal)))

    def update(self, principal: Principal) -> None:
        self.files.update(principal)

    def remove(self, name: str) -> None:
        self.files.remove(name)

    def stop(self) -> None:
        self.process.stop()


BROKERS = {each.name: each for each in (Embedded, Mosquitto, MosquittoAcl)}


@contextlib.contextmanager
def running(name: str, folder: Path):
    """A broker under test, stopped at the end."""
    broker = BROKERS[name](folder)
    try:
        yield broker
    finally:
        broker.stop()
