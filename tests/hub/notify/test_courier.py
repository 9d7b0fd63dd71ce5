"""From an event in the database to a person's target: who, when, how often, and what becomes of failures."""

import logging
import threading

import pytest

from hub.access import Right
from hub.judge import local_minute
from hub.notify import desk as desk_module
from hub.notify.courier import STALE_S, TELL_AFTER, Courier
from hub.notify.desk import tell_administrators
from hub.notify.rules import Choices
from hub.store.notify import EXPIRED
from tests.hub.notify.conftest import Post
from tests.support.messages import JPEG
from tests.support.waiting import until

HOUR = 3600.0


# Who is told


def test_everybody_with_a_right_is_told_and_nobody_else(post):
    post.happens()
    assert post.texts("olivia") == post.texts("vera") == ["Failing!"]
    assert post.texts("mallory") == []


def test_a_right_that_was_taken_ends_it_at_once_also_for_what_waits(post):
    post.sender.errors[""] = "down"
    post.happens()
    post.stores.printers.grant(post.printer, "vera", None)
    post.sender.errors.clear()
    post.passes(HOUR)
    post.happens("not_watched")
    assert post.texts("vera") == []
    assert len(post.texts("olivia")) == 2


def test_a_person_who_was_disabled_is_not_told(post):
    with post.stores.database.write() as db:
        db.execute("UPDATE people SET disabled = 1 WHERE name = 'vera'")
    post.happens()
    assert post.texts("vera") == []


def test_a_printer_that_was_removed_is_not_told_of(post):
    post.sender.errors[""] = "down"
    post.happens()
    post.stores.printers.remove(post.printer)
    post.sender.errors.clear()
    post.passes(HOUR)
    assert post.sender.sent == []


def test_a_choice_for_a_printer(post):
    post.desk("olivia").choose(post.printer, "off")
    post.happens()
    assert post.texts("olivia") == []
    assert post.texts("vera") == ["Failing!"]


def test_recovery_is_told_to_whom_the_trouble_was_told(post):
    post.target("quiet", "olivia", level="alarm")
    post.happens("suspected", "warning")
    post.happens("paused", "info")
    post.happens("resumed", "info")
    assert post.texts("olivia") == ["Suspected!", "Paused!"]
    assert post.texts("quiet") == []


def test_a_muted_target_is_silent_and_drops_what_waited(post):
    post.sender.errors[""] = "down"
    post.happens()
    post.desk("olivia").mute("olivia", muted=True)
    post.sender.errors.clear()
    post.happens("not_watched")
    post.desk("olivia").mute("olivia", muted=False)
    post.passes(HOUR)
    assert post.texts("olivia") == []


def test_what_happened_before_there_were_notifications_or_long_ago_is_not_told(post):
    post.stores.history.add_event(post.printer, post.time.time() - STALE_S - 1, "failing", "alarm", "old")
    post.passes(2.0)
    assert post.sender.sent == []


def test_what_the_printers_own_quiet_hours_keep_quiet_is_not_told(post):
    now = post.time.time()
    post.stores.history.add_event(post.printer, now, "suspected", "warning", "by night", {"quiet": True})
    post.passes(2.0)
    assert post.sender.sent == []


# What it says


def test_the_picture_of_the_event_goes_along(post):
    event = post.stores.history.add_event(post.printer, post.time.time(), "failing", "alarm", "x")
    post.courier.tick(post.time.time())
    assert post.sender.sent == []
    post.stores.history.add_evidence(post.printer, "main", 5.0, JPEG, event=event)
    post.passes(1.0)
    assert post.sender.sent[0][1].picture == JPEG


def test_buttons_are_for_those_who_may_press_them(post):
    post.happens()
    by = dict(post.sender.sent)
    assert [each.action for each in by["olivia"].buttons] == ["pause", "dismiss"]
    assert by["olivia"].buttons[0].url.startswith("https://hub.example/a/")
    assert by["vera"].buttons == ()


@pytest.mark.parametrize("how", ["no public_url", "not asked for"])
def test_no_buttons(stores, how):
    post = Post(stores, "" if how == "no public_url" else "https://hub.example")
    post.target("plain", "olivia", actions=how == "no public_url")
    post.happens()
    assert dict(post.sender.sent)["plain"].buttons == ()


