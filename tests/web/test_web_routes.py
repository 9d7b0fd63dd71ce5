"""Every route by everybody: nobody, the owner, somebody who may only look, and a stranger."""

from __future__ import annotations

import re

import pytest

from hub.access import Right
from hub.store.history import VIDEO
from tests.web.world import World

#: (method, endpoint): path, form or JSON, and the status for nobody, owner, viewer, stranger.
P = "/p/{p}"
A = "/api/v1/printers/{p}"
ROUTES = {
    ("GET", "static"): ("/static/app.css", None, (200, 200, 200, 200)),
    ("GET", "auth.sign_in"): ("/sign-in", None, (200, 303, 303, 303)),
    ("POST", "auth.sign_in"): ("/sign-in", {}, (401, 401, 401, 401)),
    ("GET", "auth.link"): ("/sign-in/never-made", None, (200, 200, 200, 200)),
    ("POST", "auth.link"): ("/sign-in/never-made", {}, (410, 410, 410, 410)),
    ("POST", "auth.sign_out"): ("/sign-out", {}, (303, 303, 303, 303)),
    ("POST", "auth.sign_out_everywhere"): ("/sign-out-everywhere", {}, (303, 303, 303, 303)),
    ("GET", "auth.account"): ("/account", None, (303, 200, 200, 200)),
    ("POST", "auth.account"): ("/account", {"password": "short", "again": "short"}, (303, 422, 422, 422)),
    ("GET", "pages.dashboard"): ("/", None, (303, 200, 200, 200)),
    ("GET", "pages.add"): ("/printers/new", None, (303, 200, 200, 200)),
    ("POST", "pages.add"): ("/printers/new", {"name": ""}, (303, 422, 422, 422)),
    ("GET", "pages.printer"): (P, None, (303, 200, 200, 404)),
    ("POST", "pages.order"): (f"{P}/order", {"action": "pause"}, (303, 303, 403, 404)),
    ("GET", "pages.cancel"): (f"{P}/cancel", None, (303, 200, 403, 404)),
    ("GET", "pages.evidence"): (f"{P}/evidence/1.jpg", None, (303, 200, 200, 404)),
    ("GET", "pages.settings"): (f"{P}/settings", None, (303, 200, 403, 404)),
    ("POST", "pages.settings"): (f"{P}/settings", {"warn_at": "x"}, (303, 422, 403, 404)),
    ("POST", "pages.rename"): (f"{P}/rename", {"name": "Other"}, (303, 303, 403, 404)),
    ("POST", "pages.remove"): (f"{P}/remove", {"typed": "Bench"}, (303, 303, 403, 404)),
    ("POST", "pages.invite"): (f"{P}/invite", {}, (303, 200, 403, 404)),
    ("GET", "pages.confirm"): (f"{P}/confirm", None, (303, 200, 403, 404)),
    ("POST", "pages.confirm"): (f"{P}/confirm", {"code": "123456"}, (303, 422, 403, 404)),
    ("GET", "sharing.printer"): (f"{P}/sharing", None, (303, 200, 403, 404)),
    ("POST", "sharing.people"): (
        f"{P}/sharing/people",
        {"person": "mallory", "right": "view"},
        (303, 303, 403, 404),
    ),
    ("POST", "sharing.links"): (f"{P}/sharing/links", {"label": "wall"}, (303, 200, 403, 404)),
    ("POST", "sharing.end_link"): (f"{P}/sharing/links/none/end", {}, (303, 404, 403, 404)),
    ("GET", "sharing.programs"): ("/programs", None, (303, 200, 200, 200)),
    ("GET", "sharing.authority"): ("/programs/ca.pem", None, (303, 200, 200, 200)),
    ("POST", "sharing.integrations"): ("/programs/integrations", {"label": "ha"}, (303, 422, 422, 422)),
    ("POST", "sharing.end_integration"): ("/programs/integrations/none/end", {}, (303, 404, 404, 404)),
    ("POST", "sharing.tokens"): ("/programs/tokens", {"label": "t", "scope": "x"}, (303, 422, 422, 422)),
    ("POST", "sharing.end_token"): ("/programs/tokens/none/end", {}, (303, 404, 404, 404)),
    ("GET", "people.everybody"): ("/people", None, (303, 404, 404, 404)),
    ("POST", "people.add"): ("/people", {"name": "eve"}, (303, 404, 404, 404)),
    ("POST", "people.change"): ("/people/vera", {"quota": "5", "role": "admin"}, (303, 404, 404, 404)),
    ("POST", "people.link"): ("/people/vera/link", {}, (303, 404, 404, 404)),
    ("POST", "people.access"): ("/people/vera/access", {"allow": "no"}, (303, 404, 404, 404)),
    ("GET", "people.remove"): ("/people/vera/remove", None, (303, 404, 404, 404)),
    ("POST", "people.remove"): ("/people/vera/remove", {"typed": "vera"}, (303, 404, 404, 404)),
    ("GET", "shared.page"): ("/s/never-made", None, (404, 404, 404, 404)),
    ("GET", "shared.frame"): ("/s/never-made/nozzle.jpg", None, (404, 404, 404, 404)),
    ("GET", "notify.page"): ("/notifications", None, (303, 200, 200, 200)),
    ("GET", "notify.live"): ("/notifications/live", None, (401, 200, 200, 200)),
    ("POST", "notify.add"): ("/notifications/targets", {"kind": "ntfy"}, (303, 422, 422, 422)),
    ("POST", "notify.test"): ("/notifications/targets/none/test", {}, (303, 404, 404, 404)),
    ("POST", "notify.mute"): ("/notifications/targets/none/mute", {}, (303, 404, 404, 404)),
    ("POST", "notify.remove"): ("/notifications/targets/none/remove", {}, (303, 404, 404, 404)),
    ("POST", "notify.choices"): ("/notifications/choices", {}, (303, 303, 303, 303)),
    ("POST", "notify.printer"): (f"{P}/notify", {"notify": "off"}, (303, 303, 303, 404)),
    ("GET", "notify.ask"): ("/a/never-made", None, (410, 410, 410, 410)),
    ("POST", "notify.use"): ("/a/never-made", {}, (410, 410, 410, 410)),
    ("GET", "metrics.page"): ("/metrics", None, (404, 404, 404, 404)),
    ("GET", "live.cards"): ("/cards", None, (401, 200, 200, 200)),
    ("GET", "live.live"): (f"{P}/live", None, (401, 200, 200, 404)),
    ("GET", "live.frame"): (f"{P}/frame/nozzle.jpg", None, (401, 200, 200, 404)),
    ("GET", "api.healthz"): ("/healthz", None, (200, 200, 200, 200)),
    ("GET", "api.document"): ("/api/v1/openapi.json", None, (200, 200, 200, 200)),
    ("GET", "api.session"): ("/api/v1/session", None, (401, 200, 200, 200)),
    ("GET", "api.printers"): ("/api/v1/printers", None, (401, 200, 200, 200)),
    ("GET", "api.printer"): (A, None, (401, 200, 200, 404)),
    ("GET", "api.scores"): (f"{A}/scores", None, (401, 200, 200, 404)),
    ("GET", "api.events"): (f"{A}/events", None, (401, 200, 200, 404)),
    ("GET", "api.commands"): (f"{A}/commands", None, (401, 200, 200, 404)),
    ("POST", "api.order"): (f"{A}/commands", {"action": "pause"}, (401, 202, 403, 404)),
    ("GET", "prints.listing"): (f"{P}/prints", None, (303, 200, 200, 404)),
    ("GET", "prints.one"): (f"{P}/prints/1", None, (303, 200, 200, 404)),
    ("POST", "prints.mark"): (f"{P}/prints/1/mark", {"good": "bad"}, (303, 303, 403, 404)),
    ("POST", "prints.pin"): (f"{P}/prints/1/pin", {"pinned": "yes"}, (303, 303, 403, 404)),
    ("GET", "prints.ask_delete"): (f"{P}/prints/1/delete", None, (303, 200, 403, 404)),
    ("POST", "prints.delete"): (f"{P}/prints/1/delete", {}, (303, 303, 403, 404)),
    ("GET", "prints.export"): (f"{P}/prints/1/export.zip", None, (303, 200, 200, 404)),
    ("GET", "prints.video"): (f"{P}/prints/1/timelapse.webm", None, (303, 200, 200, 404)),
    ("GET", "pictures.one"): (f"{P}/pictures/1", None, (303, 200, 200, 404)),
    ("GET", "pictures.small"): (f"{P}/pictures/1/small.jpg", None, (303, 200, 200, 404)),
    ("POST", "pictures.feedback"): (
        f"{P}/pictures/1/feedback",
        {"label": "false_alarm"},
        (303, 303, 403, 404),
    ),
    ("GET", "zones.editor"): (f"{P}/zones", None, (303, 200, 403, 404)),
    ("POST", "zones.editor"): (
        f"{P}/zones",
        {"camera": "nozzle", "zones": "0,0 50,50"},
        (303, 303, 403, 404),
    ),
    ("GET", "trial.page"): (f"{P}/test", None, (303, 200, 200, 404)),
    ("POST", "trial.start"): (f"{P}/test", {}, (303, 303, 403, 404)),
    ("GET", "live.print_"): (f"{P}/prints/1/live", None, (401, 200, 200, 404)),
    ("GET", "replays.page"): (f"{P}/prints/1/replay", None, (303, 200, 200, 404)),
    ("POST", "replays.start"): (f"{P}/prints/1/replay", {"warn_at": "x"}, (303, 422, 403, 404)),
    ("GET", "live.replay"): (f"{P}/prints/1/replay/live", None, (401, 200, 200, 404)),
    ("GET", "tuning.page"): (f"{P}/tune", None, (303, 200, 403, 404)),
    ("GET", "tuning.ask"): (f"{P}/tune/apply?act_at=0.95&act_hold_s=3", None, (303, 200, 403, 404)),
    ("POST", "tuning.apply"): (
        f"{P}/tune/apply",
        {"act_at": "0.95", "act_hold_s": "3"},
        (303, 303, 403, 404),
    ),
    ("POST", "tuning.undo"): (f"{P}/tune/undo", {}, (303, 303, 403, 404)),
    ("GET", "live.trial"): (f"{P}/test/live", None, (401, 200, 200, 404)),
    ("GET", "api.prints"): (f"{A}/prints", None, (401, 200, 200, 404)),
    ("GET", "api.print_"): (f"{A}/prints/1", None, (401, 200, 200, 404)),
    ("GET", "api.export_print"): (f"{A}/prints/1/export", None, (401, 200, 200, 404)),
    ("POST", "api.change_print"): (f"{A}/prints/1", {"pinned": True}, (401, 200, 403, 404)),
    ("DELETE", "api.delete_print"): (f"{A}/prints/1", None, (401, 204, 403, 404)),
    ("GET", "api.picture"): (f"{A}/pictures/1", None, (401, 200, 200, 404)),
    ("POST", "api.say"): (f"{A}/pictures/1/feedback", {"label": "missed"}, (401, 204, 403, 404)),
}
PEOPLE = ("", "olivia", "vera", "mallory")
POSTS = sorted(route for route in ROUTES if route[0] != "GET")
GETS = sorted(route for route in ROUTES if route[0] == "GET")


