"""`printwarden broker`: write a Mosquitto configuration that keeps tenants apart, or the lines for one that you have."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import Any

from agent.private_file import write_private
from hub import tls
from hub.access import Principal
from hub.broker.mosquitto_config import (
    SECURITY,
    MosquittoListener,
    acl_text,
    bridge_text,
    write_acl_config,
    write_config,
)
from hub.credentials import Credentials
from hub.settings import HubSettings, load
from hub.store.database import Database
from hub.store.printers import Printers

ADMIN = "printwarden-admin"
TOKEN = "admin.token"  # noqa: S105 - a file's name
PASTE = "PASTE-THE-PASSWORD-HERE"


def add_commands(commands: Any) -> None:
    """Add `broker` to the command line."""
    group = commands.add_parser("broker", help="other brokers").add_subparsers(
        required=True, metavar="ACTION"
    )
    mosquitto = group.add_parser("mosquitto", help="write a configuration for Mosquitto 2")
    mosquitto.add_argument("folder", type=Path, help="where it goes; Mosquitto must be able to read it")
    mosquitto.add_argument("--host", default="0.0.0.0", help="address to listen on (%(default)s)")  # noqa: S104 - agents on other machines are its purpose
    mosquitto.add_argument("--port", type=int, default=8883)
    mosquitto.add_argument(
        "--plain", action="store_true", help="without TLS: passwords and pictures are readable"
    )
    mosquitto.add_argument(
        "--acl-file", action="store_true", help="password and ACL file instead of dynamic security"
    )
    mosquitto.add_argument("--user", default="", help="system user Mosquitto runs as")
    mosquitto.set_defaults(run=_mosquitto)
    acl = group.add_parser("acl", help="the lines of an ACL file for one credential")
    acl.add_argument("user", help="its user name, for example i-0123456789abcdef")
    acl.add_argument("--as", dest="alias", default="", help="what that user is called on your broker")
    acl.set_defaults(run=_acl)
    bridge = group.add_parser(
        "bridge", help="a bridge from your own Mosquitto to this hub for one integration"
    )
    bridge.add_argument("user", help="the integration's user name, for example i-0123456789abcdef")
    bridge.add_argument(
        "--remote", default="", help="host:port of the hub's broker as your Mosquitto reaches it"
    )
    bridge.add_argument("--ca", default="", help="where your Mosquitto finds the hub's authority (ca.pem)")
    bridge.add_argument("--password-file", type=Path, help="a file with the integration's password")
    bridge.set_defaults(run=_bridge)
    authority = group.add_parser(
        "authority", help="the hub's own authority, for clients that speak TLS with it"
    )
    authority.set_defaults(run=_authority)


def _acl(options: argparse.Namespace) -> int:
    principal = _principal(load(options.config), options.user)
    print(acl_text(principal, options.alias), end="")
    return 0


def _bridge(options: argparse.Namespace) -> int:
    settings = load(options.config)
    principal = _principal(settings, options.user)
    token = options.password_file.read_text(encoding="ascii").strip() if options.password_file else PASTE
    remote = options.remote or f"{settings.hub.names[0]}:8883"
    ca = options.ca or str(tls.files(settings.hub)[2].resolve())
    print(bridge_text(principal, remote, token, ca), end="")
    return 0


def _authority(options: argparse.Namespace) -> int:
    settings = load(options.config)
    print(tls.current(settings.hub).authority, end="")
    return 0


def _principal(settings: HubSettings, name: str) -> Principal:
    """Who a stored credential belongs to, with its rights of now; raises ValueError for an unknown one."""
    database = Database(settings.hub.data / "hub.db")
    database.start()
    try:
        credentials = Credentials(Printers(database))
        credentials.start()
        found = credentials.principal(name)
        known = ", ".join(sorted(each for each in credentials.usernames() if each.startswith("i-")))
    finally:
        database.stop()
    if found is None:
        raise ValueError(f"there is no credential {name!r}; integrations are: {known or 'none yet'}")
    return found


def _mosquitto(options: argparse.Namespace) -> int:
    settings = load(options.config)
    folder = options.folder.resolve()
    if options.plain:
        listener, ca = MosquittoListener(options.host, options.port), ""
    else:
        certificate, key, authority = (each.resolve() for each in tls.files(settings.hub))
        listener, ca = MosquittoListener(options.host, options.port, certificate, key), str(authority)
    if options.acl_file:
        path = write_acl_config(folder, listener, user=options.user)
        print(
            f"written: {path}\nThe hub does not keep ACL files in step by itself; docs/mosquitto.md says how to."
        )
        return 0
    known = (folder / SECURITY).exists()
    token = secrets.token_urlsafe(32)
    path = write_config(folder, listener, admin=ADMIN, token=token, user=options.user)
    token_file = folder / TOKEN
    if not known:
        write_private(token_file, token)
    print(f"written: {path}")
    print(f"1. start Mosquitto with it: mosquitto -c {path}")
    print(
        "2. put this into printwarden.toml and start the hub, which attacks the broker before it uses it:\n"
    )
    print(f'[broker]\nkind = "mosquitto"\nport = {options.port}\nca = "{ca}"\nadmin = "{ADMIN}"')
    print(f'token_file = "{token_file}"')
    return 0
