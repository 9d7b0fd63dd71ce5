"""`printwarden doctor`: what is wrong on this machine, in words a person can act on."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cryptography import x509

from agent.settings import SettingsError
from hub.broker.directory import ThrowAways
from hub.broker.embedded import EmbeddedBroker
from hub.broker.settings import BrokerSettings
from hub.broker.settings import load as load_broker
from hub.credentials import Credentials
from hub.isolation import attack
from hub.settings import HubSection, HubSettings
from hub.store.database import Database, StoreError
from hub.store.printers import Printers
from hub.tls import check, current
from hub.vision import Detector, ModelError, read_model, shipped_model

FREE_BYTES = 500_000_000
#: A certificate of one's own is renewed by somebody else, who should have done it by then.
OWN_DAYS = 14


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `good` None means worth knowing but no fault."""

    good: bool | None
    text: str


def doctor(settings: HubSettings, *, isolation: bool = False, say: Callable[[str], None] = print) -> int:
    """Look at everything the hub needs; 0 if nothing is wrong, 1 otherwise."""
    good = True
    for finding in _findings(settings, isolation=isolation):
        say({True: "ok    ", False: "WRONG ", None: "note  "}[finding.good] + finding.text)
        good = good and finding.good is not False
    return 0 if good else 1


def _findings(settings: HubSettings, *, isolation: bool) -> Iterator[Finding]:
    yield _python()
    yield _data(settings.hub.data)
    yield from _database(settings.hub.data / "hub.db")
    yield _certificate(settings.hub)
    yield _model(settings)
    broker = _broker(settings)
    if isinstance(broker, Finding):
        yield broker
        return
    for name, host, port in _listeners(settings, broker):
        yield _port(name, host, port)
    if tuple(settings.hub.names) == ("127.0.0.1", "localhost"):
        yield Finding(
            None, "hub.names holds only this machine's own names: agents elsewhere cannot reach the hub"
        )
    if isolation:
        yield _isolation(broker)


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(
        good, f"Python {sys.version.split()[0]}" + ("" if good else ": the hub needs 3.11 or newer")
    )


def _data(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Finding(
            False, f"data folder {folder}: cannot be written ({error.strerror}); set hub.data or its owner"
        )
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        return Finding(
            False,
            f"data folder {folder}: only {free // 10**6} MB free; make room or lower retention.gigabytes",
        )
    return Finding(True, f"data folder {folder}: writable, {free / 1e9:.1f} GB free")


def _database(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding(None, "no database yet; the first start makes it")
        return
    database = Database(path)
    try:
        database.start()
        row = database.row("PRAGMA integrity_check")
        people = database.row("SELECT count(*) AS n FROM people")
    except (StoreError, sqlite3.Error) as error:
        yield Finding(False, f"database {path}: {error}; restore a backup of it")
        return
    finally:
        database.stop()
    whole = row is not None and row[0] == "ok"
    yield Finding(whole, f"database {path}: " + ("whole" if whole else "damaged; restore a backup of it"))
    if not (people and people["n"]):
        yield Finding(False, "nobody can sign in: printwarden user add NAME --admin")


def _certificate(section: HubSection) -> Finding:
    """How long agents go on accepting what they are shown. Nothing is made or renewed here."""
    where = Path(section.certificate) if section.certificate else section.data / "tls" / "hub.pem"
    if not section.certificate and not where.exists():
        return Finding(None, "no certificate yet; the first start makes it")
    try:
        if section.certificate:
            check(current(section), section)
        ends = x509.load_pem_x509_certificate(where.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return Finding(False, f"certificate: {error}")
    days = (ends - datetime.now(UTC)).days
    told = f"certificate {where}: {days} days left"
    if section.certificate:
        return Finding(
            days >= OWN_DAYS, told + ("" if days >= OWN_DAYS else "; renew it, the hub then reads it again")
        )
    return Finding(days >= 0, told + ("" if days >= 0 else "; the hub renews it when it starts"))


def _model(settings: HubSettings) -> Finding:
    folder = Path(settings.detection.model) if settings.detection.model else shipped_model()
    try:
        detector = Detector(read_model(folder), settings.detection.precision)
        detector.start()
    except ModelError as error:
        return Finding(False, f"detector: {error}; install the package again or mend detection.model")
    model = detector.model
    return Finding(
        True,
        f"detector {model.name} {model.version}: {detector.precision} (onnxruntime {version('onnxruntime')})",
    )


def _broker(settings: HubSettings) -> BrokerSettings | Finding:
    try:
        return load_broker(Path(settings.broker.config)) if settings.broker.config else BrokerSettings()
    except SettingsError as error:
        return Finding(False, str(error))


def _listeners(settings: HubSettings, broker: BrokerSettings) -> Iterator[tuple[str, str, int]]:
    yield "viewer", settings.web.host, settings.web.port
    yield "enrolment", settings.hub.enrolment_host, settings.hub.enrolment_port
    for name, listener in (("MQTT", broker.plain), ("MQTT over TLS", broker.tls)):
        if listener.enabled:
            yield name, listener.host, listener.port


def _port(name: str, host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            text = f"{name} port {host}:{port}: {error.strerror}; another program has it, or the hub already runs"
            return Finding(False, text)
    return Finding(True, f"{name} port {host}:{port} is free")


def _isolation(broker: BrokerSettings) -> Finding:
    """Attack a broker like the configured one on free loopback ports; a running hub attacks its own by itself."""
    listening = replace(
        broker,
        plain=replace(broker.plain, enabled=True, host="127.0.0.1", port=0),
        tls=replace(broker.tls, enabled=False),
    )
    database = Database(":memory:")
    database.start()

    def kick(name: str) -> None:
        started.kick(name)

    directory = ThrowAways(Credentials(Printers(database)), kick)
    started = EmbeddedBroker(listening, directory)
    started.start()
    try:
        report = attack(started.endpoint("plain"), directory)
    finally:
        started.stop()
        database.stop()
    return Finding(report.held, "isolation: " + "; ".join(str(report).splitlines()))
