"""The embedded broker: the door, the gate and amqtt on an event loop of their own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable

from agent.endpoint import Endpoint
from hub.broker.audit import Audit, AuditRelay
from hub.broker.core import Core
from hub.broker.directory import Directory
from hub.broker.door import Door, open_socket
from hub.broker.settings import BrokerSettings, ListenerSettings

log = logging.getLogger(__name__)

_PATIENCE = 30.0

#: Everything `metrics` counts from the start of the broker; it adds the gauges.
COUNTERS = (
    "bytes_in",
    "bytes_out",
    "closed_slow",
    "connect_timeouts",
    "deliveries",
    "deliveries_denied",
    "half_open_evicted",
    "kicked",
    "logins",
    "logins_refused",
    "malformed",
    "publishes",
    "publishes_denied",
    "retained_refused",
    "silent",
    "subscribes_denied",
    "superseded",
    "takeovers",
    "throttled",
)


class BrokerError(RuntimeError):
    """The broker cannot do what it is for; the text says why."""


class EmbeddedBroker:
    """An MQTT 3.1.1 broker that asks `directory` who somebody is and `hub.access` what he may do.

    `tls` may be changed later by loading a renewed certificate into it; new connections get the new one.
    `audit` is called on a thread of the broker for refused logins and denied publishes, at a bounded rate.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        directory: Directory,
        tls: ssl.SSLContext | None = None,
        audit: Audit | None = None,
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._relay = AuditRelay(audit or _log_event, time.monotonic)
        self._core = Core(directory, settings.limits, self._relay.tell)
        self._core.counts.update(dict.fromkeys(COUNTERS, 0))
        self._door: Door | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._sockets: dict[str, socket.socket] = {}
        self._bound: dict[str, tuple[str, int]] = {}
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def start(self) -> None:
        """Listen; returns when clients can connect. Raises BrokerError that names an address that is not free."""
        self._open("plain", self._settings.plain)
        if self._tls is not None:
            self._open("tls", self._settings.tls)
        if not self._sockets:
            raise BrokerError("no listener is enabled (the tls listener also needs a certificate)")
        self._relay.start()
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """End every connection and the broker's thread, for good."""
        if self._loop is None:
            return
        self._tell_loop(self._stopping.set)
        self._thread.join(_PATIENCE)
        self._relay.stop()
        self._loop = None

    def kick(self, username: str) -> None:
        """End every connection of a user at once; from any thread, without waiting."""
        if self._door is not None:
            self._tell_loop(self._door.kick, username)

    def endpoint(self, listener: str = "plain", ca: str = "") -> Endpoint:
        """Where this machine reaches a listener ("plain" or "tls"); raises BrokerError when it is not open."""
        if listener not in self._bound:
            raise BrokerError(
                f"listener {listener!r} is not open; open are {', '.join(self._bound) or 'none'}"
            )
        host, port = self._bound[listener]
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "::1"
        return Endpoint(host, port, ca, own=True)

    def ports(self) -> dict[str, int]:
        """The port each open listener is bound to."""
        return {name: port for name, (_, port) in self._bound.items()}

    def metrics(self) -> dict[str, int | float]:
        """Counters since the start and what is there at this moment."""
        values: dict[str, int | float] = dict(self._core.counts)
        values["connections"] = len(self._door.connections) if self._door else 0
        values["half_open"] = self._door.half_open if self._door else 0
        values["subscriptions"] = len(self._core.subscriptions)
        values["retained"] = len(self._core.retained)
        values["audit_suppressed"] = self._relay.suppressed
        return values

    def _tell_loop(self, what: Callable[..., None], *arguments: str) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and every connection with it
                self._loop.call_soon_threadsafe(what, *arguments)

    def _open(self, name: str, listener: ListenerSettings) -> None:
        if not listener.enabled:
            return
        try:
            opened = open_socket(listener.host, listener.port)
        except OSError as error:
            self._close_sockets()
            where = f"{listener.host}:{listener.port}"
            raise BrokerError(f"cannot listen on {where} ({name}): {error.strerror or error}") from error
        self._sockets[name] = opened
        self._bound[name] = opened.getsockname()[:2]

    def _close_sockets(self) -> None:
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()
        self._bound.clear()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # supervisor: `start` waits for this and must hear about it
            if self._ready.done():
                log.critical("the broker stopped unexpectedly", exc_info=error)
            else:
                self._ready.set_exception(error)
        finally:
            self._close_sockets()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._door = door = Door(self._core)
        await door.start()
        for name, each in self._sockets.items():
            door.listen(each, self._tls if name == "tls" else None)
        self._ready.set_result(None)
        await self._stopping.wait()
        for each in self._sockets.values():
            self._loop.remove_reader(each)
        self._close_sockets()
        await door.stop()


def _log_event(event: str, username: str, detail: str) -> None:
    log.warning("%s: %s %s", event, username, detail)