@pytest.fixture
def bench(world, browser):
    """A printer of olivia's that vera may look at; mallory has one of her own."""
    for name in ("olivia", "vera", "mallory"):
        world.person(name)
    printer = world.printer("Bench", "olivia")
    world.printer("Mallory's", "mallory")
    world.printers.grant(printer, "vera", Right.VIEW)
    world.frame(printer, 5)
    world.history.add_evidence(printer, "nozzle", 1.0, b"\xff\xd8\xff\xd9")
    row = world.prints.begin(printer, "job", "benchy.gcode", 0.5)
    world.history.add_evidence(printer, "nozzle", 1.5, b"video", kind=VIDEO)
    world.prints.end(row, "finished", 2.0)
    return printer


def send(browser, route, printer):
    method, endpoint = route
    path, body, _ = ROUTES[route]
    path = path.format(p=printer)
    if method == "GET":
        return browser.get(path)
    if method == "DELETE":
        return browser.client.delete(path, headers={"X-CSRFToken": browser.token()})
    return browser.post_json(path, body) if endpoint.startswith("api.") else browser.post(path, body)


def without_token(page):
    """A page without its CSRF token, which tells the second in which it was made."""
    return re.sub(rb'name="csrf_token" value="[^"]+"', b"", page)


def test_every_route_has_a_row():
    world = World()
    try:
        found = {
            (method, rule.endpoint)
            for rule in world.app.url_map.iter_rules()
            for method in rule.methods - {"HEAD", "OPTIONS"}
        }
    finally:
        world.close()
    assert found == set(ROUTES)


