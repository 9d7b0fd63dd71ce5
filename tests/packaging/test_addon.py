"""The Home Assistant add-on, as far as it can be checked without a Supervisor: its facts, its script, its folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from agent import __version__
from hub.store.database import Database
from hub.store.people import People
from hub.store.printers import Printers
from tests.support.debian import require
from tests.support.processes import free_ports, running
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "packaging" / "homeassistant" / "addon"
#: What the Supervisor takes, by key: a test of the value.
KEYS = {
    "name": lambda value: isinstance(value, str),
    "version": lambda value: value == __version__,
    "slug": lambda value: re.fullmatch(r"[-_.A-Za-z0-9]+", value),
    "description": lambda value: isinstance(value, str),
    "arch": lambda value: set(value) <= {"aarch64", "amd64"},
    "startup": lambda value: value in ("initialize", "system", "services", "application", "once"),
    "boot": lambda value: value in ("auto", "manual", "manual_only"),
    "init": lambda value: isinstance(value, bool),
    "ingress": lambda value: value is True,
    "ingress_port": lambda value: 1 <= value <= 65535,
    "panel_icon": lambda value: value.startswith("mdi:"),
    "panel_title": lambda value: isinstance(value, str),
    "panel_admin": lambda value: isinstance(value, bool),
    "watchdog": lambda value: re.fullmatch(
        r"(https?|\[PROTO:\w+\]|tcp)://\[HOST\]:(\[PORT:\d+\]|\d+).*", value
    ),
    "services": lambda value: all(re.fullmatch(r"(mqtt|mysql):(provide|want|need)", each) for each in value),
    "hassio_api": lambda value: isinstance(value, bool),
    "map": lambda value: all(
        set(each) <= {"type", "read_only", "path"}
        and each["type"]
        in {
            "addon_config",
            "share",
            "ssl",
            "media",
            "data",
            "backup",
            "homeassistant_config",
            "all_addon_configs",
        }
        for each in value
    ),
    "ports": lambda value: all(re.fullmatch(r"\d+/(tcp|udp)", each) for each in value),
    "ports_description": lambda value: all(isinstance(each, str) for each in value.values()),
    "options": lambda value: isinstance(value, dict),
    "schema": lambda value: all(_OPTION.fullmatch(each) for each in value.values()),
    "backup": lambda value: value in ("hot", "cold"),
    "timeout": lambda value: 10 <= value <= 300,
}
_OPTION = re.compile(
    r"(bool|email|url|port|str(\(.*\))?|password(\(.*\))?|int|float|match\(.*\)|list\(.+\))\??"
)
_REQUIRED = {"name", "version", "slug", "description", "arch"}


def config() -> dict:
    return yaml.safe_load((ADDON / "config.yaml").read_text(encoding="utf-8"))


def test_its_configuration_is_one_the_supervisor_takes():
    given = config()
    assert set(given) >= _REQUIRED
    assert set(given) <= set(KEYS)
    for key, value in given.items():
        assert KEYS[key](value), key


def test_it_asks_for_no_privileges():
    """No host network, no devices, no administrator's role: ports and three folders are all it needs."""
    greedy = {"host_network", "privileged", "full_access", "docker_api", "hassio_role", "devices", "auth_api"}
    assert not greedy & set(config())


def test_every_option_has_a_form_and_a_text():
    given = config()
    required = {name for name, form in given["schema"].items() if not form.endswith("?")}
    assert set(given["options"]) == required
    for name in sorted((ADDON / "translations").iterdir()):
        texts = yaml.safe_load(name.read_text(encoding="utf-8"))
        assert set(texts["configuration"]) == set(given["schema"]), name
        assert set(texts["network"]) == set(given["ports"]) == set(given["ports_description"]), name


def test_its_image_is_debian_and_checks_what_it_installs():
    lines = (ADDON / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("FROM")] == ["FROM python:3.11-slim-bookworm"]
    assert any("--require-hashes" in line for line in lines)


