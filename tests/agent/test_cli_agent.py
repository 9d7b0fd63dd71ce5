"""printwarden-agent as a person types it."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from agent import __version__, cli, enrolment
from agent.cli import main
from agent.enrolment import EnrolmentError
from agent.printers.octoprint import Settings
from agent.settings import build, parse_toml
from tests.support.messages import credential

LINE = f"printwarden://hub.example:8884/{'0' * 16}/{'s' * 32}/{'f' * 64}"
CREDENTIAL = credential()


@pytest.fixture
def hub(monkeypatch):
    """A hub that redeems every line."""
    asked = []

    def redeem(ticket, _show):
        asked.append(ticket)
        return CREDENTIAL

    monkeypatch.setattr(enrolment, "redeem", redeem)
    return asked


@pytest.fixture
def signals():
    """The signal handlers as they were."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(each) for each in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def run(home, *arguments):
    return main(["--home", str(home), *arguments])


def test_enrolling_keeps_the_credential_to_its_owner_and_says_what_comes_next(hub, tmp_path, capsys):
    home = tmp_path / "home"
    assert run(home, "enrol", LINE) == 0
    path = home / "printer.credential.json"
    assert enrolment.load(path) == CREDENTIAL
    assert path.stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert capsys.readouterr().out == f"enrolled Prusa: {path}\nnext: printwarden-agent init\n"
    assert [str(each) for each in hub] == [LINE]


def test_enrolling_a_second_printer_leaves_the_first_and_the_settings_alone(hub, tmp_path, capsys):
    run(tmp_path, "enrol", LINE)
    (tmp_path / "agent.toml").write_text("mine")
    assert run(tmp_path, "enrol", LINE) == 2
    assert "give this one another --name" in capsys.readouterr().err
    assert len(hub) == 1, "the line is not used up"
    assert run(tmp_path, "enrol", LINE, "--name", "second") == 0
    assert (tmp_path / "second.credential.json").exists()
    assert "init --name second" in capsys.readouterr().out
    assert (tmp_path / "agent.toml").read_text() == "mine"


def test_without_a_command_the_first_steps_are_told(tmp_path, capsys):
    assert run(tmp_path) == 0
    said = capsys.readouterr().out
    assert [said.index(each) for each in ("enrol LINE", "init", "run")] == sorted(
        said.index(each) for each in ("enrol LINE", "init", "run")
    )
    configured(tmp_path, 2)
    assert run(tmp_path) == 0
    assert "has 2 printers; printwarden-agent check" in capsys.readouterr().out


def test_pairing_keeps_the_key_to_its_owner_and_says_the_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "pair", lambda url, user: f"key of {user} at {url}")
    home = tmp_path / "home"
    assert run(home, "pair", "octoprint", "http://octopi", "--user", "agent", "--name", "voron") == 0
    path = home / "voron.key"
    assert path.read_text() == "key of agent at http://octopi\n"
    assert path.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr().out
    options = build(Settings, parse_toml(said.partition("\n\n")[2], "said"), "said")
    assert options == Settings("http://octopi", "key of agent at http://octopi")


def test_pairing_with_nonsense_is_one_error_line(tmp_path, capsys):
    assert run(tmp_path, "pair", "octoprint", "octopi") == 2
    assert capsys.readouterr().err == ("printwarden-agent: 'octopi' is not an http:// or https:// address\n")


@pytest.mark.parametrize("line", ["", "http://hub", LINE[:-1], LINE + "x"])
def test_a_line_that_was_not_pasted_whole_is_one_error_line(tmp_path, capsys, line):
    assert run(tmp_path, "enrol", line) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("printwarden-agent: this is not an enrolment line")


def test_a_hub_that_refuses_is_one_error_line(tmp_path, capsys, monkeypatch):
    def refuse(_ticket, _show):
        raise EnrolmentError("the hub refused: already used")

    monkeypatch.setattr(enrolment, "redeem", refuse)
    assert run(tmp_path, "enrol", LINE) == 2
    assert capsys.readouterr().err == "printwarden-agent: the hub refused: already used\n"
    assert list(tmp_path.iterdir()) == []


def configured(tmp_path, count=1):
    table = "[[printer]]\ncredential = '{}.json'\nkind = 'simulated'\n"
    (tmp_path / "agent.toml").write_text("".join(table.format(number) for number in range(count)))
    for number in range(count):
        enrolment.save(CREDENTIAL, tmp_path / f"{number}.json")


def test_running_starts_every_agent_and_stops_them_on_a_signal(tmp_path, monkeypatch, signals):
    configured(tmp_path, 2)
    happened = []

    class FakeAgent:
        def __init__(self, credential, _printer, cameras, boot, fallback):
            assert (credential, cameras, fallback.action) == (CREDENTIAL, {}, "none")
            self.boot = boot

        def start(self):
            happened.append("start")
            if len(happened) == 2:
                signal.raise_signal(signal.SIGTERM)

        def stop(self):
            happened.append("stop")

    monkeypatch.setattr(cli, "PrinterAgent", FakeAgent)
    assert run(tmp_path, "run") == 0
    assert happened == ["start", "start", "stop", "stop"]
    assert (tmp_path / "0.boot").exists()


def test_checking_uses_the_settings_of_the_home_folder(tmp_path, monkeypatch):
    configured(tmp_path, 2)
    monkeypatch.setattr(cli, "check", lambda config: len(config.printer))
    assert run(tmp_path, "check") == 2


def test_rotating_exchanges_every_credential(tmp_path, monkeypatch, capsys):
    configured(tmp_path, 2)
    monkeypatch.setattr(enrolment, "rotate", lambda old, _now: replace(old, token="fresh"))
    assert run(tmp_path, "rotate") == 0
    assert {enrolment.load(tmp_path / f"{number}.json").token for number in range(2)} == {"fresh"}
    assert "restart the agent" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check", "rotate"])
def test_without_settings_every_command_names_the_missing_file(tmp_path, capsys, command):
    assert run(tmp_path, command) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/agent.toml: no such file; begin with: printwarden-agent" in told


def test_it_knows_its_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out
