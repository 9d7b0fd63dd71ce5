"""Mosquitto's files: its configuration, dynamic-security roles and ACL text, all made from `hub.access.grants`."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.private_file import write_private
from hub.access import SHARED, Principal, grants
from hub.broker.directory import username

CONTROL = "$CONTROL/dynamic-security/v1"
CONFIG = "mosquitto.conf"
SECURITY = "dynamic-security.json"
PASSWORDS = "passwords"
ACL = "acl"
PLUGIN = "mosquitto_dynamic_security.so"

_ITERATIONS = 101  # tokens are 256 random bits: stretching would protect nothing and delay every login
_DENY = ("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe")


@dataclass(frozen=True)
class MosquittoListener:
    """Where Mosquitto listens; without certificate and key it speaks plain MQTT."""

    host: str = "0.0.0.0"  # noqa: S104 - agents on other machines are its purpose
    port: int = 8883
    certificate: Path | None = None
    key: Path | None = None


def write_config(
    folder: Path,
    listener: MosquittoListener,
    *,
    admin: str,
    token: str,
    plugin: Path | None = None,
    user: str = "",
) -> Path:
    """Write a configuration with dynamic security into a folder; the path of `mosquitto.conf`.

    `admin` with `token` may change roles and clients and nothing else. An existing security file is kept, since
    Mosquitto writes its clients there. `plugin` is looked for where distributions put it; `user` is the system user
    Mosquitto runs as when it is started by root.
    """
    folder.mkdir(parents=True, exist_ok=True)
    security = folder / SECURITY
    if not security.exists():
        write_private(security, json.dumps(_initial_security(admin, token), indent=1))
    lines = [
        *_common(listener, user),
        f"plugin {plugin or find_plugin()}",
        f"plugin_opt_config_file {security}",
    ]
    path = folder / CONFIG
    write_private(path, "\n".join(lines) + "\n")
    return path


def write_acl_config(folder: Path, listener: MosquittoListener, *, user: str = "") -> Path:
    """Write a configuration with a password and an ACL file; the path of `mosquitto.conf`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (PASSWORDS, ACL):
        if not (folder / name).exists():
            write_private(folder / name, "")
    lines = [
        *_common(listener, user),
        "# Each user has one client id, its own name: nobody can take over somebody else's.",
        "use_username_as_clientid true",
        f"password_file {folder / PASSWORDS}",
        f"acl_file {folder / ACL}",
    ]
    path = folder / CONFIG
    write_private(path, "\n".join(lines) + "\n")
    return path


def find_plugin() -> Path:
    """The dynamic-security plugin of this machine; raises FileNotFoundError when Mosquitto is not installed."""
    for folder in (Path("/usr/lib"), Path("/usr/local/lib"), Path("/usr/lib64")):
        for found in (folder / PLUGIN, *sorted(folder.glob(f"*/{PLUGIN}"))):
            if found.is_file():
                return found
    raise FileNotFoundError(f"{PLUGIN} was not found: install Mosquitto 2 or say where its plugin is")


def role_acls(principal: Principal) -> list[dict[str, Any]]:
    """A principal's grants as dynamic-security ACL entries; everything else is denied by default."""
    allowed = grants(principal)
    entries = [_entry("publishClientSend", each) for each in allowed.publish]
    entries += [_entry("publishClientReceive", each) for each in allowed.receive]
    patterns = [*allowed.receive, *allowed.subscribe]
    if allowed.share:
        patterns += [f"{SHARED}+/{each}" for each in allowed.receive]
    for kind in ("subscribePattern", "unsubscribePattern"):
        entries += [_entry(kind, each) for each in patterns]
    return entries


def acl_text(principal: Principal, user: str = "") -> str:
    """A principal's grants as a block of an ACL file, for a user of that Mosquitto with another name if need be."""
    allowed = grants(principal)
    lines = [f"user {user or username(principal)}"]
    lines += [f"topic write {each}" for each in allowed.publish]
    lines += [f"topic read {each}" for each in allowed.receive]
    return "\n".join(lines) + "\n"


def bridge_text(principal: Principal, remote: str, token: str, ca: str) -> str:
    """A bridge by which a Mosquitto shows an integration's topics to its own clients; `ca` is a file, empty for plain.

    Each topic stands there by itself, since the hub's broker grants no filter that reaches further.
    """
    allowed, name = grants(principal), username(principal)
    lines = [
        f"# Written by Printwarden: what {name} may see and do, and nothing else.",
        f"connection printwarden-{name}",
        f"address {remote}",
        *([f"bridge_cafile {ca}"] if ca else []),
        f"remote_clientid {name}",
        f"remote_username {name}",
        f"remote_password {token}",
        "bridge_protocol_version mqttv311",
        "try_private false",
        "bridge_attempt_unsubscribe false",
        "cleansession true",
        "notifications false",
        "restart_timeout 2 30",
        *(f"topic {each} in {0 if '/up/frame/' in each else 1}" for each in allowed.receive),
        *(f"topic {each} out 1" for each in allowed.publish),
    ]
    return "\n".join(lines) + "\n"


def password_hash(token: str, salt: bytes) -> str:
    """A token as Mosquitto's password file wants it."""
    return f"$7${_ITERATIONS}${_base64(salt)}${_base64(_stretched(token, salt))}"


def _common(listener: MosquittoListener, user: str) -> list[str]:
    lines = [
        "# Written by Printwarden.",
        *([f"user {user}"] if user else []),
        f"listener {listener.port} {listener.host}",
    ]
    if listener.certificate is not None and listener.key is not None:
        lines += [
            f"certfile {listener.certificate}",
            f"keyfile {listener.key}",
            "tls_version tlsv1.2",
        ]
    return [
        *lines,
        "allow_anonymous false",
        "persistence false",
        "max_packet_size 1048576",
        "# A slow reader makes this many frames wait, whatever their size; the rest is dropped.",
        "max_queued_messages 50",
        "max_queued_bytes 20000000",
        "# The hub gets the retained state of every printer at once and must not lose any of it.",
        "max_inflight_messages 5000",
        "connection_messages true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_type information",
    ]


def _initial_security(admin: str, token: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    return {
        "defaultACLAccess": dict.fromkeys(_DENY, False),
        "clients": [
            {
                "username": admin,
                "clientid": admin,
                "textName": "Printwarden",
                "password": _base64(_stretched(token, salt)),
                "salt": _base64(salt),
                "iterations": _ITERATIONS,
                "roles": [{"rolename": "printwarden-admin"}],
            }
        ],
        "roles": [
            {
                "rolename": "printwarden-admin",
                "acls": [
                    _entry("publishClientSend", f"{CONTROL}/#"),
                    _entry("publishClientReceive", f"{CONTROL}/#"),
                    _entry("subscribePattern", f"{CONTROL}/#"),
                ],
            }
        ],
    }


def _entry(kind: str, topic: str) -> dict[str, Any]:
    return {"acltype": kind, "topic": topic, "priority": 0, "allow": True}


def _stretched(token: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", token.encode(), salt, _ITERATIONS)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
