"""The page of own notifications and the page behind a button: nothing of another person, no secret twice, no GET acts."""

import re

import pytest

from hub.access import Right
from hub.notify.links import Link, sign
from hub.store.notify import TargetRow
from tests.web.world import KEY

TOPIC = "the-topic-of-olivia"
NTFY = {
    "kind": "ntfy",
    "label": "Pager 7",
    "address": f"https://ntfy.sh/{TOPIC}",
    "secret": "tk_secret",
    "level": "alarm",
    "picture": "on",
}


@pytest.fixture
def target(olivia, world):
    """A target of olivia's."""
    assert olivia.post("/notifications/targets", NTFY).status_code == 303
    return world.notify_store.targets("olivia")[0]


def test_a_target_is_added_and_its_secrets_are_never_shown_again(target, olivia, world):
    assert (target.kind, target.level, target.picture, target.actions) == ("ntfy", "alarm", True, False)
    page = olivia.get("/notifications").text
    assert "Pager 7" in page
    assert "https://ntfy.sh/..." in page
    for secret in (TOPIC, "tk_secret"):
        assert secret not in page
        assert all(secret not in row.detail for row in world.audit.rows())


def test_what_was_entered_wrongly_is_said_beside_it_without_repeating_a_secret(olivia):
    answer = olivia.post("/notifications/targets", {**NTFY, "address": "https://me:pw@ntfy.sh/t"})
    assert answer.status_code == 422
    assert "password or token in its own field" in answer.text
    assert "me:pw" not in answer.text
    assert "tk_secret" not in answer.text


def test_a_webhooks_secret_is_shown_once(olivia, world):
    answer = olivia.post(
        "/notifications/targets", {**NTFY, "kind": "webhook", "address": "https://a.example/x"}
    )
    (row,) = world.notify_store.targets("olivia")
    assert row.secret in answer.text
    assert row.secret not in olivia.get("/notifications").text


def test_a_person_has_a_bounded_number_of_targets(olivia, world):
    for number in range(10):
        assert olivia.post("/notifications/targets", {**NTFY, "label": f"n{number}"}).status_code == 303
    assert olivia.post("/notifications/targets", NTFY).status_code == 422


