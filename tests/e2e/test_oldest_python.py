"""The agent on Python 3.9: it loads, its own tests pass, and it watches and pauses a print at a real hub."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.hubs import ROOT
from tests.support.oldest_python import oldest_python
from tests.support.pictures import failing, fine

LOAD = """
import importlib, pkgutil, sys, agent
assert sys.version_info[:2] == (3, 9)
for each in pkgutil.walk_packages(agent.__path__, "agent."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
"""
#: What needs neither pictures nor certificates, which the tests make with libraries that PyPy lacks.
TESTS = ("printers", "test_config.py", "test_init.py", "test_loop.py", "test_settings.py")


@pytest.fixture(scope="module")
def python():
    return oldest_python()


def test_every_module_loads(python):
    done = subprocess.run([*python, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_agents_own_tests_pass(python):
    options = ("-q", "-x", "-p", "no:cacheprovider", "-k", "not any_shape")
    paths = [f"tests/agent/{each}" for each in TESTS]
    command = [*python, "-m", "pytest", *options, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.timeout(150)
def test_a_failing_print_is_paused(rig, python):
    printer = rig.printer()
    rig.agent(printer, fine(3) + failing(200), program=(*python, "-m", "agent"))
    printer.command("confirmed", limit_s=100)
    printer.phase("paused")
