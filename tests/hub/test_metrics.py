"""/metrics of a running hub: read by Prometheus's own parser, all to the administrator, own printers to others."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.access import Right
from tests.support.hubs import running_hub

DASHBOARD = Path(__file__).parents[2] / "packaging/grafana/printwarden.json"


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with running_hub(tmp_path_factory.mktemp("metrics")) as started:
        yield started


def parsed(text):
    return {
        sample.name: sample.value if not sample.labels else sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def printers(text):
    return set(re.findall(r'printer="([0-9a-f]{32})"', text))


def test_the_administrator_sees_all_printers_by_id_and_no_name(rig):
    one, other = rig.printer(), rig.printer()
    text = rig.hub.metrics.everything()
    assert {one.id, other.id} <= printers(text)
    assert "a printer" not in text
    assert one.view.person not in text


def test_a_person_sees_their_own_printers_and_nothing_of_the_hub(rig):
    one, other = rig.printer(), rig.printer()
    text = rig.hub.metrics.of(one.view.person)
    assert printers(text) == {one.id}
    assert set(parsed(text)) == {"printwarden_printer_watch", "printwarden_printer_agent_online"}
    rig.hub.printers.grant(other.id, one.view.person, Right.VIEW)
    assert printers(rig.hub.metrics.of(one.view.person)) == {one.id, other.id}
    assert rig.hub.metrics.of("nobody") == ""


def test_the_figures_are_those_of_the_hub(rig):
    rig.hub.decisions.observe(0.2)
    found = parsed(rig.hub.metrics.everything())
    assert found["printwarden_isolation_held"] == 1
    assert found["printwarden_broker_connected"] == 1
    assert found["printwarden_broker_connections"] >= 1
    assert found["printwarden_broker_logins_total"] >= 1
    assert found["printwarden_decision_seconds_count"] >= 1
    assert found["printwarden_database_bytes"] > 0
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_threads"] > 1
    assert found["printwarden_notifications_waiting"] == 0
    rig.hub.workers.counts["scored"] += 7
    assert parsed(rig.hub.metrics.everything())["printwarden_frames_scored_total"] == (
        found["printwarden_frames_scored_total"] + 7
    )


def test_every_metric_of_the_dashboard_exists(rig):
    """The dashboard is of the shape that Grafana imports, and asks for nothing that is not there."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    printer = rig.printer()
    rig.hub.live.printer(printer.id).certainty = 0.5
    known = set(parsed(rig.hub.metrics.everything()))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    names = {name for each in asked for name in re.findall(r"\b(?:printwarden|process)_[a-z_]+", each)}
    assert len(names) > 15
    assert names <= known
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    (source,) = dashboard["templating"]["list"]
    assert source["type"] == "datasource"


def test_every_metric_is_described(rig):
    """docs/metrics.md names each family, with those of the broker as one."""
    text = (DASHBOARD.parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    for family in text_string_to_metric_families(rig.hub.metrics.everything()):
        name = family.name + ("_total" if family.type == "counter" else "")
        if not name.startswith("printwarden_broker_"):
            assert f"`{name}`" in text, name
