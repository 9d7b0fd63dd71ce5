"""What people install from: container, compose file and services, as far as they can be checked without an engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "packaging").glob("*.service"))


def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["hub"]


def test_the_container_has_no_privileges():
    hub = compose()
    assert hub["read_only"] is True
    assert hub["cap_drop"] == ["ALL"]
    assert hub["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "devices", "cap_add"} & set(hub)
    assert [volume.split(":")[1] for volume in hub["volumes"]] == ["/data"]


def test_no_port_is_open_to_everybody_by_default():
    for port in compose()["ports"]:
        assert port.startswith("${BIND:-127.0.0.1}:"), port


def test_the_image_runs_as_nobody_special_and_exposes_what_compose_publishes():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER 1000:1000" in lines
    exposed = set(next(line for line in lines if line.startswith("EXPOSE")).split()[1:])
    assert exposed == {port.rsplit(":", 1)[1] for port in compose()["ports"]}
    assert any("--require-hashes" in line for line in lines)


def test_the_image_can_send_by_whatever_the_documents_offer():
    """Nobody installs an extra into a container, so its lock holds the hub's own and Apprise."""
    pins = {
        name: set(
            re.findall(
                r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / f"requirements/{name}.lock").read_text(), re.MULTILINE
            )
        )
        for name in ("hub", "image", "dev")
    }
    assert "requirements/image.lock" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert pins["hub"] < pins["image"] < pins["dev"]
    assert "apprise" in dict(pins["image"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_services_are_understood_by_systemd(unit, tmp_path):
    """With a program that exists in place of the installed one, systemd finds nothing to complain about."""
    text = unit.read_text(encoding="utf-8")
    program = next(
        line.split("=", 1)[1].split()[0] for line in text.splitlines() if line.startswith("ExecStart=")
    )
    copy = tmp_path / unit.name
    copy.write_text(text.replace(program, "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == []
    assert "NoNewPrivileges=yes" in text