@pytest.mark.parametrize("who", range(4), ids=("nobody", "owner", "viewer", "stranger"))
@pytest.mark.parametrize("route", sorted(ROUTES), ids=" ".join)
def test_who_may(route, who, bench, browser):
    answer = send(browser(PEOPLE[who]), route, bench)
    assert answer.status_code == ROUTES[route][2][who]
    if who == 0 and answer.status_code == 303:
        assert answer.location.startswith("/sign-in")


@pytest.mark.parametrize("route", sorted(ROUTES), ids=" ".join)
def test_a_foreign_printer_answers_like_one_that_does_not_exist(route, bench, browser):
    """Same status and same words, so that nobody learns which printers exist."""
    mallory = browser("mallory")
    foreign, absent = send(mallory, route, bench), send(mallory, route, "0" * 32)
    if "{p}" in ROUTES[route][0]:
        assert foreign.status_code == absent.status_code
        assert without_token(foreign.data) == without_token(absent.data)


@pytest.mark.parametrize("route", POSTS, ids=" ".join)
@pytest.mark.parametrize("who", PEOPLE[:2])
def test_a_post_without_token_does_nothing(route, who, bench, browser, world):
    client = browser(who).client
    before = world.dump()
    path, body, _ = ROUTES[route]
    options = {"json": body} if route[1].startswith("api.") else {"data": body}
    for token in (None, "made up"):
        headers = {"X-CSRFToken": token} if token else {}
        answer = client.open(path.format(p=bench), method=route[0], headers=headers, **options)
        assert answer.status_code == 400
    assert world.dump() == before


