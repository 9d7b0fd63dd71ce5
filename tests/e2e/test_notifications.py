"""A failing print reaches a phone as an ntfy message with its picture, and a button of it pauses the print."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from hub.notify.actions import LinkError
from hub.notify.desk import NewTarget
from hub.settings import NotifySection
from tests.support.hubs import HASTY, running_hub
from tests.support.pictures import failing, fine
from tests.support.receivers import LOOPBACK, as_ntfy, receiver
from tests.support.waiting import until

URL = "https://hub.example"


def settings(hub):
    hub.settings = replace(
        hub.settings,
        notify=NotifySection(allow_private=LOOPBACK),
        web=replace(hub.settings.web, public_url=URL),
    )


def test_from_a_frame_to_a_phone_and_back(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with receiver() as server, running_hub(tmp_path, prepare=settings) as rig:
        printer = rig.printer()
        printer.view.save_settings(printer.id, {**HASTY, "action": "alert"})
        stranger = rig.hub.notify(rig.person())
        desk = rig.hub.notify(printer.view.person)
        topic, key = "topic-that-nobody-guesses", "tk_of_the_topic"
        desk.add(NewTarget("ntfy", "phone", server.url(topic), key, level="warning", actions=True))
        stranger.add(NewTarget("ntfy", "phone", server.url("stranger"), level="info", actions=True))

        rig.agent(printer, fine(3) + failing(200), loop=True)
        event = printer.event("failing")
        got = until(lambda: [each for each in map(as_ntfy, list(server.got)) if "ailing" in each.message])[0]

        assert (got.topic, got.title, got.priority) == (topic, "a printer", 5)
        kept = printer.view.evidence(printer.id, event=event.id)[0]
        assert got.attachment == printer.view.picture(printer.id, kept.id)
        assert got.click == f"{URL}/p/{printer.id}"
        pause = next(each["url"] for each in got.actions if each["label"] == "Pause")
        assert pause.startswith(f"{URL}/a/")

        token = pause.rpartition("/")[2]
        rig.hub.actions.use(token, event.t + 1)
        command = printer.command("confirmed")
        assert command.initiator == printer.view.person
        assert "button of a notification" in command.reason
        with pytest.raises(LinkError, match="used already"):
            rig.hub.actions.use(token, event.t + 1)
        until(lambda: any("confirmed by the printer" in as_ntfy(each).message for each in list(server.got)))
        assert {as_ntfy(each).topic for each in server.got} == {topic}
        until(lambda: not rig.hub.notify_store.waiting())
        text = rig.hub.metrics.everything()
        assert f'printwarden_notifications_total{{outcome="sent"}} {len(server.got)}' in text

        rig.hub.people.add("root", None, role="admin", now=0.0)
        rig.hub.notify("root").add(NewTarget("ntfy", "phone", server.url("root")))
        rig.hub._isolation_alarm("retained: a message got through")
        until(lambda: [each for each in map(as_ntfy, list(server.got)) if each.topic == "root"])
        assert as_ntfy(server.got[-1]).message == "Isolation is broken: retained: a message got through"

        said = "\n".join(each.getMessage() for each in caplog.records)
        said += "\n".join(f"{row.object} {row.detail}" for row in rig.hub.audit.rows(1000))
        assert printer.id in said
        for secret in (topic, key, token, printer.credential.token, printer.credential.key):
            assert secret not in said
