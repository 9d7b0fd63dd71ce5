"""One layer fails, the next one holds: a broker without rules, stolen credentials, stolen commands, a cloned agent."""

from __future__ import annotations

import shutil

import pytest

from agent import enrolment, topics
from agent.protocol import Ack, Command, Frame, State, Status, pack_ack, pack_command, pack_frame, pack_state
from agent.protocol import pack_status as pack_birth
from agent.session import Message
from hub import cli, ingest
from hub.access import Right
from hub.broker import core
from hub.broker.probe import DENIED, Probe
from hub.sharing import PersonSharing
from hub.views import NotFound
from tests.support.hubs import PATIENCE, Owned, start_agent
from tests.support.pictures import failing, fine, picture
from tests.support.waiting import until

FAR = 10**9


@pytest.fixture
def victim(rig):
    """A printer that prints well and is watched."""
    owned = rig.printer()
    rig.agent(owned, fine(100), loop=True)
    owned.watch("watched")
    return owned


@pytest.fixture
def stranger(rig, victim, monkeypatch):
    """Another user's printer, for whose agent (and for the victim's) the broker has no rules at all."""
    owned, may = rig.printer(), core.may
    lawless = {owned.id, victim.id}
    monkeypatch.setattr(core, "may", lambda who, what, topic: who.id in lawless or may(who, what, topic))
    return owned


def order(rig, victim: Owned, **changes) -> Command:
    """A command that the victim's agent would obey, but for the changes."""
    state = rig.hub.live.printer(victim.id).state
    right = {
        "id": "stolen",
        "boot": state.boot,
        "seq": FAR * 10_000,
        "job": state.job,
        "action": "pause",
        "expires": state.clock + 600_000,
        "reason": "because I can",
        "initiator": "mallory",
    }
    return Command(**{**right, **changes})


def untouched(rig, victim: Owned) -> None:
    """The agent has dealt with everything sent to it before, and the printer prints on, watched."""
    proof = rig.hub.desk.order(victim.id, "pause", initiator="test", reason="proof", dry=True)
    until(
        lambda: any(
            each.id == proof.id and each.stage == "confirmed" for each in rig.hub.history.commands(victim.id)
        ),
        PATIENCE,
    )
    card = victim.view.printer(victim.id)
    assert (card.phase, card.online) == ("printing", True)
    assert {each.dry for each in victim.view.commands(victim.id)} == {True}


# A viewer without checks


def test_a_viewer_without_checks_gives_no_credential_that_the_broker_honours(rig, victim, monkeypatch):
    """Somebody else makes an integration for the victim's printer; the broker and the hub ask for themselves."""
    monkeypatch.setattr(PersonSharing, "_need", lambda *_: None)
    made = rig.hub.sharing(rig.person()).add_integration("ha", {victim.id: Right.CONTROL})
    wish = topics.intent(victim.id, made.id)
    with Probe(rig.hub.broker.endpoint("plain"), PATIENCE) as probe:
        assert probe.connect(made.username, made.token, made.username) == 0
        assert probe.subscribe(topics.state(victim.id), topics.out(victim.id, "event")) == [DENIED, DENIED]
        probe.publish(wish, made.intents[victim.id]["pause"].encode())
        probe.ping()
    assert "intent_refused" not in victim.kinds(), "it did not even reach the hub"
    rig.hub.ingest.receive(wish, made.intents[victim.id]["pause"].encode(), retained=False)
    assert "no control of this printer" in victim.event("intent_refused").text
    untouched(rig, victim)


# A broker without rules


def test_a_strangers_command_is_refused_by_the_agent_and_told(rig, victim, stranger):
    with rig.probe(stranger.credential) as probe:
        probe.publish(topics.command(victim.id), pack_command(stranger.key, victim.id, order(rig, victim)))
        told = victim.event("intrusion")
    assert told.level == "alarm"
    assert "bad_signature" in told.text
    untouched(rig, victim)


def test_a_strangers_messages_in_the_agents_name_are_refused_by_the_hub_and_told(rig, victim, stranger):
    """A failing picture, a state, a goodbye and a confirmation, each with a good seal of the wrong key."""
    pid, key = victim.id, stranger.key
    stamps = {"boot": FAR * 4, "seq": FAR, "clock": 1, "time": 1}
    stop = State(**stamps, phase="idle")
    frame = Frame(camera="main", job="", jpeg=picture(245), **stamps)
    ack = Ack(**stamps, command="x", stage="confirmed", phase="paused")
    forged = {
        topics.frame(pid, "main"): pack_frame(key, pid, frame),
        topics.state(pid): pack_state(key, pid, stop),
        topics.status(pid): pack_birth(key, pid, Status(FAR * 4, 1, online=False)),
        topics.ack(pid): pack_ack(key, pid, ack),
    }
    refused = rig.hub.live.printer(pid).refused
    before = refused.get("bad_signature", 0)
    with rig.probe(stranger.credential) as probe:
        for topic, payload in forged.items():
            probe.publish(topic, payload)
        until(lambda: refused.get("bad_signature", 0) == before + len(forged), PATIENCE)
    told = victim.event("refused")
    assert told.level == "warning"
    assert "bad_signature" in told.text
    untouched(rig, victim)
    assert victim.view.printer(pid).watch == "watched"


def test_a_strangers_intent_is_refused_and_told(rig, victim, stranger):
    with rig.probe(stranger.credential) as probe:
        probe.publish(topics.intent(victim.id, "0123456789abcdef"), b"cancel please")
        assert "no control of this printer" in victim.event("intent_refused").text
    untouched(rig, victim)


# A stolen command


