"""August 2021 again: a proxy hides or forges every address, and still nobody sees or moves a stranger's printer."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent import enrolment
from agent.enrolment import EnrolmentError
from hub.access import Right
from tests.support.hubs import ROOT
from tests.support.pictures import fine
from tests.support.relay import relay
from web import Site, create_app

#: What a browser's request looks like behind the proxy: address seen by the viewer, and headers about it.
PROXIES = {
    "hides every address": ("10.0.0.1", {}),
    "forges a list": (
        "10.0.0.1",
        {"X-Forwarded-For": "198.51.100.7, 127.0.0.1", "X-Real-IP": "198.51.100.7"},
    ),
    "forges the hub's own": (
        "127.0.0.1",
        {
            "X-Forwarded-For": "127.0.0.1",
            "X-Real-IP": "127.0.0.1",
            "Forwarded": "for=127.0.0.1;by=127.0.0.1;host=localhost",
            "X-Forwarded-Host": "localhost",
            "X-Remote-User": "person1",
        },
    ),
}
READS = (
    "/p/{id}",
    "/p/{id}/live",
    "/p/{id}/frame/main.jpg",
    "/p/{id}/evidence/1.jpg",
    "/p/{id}/settings",
    "/p/{id}/cancel",
    "/p/{id}/sharing",
    "/p/{id}/confirm",
    "/p/{id}/zones",
    "/p/{id}/test",
    "/p/{id}/test/live",
    "/p/{id}/tune",
    "/p/{id}/tune/apply",
    "/p/{id}/pictures/1",
    "/p/{id}/pictures/1/small.jpg",
    "/p/{id}/prints",
    "/p/{id}/prints/1",
    "/p/{id}/prints/1/live",
    "/p/{id}/prints/1/replay",
    "/p/{id}/prints/1/replay/live",
    "/p/{id}/prints/1/delete",
    "/p/{id}/prints/1/export.zip",
    "/p/{id}/prints/1/timelapse.webm",
    "/api/v1/printers/{id}",
    "/api/v1/printers/{id}/scores",
    "/api/v1/printers/{id}/events",
    "/api/v1/printers/{id}/commands",
    "/api/v1/printers/{id}/pictures/1",
    "/api/v1/printers/{id}/prints",
    "/api/v1/printers/{id}/prints/1",
    "/api/v1/printers/{id}/prints/1/export",
)
WRITES = (
    ("/p/{id}/order", {"action": "pause"}),
    ("/p/{id}/order", {"action": "cancel", "confirmed": "yes"}),
    ("/p/{id}/order", {"action": "dismiss"}),
    ("/p/{id}/settings", {"action": "alert"}),
    ("/p/{id}/rename", {"name": "mine now"}),
    ("/p/{id}/remove", {"typed": "a printer"}),
    ("/p/{id}/invite", {}),
    ("/p/{id}/sharing/people", {"person": "person1", "right": "view"}),
    ("/p/{id}/sharing/links", {"label": "mine", "days": "1"}),
    ("/p/{id}/sharing/links/0/end", {}),
    ("/p/{id}/confirm", {"code": "123456"}),
    ("/p/{id}/notify", {"notify": "on"}),
    ("/p/{id}/zones", {"camera": "main", "zones": "0,0 50,50"}),
    ("/p/{id}/test", {}),
    ("/p/{id}/tune/apply", {"act_at": "0.95", "act_hold_s": "3"}),
    ("/p/{id}/tune/undo", {}),
    ("/p/{id}/pictures/1/feedback", {"label": "false_alarm"}),
    ("/p/{id}/prints/1/mark", {"good": "bad"}),
    ("/p/{id}/prints/1/pin", {"pinned": "yes"}),
    ("/p/{id}/prints/1/replay", {"warn_at": "50"}),
    ("/p/{id}/prints/1/delete", {}),
)
CALLS = (
    ("POST", "/api/v1/printers/{id}/commands", {"action": "pause"}),
    ("POST", "/api/v1/printers/{id}/pictures/1/feedback", {"label": "false_alarm"}),
    ("POST", "/api/v1/printers/{id}/prints/1", {"pinned": True}),
    ("DELETE", "/api/v1/printers/{id}/prints/1", None),
)


TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A signed-in browser behind a proxy."""

    def __init__(self, app, people, person, proxy):
        self._client, (self._address, self._headers) = app.test_client(), PROXIES[proxy]
        answer = self.post(f"/sign-in/{people.mint_link(person, 0.0, lifetime=1e12)}")
        assert answer.status_code == 303

    def get(self, path, **options):
        return self._client.get(
            path, headers=self._headers, environ_overrides={"REMOTE_ADDR": self._address}, **options
        )

    def post(self, path, data=None, json=None, method="POST"):
        """Send a form or JSON with this browser's own token, as any of its pages carries it."""
        token = TOKEN.search(self.get("/sign-in", follow_redirects=True).text)[1]
        headers = {**self._headers, "X-CSRFToken": token}
        environment = {"REMOTE_ADDR": self._address}
        return self._client.open(
            path, method=method, data=data, json=json, headers=headers, environ_overrides=environment
        )


