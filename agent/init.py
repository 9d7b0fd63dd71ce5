"""`printwarden-agent init`: asks which printer and cameras these are, tries them and writes the settings."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from agent.camera.http import HttpSettings
from agent.check import asked, check
from agent.config import AgentConfig, PrinterConfig, load, make_printer
from agent.http_client import HttpError
from agent.printers.base import KINDS as PRINTER_KINDS
from agent.printers.base import CameraOffer, PrinterError, printer_module
from agent.printers.octoprint_pairing import pair
from agent.private_file import write_private
from agent.settings import SettingsError, build, parse_toml

HEAD = """\
# One [[printer]] table for each printer; docs/printers.md and docs/cameras.md list the kinds and their options.
# printwarden-agent init adds one, printwarden-agent check tries them all. [printer.fallback] says what is done when
# the hub is gone.
"""
#: The first of these that a driver knows is asked for and kept in a file of its own.
SECRETS = ("code", "password", "key")
_BY_HAND = ("action",)


class Terminal:
    """Asks a person; where nobody can answer it says which option is missing."""

    def ask(self, question: str, option: str) -> str:
        """A line of text."""
        try:
            return input(f"{question}: ").strip()
        except EOFError:
            raise SettingsError(f"nobody can be asked here: give {option}") from None

    def secret(self, question: str) -> str:
        """A line that is not shown, or piped in."""
        if sys.stdin.isatty():
            return getpass.getpass(f"{question}: ").strip()
        return self.ask(question, "it on the standard input")

    def agrees(self, question: str) -> bool:
        """Yes or no."""
        return self.ask(f"{question} [y/n]", "--yes").lower() in ("y", "yes")


class Init:
    """One run of the command for the credential `name` in the folder `home`."""

    def __init__(self, home: Path, name: str, terminal: Terminal) -> None:
        self._home, self._name, self._terminal = home, name, terminal
        self._path = home / "agent.toml"
        self._credential = f"{name}.credential.json"
        self._secret: Path | None = None

    def run(self, *, kind: str, url: str, camera: str, yes: bool) -> int:
        """Ask for what is not given, try it, and add it to the settings; 0 if they were written."""
        before = self._before()
        kind = kind or self._terminal.ask(f"kind of printer ({', '.join(_kinds())})", "--kind")
        if kind not in _kinds():
            raise SettingsError(
                f"kind: {kind!r} is none of {', '.join(_kinds())}: see docs/printers.md for the rest"
            )
        table: dict[str, Any] = {"credential": self._credential, "kind": kind}
        table["options"] = self._options(kind, url)
        table["camera"] = self._cameras(table, camera)
        text = before + _toml(table)
        print(f"\n{_toml(table)}")
        well = check(AgentConfig((self._printer(text),)))
        if not yes and not self._terminal.agrees(
            f"\n{'not everything works; ' if well else ''}{'add this to' if before != HEAD else 'write'} {self._path}?"
        ):
            return 1
        write_private(self._path, text)
        print(f"{self._path} is written; now: printwarden-agent run")
        return 0

    def _before(self) -> str:
        """The settings so far; raises SettingsError when this printer has no credential or is in them already."""
        if not (self._home / self._credential).is_file():
            raise SettingsError(
                f"{self._home / self._credential}: no such file; enrol first with: printwarden-agent enrol LINE"
            )
        if not self._path.exists():
            return HEAD
        if any(each.credential.name == self._credential for each in load(self._path).printer):
            raise SettingsError(
                f"{self._path} has a printer with {self._credential} already: change it there, or give the --name "
                "under which another one was enrolled"
            )
        return self._path.read_text(encoding="utf-8").rstrip() + "\n"

    def _options(self, kind: str, url: str) -> dict[str, str]:
        """What the driver must know. Secrets go into a file, so that the settings can be shown to others."""
        known = {each.name: each.default for each in fields(printer_module(kind).Settings)}
        secret = next((each for each in SECRETS if each in known), "")
        options = {}
        for name, default in known.items():
            if name in ("url", "host") and url:
                options[name] = url
            elif default is MISSING and name != secret:
                options[name] = self._terminal.ask(
                    name, "--url" if name in ("url", "host") else "it in agent.toml"
                )
        if secret:
            hint = ", empty to be asked by OctoPrint" if kind == "octoprint" else ""
            value = self._terminal.secret(f"{secret}{hint}") or (
                pair(options["url"]) if kind == "octoprint" else ""
            )
            if value:
                self._secret = keep_secret(self._home, self._name, value)
                options[f"{secret}_file"] = str(self._secret)
        return options

    def _cameras(self, table: Mapping[str, Any], address: str) -> list[dict[str, Any]]:
        """The camera at the address, else those that the printer's software knows, else one that is asked for."""
        if not address:
            offers = self._offers(table)
            if offers:
                return offers
            address = self._terminal.ask("camera (http://..., rtsp://... or /dev/video0)", "--camera")
        return [{"name": "main", **camera(address)}]

    def _offers(self, table: Mapping[str, Any]) -> list[dict[str, Any]]:
        printer = make_printer(
            PrinterConfig(self._home / self._credential, table["kind"], dict(table["options"]))
        )
        printer.start()
        try:
            asked(printer)
            return [self._offered(each) for each in printer.cameras()]
        except PrinterError:
            return []  # the check that follows tells it
        finally:
            printer.stop()

    def _offered(self, offer: CameraOffer) -> dict[str, Any]:
        """An offer as a table, with the printer's own secret where the printer's table has it."""
        options = {
            **{
                key: value for key, value in offer.settings["options"].items() if value and key not in SECRETS
            },
            **{f"{key}_file": str(self._secret) for key in SECRETS if offer.settings["options"].get(key)},
        }
        return {"name": offer.name, "kind": offer.settings["kind"], "options": options}

    def _printer(self, text: str) -> PrinterConfig:
        """The last printer of the settings, as they will be read."""
        *_, last = build(AgentConfig, parse_toml(text, str(self._path)), str(self._path)).printer
        return PrinterConfig(**{**vars(last), "credential": self._home / last.credential})


