"""The code of an enrolment, in the terminal and on the printer's own display."""

from __future__ import annotations

import pytest

from agent import display
from agent.display import Display
from agent.printers.base import PrinterError


class Printer:
    """A printer that keeps what it was told to show."""

    def __init__(self, refuses=False):
        self.calls, self._refuses = [], refuses

    def start(self):
        self.calls.append("start")

    def show(self, message):
        self.calls.append(message)
        if self._refuses:
            raise PrinterError("it has none")

    def stop(self):
        self.calls.append("stop")


@pytest.fixture
def said():
    return []


def ask(tmp_path, said, credential="printer.credential.json"):
    Display(tmp_path / "agent.toml", tmp_path / credential, said.append).ask("048291", 900)
    assert "048 291" in said[0]
    assert "printer confirm PRINTER 048291" in said[1]
    assert "within 15 minutes" in said[1]
    return said[2] if len(said) > 2 else ""


def configure(tmp_path, monkeypatch, printer):
    text = "[[printer]]\ncredential = 'printer.credential.json'\nkind = 'simulated'\n"
    (tmp_path / "agent.toml").write_text(text)
    monkeypatch.setattr(display, "make_printer", lambda _config: printer)


def test_the_printer_that_is_set_up_for_this_credential_shows_it(tmp_path, said, monkeypatch):
    printer = Printer()
    configure(tmp_path, monkeypatch, printer)
    assert ask(tmp_path, said) == "the printer's display shows it too"
    assert printer.calls == ["start", "Printwarden 048 291", "stop"]
    assert len(printer.calls[1]) <= 20, "a line of the usual display"


def test_a_printer_that_shows_nothing_is_told_and_closed(tmp_path, said, monkeypatch):
    printer = Printer(refuses=True)
    configure(tmp_path, monkeypatch, printer)
    assert ask(tmp_path, said).endswith("does not show it: it has none")
    assert printer.calls[-1] == "stop"


def test_another_printers_display_shows_nothing(tmp_path, said, monkeypatch):
    printer = Printer()
    configure(tmp_path, monkeypatch, printer)
    assert "no printer with this credential" in ask(tmp_path, said, "second.credential.json")
    assert printer.calls == []


def test_before_the_agent_is_set_up_there_is_the_terminal(tmp_path, said):
    assert ask(tmp_path, said) == ""
