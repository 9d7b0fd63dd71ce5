"""The test of the whole line, asked for by an owner, on a real hub, broker and agent; and a print kept as a thing."""

from __future__ import annotations

import io
import json
import zipfile

from hub.store.prints import RUNNING
from tests.support.hubs import PATIENCE
from tests.support.pictures import failing, fine
from tests.support.waiting import until


def test_an_owner_asks_whether_it_really_works(rig):
    """The stages after the network say what really happened; the dry-run pause leaves the print alone."""
    printer = rig.printer()
    rig.agent(printer, fine(40), loop=True)
    printer.watch("watched")

    asked = printer.view.test_detection(printer.id)
    trial = until(
        lambda: next((t for t in [printer.view.detection_test(printer.id, asked)] if t.done), None), PATIENCE
    )

    stages = {stage.name: stage for stage in trial.stages}
    assert stages["clip"].ok
    assert stages["camera"].ok, stages["camera"].text
    assert stages["pause"].ok, stages["pause"].text
    assert "dry run" in stages["pause"].text
    assert printer.command("confirmed").dry
    assert printer.view.printer(printer.id).phase == "printing"


def test_a_print_is_kept_with_what_belongs_to_it(rig):
    """A failing print that its owner cancels ends as cancelled, and can be taken along with its evidence."""
    printer = rig.printer()
    rig.agent(printer, fine(3) + failing(200))
    printer.phase("paused")
    [running] = printer.view.prints(printer.id)
    assert running.outcome == RUNNING

    printer.view.order(printer.id, "cancel")
    printer.event("print_cancelled")

    [row] = [each for each in printer.view.prints(printer.id) if each.id == running.id]
    assert row.outcome == "cancelled"
    exported = io.BytesIO()
    printer.view.export_print(printer.id, row.id, exported)
    with zipfile.ZipFile(exported) as archive:
        facts = json.loads(archive.read("print.json"))
        assert archive.testzip() is None
        assert any(name.startswith("evidence/") for name in archive.namelist())
    assert {"failing", "paused"} <= {event["kind"] for event in facts["events"]}