@pytest.mark.parametrize("route", POSTS, ids=" ".join)
def test_a_token_of_another_session_does_nothing(route, bench, browser, world):
    olivia, mallory = browser("olivia"), browser("mallory")
    token, before = mallory.token(), world.dump()
    answer = olivia.client.open(
        ROUTES[route][0].format(p=bench),
        method=route[0],
        data=ROUTES[route][1],
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 400
    assert world.dump() == before


def test_no_get_changes_anything(bench, browser, world):
    olivia = browser("olivia")
    before = world.dump()
    for route in GETS:
        send(olivia, route, bench)
        olivia.client.head(ROUTES[route][0].format(p=bench), buffered=True)
    assert world.dump() == before


def test_a_right_that_was_taken_is_gone_at_once(bench, browser, world):
    vera = browser("vera")
    assert vera.get(f"/p/{bench}").status_code == 200
    world.printers.grant(bench, "vera", None)
    assert vera.get(f"/p/{bench}").status_code == 404
    assert b"Bench" not in vera.get("/").data


def test_the_dashboard_shows_only_own_printers(bench, browser):
    page = browser("mallory").get("/").text
    assert "Mallory&#39;s" in page
    assert "Bench" not in page


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/static/app.css", "/healthz", "/cards", "/api/v1/printers"]
)
def test_every_answer_carries_the_headers(path, browser):
    headers = browser().get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store" or path.startswith("/static/")