# When, and how often


def test_the_first_at_once_and_a_flood_collected(post):
    for number in range(200):
        post.happens("refused", "warning", f"refused {number}")
    post.passes(2 * HOUR, step=60)
    sent = [message for target, message in post.sender.sent if target == "olivia"]
    assert len(sent) < 12
    assert sum(len(message.items) for message in sent) == 200
    assert sent[0].text == "Refused 0"
    assert "messages" in sent[-1].title


def test_a_flood_about_one_printer_does_not_delay_another_ones_alarm(post):
    other = post.stores.printer("Voron").id
    for _ in range(90):
        post.happens("refused", "warning")
        post.passes(60)
    before = len(post.texts())
    post.happens("failing", printer=other)
    post.passes(60)
    assert len(post.texts()) > before
    assert "Voron: failing!" in post.texts()[-1] or "Failing!" in post.texts()[-1]


def test_quiet_hours_collect_until_they_are_over(post):
    begin = local_minute(post.time.unix)
    post.store.save_choices("olivia", Choices(quiet=(begin, (begin + 120) % 1440)))
    post.happens("suspected", "warning")
    post.happens("refused", "warning")
    assert post.texts() == []
    post.happens("failing", "alarm")
    assert len(post.texts()) == 1
    post.passes(2 * HOUR)
    assert len(post.texts()) == 2
    assert "2 messages" in post.sender.sent[-1][1].title


# What goes wrong


def test_a_failure_is_tried_again_later_each_time_and_told_to_the_other_targets(post, caplog):
    post.target("mail", "olivia")
    post.sender.errors["olivia"] = "it answered 503"
    post.happens()
    waits = []
    while len(waits) < 5:
        target = post.store.target("olivia")
        waits.append(round(target.next_try - post.time.time()))
        post.passes(waits[-1] + 1)
        assert post.store.target("olivia").tries == target.tries + 1
    assert waits == [10, 20, 40, 80, 160]
    (card,) = post.desk("olivia").failing()
    assert (card.state, card.error, card.waiting) == ("failing", "it answered 503", 1)
    assert "Notifications to olivia do not arrive: it answered 503" in post.texts("mail")[-1]
    post.sender.errors.clear()
    post.passes(HOUR)
    assert post.texts("olivia") == ["Failing!"]
    assert post.desk("olivia").failing() == []
    post.passes(HOUR)
    assert post.texts("mail")[-1] == "Notifications to olivia arrive again"
    assert any("notification to olivia of olivia failed" in each.message for each in caplog.records)


def test_what_cannot_be_delivered_for_a_day_is_given_up_and_told(post, caplog):
    caplog.set_level(logging.WARNING)
    post.sender.errors["olivia"] = "down"
    post.happens()
    post.passes(25 * HOUR, step=600)
    (card,) = post.desk("olivia").failing()
    assert (card.state, card.error, card.waiting) == ("failing", "down", 0)
    assert post.courier.counts["expired"] == 1
    assert any("gave up 1 notifications" in each.message for each in caplog.records)
    assert post.store.note(1).state == EXPIRED


def test_a_receiver_that_asks_for_time_gets_it(post):
    post.sender.errors["olivia"], post.sender.wait_s = "429", 600.0
    post.happens()
    post.sender.errors.clear()
    post.passes(300)
    assert post.texts() == []
    post.passes(301)
    assert post.texts() == ["Failing!"]


def test_an_error_nobody_expected_is_a_failed_try(post, monkeypatch):
    monkeypatch.setattr(post.sender, "send", lambda *_: 1 / 0)
    post.happens()
    assert post.store.target("olivia").tries == 1


