"""The command line as a person types it, at a data folder of its own."""

from __future__ import annotations

import io
import json

from agent.enrolment import parse
from hub import cli
from hub.settings import load
from hub.store.audit import Audit
from hub.store.database import Database
from hub.store.printers import Printers

PASSWORD = "correct horse battery"


class Scene:
    """A data folder and what is typed at it."""

    def __init__(self, folder, monkeypatch, capsys):
        self.config, self._monkeypatch, self._capsys = folder / "printwarden.toml", monkeypatch, capsys
        self.data = folder / "data"
        self.configure(8884)

    def configure(self, enrolment_port):
        self.config.write_text(
            f"[hub]\ndata = {json.dumps(str(self.data))}\nnames = ['hub.lan']\nenrolment_port = {enrolment_port}\n"
        )

    def __call__(self, *arguments, typed=""):
        """Exit status, what was printed, and what was complained about."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = cli.main(["-c", str(self.config), *arguments], None)
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def well(self, *arguments, typed=""):
        status, out, err = self(*arguments, typed=typed)
        assert (status, err.replace(typed, "")) == (0, "")
        return out

    def wrong(self, *arguments, typed=""):
        status, _, err = self(*arguments, typed=typed)
        (line,) = err.splitlines()
        assert status == 2
        return line

    def database(self):
        opened = Database(load(self.config, {}).hub.data / "hub.db")
        opened.start()
        return opened

    def read(self, question):
        opened = self.database()
        try:
            return question(opened)
        finally:
            opened.stop()

    def printers(self):
        return self.read(lambda opened: Printers(opened).all())

    def audit(self):
        return [each.action for each in self.read(lambda opened: Audit(opened).rows(1000))]


def line_in(out):
    return next(parse(each) for each in out.split() if each.startswith("printwarden://"))
