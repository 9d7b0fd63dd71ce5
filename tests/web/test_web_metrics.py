"""Who may read /metrics: tokens made for it, and nobody by a cookie or by another token."""

from dataclasses import replace

import pytest

from web.site import EXTENSION

TOKEN = "a-token-of-the-settings"


class FakeMetrics:
    def everything(self):
        return "all 1\n"

    def of(self, person):
        return f"{person} 1\n"


@pytest.fixture
def ask(world, browser):
    """Asks for /metrics with a token, or without one as somebody who is signed in."""
    world.app.extensions[EXTENSION] = replace(world.site, metrics=FakeMetrics(), metrics_token=TOKEN)
    world.person("olivia")
    world.people.add("root", None, role="admin", now=world.now())

    def made(token="", person="", kind="Bearer", path="/metrics"):
        headers = {"Authorization": f"{kind} {token}"} if token else {}
        return browser(person).get(path, headers=headers)

    return made


def token(world, person, scope):
    return world.shares.add_token(person, scope, "x", now=world.now(), lifetime=1000)[1]


def test_nobody_without_a_token_not_even_signed_in(ask):
    for person in ("", "olivia", "root"):
        answer = ask(person=person)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_the_settings_token_shows_all(ask):
    answer = ask(TOKEN)
    assert (answer.status_code, answer.text) == (200, "all 1\n")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert ask(TOKEN + "x").status_code == 401
    assert ask(TOKEN, kind="Basic").status_code == 401
    assert ask("ä").status_code == 401


def test_a_persons_token_shows_own_printers_and_an_administrators_all(ask, world):
    assert ask(token(world, "olivia", "metrics")).text == "olivia 1\n"
    assert ask(token(world, "root", "metrics")).text == "all 1\n"


@pytest.mark.parametrize("scope", ["read", "control"])
def test_a_token_for_something_else_does_not_open_it(ask, world, scope):
    assert ask(token(world, "olivia", scope)).status_code == 401


def test_a_token_for_metrics_opens_nothing_else(ask, world):
    made = token(world, "olivia", "metrics")
    assert ask(made, path="/api/v1/printers").status_code == 403
    assert ask(made, path="/notifications").status_code == 303


def test_without_a_token_in_the_settings_none_is_guessed(ask, world):
    world.app.extensions[EXTENSION] = replace(world.site, metrics=FakeMetrics(), metrics_token="")
    assert ask(" ").status_code == 401


def test_an_ended_token_is_dead(ask, world):
    entry, made = world.shares.add_token("olivia", "metrics", "x", now=world.now(), lifetime=1000)
    world.shares.remove_token("olivia", entry.id)
    assert ask(made).status_code == 401
