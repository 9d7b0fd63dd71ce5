"""The JSON API keeps its contract."""

from __future__ import annotations

import contextlib
import json
import re
import time
from copy import deepcopy
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

import web
from hub.regions import Region
from hub.store.history import ScoreRow
from tests.web.conftest import Browser
from tests.web.world import World, picture

DOCUMENT = json.loads(Path(web.__file__).with_name("openapi.json").read_text(encoding="utf-8"))
METHODS = {"get", "post", "put", "patch", "delete"}
OPERATIONS = [
    (path, method) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS
]


@pytest.fixture
def bench(world, olivia):
    return filled(world)


def filled(world):
    """A printer with something of everything."""
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5, regions=(Region(0.1, 0.2, 0.3, 0.4, 0.9),), score=0.9)
    now = time.time()
    for n in range(5):
        world.history.add_score(ScoreRow(printer, "nozzle", now - n, 0.5 if n else None, 0.2))
    world.history.flush()
    for n in range(3):
        world.history.add_event(printer, now, "failing", "alarm", f"event {n}", {"n": n})
    row = world.prints.begin(printer, "job", "benchy.gcode", now - 20)
    region = (Region(0.1, 0.2, 0.3, 0.4, 0.9),)
    kept = world.history.add_evidence(printer, "nozzle", now - 5, picture(1), score=0.5, regions=region)
    world.prints.add_feedback(world.prints.evidence_row(printer, kept), "olivia", "missed", now, (0.1, 0.2))
    world.prints.end(row, "finished", now + 1)
    return printer


def test_the_document_tells_every_route_and_no_other(world):
    rules = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in world.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert set(OPERATIONS) == rules


def test_the_document_is_served(olivia):
    assert olivia.get("/api/v1/openapi.json").json == DOCUMENT