@pytest.fixture(scope="module")
def household(shared_hub):
    """Two users whose agents come through one relay, so that the broker sees one address; both are watched."""
    rig = shared_hub
    address, ports = "127.0.0.1", rig.hub.broker.ports()
    with relay(address, ports["tls"]) as port:
        printers = []
        for _ in range(2):
            owned = rig.printer()
            behind = replace(owned.credential, host=address, port=port)
            enrolment.save(behind, owned.home / "printer.credential.json")
            rig.agent(owned, fine(100), loop=True)
            printers.append(owned)
        for each in printers:
            each.watch("watched")
        yield printers
        rig.stop_agents()


@pytest.fixture(scope="module")
def app(shared_hub):
    hub = shared_hub.hub
    return create_app(
        Site(
            people=hub.people,
            view=hub.view,
            health=hub.health,
            secret_key=b"k" * 32,
            sharing=hub.sharing,
            shares=hub.shares,
            notify=hub.notify,
        )
    )


@pytest.fixture(params=list(PROXIES))
def proxy(request):
    return request.param


@pytest.fixture(params=[0, 1], ids=["first", "second"])
def pair(request, household, app, shared_hub, proxy):
    """One of the two with a browser, and the other one's printer."""
    mine, other = household[request.param], household[1 - request.param]
    return Browser(app, shared_hub.hub.people, mine.view.person, proxy), mine, other


def test_each_user_sees_and_moves_his_own_printer(pair):
    """The control: through the same proxy, everything works for the owner."""
    browser, mine, _ = pair
    assert [each["id"] for each in browser.get("/api/v1/printers").get_json()["printers"]] == [mine.id]
    assert mine.id in browser.get("/").text
    for path in READS[:2]:
        assert browser.get(path.format(id=mine.id)).status_code == 200
    assert browser.post(f"/p/{mine.id}/rename", {"name": "a printer"}).status_code == 303


def test_nobody_sees_the_other_printer(pair):
    browser, _, other = pair
    for page in ("/", "/cards", "/api/v1/printers", "/printers/new", "/account"):
        answer = browser.get(page)
        assert answer.status_code == 200
        assert other.id not in answer.text
        assert other.view.person not in answer.text
    for path in READS:
        answer = browser.get(path.format(id=other.id))
        assert (path, answer.status_code) == (path, 404)
        assert other.view.person not in answer.text


def test_nobody_moves_or_changes_the_other_printer(pair):
    browser, _, other = pair
    before = other.view.printer(other.id).settings
    for path, form in WRITES:
        assert (path, browser.post(path.format(id=other.id), form).status_code) == (path, 404)
    for method, path, body in CALLS:
        answer = browser.post(path.format(id=other.id), json=body, method=method)
        assert (path, answer.status_code) == (path, 404)
    card = other.view.printer(other.id)
    assert (card.name, card.settings, card.right) == ("a printer", before, Right.OWN)
    assert card.phase == "printing"
    assert not other.view.commands(other.id)


