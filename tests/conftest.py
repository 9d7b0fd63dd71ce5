"""What holds for every test."""

import logging

import pytest
from hypothesis import HealthCheck, settings

from hub.logs import Json, Text

# Examples are few because the suite runs on small machines; a deadline would measure the machine and not the code.
settings.register_profile(
    "printwarden", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("printwarden")


@pytest.fixture(autouse=True)
def _log_as_it_was():
    """A command that is run inside of a test sets up the log of its process, which is not its own here."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    root.handlers[:] = [each for each in root.handlers if not isinstance(each.formatter, (Text, Json))]