def test_its_script_is_clean():
    require("shellcheck")
    done = subprocess.run(["shellcheck", ADDON / "run.sh"], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.fixture
def machine(tmp_path):
    """The folders and the environment of a container, and a `setpriv` that only runs the rest, without NO_HUB."""
    for name in ("data", "config", "share", "bin"):
        (tmp_path / name).mkdir()
    stub = tmp_path / "bin" / "setpriv"
    lines = (
        "#!/bin/sh",
        'while [ "${1#--}" != "$1" ]; do shift; done',
        'if [ -n "$NO_HUB" ] && [ "$2" = run ]; then exit 0; fi',
        'exec "$@"',
    )
    stub.write_text("\n".join(lines), encoding="utf-8")
    chown = tmp_path / "bin" / "chown"
    chown.write_text("#!/bin/sh\n", encoding="utf-8")
    for each in (stub, chown):
        each.chmod(0o755)
    broker = '[plain]\nenabled = false\n[tls]\nhost = "127.0.0.1"\nport = 0\n'
    (tmp_path / "broker.conf").write_text(broker, encoding="utf-8")
    return tmp_path


def environment(machine: Path, ports: list[int]) -> dict[str, str]:
    return {
        "PATH": f"{machine / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATA": str(machine / "data"),
        "CONFIG": str(machine / "config"),
        "SHARE": str(machine / "share"),
        "SUPERVISOR": "http://127.0.0.1:9",
        "PRINTWARDEN_WEB_HOST": "127.0.0.1",
        "PRINTWARDEN_WEB_PORT": str(ports[0]),
        "PRINTWARDEN_HUB_ENROLMENT_HOST": "127.0.0.1",
        "PRINTWARDEN_HUB_ENROLMENT_PORT": str(ports[1]),
        "PRINTWARDEN_BROKER_CONFIG": str(machine / "broker.conf"),
    }


def give_options(machine: Path, **changes: object) -> None:
    options = {**config()["options"], "address": "192.0.2.10", **changes}
    (machine / "data" / "options.json").write_text(json.dumps(options), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_its_script_runs_the_hub(machine):
    """From the options to a viewer that stands below the ingress path, a first user's link and the authority."""
    give_options(machine)
    ports = free_ports(2)
    with running(["bash", str(ADDON / "run.sh")], machine / "log", environment(machine, ports)) as process:
        call = urllib.request.Request(
            f"http://127.0.0.1:{ports[0]}/sign-in", headers={"X-Ingress-Path": "/api/hassio_ingress/abc"}
        )
        log = machine / "log"
        until(lambda: "viewer: http" in log.read_text(encoding="utf-8"), 90, 0.2)
        with urllib.request.urlopen(call, timeout=20) as answer:
            assert b'href="/api/hassio_ingress/abc/static/' in answer.read()
        assert re.search(rf"http://192\.0\.2\.10:{ports[0]}/sign-in/\S+", log.read_text(encoding="utf-8"))
        assert "BEGIN CERTIFICATE" in (machine / "config" / "ca.pem").read_text(encoding="utf-8")
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_its_script_writes_the_bridge_for_the_mosquitto_add_on(machine):
    """With an integration's name and password in the options; the file is nobody else's to read."""
    folder = machine / "data" / "hub"
    folder.mkdir()
    database = Database(folder / "hub.db")
    database.start()
    People(database).add("olivia", None, role="user", now=0.0)
    printers = Printers(database)
    printer, name = printers.add("Ender", "olivia", 0.0).id, f"i-{'ab' * 8}"
    secret = printers.add_credential(name, "integration", 0.0, owner="olivia", rights={printer: 2})
    database.stop()
    give_options(machine, bridge_user=name, bridge_password=secret)
    done = subprocess.run(
        ["bash", str(ADDON / "run.sh")],
        env={**os.environ, **environment(machine, [1, 2]), "NO_HUB": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = machine / "share" / "mosquitto" / "printwarden.conf"
    assert written.stat().st_mode & 0o077 == 0
    text = written.read_text(encoding="utf-8")
    assert f"remote_password {secret}\n" in text
    assert f"topic printwarden/v1/{printer}/intent/{name[2:]} out 1\n" in text
    assert (written.parent / "printwarden-ca.pem").exists()
    assert secret not in done.stdout


def test_without_an_address_it_says_what_is_missing(machine):
    give_options(machine, address="")
    done = subprocess.run(
        ["bash", str(ADDON / "run.sh")],
        env={**os.environ, **environment(machine, [1, 2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "address" in done.stderr
