"""`printwarden broker`: write a Mosquitto configuration that keeps tenants apart."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import Any

from hub import tls
from hub.broker.mosquitto_config import (
    SECURITY,
    MosquittoListener,
    write_acl_config,
    write_config,
)
from hub.private_file import write_private
from hub.settings import load

ADMIN = "printwarden-admin"
TOKEN = "admin.token"  # noqa: S105 - a file's name


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
