"""One line a record, as text or JSON, and no secret in it."""

import json
import logging
import secrets
import subprocess
import sys

import pytest

from hub import cli, logs
from hub.app import HubError
from hub.logs import Json, Text, printable, scrubbed
from hub.store.people import token
from tests.support.hubs import ROOT

SECRETS = (
    token(),
    secrets.token_bytes(32).hex(),
    secrets.token_urlsafe(48),
)


def record(message, *arguments, level=logging.INFO, **extra):
    made = logging.makeLogRecord(
        {"name": "hub.x", "msg": message, "args": arguments, "levelno": level, "levelname": "INFO"}
    )
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("formatter", [Text(), Json()], ids=["text", "json"])
@pytest.mark.parametrize(
    "message",
    ["got {}", "http://127.0.0.1:8080/sign-in/{}", "Authorization: Bearer {}", "token={}", "key: {}"],
)
def test_no_token_and_no_key_as_this_hub_makes_them(secret, formatter, message):
    assert secret not in formatter.format(record(message.format(secret)))


@pytest.mark.parametrize(
    "text",
    [
        "mailtos://olivia:Pa55word@smtp.example.org",
        "rtsp://admin:Pa55word@10.0.0.9/stream",
        "password=Pa55word",
        "token: Pa55word",
        "Basic UGE1NXdvcmQ6UGE1NXdvcmQ= Pa55".replace(" Pa55", ""),
    ],
)
def test_no_credentials_in_urls_and_fields(text):
    shown = scrubbed(f"could not open {text} at noon")
    assert "Pa55word" not in shown
    assert "UGE1NXdvcmQ" not in shown
    assert shown.startswith("could not open ")
    assert shown.endswith(" at noon")


@pytest.mark.parametrize(
    "text",
    [
        f"printer {'ab' * 16}: paused, confirmed by the printer",
        "camera main sends nothing for 30 s",
        "https://example.org/path?x=1",
        "a-very-long-name-of-a-print-without-any-number-in-it.gcode",
        "messages in its agent's name were refused (bad_signature)",
    ],
)
def test_what_is_no_secret_stays(text):
    assert scrubbed(text) == text


def test_a_traceback_is_scrubbed_too():
    try:
        raise ValueError(f"bad {SECRETS[0]}")
    except ValueError as error:
        made = record("failed", exc_info=(type(error), error, error.__traceback__))
    for formatter in (Text(), Json()):
        made.exc_text = None
        assert SECRETS[0] not in formatter.format(made)
    assert "ValueError" in json.loads(Json().format(made))["error"]


def test_a_json_line_carries_the_fields_of_its_event():
    line = Json().format(record("printer %s: %s", "p1", "paused", printer="p1", kind="paused", event=7))
    row = json.loads(line)
    assert "\n" not in line
    assert (row["message"], row["level"], row["logger"]) == ("printer p1: paused", "info", "hub.x")
    assert (row["printer"], row["kind"], row["event"]) == ("p1", "paused", 7)
    assert "person" not in row


@pytest.mark.parametrize("formatter", [Text(), Json()], ids=["text", "json"])
def test_nothing_in_a_message_begins_a_line_or_commands_a_terminal(formatter):
    line = formatter.format(record("file %s", "a\n2026-01-01 ERROR forged\x1b[2J"))
    assert "\n" not in line
    assert "\x1b" not in line


def test_printable_keeps_letters_of_every_language():
    assert printable("Würfel 方块\t") == "Würfel 方块\\t"


def test_the_whole_process_logs_as_configured():
    program = (
        "import logging; from hub import logs; logs.configure('json', 'warning');"
        "logging.getLogger('a').info('quiet'); logging.getLogger('b').warning('loud')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["loud"]


@pytest.mark.parametrize(("flags", "level"), [((), "warning"), (("-v",), "debug")])
def test_run_logs_as_the_settings_say(tmp_path, monkeypatch, flags, level):
    config = tmp_path / "printwarden.toml"
    config.write_text("[log]\nformat = 'json'\nlevel = 'warning'\n")
    asked = []

    def no_hub(_settings):
        raise HubError("not today")

    monkeypatch.setattr(logs, "configure", lambda *given, **named: asked.append((*given, *named.values())))
    monkeypatch.setattr(cli, "Hub", no_hub)
    assert cli.main(["-c", str(config), *flags, "run"], lambda _hub: None) == 2
    assert asked[-1] == ("json", level)