def test_every_page_of_a_printer_is_tried_here(app):
    tried = {("GET", each) for each in READS} | {("POST", each) for each, _ in WRITES}
    tried |= {(method, path) for method, path, _ in CALLS}
    examples = {
        "<printer>": "{id}",
        "<camera>": "main",
        "<int:picture>": "1",
        "<int:identity>": "1",
        "<link>": "0",
    }
    for rule in app.url_map.iter_rules():
        if "printer" in rule.arguments:
            path = rule.rule
            for name, example in examples.items():
                path = path.replace(name, example)
            for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}:
                assert (method, path) in tried


def test_nobody_links_the_other_printer(pair, shared_hub):
    """An open enrolment is shown to nobody else, and knowing its number without its secret is worth nothing."""
    browser, mine, other = pair
    card, invitation = other.view.add_printer("not enrolled yet")
    try:
        assert card.id not in browser.get("/api/v1/printers").text
        assert "not enrolled yet" not in browser.get("/").text
        assert browser.post(f"/p/{card.id}/invite").status_code == 404
        with pytest.raises(EnrolmentError, match="the hub refused"):
            enrolment.redeem(replace(enrolment.parse(invitation.line), secret="A" * 32))
        assert {each.id for each in mine.view.printers()} == {mine.id}
    finally:
        other.view.remove(card.id)
    assert set(shared_hub.hub.printers.rights_of(mine.view.person)) == {mine.id}


# No address is ever authority

SOURCES = sorted(each for part in ("agent", "hub", "web") for each in (ROOT / part).rglob("*.py"))
ADDRESS = re.compile(
    r"remote_addr|getpeername|peername|client_address|access_route|forwarded|real.ip|sock_accept",
    re.IGNORECASE,
)
#: The only functions that may touch the address of whoever connects, and what it is for.
ALLOWED = {
    ("hub/broker/gate.py", "peer_name"): "log lines",
    ("hub/broker/door.py", "peer_address"): "amqtt's log lines",
    ("hub/broker/door.py", "listen"): "accepting; the address is dropped",
    ("hub/enrolment_server.py", "process_request"): "the base class hands it on",
    ("hub/enrolment_server.py", "process_request_thread"): "the base class hands it on",
    ("web/auth.py", "sign_in"): "the login throttle",
    ("web/auth.py", "_change_password"): "the login throttle",
    ("web/server.py", "start"): "told to believe no proxy",
}
ARGUMENT = re.compile(r"(client_|remote_|peer_)?(address|addr|ip|ips|peer)")
CORE = ("access", "enrolment", "registrar", "ingest", "commands", "views", "credentials", "policy")


def _functions(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_reads_the_address_of_whoever_connects():
    """Except for the log and the login throttle; comments and docstrings do not count."""
    found = {
        (path.relative_to(ROOT).as_posix(), function.name)
        for path in SOURCES
        for function in _functions(path)
        if ADDRESS.search(ast.unparse(_without_words(function)))
    }
    assert found <= set(ALLOWED)


@pytest.mark.parametrize("name", CORE)
def test_no_function_of_the_core_takes_an_address(name):
    for function in _functions(ROOT / "hub" / f"{name}.py"):
        arguments = function.args
        names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        assert not [each for each in names if ARGUMENT.fullmatch(each)], function.name


def test_the_viewer_uses_an_address_for_its_throttle_only():
    """Every mention of the browser's address is an argument of the check of a password."""
    text = (ROOT / "web" / "auth.py").read_text(encoding="utf-8")
    mentions = [line for line in text.splitlines() if "remote_addr" in line]
    assert mentions
    assert all("_door().check(" in line for line in mentions)


def _without_words(function):
    """The function without strings that stand alone, and without the functions inside it."""
    function.body = [
        each
        for each in function.body
        if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
    ]
    return function