def test_one_printer(bench, olivia):
    card = olivia.get(f"/api/v1/printers/{bench}").json
    assert card["name"] == "Bench"
    assert card["right"] == "own"
    assert card["cameras"][0]["regions"] == [{"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4, "score": 0.9}]
    assert olivia.get("/api/v1/printers").json["printers"][0]["id"] == bench


def test_scores_and_events_by_pieces(bench, olivia):
    base = f"/api/v1/printers/{bench}"
    assert len(olivia.get(f"{base}/scores").json["scores"]) == 5
    assert len(olivia.get(f"{base}/scores?limit=2").json["scores"]) == 2
    assert olivia.get(f"{base}/scores?since={time.time() + 99}").json["scores"] == []
    first = olivia.get(f"{base}/events?limit=1").json["events"]
    assert [event["text"] for event in first] == ["event 2"]
    rest = olivia.get(f"{base}/events?before={first[0]['id']}").json["events"]
    assert [event["text"] for event in rest] == ["event 1", "event 0"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=201", "before=-1", "limit=1.5", "limit="])
def test_a_wrong_number_is_told(query, bench, olivia):
    answer = olivia.get(f"/api/v1/printers/{bench}/events?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json["error"]


def test_an_order_by_api(bench, world, olivia):
    token = olivia.get("/api/v1/session").json["csrf_token"]
    answer = olivia.client.post(
        f"/api/v1/printers/{bench}/commands", json={"action": "pause"}, headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 202
    assert answer.json["stage"] == "sent"
    listed = olivia.get(f"/api/v1/printers/{bench}/commands").json["commands"]
    assert [row["id"] for row in listed] == [answer.json["id"]]


@pytest.mark.parametrize(
    "body", [{}, {"action": "explode"}, {"action": 1}, {"action": ["pause"]}, [], "pause"]
)
def test_a_wrong_order_does_nothing(body, bench, world, olivia):
    assert olivia.post_json(f"/api/v1/printers/{bench}/commands", body).status_code == 400
    assert world.history.commands(bench) == []


def test_an_order_that_cannot_be_is_a_conflict(bench, world, olivia):
    world.desk.refusal = "its agent is not connected"
    answer = olivia.post_json(f"/api/v1/printers/{bench}/commands", {"action": "pause"})
    assert answer.status_code == 409
    assert answer.json == {"error": "nothing was sent: its agent is not connected"}


def test_a_form_is_no_json(bench, olivia):
    answer = olivia.client.post(
        f"/api/v1/printers/{bench}/commands",
        data={"action": "pause"},
        headers={"X-CSRFToken": olivia.token()},
    )
    assert answer.status_code == 415


def test_prints_by_pieces_and_one_of_them(bench, world, olivia):
    base = f"/api/v1/printers/{bench}/prints"
    [row] = olivia.get(base).json["prints"]
    assert (row["file"], row["outcome"], row["alarms"], row["warnings"]) == ("benchy.gcode", "finished", 3, 0)
    assert olivia.get(f"{base}?before={row['id']}").json["prints"] == []
    detail = olivia.get(f"{base}/{row['id']}").json
    [kept] = detail["pictures"]
    assert kept["regions"] == [{"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4, "score": 0.9}]
    assert [(each["picture"], each["x"]) for each in detail["feedback"]] == [(kept["id"], 0.1)]
    assert olivia.get(f"/api/v1/printers/{bench}/pictures/{kept['id']}").data == picture(1)
    assert olivia.get(f"{base}/{row['id']}/export").data.startswith(b"PK")


def test_a_print_is_pinned_marked_and_deleted_by_api(bench, world, olivia):
    [row] = world.prints.of(bench)
    path = f"/api/v1/printers/{bench}/prints/{row.id}"
    answer = olivia.post_json(path, {"pinned": True, "good": False})
    assert (answer.json["pinned"], answer.json["good"]) == (True, False)
    assert olivia.post_json(path, {"good": None}).json["good"] is None
    assert world.prints.get(bench, row.id).pinned
    for body in ({"pinned": 1}, {"good": "yes"}, {"pinned": None}, []):
        assert olivia.post_json(path, body).status_code == 400
    headers = {"X-CSRFToken": olivia.token()}
    assert olivia.client.delete(path, headers=headers).status_code == 204
    assert olivia.client.delete(path, headers=headers).status_code == 404
    running = world.prints.begin(bench, "job", "", time.time())
    answer = olivia.client.delete(f"/api/v1/printers/{bench}/prints/{running}", headers=headers)
    assert (answer.status_code, answer.json) == (
        409,
        {"error": "nothing was deleted: this print is still running"},
    )


#: None of these is a place.
PLACES = ({"x": 0.5}, {"x": 2, "y": 0}, {"x": True, "y": 0.5}, {"x": "0.5", "y": 0.5}, 0.5)


def test_a_picture_is_judged_by_api(bench, world, olivia):
    [kept] = world.history.evidence(bench)
    path = f"/api/v1/printers/{bench}/pictures/{kept.id}/feedback"
    for body, said in (
        ({"label": "false_alarm"}, [("false_alarm", None, None)]),
        ({"label": "missed", "place": {"x": 0.5, "y": 1}}, [("missed", 0.5, 1.0)]),
        ({"label": None}, []),
    ):
        assert olivia.post_json(path, body).status_code == 204
        assert [(each.label, each.x, each.y) for each in world.prints.feedback(bench)] == said
    for body in ({}, {"label": "spam"}, *({"label": "missed", "place": each} for each in PLACES)):
        assert olivia.post_json(path, body).status_code == 400
    assert world.prints.feedback(bench) == []


def test_health(world, browser):
    assert browser().get("/healthz").json["status"] == "ok"
    world.healthy = "degraded"
    answer = browser().get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (503, "degraded")


# Examples made from the document itself


@pytest.fixture(scope="module")
def asked():
    """A world, one of its printers, and a browser that is signed in; every example uses the same."""
    world = World()
    world.person("olivia")
    browser = Browser(world.app)
    browser.post(f"/sign-in/{world.people.mint_link('olivia', world.now())}")
    yield world, filled(world), browser
    world.close()


@pytest.fixture(scope="module")
def document(asked):
    """The contract without sign-in and token, which every example carries; what is without them is tested above."""
    bare = deepcopy(DOCUMENT)
    del bare["security"], bare["components"]["securitySchemes"]
    for path, method in OPERATIONS:
        if method in ("post", "delete"):
            del bare["paths"][path][method]["parameters"]
    schema = schemathesis.openapi.from_dict(bare)
    schema.app = whole(asked[0].app)
    return schema


def whole(app):
    """The application with every answer read to its end and closed: schemathesis leaves them to the garbage collector."""

    def called(environ, start_response):
        with contextlib.closing(app(environ, start_response)) as answer:
            return [b"".join(answer)]

    return called


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [(*each, GenerationMode.POSITIVE) for each in OPERATIONS]
    + [(*each, GenerationMode.NEGATIVE) for each in OPERATIONS if "{" in each[0]],
    ids=lambda each: getattr(each, "name", each),
)
def test_whatever_is_asked_is_answered_as_the_document_says(path, method, mode, asked, document):
    """Requests that keep the contract and requests that break it."""
    _, printer, browser = asked
    session = {
        "headers": {"X-CSRFToken": browser.token()},
        "cookies": {"printwarden": browser.cookie()},
    }

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(document[path][method.upper()].as_strategy(generation_mode=mode))
    def every(case):
        if "printer" in case.path_parameters and mode is GenerationMode.POSITIVE:
            case.path_parameters["printer"] = printer
        case.call_and_validate(**session)

    every()
