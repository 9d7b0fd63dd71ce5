"""User names, and credentials that live in memory only."""

from __future__ import annotations

import pytest

from hub.access import Kind, Principal
from hub.broker.directory import ThrowAways, username
from tests.support.mqtt import HUB, PRINTER, People, token


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        (HUB, "hub"),
        (Principal(Kind.HUB, "12ab"), "hub-12ab"),
        (Principal(Kind.AGENT, PRINTER), PRINTER),
        (Principal(Kind.INTEGRATION, "ha"), "i-ha"),
        (Principal(Kind.WORKER, "one"), "w-one"),
    ],
)
def test_every_machine_has_one_user_name(principal, name):
    assert username(principal) == name


def test_people_have_none():
    with pytest.raises(ValueError, match="no MQTT user name"):
        username(Principal(Kind.PERSON, "7"))


def test_throw_aways_come_and_go_over_what_is_stored():
    kicked: list[str] = []
    people = People(HUB)
    directory = ThrowAways(people, kicked.append)
    agent = Principal(Kind.AGENT, PRINTER)
    secret = directory.add(agent)
    assert directory.authenticate(PRINTER, secret.encode()) == agent
    assert directory.authenticate(PRINTER, b"wrong") is None
    assert directory.principal(PRINTER) == agent
    assert directory.authenticate("hub", token("hub").encode()) == HUB
    assert directory.principal("hub") == HUB
    directory.remove(PRINTER)
    directory.remove(PRINTER)
    directory.remove("hub")
    assert kicked == [PRINTER]
    assert directory.principal(PRINTER) is None
    assert directory.authenticate(PRINTER, secret.encode()) is None
    assert directory.principal("hub") == HUB
