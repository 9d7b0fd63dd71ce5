"""printwarden-agent: enrol, init, check, run."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from agent import __version__, enrolment
from agent.check import check
from agent.clock import next_boot
from agent.config import AgentConfig, PrinterConfig, load, make_camera, make_printer
from agent.display import Display
from agent.init import Init, Terminal, keep_secret
from agent.loop import PrinterAgent
from agent.printers.base import PrinterError
from agent.printers.octoprint_pairing import pair
from agent.settings import SettingsError

FIRST_STEPS = """\
This machine watches no printer yet.
  1. printwarden-agent enrol LINE   with the line that the hub shows for a new printer
  2. printwarden-agent init         which printer and camera is it?
  3. printwarden-agent run          watch it until stopped
"""

HOME = Path(os.environ.get("PRINTWARDEN_AGENT_HOME", "~/.config/printwarden")).expanduser()


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    try:
        status: int = options.run(options)
    except (SettingsError, enrolment.EnrolmentError, PrinterError, OSError) as error:
        print(f"printwarden-agent: {error}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="printwarden-agent", description="Stands beside a printer for Printwarden."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--home", type=Path, default=HOME, help="folder of settings and credentials (%(default)s)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log everything")
    parser.set_defaults(run=_first_steps)
    commands = parser.add_subparsers(metavar="COMMAND")
    enrol = commands.add_parser("enrol", help="redeem an enrolment line from the hub")
    enrol.add_argument("line", help="the line the hub showed, pasted whole")
    enrol.add_argument("--name", default="printer", help="name of the credential file (%(default)s)")
    enrol.set_defaults(run=_enrol)
    _add_init(commands)
    pairing = commands.add_parser("pair", help="get a key from OctoPrint by allowing it there")
    pairing.add_argument("kind", choices=("octoprint",))
    pairing.add_argument("url", help="its address, as in the browser")
    pairing.add_argument("--user", default="", help="the OctoPrint user whose rights the key gets")
    pairing.add_argument("--name", default="printer", help="name of the key file (%(default)s)")
    pairing.set_defaults(run=_pair)
    checking = commands.add_parser("check", help="try camera, printer and broker and say what to mend")
    checking.set_defaults(run=lambda options: check(_settings(options)))
    rotating = commands.add_parser(
        "rotate", help="exchange every credential for a fresh one; then restart the agent"
    )
    rotating.set_defaults(run=_rotate)
    running = commands.add_parser("run", help="watch until stopped")
    running.set_defaults(run=_run)
    return parser


def _add_init(commands: Any) -> None:
    beginning = commands.add_parser(
        "init", help="say which printer and camera this is; asks for what is not given"
    )
    beginning.add_argument("--name", default="printer", help="name under which it was enrolled (%(default)s)")
    beginning.add_argument("--kind", default="", help="kind of printer, see docs/printers.md")
    beginning.add_argument("--url", default="", help="the printer's address")
    beginning.add_argument("--camera", default="", help="the camera's address, where the printer knows none")
    beginning.add_argument("--yes", action="store_true", help="write the settings without a question")
    beginning.set_defaults(run=_init)


def _first_steps(options: argparse.Namespace) -> int:
    """Without a command: what to do next."""
    if (options.home / "agent.toml").exists():
        count = len(_settings(options).printer)
        printers = "one printer" if count == 1 else f"{count} printers"
        print(f"{options.home / 'agent.toml'} has {printers}; printwarden-agent check tries, run watches")
    else:
        print(FIRST_STEPS, end="")
    return 0


def _settings(options: argparse.Namespace) -> AgentConfig:
    path = options.home / "agent.toml"
    if not path.exists():
        raise SettingsError(f"{path}: no such file; begin with: printwarden-agent")
    return load(path)


def _init(options: argparse.Namespace) -> int:
    beginning = Init(options.home, options.name, Terminal())
    return beginning.run(kind=options.kind, url=options.url, camera=options.camera, yes=options.yes)


def _pair(options: argparse.Namespace) -> int:
    path = keep_secret(options.home, options.name, pair(options.url, options.user))
    print(f"the key is in {path}; for the [printer.options] in {options.home / 'agent.toml'}:\n")
    print(f"url = {json.dumps(options.url)}\nkey_file = {json.dumps(str(path))}")
    return 0


def _enrol(options: argparse.Namespace) -> int:
    path = options.home / f"{options.name}.credential.json"
    if path.exists():
        raise enrolment.EnrolmentError(
            f"{path} belongs to a printer already: give this one another --name, or remove the file first"
        )
    display = Display(options.home / "agent.toml", path)
    credential = enrolment.redeem(enrolment.parse(options.line), display.ask)
    options.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    enrolment.save(credential, path)
    print(f"enrolled {credential.name}: {path}")
    name = "" if options.name == "printer" else f" --name {options.name}"
    print(f"next: printwarden-agent init{name}")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    for each in _settings(options).printer:
        fresh = enrolment.rotate(enrolment.load(each.credential), time.time())
        enrolment.save(fresh, each.credential)
        print(f"{fresh.name}: new credential in {each.credential}")
    print("restart the agent; until then it goes on with the old ones")
    return 0


def _run(options: argparse.Namespace) -> int:
    agents = [_agent(each) for each in _settings(options).printer]
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    for each in agents:
        each.start()
    stopping.wait()
    for each in agents:
        each.stop()
    return 0


def _agent(config: PrinterConfig) -> PrinterAgent:
    credential = enrolment.load(config.credential)
    cameras = {each.name: make_camera(each) for each in config.camera}
    boot = next_boot(config.credential.with_suffix(".boot"), time.time())
    return PrinterAgent(credential, make_printer(config), cameras, boot, config.fallback)
