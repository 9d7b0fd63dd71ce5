"""`printwarden events`: what happened, and what happens while it runs."""

import contextlib
import json
import subprocess
import sys
import time

import pytest

from hub import cli
from hub.store.history import History
from hub.store.printers import Printers
from tests.support.databases import opened, people
from tests.support.hubs import ROOT


@pytest.fixture
def hub(tmp_path):
    """A settings file and the open database of its hub, with two printers."""
    config = tmp_path / "printwarden.toml"
    config.write_text("[hub]\ndata = 'data'\n")
    (tmp_path / "data").mkdir()
    with opened(tmp_path / "data" / "hub.db") as database:
        people(database, "olivia")
        printers = Printers(database)
        ids = {name: printers.add(name, "olivia", 1.0).id for name in ("Prusa", "Voron")}
        yield config, History(database, tmp_path), ids


def shown(capsys, config, *arguments):
    assert cli.main(["-c", str(config), "events", *arguments], lambda _hub: None) == 0
    return capsys.readouterr().out.splitlines()


def test_the_newest_events_oldest_first(hub, capsys):
    config, history, ids = hub
    for number in range(5):
        history.add_event(ids["Prusa"], 1_700_000_000.0 + number, "failing", "alarm", f"event {number}\x1b")
    lines = shown(capsys, config, "-n", "2")
    assert [line.partition("alarm   ")[2] for line in lines] == ["Prusa: event 3\\x1b", "Prusa: event 4\\x1b"]


def test_of_one_printer_as_json(hub, capsys):
    config, history, ids = hub
    for name in ids:
        history.add_event(ids[name], 1.0, "paused", "info", f"{name} paused", {"command": "c"})
    (line,) = shown(capsys, config, "--printer", "Voron", "--json")
    row = json.loads(line)
    assert (row["name"], row["text"], row["data"]) == ("Voron", "Voron paused", {"command": "c"})


def test_an_unknown_printer_is_an_error(hub, capsys):
    assert cli.main(["-c", str(hub[0]), "events", "--printer", "Nobody"], lambda _hub: None) == 2
    assert "Nobody" in capsys.readouterr().err


def test_it_follows_what_another_process_writes(hub):
    config, history, ids = hub
    program = [sys.executable, "-m", "web.main", "-c", str(config), "events", "--follow", "-n", "1", "--json"]
    history.add_event(ids["Prusa"], 1.0, "paused", "info", "before")
    process = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(process.stdout.readline())["text"] == "before"
        history.add_event(ids["Voron"], time.time(), "failing", "alarm", "while it runs")
        assert json.loads(process.stdout.readline())["text"] == "while it runs"
    finally:
        process.kill()
        with contextlib.suppress(ValueError):
            process.communicate()
