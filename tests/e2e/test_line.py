"""The whole line: a frame leaves an agent, and a paused printer comes back, with everything kept and shown."""

from __future__ import annotations

from agent.check import check
from agent.config import load
from agent.protocol import read_frame
from tests.support.hubs import PATIENCE, write_agent_settings
from tests.support.pictures import clip, failing, fine
from tests.support.waiting import until


def test_a_failing_print_is_paused_resumed_and_cancelled(rig):
    """From frame to confirmed pause; history and evidence are kept; its owner resumes and cancels in the viewer."""
    printer = rig.printer()
    rig.agent(printer, fine(3) + failing(200))

    pause = printer.command("confirmed")
    printer.phase("paused")

    assert (pause.initiator, pause.dry) == ("printwarden", False)
    assert "sure" in pause.reason
    told = printer.event("paused")
    assert told.level == "info"
    assert told.data == {"command": pause.id}
    decided = printer.event("failing")
    assert decided.level == "alarm"
    assert rig.hub.history.flush() >= 0
    scores = [each.score for each in printer.view.scores(printer.id, 0.0)]
    assert min(scores) < 0.5 < max(scores)
    kept = printer.view.evidence(printer.id, event=decided.id)[0]
    picture = printer.view.picture(printer.id, kept.id)
    assert read_frame(printer.key, printer.id, "main", picture).seq == decided.data["frame"]
    assert printer.watch("standing_down") == "the print is paused"

    asked = printer.view.order(printer.id, "resume")
    resumed = printer.command("confirmed", "resume")
    printer.phase("printing")
    assert (resumed.id, resumed.initiator) == (asked.id, printer.view.person)
    printer.watch("watched")
    seen = printer.view.printer(printer.id).cameras[0].seq
    until(lambda: printer.view.printer(printer.id).cameras[0].seq > seen + 10, PATIENCE)
    assert printer.view.printer(printer.id).phase == "printing", "what its owner has seen paused it again"

    printer.view.order(printer.id, "cancel")
    printer.command("confirmed", "cancel")
    printer.phase("cancelled")
    assert [each.actor for each in rig.hub.audit.rows(1000) if each.object == printer.id][:2] == [
        printer.view.person
    ] * 2


def test_a_good_print_is_left_alone(rig):
    printer = rig.printer()
    rig.agent(printer, fine(200))
    printer.watch("watched")
    until(lambda: len(_scores(rig, printer)) > 12, PATIENCE)
    card = printer.view.printer(printer.id)
    assert (card.phase, card.verdict) == ("printing", "ok")
    assert not printer.view.commands(printer.id)


def test_alert_only_never_touches_the_printer(rig):
    printer = rig.printer()
    printer.view.save_settings(printer.id, {"action": "alert"})
    rig.agent(printer, failing(200))
    assert printer.event("failing").text.startswith("failing: ")
    seen = printer.view.printer(printer.id).cameras[0].seq
    until(lambda: printer.view.printer(printer.id).cameras[0].seq > seen + 10, PATIENCE)
    assert not printer.view.commands(printer.id)
    assert printer.view.printer(printer.id).phase == "printing"


def test_a_dry_run_says_so_and_leaves_the_printer_alone(rig):
    printer = rig.printer()
    printer.view.save_settings(printer.id, {"dry_run": True})
    rig.agent(printer, failing(200))
    assert "dry run" in printer.command("confirmed").outcome
    assert printer.event("dry_run").text.startswith("would have paused (dry run: the printer was not touched")
    assert "paused" not in printer.kinds()
    assert printer.view.printer(printer.id).phase == "printing"


def _scores(rig, printer):
    rig.hub.history.flush()
    return printer.view.scores(printer.id, 0.0)


def test_a_check_finds_nothing_to_mend_where_all_is_well(rig):
    printer, said = rig.printer(), []
    write_agent_settings(printer.home, clip(printer.home / "clip.mjpeg", fine(1)), loop=True)
    assert check(load(printer.home / "agent.toml"), said.append) == 0, said
