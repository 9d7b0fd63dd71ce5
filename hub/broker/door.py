"""The way in: listening sockets, bounded time before login, the login itself, and the list of who is inside."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import secrets
import socket
import ssl
from collections import OrderedDict

from hub.access import Action, Kind, Principal
from hub.broker import packets
from hub.broker.core import Core
from hub.broker.gate import Connection, GateReader, GateWriter, close_gently, peer_name, read_packet
from hub.broker.packets import Malformed, Refusal
from hub.broker.plugins import LISTENER, SessionBroker

log = logging.getLogger(__name__)

USERNAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
CLIENT_ID_BYTES = 128
_BUFFER = (
    262_144  # larger ones would keep seconds of old frames in the kernel, for a slow reader or a busy broker
)
_BACKLOG = 1024
_AT_ONCE = 64
_PAUSE = 0.1


class Refused(Exception):
    """A login that is answered with a return code; `event` is for the audit."""

    def __init__(self, code: Refusal, event: str, username: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.event, self.username, self.detail = code, event, username, detail


class Door:
    """Accepts connections, lets those in that prove a credential, and can throw a user out."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.connections: dict[str, Connection] = {}
        self._broker = SessionBroker(core, self._redeem, self.connections.get)
        self._half_open: OrderedDict[asyncio.Task[None], None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._entering: set[Connection] = set()
        self._handover: dict[str, tuple[str, str]] = {}
        self._logins = 0
        self._stopping = False

    @property
    def half_open(self) -> int:
        """Connections that have not logged in yet."""
        return len(self._half_open)

    async def start(self) -> None:
        """Make amqtt ready; no socket is open yet."""
        await self._broker.start()

    async def stop(self) -> None:
        """End every connection without firing a will, then amqtt."""
        self._stopping = True
        for task in list(self._half_open):
            task.cancel()
        for connection in [*self.connections.values(), *self._entering]:
            connection.close("broker stops")
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._broker.shutdown()

    def listen(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept on a listening socket from now on."""
        asyncio.get_running_loop().add_reader(listening, self._accept, listening, tls)

    def _accept(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                peer, _ = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("cannot accept a connection: %s", error)
                loop.remove_reader(listening)  # out of descriptors: those inside go on being served
                loop.call_later(_PAUSE, self._listen_again, listening, tls)
                return
            peer.setblocking(False)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            self._receive_at_door(peer, tls)

    def _listen_again(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        if not self._stopping:
            self.listen(listening, tls)

    def _receive_at_door(self, peer: socket.socket, tls: ssl.SSLContext | None) -> None:
        task = asyncio.create_task(self._serve(peer, tls))
        self._tasks.add(task)
        task.add_done_callback(functools.partial(self._served, peer))
        self._half_open[task] = None
        if len(self._half_open) > self.core.limits.half_open:
            oldest, _ = self._half_open.popitem(last=False)
            self.core.counts["half_open_evicted"] += 1
            oldest.cancel()

    def kick(self, username: str) -> None:
        """End every connection of a user at once."""
        for connection in [*self.connections.values(), *self._entering]:
            if connection.username == username:
                self.core.counts["kicked"] += 1
                connection.close("revoked")

    def _served(self, peer: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._half_open.pop(task, None)
        if task.cancelled():
            peer.close()  # it may have been cancelled before it ran at all
        elif (error := task.exception()) is not None:
            log.error("a connection ended unexpectedly", exc_info=error)

    async def _serve(self, peer: socket.socket, tls: ssl.SSLContext | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(self.core.limits.connect_timeout):
                reader, writer = await self._wrap(peer, tls)
                connection = await self._receive(reader, writer)
        except TimeoutError:
            self.core.counts["connect_timeouts"] += 1
            return
        except OSError as error:
            log.info("lost before login: %s", error)
            return
        finally:
            self._half_open.pop(task, None)
        if connection is None:
            return
        try:
            await self._session(connection, peer_address(writer))
        finally:
            writer.transport.abort()

    async def _wrap(
        self, peer: socket.socket, tls: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Streams on an accepted socket, after its TLS handshake; closes it when that fails."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                peer,
                ssl=tls,
                ssl_handshake_timeout=self.core.limits.connect_timeout if tls else None,
                ssl_shutdown_timeout=1.0 if tls else None,
            )
        except BaseException:
            peer.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection | None:
        """The logged-in connection, or None after the peer was sent away."""
        let_in = False
        try:
            connection = await self._login(reader, writer)
            let_in = True
        except Refused as refused:
            self.core.counts["logins_refused"] += 1
            self.core.tell(refused.event, refused.username, f"{refused.detail}, from {peer_name(writer)}")
            writer.write(packets.connack(refused.code))
            close_gently(writer)
            let_in = True
            return None
        except (Malformed, asyncio.IncompleteReadError, OSError) as error:
            self.core.counts["malformed"] += isinstance(error, Malformed)
            log.info("sent away before login: %s from %s", error, peer_name(writer))
            return None
        finally:
            if not let_in:
                writer.transport.abort()
        return connection

    async def _login(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection:
        _, body = await read_packet(reader, self.core.limits.connect_bytes, packets.Type.CONNECT)
        login = packets.read_connect(body)
        if login.level != 4:
            raise Refused(Refusal.PROTOCOL, "protocol_refused", "", f"MQTT level {login.level}")
        username, principal = self._authenticate(login)
        self._check_client_id(username, login)
        self._check_will(username, login.will)
        client_id = owned_id(username, login.client_id or secrets.token_hex(8))
        self._check_room(username, principal, client_id, writer)
        self._logins += 1
        connection = Connection(
            self.core,
            reader,
            writer,
            number=self._logins,
            username=username,
            kind=principal.kind,
            client_id=client_id,
            login=login,
        )
        self._entering.add(connection)
        return connection

    def _authenticate(self, login: packets.Connect) -> tuple[str, Principal]:
        username = login.username or ""
        principal = None
        if USERNAME.fullmatch(username) and login.password:
            principal = self.core.directory.authenticate(username, login.password)
        if principal is None or principal.kind is Kind.PERSON:
            raise Refused(Refusal.NOT_AUTHORIZED, "login_refused", username, "no such credential")
        return username, principal

    def _check_client_id(self, username: str, login: packets.Connect) -> None:
        too_long = len(login.client_id.encode()) > CLIENT_ID_BYTES
        if too_long or not login.client_id.isprintable() or not (login.client_id or login.clean):
            raise Refused(Refusal.IDENTIFIER, "login_refused", username, "unusable client id")

    def _check_will(self, username: str, will: packets.Will | None) -> None:
        """A will is a message in advance, so it is judged like one."""
        if will is None:
            return
        if will.qos > 1 or len(will.topic) > self.core.limits.topic_bytes:
            raise Refused(Refusal.NOT_AUTHORIZED, "will_denied", username, "unusable will")
        if not self.core.may(username, Action.PUBLISH, will.topic):
            raise Refused(Refusal.NOT_AUTHORIZED, "will_denied", username, f"will on {will.topic[:128]!r}")

    def _check_room(
        self, username: str, principal: Principal, client_id: str, writer: asyncio.StreamWriter
    ) -> None:
        limits = self.core.limits
        if client_id in self.connections:
            return
        others = [each for each in self.connections.values() if each.username == username]
        if len(others) >= limits.connections_per_user or len(self.connections) >= limits.connections:
            raise Refused(Refusal.UNAVAILABLE, "login_refused", username, "too many connections")
        if others and principal.kind is Kind.AGENT:
            where = f"from {peer_name(writer)} while connected from {others[0].peer}"
            self.core.tell("second_connection", username, where)

    async def _session(self, connection: Connection, peer: tuple[str, int]) -> None:
        """Serve a connection to its end. A take-over happens inside one user only, and the old one ends first."""
        try:
            while (old := self.connections.get(connection.client_id)) is not None:
                if connection.over or old.number > connection.number:  # the newest login stays, in any order
                    connection.close("take-over")
                    return
                self.core.counts["takeovers"] += 1
                self.core.tell("takeover", connection.username, f"by {connection.peer} from {old.peer}")
                old.close("take-over")
                await old.done.wait()
        finally:
            self._entering.discard(connection)
        if connection.over:
            return
        self.connections[connection.client_id] = connection
        self.core.counts["logins"] += 1
        try:
            await self._run(connection, peer)
        finally:
            connection.close("session ended", flush=True)
            self.core.subscriptions.drop(connection)
            await self._broker.forget(connection.client_id)
            del self.connections[connection.client_id]
            will = connection.last_will()
            if will is not None and not self._stopping:
                self.core.publish(connection.username, will)
            connection.done.set()

    async def _run(self, connection: Connection, peer: tuple[str, int]) -> None:
        """Give a connection to amqtt until either of them ends; amqtt alone may miss that the peer is gone."""
        token = secrets.token_hex(16)
        self._handover[token] = (connection.client_id, connection.username)
        hello = packets.connect(connection.client_id, connection.username, token)
        session = self._broker.external_connected(
            GateReader(connection, hello), GateWriter(connection, peer), LISTENER
        )
        tasks = [
            asyncio.ensure_future(each) for each in (session, connection.ended.wait(), connection.pump())
        ]
        try:
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
        finally:
            connection.close("session ended", flush=True)
            self._handover.pop(token, None)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    log.error("session of %s failed", connection.username, exc_info=result)

    def _redeem(self, token: str, client_id: str, username: str) -> bool:
        return self._handover.pop(token, None) == (client_id, username)


def owned_id(username: str, client_id: str) -> str:
    """A client id inside its owner's namespace; a user name holds no colon, so no two owners can meet."""
    return f"{username}:{client_id}"


def open_socket(host: str, port: int) -> socket.socket:
    """A listening, non-blocking socket; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # what is accepted inherits it
    listening.setblocking(False)
    return listening


def peer_address(writer: asyncio.StreamWriter) -> tuple[str, int]:
    """The peer as amqtt wants it."""
    peer = writer.get_extra_info("peername") or ("unknown", 0)
    return str(peer[0]), int(peer[1])
