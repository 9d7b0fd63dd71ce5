"""Imports point one way, the agent needs paho-mqtt alone, and it runs on old interpreters."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import agent

ROOT = Path(__file__).parents[1]
AGENT_FILES = sorted((ROOT / "agent").rglob("*.py"))
#: What a Python before 3.11 needs in the place of the standard library's `tomllib`.
BACKPORTS = {"tomli"}

WALK = """
import importlib, json, pkgutil, sys

sys.modules["socks"] = None  # paho takes this one when it happens to be there
before = set(sys.modules)
import agent

names = ["agent"] + [each.name for each in pkgutil.walk_packages(agent.__path__, "agent.")]
loaded = [name for name in names if not name.endswith("__main__")]
for name in loaded:
    importlib.import_module(name)
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps({"loaded": loaded, "foreign": sorted(new - set(sys.stdlib_module_names) - {"agent"})}))
"""


def test_contracts_of_setup_cfg_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--config", "setup.cfg", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_module_of_the_agent_loads_with_paho_alone():
    """In a fresh interpreter: what another test has loaded must not hide what the agent needs."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WALK], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["foreign"]) - BACKPORTS == {"paho"}
    assert len(found["loaded"]) == len([path for path in AGENT_FILES if path.name != "__main__.py"])


@pytest.mark.parametrize("path", AGENT_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_agent_is_written_for_python_3_9(path):
    """Raspberry Pi images in the field are that old."""
    ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


@pytest.mark.parametrize("path", AGENT_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_agent_takes_nothing_from_newer_standard_libraries(path):
    """Names that the linter's rules for 3.9 do not know."""
    newer = {
        "tomllib",
        "StrEnum",
        "ExceptionGroup",
        "UTC",
        "pairwise",
        "TaskGroup",
        "Self",
        "override",
        "batched",
    }
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & newer
    modern = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("slots", "kw_only", "strict")
        and getattr(node.func, "id", "") in ("dataclass", "zip")
    ]
    assert not modern


def test_the_agent_says_which_version_it_is():
    assert agent.__version__.count(".") == 2


def test_agent_files_are_found():
    assert ROOT / "agent" / "protocol.py" in AGENT_FILES