def test_a_recorded_command_works_once_and_its_copies_are_told(rig, victim, stranger):
    """Copied while the print goes on, kept by the broker, and sent again to a restarted agent."""
    with rig.probe(stranger.credential) as probe:
        probe.subscribe(topics.command(victim.id))
        victim.view.order(victim.id, "pause")
        recorded = probe.message().payload
        victim.command("confirmed", "pause")
        victim.view.order(victim.id, "resume")
        victim.command("confirmed", "resume")

        probe.publish(topics.command(victim.id), recorded)
        _told_as_copy(victim, "repeated")

        probe.publish(topics.command(victim.id), recorded, retain=True)
        rig.hub.broker.kick(victim.id)
        _told_as_copy(victim, "retained")
        probe.publish(topics.command(victim.id), b"", retain=True)

        rig.stop_agents()
        victim.watch("not_watched")
        rig.agent(victim, fine(100), loop=True)
        victim.watch("watched")
        probe.publish(topics.command(victim.id), recorded)
        _told_as_copy(victim, "other_boot")
    assert victim.view.printer(victim.id).phase == "printing"
    assert [each.stage for each in victim.view.commands(victim.id)] == ["confirmed", "confirmed"]


@pytest.mark.parametrize(
    ("reason", "changes"), [("late", {"expires": 1}), ("other_job", {"job": "yesterday's"})]
)
def test_a_command_that_was_held_back_is_refused_and_told(rig, victim, reason, changes):
    """The hub's own seal, but its time or its job is over."""
    command = pack_command(victim.key, victim.id, order(rig, victim, seq=1, **changes))
    rig.publish_as_broker(Message(topics.command(victim.id), command))
    _told_as_copy(victim, reason)
    untouched(rig, victim)


def _told_as_copy(victim: Owned, reason: str) -> None:
    def found():
        told = [each for each in victim.view.events(victim.id) if each.kind == "stale_command"]
        return [each for each in told if f"({reason})" in each.text]

    assert until(found, PATIENCE)[0].level == "warning"


# A stolen credential


def test_a_stolen_agent_credential_reaches_one_printer_only(rig):
    """On the broker as it is: nothing of another printer can be read or written, and no command, not even one's own."""
    stolen, other = rig.printer(), rig.printer()
    rig.agent(other, fine(100), loop=True)
    other.watch("watched")
    denied = rig.hub.broker.metrics()["publishes_denied"]
    makers = (topics.command, topics.want, topics.state, topics.status, topics.ack)
    targets = [
        topics.command(stolen.id),
        topics.frame(other.id, "main"),
        *(make(other.id) for make in makers),
    ]
    with rig.probe(stolen.credential) as probe:
        wider = (f"{topics.ROOT}/#", "#", f"{topics.ROOT}/+/dn/cmd", topics.state(other.id))
        assert probe.subscribe(*wider) == [DENIED] * len(wider)
        for topic in targets:
            probe.publish(topic, pack_command(stolen.key, other.id, order(rig, other)))
        probe.ping()
        assert rig.hub.broker.metrics()["publishes_denied"] == denied + len(targets)
        assert probe.messages() == []
    untouched(rig, other)
    assert "intrusion" not in other.kinds()
    assert "refused" not in other.kinds()


def test_a_removed_printers_connection_ends_at_once_and_cannot_come_back(rig):
    printer = rig.printer()
    with rig.probe(printer.credential) as probe:
        printer.view.remove(printer.id)
        probe.wait_gone()
    assert not rig.can_log_in(printer.credential)
    with pytest.raises(NotFound):
        printer.view.printer(printer.id)


def test_a_printer_removed_on_the_command_line_is_cut_off_by_the_running_hub(rig, tmp_path, capsys):
    printer = rig.printer()
    config = tmp_path / "printwarden.toml"
    config.write_text(f"[hub]\ndata = '{rig.hub.settings.hub.data}'\n", encoding="utf-8")
    with rig.probe(printer.credential) as probe:
        assert cli.main(["-c", str(config), "printer", "remove", printer.id, "--yes"], None) == 0
        probe.wait_gone()
    assert "removed a printer" in capsys.readouterr().out
    until(lambda: rig.hub.ingest.key_of(printer.id) is None, PATIENCE)


def test_an_agent_enrolled_anew_outdates_the_old_credential(rig):
    """A stolen credential is worth nothing once its owner enrols again."""
    printer = rig.printer()
    with rig.probe(printer.credential) as probe:
        fresh = enrolment.redeem(enrolment.parse(printer.view.invite(printer.id).line))
        probe.wait_gone()
    assert fresh.key != printer.credential.key
    assert not rig.can_log_in(printer.credential)
    assert rig.can_log_in(fresh)


@pytest.mark.timeout(120)
def test_a_cloned_agent_is_noticed(rig, monkeypatch):
    """A copied card: the same credential beside two printers. Two turns instead of five, to keep the test short."""
    monkeypatch.setattr(ingest, "CLONE_TURNS", 2)
    printer = rig.printer()
    rig.agent(printer, fine(100), loop=True)
    printer.watch("watched")
    copy = printer.home.with_name(printer.home.name + "-copy")
    shutil.copytree(printer.home, copy)
    clone = start_agent(copy)
    try:
        told = printer.event("cloned", 90.0)
    finally:
        clone.kill()
        clone.wait()
    assert told.level == "alarm"
    assert "two agents" in told.text


def test_an_agent_that_is_only_restarted_is_no_clone(rig):
    printer = rig.printer()
    rig.agent(printer, fine(100), loop=True)
    printer.watch("watched")
    rig.stop_agents()
    printer.watch("not_watched")
    rig.agent(printer, failing(100))
    printer.command("confirmed")
    assert "cloned" not in printer.kinds()
    assert "refused" not in printer.kinds()