def test_a_test_is_sent_at_once_alone_and_once(post, monkeypatch):
    monkeypatch.setattr(desk_module, "time", post.time)
    desk = post.desk("olivia")
    for _ in range(5):
        post.happens("refused", "warning")
    before = len(post.sender.sent)
    desk.test("olivia")
    with pytest.raises(ValueError, match="is enough"):
        desk.test("olivia")
    post.courier.tick(post.time.time())
    assert [message.text for _, message in post.sender.sent[before:]] == ["This is a test, and it arrived"]
    assert desk.targets()[0].test == "sent"
    post.sender.errors[""] = "it answered 404 Not Found"
    with pytest.raises(ValueError, match="is enough"):
        desk.test("olivia")
    post.time.pass_(desk_module.TEST_EVERY_S)
    desk.test("olivia")
    post.courier.tick(post.time.time())
    tries = post.sender.tries
    post.courier.tick(post.time.time())
    assert post.sender.tries == tries
    (card,) = desk.targets()
    assert (card.test, card.state, card.error) == ("failed", "failing", "it answered 404 Not Found")


def test_only_the_newest_wait_for_a_target_that_fails(post, monkeypatch):
    monkeypatch.setattr("hub.notify.courier.MOST_WAITING", 3)
    post.sender.errors["olivia"] = "down"
    for number in range(5):
        post.happens("refused", "warning", f"event {number}")
    assert [each.text for each in post.store.waiting("olivia")] == ["event 2", "event 3", "event 4"]
    assert post.courier.counts["expired"] == 2


def test_administrators_are_told_of_the_hub_itself(post):
    with post.stores.database.write() as db:
        db.execute("UPDATE people SET role = 'admin' WHERE name = 'mallory'")
    tell_administrators(post.store, post.stores.people, "isolation is broken: x", post.time.time())
    post.passes(2.0)
    ((target, message),) = post.sender.sent
    assert (target, message.title, message.text) == ("mallory", "Printwarden", "Isolation is broken: x")
    assert message.link == "https://hub.example/"


# Restarts and threads


def test_what_an_earlier_run_settled_is_sent_by_the_next_one(post):
    post.stores.history.add_event(post.printer, post.time.time(), "failing", "alarm", "before the kill")
    post.courier = post.made()
    post.passes(1.0)
    assert post.texts() == ["Before the kill"]
    post.courier = post.made()
    post.passes(HOUR)
    assert post.texts() == ["Before the kill"]


def test_what_waited_when_the_hub_was_killed_is_sent_by_the_next_run(post):
    post.sender.errors[""] = "killed while sending"
    post.happens()
    post.sender.errors.clear()
    post.courier = post.made()
    post.passes(11.0)
    assert post.texts() == ["Failing!"]


def test_a_slow_target_delays_nobody_else_and_is_asked_once(post):
    """Olivia's never answers; Vera's gets everything meanwhile."""
    gate, asked, sent = threading.Event(), [], []

    class Slow:
        def send(self, row, message):
            asked.append(row.id)
            if row.id == "olivia":
                gate.wait(20)
            sent.append(row.id)

    parts = post.courier._parts
    courier = Courier(type(parts)(**{**vars(parts), "sender": Slow()}), post.time.time)
    try:
        post.stores.history.add_event(post.printer, post.time.time(), "failing", "alarm", "x")
        post.time.pass_(2.0)
        for _ in range(3):
            courier.tick(post.time.time())
        until(lambda: "vera" in sent)
        courier.tick(post.time.time())
        assert asked.count("olivia") == 1
    finally:
        gate.set()
    until(lambda: not courier._busy)
    courier.tick(post.time.time())
    assert asked.count("olivia") == 1


def test_the_number_of_old_events_is_no_way_to_hear_them_again(post):
    """Ids are never used again, also when the newest events are deleted."""
    first = post.happens()
    post.stores.history.forget(post.printer)
    assert post.happens("not_watched") > first
    assert post.texts() == ["Failing!", "Not_watched!"]


def test_a_tick_with_nothing_to_do_writes_nothing(post):
    post.passes(1.0)
    before = "\n".join(post.stores.database.tables.conn.iterdump())
    post.passes(1.0)
    assert "\n".join(post.stores.database.tables.conn.iterdump()) == before


def test_tell_after_is_soon():
    assert TELL_AFTER == 3


def test_a_right_given_back_is_told_again(post):
    post.stores.printers.grant(post.printer, "vera", None)
    post.stores.printers.grant(post.printer, "vera", Right.VIEW)
    post.happens()
    assert post.texts("vera") == ["Failing!"]
