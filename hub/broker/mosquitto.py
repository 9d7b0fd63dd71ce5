"""Keeps a running Mosquitto in step with the hub's credentials: through its dynamic-security plugin, or by files."""

from __future__ import annotations

import json
import logging
import queue
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.endpoint import Endpoint
from agent.private_file import write_private
from hub.access import Principal
from hub.broker.directory import username
from hub.broker.mosquitto_config import (
    ACL,
    CONTROL,
    PASSWORDS,
    acl_text,
    password_hash,
    role_acls,
)

log = logging.getLogger(__name__)

_KEEPALIVE = 30
_FORGIVING = ("deleteClient", "deleteRole", "getClient")
_MISSING = ("Client not found", "Role not found")

#: Roles made here begin with this, and a client is ours when it has its own one of them.
ROLE = "printwarden:"


class MosquittoError(RuntimeError):
    """Mosquitto did not do what it was asked for; the text says what and why."""


class MosquittoProvisioner:
    """Adds, changes and removes credentials on a running Mosquitto, at once and without a restart.

    Each user name has one role of its own and is bound to one client id, the user name itself. Methods may be called
    from any thread; they return when Mosquitto has answered and raise MosquittoError when it does not.
    """

    def __init__(self, endpoint: Endpoint, admin: str, token: str, patience: float = 10.0) -> None:
        self._endpoint = endpoint
        self._patience = patience
        self._lock = threading.Lock()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._up = threading.Event()
        self._refused = ""
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=admin, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.username_pw_set(admin, token)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_disconnect = lambda *_: self._up.clear()
        self._client.on_message = self._received

    def start(self) -> None:
        """Connect, and stay connected; raises MosquittoError when that fails at first."""
        if (tls := self._endpoint.tls()) is not None:
            self._client.tls_set_context(tls)
        where = f"Mosquitto at {self._endpoint.host}:{self._endpoint.port}"
        try:
            self._client.connect(self._endpoint.host, self._endpoint.port, _KEEPALIVE)
        except OSError as error:
            raise MosquittoError(f"{where} cannot be reached: {error}") from error
        self._client.loop_start()
        if not self._up.wait(self._patience):
            self.stop()
            raise MosquittoError(f"{where} does not let its administrator in: {self._refused or 'no answer'}")

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def add(self, principal: Principal, token: str | None = None) -> str:
        """Make a credential work, in place of an older one of the same user name; its token.

        A client of that name that Printwarden did not make is left alone: MosquittoError.
        """
        token = secrets.token_urlsafe(32) if token is None else token
        name = username(principal)
        if self._is_foreign(name):
            raise MosquittoError(f"Mosquitto has a client {name!r} that Printwarden did not make")
        self._ask(
            *_deletion(name),
            {"command": "createRole", "rolename": ROLE + name, "acls": role_acls(principal)},
            {
                "command": "createClient",
                "username": name,
                "password": token,
                "clientid": name,
                "roles": [{"rolename": ROLE + name}],
            },
        )
        return token

    def update(self, principal: Principal) -> None:
        """Give a principal the grants of this moment. Its connection goes on; what it lost stops at once."""
        role = ROLE + username(principal)
        self._ask({"command": "modifyRole", "rolename": role, "acls": role_acls(principal)})

    def remove(self, name: str) -> None:
        """Forget a user name and end its connection; an unknown one is no error, a foreign one is left alone."""
        if not self._is_foreign(name):
            self._ask(*_deletion(name))

    def kick(self, name: str) -> None:
        """End the connection of a user name that may come back."""
        self._ask(
            {"command": "disableClient", "username": name}, {"command": "enableClient", "username": name}
        )

    def usernames(self) -> set[str]:
        """Every user name that Printwarden made; those of other programs are nobody's business."""
        answer = self._ask({"command": "listClients", "verbose": True, "count": -1, "offset": 0})
        return {each["username"] for each in answer[0]["data"]["clients"] if _is_ours(each)}

    def _is_foreign(self, name: str) -> bool:
        (answer,) = self._ask({"command": "getClient", "username": name})
        return "data" in answer and not _is_ours(answer["data"]["client"])

    def _ask(self, *commands: dict[str, Any]) -> list[dict[str, Any]]:
        """The answers to some commands, in order. What was to be deleted and is not there is no error."""
        tag = secrets.token_hex(8)
        tagged = [{**each, "correlationData": f"{tag}-{place}"} for place, each in enumerate(commands)]
        with self._lock:
            if not self._up.is_set():
                raise MosquittoError(
                    f"Mosquitto at {self._endpoint.host}:{self._endpoint.port} is not connected"
                )
            self._client.publish(CONTROL, json.dumps({"commands": tagged}), qos=1)
            answers = [self._answer(f"{tag}-{place}") for place in range(len(commands))]
        for command, answer in zip(commands, answers, strict=True):
            error = answer.get("error", "")
            if error and not (command["command"] in _FORGIVING and error in _MISSING):
                raise MosquittoError(f"Mosquitto refused {command['command']}: {error}")
        return answers

    def _answer(self, tag: str) -> dict[str, Any]:
        while True:
            try:
                answer = self._answers.get(timeout=self._patience)
            except queue.Empty:
                raise MosquittoError("Mosquitto did not answer in time") from None
            if answer.get("correlationData") == tag:
                return answer

    def _connected(
        self,
        client: mqtt.Client,
        _data: Any,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
        else:
            client.subscribe(f"{CONTROL}/response", qos=1)

    def _subscribed(
        self,
        _client: mqtt.Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(each.is_failure for each in reasons):
            self._refused = "it may not read the answers of dynamic security"
        else:
            self._up.set()

    def _received(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            answers = json.loads(message.payload)["responses"]
        except (ValueError, KeyError, TypeError):
            log.warning("Mosquitto sent an answer that cannot be read")
            return
        for each in answers:
            self._answers.put(each)


def _deletion(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"command": "deleteClient", "username": name}, {"command": "deleteRole", "rolename": ROLE + name}


def _is_ours(client: dict[str, Any]) -> bool:
    return any(each["rolename"] == ROLE + client["username"] for each in client.get("roles", ()))


class MosquittoFiles:
    """The same by a password and an ACL file, for a Mosquitto without dynamic security.

    `reload` makes Mosquitto read its files again (SIGHUP); it then also drops the connection of a removed user.
    """

    def __init__(self, folder: Path, reload: Callable[[], None]) -> None:
        self._folder = folder
        self._reload = reload
        self._lock = threading.Lock()

    def add(self, principal: Principal, token: str | None = None) -> str:
        """Make a credential work, in place of an older one of the same user name; its token."""
        token = secrets.token_urlsafe(32) if token is None else token
        name = username(principal)
        with self._lock:
            passwords, blocks = self._passwords(), self._blocks()
            passwords[name] = password_hash(token, secrets.token_bytes(12))
            blocks[name] = acl_text(principal)
            self._write(passwords, blocks)
        return token

    def update(self, principal: Principal) -> None:
        """Give a principal the grants of this moment."""
        with self._lock:
            self._write(self._passwords(), {**self._blocks(), username(principal): acl_text(principal)})

    def remove(self, name: str) -> None:
        """Forget a user name and end its connection; an unknown one is no error."""
        with self._lock:
            passwords, blocks = self._passwords(), self._blocks()
            passwords.pop(name, None)
            blocks.pop(name, None)
            self._write(passwords, blocks)

    def usernames(self) -> set[str]:
        """Every user name Mosquitto knows."""
        return set(self._passwords())

    def _passwords(self) -> dict[str, str]:
        lines = (self._folder / PASSWORDS).read_text(encoding="utf-8").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def _blocks(self) -> dict[str, str]:
        blocks: dict[str, str] = {}
        name = ""
        for line in (self._folder / ACL).read_text(encoding="utf-8").splitlines():
            if line.startswith("user "):
                name = line.removeprefix("user ")
            blocks[name] = f"{blocks.get(name, '')}{line}\n"
        return blocks

    def _write(self, passwords: dict[str, str], blocks: dict[str, str]) -> None:
        lines = [f"{name}:{hashed}" for name, hashed in sorted(passwords.items())]
        write_private(self._folder / PASSWORDS, "\n".join(lines) + "\n")
        write_private(self._folder / ACL, "".join(block for _, block in sorted(blocks.items())))
        self._reload()