def test_a_test_is_asked_for_and_its_result_shown(target, olivia, world):
    olivia.post(f"/notifications/targets/{target.id}/test")
    (note,) = world.notify_store.waiting(target.id)
    assert note.kind == "test"
    assert "a test is on its way" in olivia.get("/notifications/live").text
    world.notify_store.close([note], "expired", world.now())
    world.notify_store.failed(target.id, 1, 0.0, "it answered 404 Not Found", world.now())
    page = olivia.get("/notifications/live")
    assert "it answered 404 Not Found" in page.text
    assert (
        olivia.get("/notifications/live", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    )


def test_a_failing_target_stands_on_top_of_all_printers(target, olivia, world, browser):
    world.notify_store.failed(target.id, 1, 0.0, "no answer", world.now())
    assert "Your notifications to Pager 7 are not delivered" in olivia.get("/").text
    world.person("vera")
    assert "not delivered" not in browser("vera").get("/").text


def test_muted_and_removed(target, olivia, world):
    olivia.post(f"/notifications/targets/{target.id}/mute", {"muted": "yes"})
    assert world.notify_store.target(target.id).muted
    olivia.post(f"/notifications/targets/{target.id}/mute", {"muted": "no"})
    assert not world.notify_store.target(target.id).muted
    olivia.post(f"/notifications/targets/{target.id}/remove")
    assert world.notify_store.targets("olivia") == []


@pytest.mark.parametrize("what", ["test", "mute", "remove"])
def test_another_ones_target_does_not_exist(target, what, world, browser):
    world.person("mallory")
    before = world.notify_store.targets()
    assert browser("mallory").post(f"/notifications/targets/{target.id}/{what}").status_code == 404
    assert world.notify_store.targets() == before
    assert "Pager 7" not in browser("mallory").get("/notifications").text


def test_choices_are_kept(olivia, world):
    printer = world.printer("Bench", "olivia")
    form = {
        "subject-watch": "on",
        "quiet": "on",
        "from": "22:30",
        "to": "07:00",
        f"printer-{printer}": "alarm",
    }
    assert olivia.post("/notifications/choices", form).status_code == 303
    chosen = world.notify_store.choices("olivia")
    assert (chosen.subjects, chosen.quiet, chosen.alarms_pass) == ({"watch"}, (1350, 420), False)
    assert world.notify_store.printer_choices("olivia") == {printer: "alarm"}
    page = olivia.get("/notifications").text
    assert 'value="22:30"' in page
    assert re.search(r'value="alarm" selected>only alarms</option>\s*<option value="warning" >', page)


@pytest.mark.parametrize("quiet", [("25:00", "07:00"), ("", "07:00"), ("07:00", "07:00")])
def test_quiet_hours_that_make_no_sense_are_refused(olivia, world, quiet):
    answer = olivia.post("/notifications/choices", {"quiet": "on", "from": quiet[0], "to": quiet[1]})
    assert answer.status_code == 422
    assert world.notify_store.choices("olivia").quiet is None


def test_a_printers_page_switches_it_off_and_on(target, olivia, world):
    printer = world.printer("Bench", "olivia")
    assert "Notify me: on" in olivia.get(f"/p/{printer}").text
    olivia.post(f"/p/{printer}/notify", {"notify": "off"})
    assert "Notify me: off" in olivia.get(f"/p/{printer}").text
    assert world.notify_store.printer_choices("olivia") == {printer: "off"}
    olivia.post(f"/p/{printer}/notify", {"notify": "on"})
    assert world.notify_store.printer_choices("olivia") == {}


# Behind a button


class Button:
    """A button that olivia was sent, about a print of hers."""

    def __init__(self, world):
        self.world = world
        world.person("olivia")
        self.printer = world.printer("Bench", "olivia")
        world.prints.begin(self.printer, "job", "benchy", world.now() - 100)
        row = TargetRow("t", "olivia", "ntfy", "phone", "https://x/t", "", "info", True, True, False, 1.0)
        world.notify_store.add_target(row)
        event = world.history.add_event(self.printer, world.now(), "failing", "alarm", "failing: 99 % sure")
        world.notify_store.settle(world.history.events_after(event - 1)[0], ["t"])
        (note,) = world.notify_store.waiting()
        link = Link(note.id, "pause", int(world.now()) + 1000)
        self.path = "/a/" + sign(KEY, link, person="olivia", printer=self.printer, event=event)

    def orders(self):
        return [row.action for row in self.world.history.commands(self.printer)]


@pytest.fixture
def button(world):
    return Button(world)


def test_looking_at_a_button_does_nothing_and_pressing_it_does_it_once(button, browser):
    phone = browser()
    for _ in range(2):
        page = phone.get(button.path)
        assert page.status_code == 200
        assert "Bench" in page.text
        assert "in the name of olivia" in page.text
    assert phone.client.head(button.path).status_code == 200
    assert button.orders() == []
    assert phone.post(button.path).status_code == 200
    assert phone.post(button.path).status_code == 410
    assert phone.get(button.path).status_code == 410
    assert button.orders() == ["pause"]
    row = next(each for each in button.world.audit.rows() if each.action == "pause")
    assert (row.actor, row.session) == ("olivia", "notification-1")


def test_a_foreign_site_cannot_press_it(button, browser):
    client = browser().client
    assert client.post(button.path).status_code == 400
    assert client.post(button.path, headers={"X-CSRFToken": "made up"}).status_code == 400
    assert button.orders() == []


def test_somebody_else_who_is_signed_in_there_cannot(button, browser):
    button.world.person("mallory")
    mallory = browser("mallory")
    assert mallory.get(button.path).status_code == 410
    assert mallory.post(button.path).status_code == 410
    assert button.orders() == []


def test_without_the_right_it_is_refused(button, browser):
    button.world.printers.grant(button.printer, "olivia", Right.VIEW)
    assert browser().post(button.path).status_code == 410
    assert button.orders() == []
    button.world.printers.grant(button.printer, "olivia", None)
    assert "Bench" not in browser().get(button.path).text


def test_no_button_believes_the_host_of_a_request(button, browser):
    page = browser().get(button.path, headers={"Host": "evil.example"}).text
    assert "evil.example" not in page
