"""printwarden: run, demo, users, printers, doctor, evaluation."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from agent import __version__
from agent.settings import SettingsError
from hub import admin, broker_cli, detection_cli, events_cli, logs, people_cli, print_cli, tuning_cli
from hub.app import Hub, HubError
from hub.broker.embedded import BrokerError
from hub.clips import ClipError
from hub.demo import Demo, DemoOptions, Viewer
from hub.doctor import doctor
from hub.health import health
from hub.isolation_watch import IsolationError
from hub.settings import load
from hub.store.database import StoreError
from hub.store.people import PersonError
from hub.vision import ModelError

MakeViewer = Callable[[Hub], Viewer]

#: What a user can mend: one line on stderr and exit status 2.
EXPECTED = (
    SettingsError,
    HubError,
    IsolationError,
    BrokerError,
    ClipError,
    StoreError,
    PersonError,
    ModelError,
    ValueError,
    EOFError,
    OSError,
)


def main(arguments: list[str] | None, make_viewer: MakeViewer) -> int:
    """Entry point; returns the exit status."""
    options = _parser(make_viewer).parse_args(arguments)
    _log(options)
    try:
        status: int = options.run(options)
    except EXPECTED as error:
        print(f"printwarden: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser(make_viewer: MakeViewer) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="printwarden", description="Watches 3D prints and pauses the ones that fail."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "-c", "--config", type=Path, default=_default_config(), help="settings file (%(default)s)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log everything")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run hub, embedded broker and viewer")
    run.set_defaults(run=lambda options: _run(options, make_viewer))
    demo = commands.add_parser("demo", help="see it work: a failing print is paused, a stranger is refused")
    demo.add_argument(
        "--once", action="store_true", help="end after the last step; status 0 only if all happened"
    )
    demo.add_argument(
        "--clip", type=Path, help="your own recording: a video, an MJPEG file or a folder of JPEGs"
    )
    demo.add_argument("--speed", type=float, default=1.0, help="play the clip faster (%(default)s)")
    demo.add_argument("--port", type=int, default=0, help="port of the viewer (any free one)")
    demo.set_defaults(run=lambda options: _demo(options, make_viewer), quiet=True)
    check = commands.add_parser("doctor", help="say what is wrong on this machine and how to mend it")
    check.add_argument("--isolation", action="store_true", help="attack the broker that is in use")
    check.set_defaults(run=lambda options: doctor(load(options.config), isolation=options.isolation))
    well = commands.add_parser("health", help="ask the running hub whether it works")
    well.set_defaults(run=lambda options: health(load(options.config)))
    people_cli.add_commands(commands)
    admin.add_commands(commands)
    broker_cli.add_commands(commands)
    detection_cli.add_commands(commands)
    print_cli.add_commands(commands)
    events_cli.add_commands(commands)
    tuning_cli.add_commands(commands)
    return parser


def _default_config() -> Path | None:
    named = os.environ.get("PRINTWARDEN_CONFIG")
    if named:
        return Path(named)
    here = Path("printwarden.toml")
    return here if here.exists() else None


def _log(options: argparse.Namespace) -> None:
    quiet = getattr(options, "quiet", False)
    logs.configure(level="debug" if options.verbose else "error" if quiet else "info")


def _run(options: argparse.Namespace, make_viewer: MakeViewer) -> int:
    settings = load(options.config)
    logs.configure(settings.log.format, "debug" if options.verbose else settings.log.level)
    hub = Hub(settings)
    hub.start()
    viewer = make_viewer(hub)
    try:
        viewer.start()
        _greet(hub, viewer)
        _until_stopped()
    finally:
        viewer.stop()
        hub.stop()
    return 0


def _greet(hub: Hub, viewer: Viewer) -> None:
    host = hub.settings.web.host
    print(f"viewer: http://{host}:{viewer.port}")
    if not hub.people.all():
        print("nobody can sign in yet; make the first user with: printwarden user add NAME --admin")


def _demo(options: argparse.Namespace, make_viewer: MakeViewer) -> int:
    chosen = DemoOptions(clip=options.clip, once=options.once, speed=options.speed, port=options.port)
    return Demo(chosen, make_viewer, say=lambda text: print(text, flush=True)).run(_until_stopped)


def _until_stopped() -> None:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    stopping.wait()
