"""What `pip install` gives: the agent with paho-mqtt alone, and a hint where the hub is asked for."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The scripts folder of an environment into which the project was installed, without extras."""
    folder = tmp_path_factory.mktemp("environment")
    wheels = tmp_path_factory.mktemp("wheel")
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(wheels),
        str(ROOT),
    ]
    subprocess.run(wheel, check=True, capture_output=True)
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, str(next(wheels.glob("*.whl")))], capture_output=True, text=True, check=False
    )
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("paho-mqtt cannot be had: no package index is reachable")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_agent_needs_paho_alone(installed):
    """Without extras nothing but paho-mqtt comes along, and the agent's command works."""
    listed = subprocess.run(
        [installed / "python", "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        check=True,
    )
    names = {entry["name"].lower() for entry in json.loads(listed.stdout)} - {"pip", "setuptools", "wheel"}
    assert names == {"printwarden", "paho-mqtt"}
    subprocess.run([installed / "printwarden-agent", "--version"], check=True, capture_output=True)


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_hubs_command_says_what_is_missing(installed):
    done = subprocess.run([installed / "printwarden", "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'printwarden[hub]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_wheel_holds_what_the_hub_needs(installed):
    """Models, clips, pages and the API's contract are found from an installed wheel."""
    site = next((installed.parent / "lib").glob("python3*/site-packages"))
    for name in (
        "hub/models/model.json",
        "agent/demo/failing.mjpeg",
        "web/openapi.json",
        "web/static/app.css",
        "web/templates/base.html",
    ):
        assert (site / name).is_file(), name
    described = json.loads((site / "hub/models/model.json").read_text(encoding="utf-8"))
    for entry in described["files"]:
        assert (site / "hub/models" / entry["file"]).stat().st_size == entry["bytes"]
