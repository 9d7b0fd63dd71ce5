"""A viewer with its world, and browsers that are signed in."""

from __future__ import annotations

import re

import pytest

from tests.web.world import PASSWORD, World

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A client that fills in the CSRF token of the forms it sends."""

    def __init__(self, app, **options) -> None:
        self.client = app.test_client(**options)

    def get(self, path, **options):
        return self.client.get(path, buffered=True, **options)

    def token(self, page="/sign-in"):
        """A CSRF token of this browser's session, as any of its pages carries it."""
        found = _TOKEN.search(self.get(page, follow_redirects=True).text)
        assert found, f"no form on {page}"
        return found[1]

    def post(self, path, data=None, **options):
        return self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)

    def post_json(self, path, body, **options):
        return self.client.post(path, json=body, headers={"X-CSRFToken": self.token()}, **options)

    def cookie(self):
        found = self.client.get_cookie("printwarden")
        return found.value if found else None


@pytest.fixture
def world():
    made = World(quick=True)
    yield made
    made.close()


@pytest.fixture
def browser(world):
    """Makes browsers; with a name, one that is signed in as this person."""

    def make(name=""):
        made = Browser(world.app)
        if name:
            link = world.people.mint_link(name, world.now())
            assert made.post(f"/sign-in/{link}").status_code == 303
        return made

    return make


@pytest.fixture
def olivia(world, browser):
    """The owner of what is tested, signed in."""
    world.person("olivia", PASSWORD)
    return browser("olivia")
