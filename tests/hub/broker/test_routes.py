"""Subscriptions and retained messages: who gets what, and what is left when somebody goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.access import matches
from hub.broker.routes import Retained, RetainedMessages, Subscriptions, split_shared


def first(members):
    return members[0]


def test_literal_and_wildcard_filters():
    table: Subscriptions[str] = Subscriptions()
    table.add("x", "a/b", 0)
    table.add("y", "a/+", 1)
    table.add("z", "c/#", 1)
    assert table.receivers("a/b", first) == {"x": 0, "y": 1}
    assert table.receivers("c", first) == {"z": 1}
    assert table.receivers("d", first) == {}
    assert len(table) == 3


def test_overlapping_filters_deliver_once_at_the_higher_quality():
    table: Subscriptions[str] = Subscriptions()
    table.add("x", "a/b", 0)
    table.add("x", "a/#", 1)
    table.add("x", "+/b", 0)
    assert table.receivers("a/b", first) == {"x": 1}


def test_the_same_filter_again_replaces_the_quality():
    table: Subscriptions[str] = Subscriptions()
    table.add("x", "a", 1)
    table.add("x", "a", 0)
    assert table.receivers("a", first) == {"x": 0}
    assert (table.count("x"), len(table)) == (1, 1)


def test_each_shared_group_gets_a_message_once_and_takes_turns():
    table: Subscriptions[str] = Subscriptions()
    for who in ("x", "y", "z"):
        table.add(who, "$share/g/a/+", 0)
    table.add("w", "$share/other/a/+", 1)
    table.add("v", "a/b", 0)
    rounds = [table.receivers("a/b", first) for _ in range(6)]
    assert [next(iter(set(each) - {"v", "w"})) for each in rounds] == ["x", "y", "z"] * 2
    assert all(each["w"] == 1 and each["v"] == 0 and len(each) == 3 for each in rounds)


def test_leaving_a_group():
    table: Subscriptions[str] = Subscriptions()
    table.add("x", "$share/g/a", 0)
    table.add("y", "$share/g/a", 0)
    table.remove("x", "$share/g/a")
    assert table.receivers("a", first) == {"y": 0}
    table.drop("y")
    assert table.receivers("a", first) == {}
    assert len(table) == 0


def test_unsubscribing_what_was_never_subscribed_does_nothing():
    table: Subscriptions[str] = Subscriptions()
    table.remove("x", "a")
    table.drop("x")
    table.add("x", "a", 0)
    table.remove("x", "b")
    table.remove("y", "a")
    assert table.holds("x", "a")


FILTERS = st.sampled_from(["a", "a/b", "+", "#", "a/+", "a/#", "$share/g/a", "$share/g/#", "$share/h/a"])


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), FILTERS, st.booleans())), st.sampled_from(["a", "a/b", "c"])
)
def test_agrees_with_a_plain_list(steps, topic):
    table: Subscriptions[str] = Subscriptions()
    held: set[tuple[str, str]] = set()
    for who, wanted, add in steps:
        if add:
            table.add(who, wanted, 1)
            held.add((who, wanted))
        else:
            table.remove(who, wanted)
            held.discard((who, wanted))
    direct = {who for who, wanted in held if not wanted.startswith("$") and matches(wanted, topic)}
    groups = {
        split_shared(wanted)
        for _, wanted in held
        if wanted.startswith("$") and matches(split_shared(wanted)[1], topic)
    }
    got = set(table.receivers(topic, first))
    assert direct <= got
    assert len(got - direct) <= len(groups)
    assert bool(groups) <= bool(got)
    assert len(table) == len(held)
    for who in "xyz":
        table.drop(who)
    assert (len(table), table._exact, table._wild, table._of) == (0, {}, {}, {})


def kept(store, wanted):
    return {each.topic: each.payload for each in store.matching(wanted)}


def test_retained_messages_are_replaced_and_cleared():
    store = RetainedMessages()
    assert store.put(Retained("a/b", b"1", 0, "x"), 5, 100)
    assert store.put(Retained("a/b", b"2", 1, "y"), 5, 100)
    assert store.put(Retained("a/c", b"3", 1, "y"), 5, 100)
    assert kept(store, "a/+") == {"a/b": b"2", "a/c": b"3"}
    assert kept(store, "a/b") == {"a/b": b"2"}
    assert kept(store, "b") == {}
    assert kept(store, "$share/g/a/b") == {}
    assert store.put(Retained("a/b", b"", 1, "z"), 5, 100)
    assert store.put(Retained("never", b"", 1, "z"), 5, 100)
    assert (len(store), store.size) == (1, 4)


def test_an_owner_keeps_no_more_than_its_share():
    store = RetainedMessages()
    assert store.put(Retained("a", b"x", 0, "x"), 2, 10)
    assert store.put(Retained("b", b"x", 0, "x"), 2, 10)
    assert not store.put(Retained("c", b"x", 0, "x"), 2, 10)
    assert not store.put(Retained("b", bytes(9), 0, "x"), 2, 10)
    assert store.put(Retained("c", b"x", 0, "y"), 2, 10)
    assert store.put(Retained("a", b"", 0, "x"), 2, 10)
    assert store.put(Retained("d", b"x", 0, "x"), 2, 10)
    assert kept(store, "#") == {"b": b"x", "c": b"x", "d": b"x"}
