"""printwarden-agent: enrol, check, run."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from agent import __version__, enrolment
from agent.check import check
from agent.clock import next_boot
from agent.config import TEMPLATE, PrinterConfig, load, make_camera, make_printer
from agent.display import Display
from agent.loop import PrinterAgent
from agent.settings import SettingsError

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
    except (SettingsError, enrolment.EnrolmentError, OSError) as error:
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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    enrol = commands.add_parser("enrol", help="redeem an enrolment line from the hub")
    enrol.add_argument("line", help="the line the hub showed, pasted whole")
    enrol.add_argument("--name", default="printer", help="name of the credential file (%(default)s)")
    enrol.set_defaults(run=_enrol)
    checking = commands.add_parser("check", help="try camera, printer and broker and say what to mend")
    checking.set_defaults(run=lambda options: check(load(options.home / "agent.toml")))
    rotating = commands.add_parser(
        "rotate", help="exchange every credential for a fresh one; then restart the agent"
    )
    rotating.set_defaults(run=_rotate)
    running = commands.add_parser("run", help="watch until stopped")
    running.set_defaults(run=_run)
    return parser


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
    settings = options.home / "agent.toml"
    if not settings.exists():
        settings.write_text(TEMPLATE.format(credential=path.name), encoding="utf-8")
        print(f"now say which printer and camera this is: {settings}")
    print("then: printwarden-agent check && printwarden-agent run")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    for each in load(options.home / "agent.toml").printer:
        fresh = enrolment.rotate(enrolment.load(each.credential), time.time())
        enrolment.save(fresh, each.credential)
        print(f"{fresh.name}: new credential in {each.credential}")
    print("restart the agent; until then it goes on with the old ones")
    return 0


def _run(options: argparse.Namespace) -> int:
    agents = [_agent(each) for each in load(options.home / "agent.toml").printer]
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