def camera(address: str) -> dict[str, Any]:
    """Kind and options of the camera at an address; a web address is asked whether it is a stream."""
    if address.startswith(("rtsp://", "rtsps://")):
        return {"kind": "rtsp", "options": {"url": address, "width": 1280}}
    if address.startswith("/dev/"):
        return {"kind": "v4l2", "options": {"device": address}}
    try:
        client = HttpSettings(url=address).client()
        response, sock = client.open(client.path or "/")
    except ValueError as error:
        raise SettingsError(f"camera: {error}") from error
    except HttpError:
        return {"kind": "snapshot", "options": {"url": address}}  # the check that follows tells it
    stream = response.getheader("Content-Type", "").startswith("multipart/")
    response.close()
    sock.close()
    return {"kind": "mjpeg" if stream else "snapshot", "options": {"url": address}}


def keep_secret(home: Path, name: str, secret: str) -> Path:
    """The file that now holds a printer's secret, for its owner alone."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home.absolute() / f"{name}.key"
    write_private(path, f"{secret}\n")
    return path


def _kinds() -> list[str]:
    return sorted(set(PRINTER_KINDS) - set(_BY_HAND))


def _toml(table: Mapping[str, Any]) -> str:
    """A `[[printer]]` table; JSON's text, numbers and booleans are TOML's."""
    lines = ["", "[[printer]]"]
    lines += [f"{key} = {json.dumps(table[key])}" for key in ("credential", "kind")]
    lines += ["[printer.options]", *_pairs(table["options"])]
    for each in table["camera"]:
        lines += ["", "[[printer.camera]]"]
        lines += [f"{key} = {json.dumps(each[key])}" for key in ("name", "kind")]
        lines += ["[printer.camera.options]", *_pairs(each["options"])]
    return "\n".join(lines) + "\n"


def _pairs(options: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in options.items()]
