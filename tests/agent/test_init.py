"""`init` asks for what is needed, tries it, and never loses settings or shows a secret."""

from __future__ import annotations

import pytest

from agent import enrolment
from agent import init as beginning
from agent.config import load
from agent.init import HEAD, Init, Terminal, camera
from agent.printers.octoprint import Settings
from agent.settings import SettingsError, build
from tests.support.messages import JPEG, credential
from tests.support.web import serve

OPTIONS = {"kind": "", "url": "", "camera": "", "yes": False}


class Person:
    """Answers in order; `asked` keeps the questions."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def ask(self, question, _option):
        self.asked.append(question)
        return self.answers.pop(0)

    def secret(self, question):
        return self.ask(question, "")

    def agrees(self, question):
        return self.ask(question, "") == "y"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with an enrolled printer; `check` finds all well."""
    monkeypatch.setattr(beginning, "check", lambda config: 0 if config.printer else 1)
    enrolment.save(credential(), tmp_path / "printer.credential.json")
    return tmp_path


def answer(request):
    """An OctoPrint that knows two webcams, with a snapshot and a stream behind it."""
    webcam = {"name": "Side Cam", "flipH": True, "compat": {"snapshot": "/snapshot", "stream": ""}}
    if request.path == "/stream":
        request.reply(200, b"", {"Content-Type": "multipart/x-mixed-replace; boundary=x"})
    elif request.path == "/snapshot":
        request.reply(200, JPEG, {"Content-Type": "image/jpeg"})
    elif request.headers.get("X-Api-Key") != "sesame":
        request.reply(403)
    elif request.path == "/api/settings":
        request.reply(200, {"webcam": {"webcams": [webcam, {**webcam, "name": "Top"}]}})
    elif request.path == "/api/currentuser":
        request.reply(200, {"permissions": ["PRINT"]})
    elif request.path.startswith("/api/printer"):
        request.reply(200, {"state": {"flags": {"operational": True}}})
    else:
        request.reply(200, {})


@pytest.fixture
def server():
    with serve(answer) as url:
        yield url


def run(home, person, name="printer", **options):
    return Init(home, name, person).run(**{**OPTIONS, **options})


def test_a_printer_whose_software_knows_its_cameras_needs_its_address_and_key(home, server, capsys):
    person = Person("octoprint", server, "sesame", "y")
    assert run(home, person) == 0
    (printer,) = load(home / "agent.toml").printer
    assert [each.name for each in printer.camera] == ["side-cam", "top"]
    assert printer.camera[0].options == {"url": f"{server}/snapshot", "flip_h": True}
    assert build(Settings, printer.options, "x") == Settings(server, "sesame")
    assert (home / "printer.key").stat().st_mode & 0o777 == 0o600
    assert "sesame" not in (home / "agent.toml").read_text() + capsys.readouterr().out
    assert person.asked[-1].strip() == f"write {home / 'agent.toml'}?"


def test_an_octoprint_without_a_key_is_asked_for_one(home, server, monkeypatch):
    monkeypatch.setattr(beginning, "pair", lambda url: {server: "sesame"}[url])
    assert run(home, Person(""), kind="octoprint", url=server, yes=True) == 0
    assert (home / "printer.key").read_text() == "sesame\n"


def test_a_camera_of_its_own_is_asked_for_where_nothing_knows_one(home, server):
    assert run(home, Person(f"{server}/stream"), kind="simulated", yes=True) == 0
    (printer,) = load(home / "agent.toml").printer
    assert [(each.name, each.kind) for each in printer.camera] == [("main", "mjpeg")]


def test_a_second_printer_is_added_and_what_stood_there_stays(home, server):
    run(home, Person(), kind="camera_only", camera=f"{server}/snapshot", yes=True)
    mine = (home / "agent.toml").read_text() + "# mine\n"
    (home / "agent.toml").write_text(mine)
    enrolment.save(credential(), home / "two.credential.json")
    person = Person("y")
    assert run(home, person, "two", kind="simulated", camera="/dev/video0") == 0
    assert (home / "agent.toml").read_text().startswith(mine)
    assert [each.kind for each in load(home / "agent.toml").printer] == ["camera_only", "simulated"]
    assert "add this to" in person.asked[-1]


def test_nothing_is_written_without_a_yes(home, server, monkeypatch):
    monkeypatch.setattr(beginning, "check", lambda _: 1)
    person = Person("n")
    assert run(home, person, kind="simulated", camera=f"{server}/snapshot") == 1
    assert not (home / "agent.toml").exists()
    assert "not everything works" in person.asked[0]


def test_a_printer_that_is_in_the_settings_already_is_left_alone(home, server):
    run(home, Person(), kind="simulated", camera=f"{server}/snapshot", yes=True)
    before = (home / "agent.toml").read_text()
    with pytest.raises(SettingsError, match=r"has a printer with .* already"):
        run(home, Person(), kind="octoprint", yes=True)
    assert (home / "agent.toml").read_text() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kind": "octo"}, "'octo' is none of"),
        ({"kind": "action"}, "see docs/printers.md"),
        ({"kind": "simulated", "camera": "nonsense"}, "camera: 'nonsense' is not an http"),
    ],
)
def test_nonsense_is_named(home, options, told):
    with pytest.raises(SettingsError, match=told):
        run(home, Person(), yes=True, **options)


def test_a_printer_that_was_not_enrolled_is_told(tmp_path):
    with pytest.raises(SettingsError, match="enrol first"):
        run(tmp_path, Person())


def test_where_nobody_can_answer_the_missing_option_is_named(home, monkeypatch):
    def nobody(_):
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(SettingsError, match="give --kind"):
        run(home, Terminal())


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsp://cam/1", "rtsp"),
        ("/dev/video0", "v4l2"),
        ("{server}/stream", "mjpeg"),
        ("{server}/snapshot", "snapshot"),
        ("http://127.0.0.1:9/", "snapshot"),
    ],
)
def test_the_kind_of_a_camera_is_seen_from_its_address(server, address, kind):
    assert camera(address.format(server=server))["kind"] == kind


def test_the_settings_begin_with_where_to_read_on():
    assert all(line.startswith("#") for line in HEAD.splitlines())
    assert "docs/printers.md" in HEAD
