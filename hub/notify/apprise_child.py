"""Sends one message through Apprise, in a process of its own: `python -m hub.notify.apprise_child`, job on stdin.

A user of the hub wrote the URL, and Apprise can do more than anybody asked for: follow redirects, read templates and
keys from files, talk to the desktop. So before it is loaded an audit hook shuts this process in: it connects to
permitted addresses only, reads nothing but Python's own files and the system's, writes nothing outside a temporary
folder, and starts no program. The hub ends the process when it takes too long.
"""

from __future__ import annotations

import base64
import json
import logging
import mimetypes
import os
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hub.notify.addresses import Reach

#: Schemes that mean this machine and not another one.
LOCAL = frozenset(
    (
        "blink1",
        "dbus",
        "file",
        "gio",
        "glib",
        "gnome",
        "growl",
        "kde",
        "macosx",
        "qt",
        "rsyslog",
        "syslog",
        "windows",
    )
)
_SYSTEM_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", *mimetypes.knownfiles)
_SYSTEM_FOLDERS = ("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share", "/dev/null", "/dev/urandom")
_NEVER = frozenset(
    ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen")
)
#: Events that change files, and how many of their arguments are paths.
_CHANGES = {
    "os.chmod": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "sqlite3.connect": 1,
}
_CONNECTS = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg"))


class Forbidden(PermissionError):
    """What this process may not do."""


class Fence:
    """The audit hook. `folder` is where it may write."""

    def __init__(self, reach: Reach, folder: Path) -> None:
        self._reach, self._folder = reach, str(folder)
        self.refused = ""
        places = sysconfig.get_paths()
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        own = str(Path(__file__).parents[1])
        folders = {*(places[name] for name in names), own, *_SYSTEM_FOLDERS, self._folder}
        self._readable = tuple(os.path.realpath(each) for each in (*folders, *_SYSTEM_FILES))

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTS:
            self._connect(arguments[1])
        elif event == "open":
            self._open(arguments[0], arguments[1], arguments[2])
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                self._inside(path)
        elif event in _NEVER:
            self._refuse("it would start a program")

    def _connect(self, at: Any) -> None:
        if at is None:  # the rest of a datagram whose address was checked
            return
        host = at[0] if isinstance(at, tuple) else ""
        try:
            permitted = self._reach.permits(host)
        except ValueError:
            permitted = False
        if not permitted:
            self._refuse(
                "it has a private address of the hub's network; whoever runs the hub can allow it:"
                " allow_private in the settings"
            )

    def _open(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        writes = bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        place = os.path.realpath(os.fsdecode(path))
        if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
            self._inside(place)
        elif not any(_within(place, each) for each in self._readable):
            self._refuse("it would read a file of the hub's machine")

    def _inside(self, path: Any) -> None:
        place = os.path.realpath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if not _within(place, self._folder) and place != "/dev/null":
            self._refuse("it would change a file of the hub's machine")

    def _refuse(self, text: str) -> None:
        self.refused = self.refused or text
        raise Forbidden(text)


def main() -> int:
    """Read the job, do it, and write one line of JSON: `ok` and, when not, `error`."""
    sys.dont_write_bytecode = True
    job = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(prefix="printwarden-") as made:
        folder = Path(os.path.realpath(made))
        os.chdir(folder)
        error = _do(job, folder)
    print(json.dumps({"ok": not error, "error": error}))
    return 0


def _do(job: dict[str, Any], folder: Path) -> str:
    scheme = job["url"].partition("://")[0].lower()
    if scheme in LOCAL:
        return f"{scheme}:// means the hub's own machine, which is not offered"
    try:
        import apprise  # noqa: PLC0415 - only where it is used; it may be absent
    except ImportError:
        return "Apprise is not installed on the hub: pip install 'printwarden[notify]'"
    complaints: list[str] = []
    logging.getLogger("apprise").addHandler(_Collector(complaints))
    fence = Fence(Reach(job["allow"]), folder)
    sys.addaudithook(fence)
    plan = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, storage_mode="memory"))
    if not plan.add(job["url"]) or not len(plan):
        return fence.refused or "Apprise does not understand this URL"
    if job.get("check"):
        return ""
    attach = None
    if job["picture"]:
        picture = folder / "printer.jpg"
        picture.write_bytes(base64.b64decode(job["picture"]))
        attach = str(picture)
    sent = plan.notify(body=job["text"], title=job["title"], notify_type=job["type"], attach=attach)
    return "" if sent else fence.refused or "; ".join(complaints[-2:]) or "the service did not take it"


class _Collector(logging.Handler):
    """Keeps what Apprise warns of."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage()[:200])


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(f"{folder}/")


if __name__ == "__main__":
    sys.exit(main())
