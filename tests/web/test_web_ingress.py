"""Below Home Assistant's ingress: the header moves links, cookie and frame, and nothing else."""

import re

import pytest

from tests.web.world import PASSWORD, World
from web import create_app, ingress

PATH = "/api/hassio_ingress/Zm9v_-42"


@pytest.fixture
def world():
    made = World()
    made.person("olivia", PASSWORD)
    yield made
    made.close()


@pytest.fixture
def client(world):
    """A browser in front of a proxy that takes the path off and tells it in the header, as the Supervisor does."""
    app = create_app(world.site)
    ingress.install(app)
    viewer = app.wsgi_app

    def proxied(environ, start_response):
        if environ["PATH_INFO"].startswith(f"{PATH}/"):
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(PATH)
            environ["HTTP_X_INGRESS_PATH"] = PATH
        return viewer(environ, start_response)

    app.wsgi_app = proxied
    return app.test_client()


def test_all_links_and_the_cookie_stay_below_the_path(client, world):
    page = client.get(f"{PATH}/sign-in").text
    token = re.search(r'csrf_token" value="([^"]+)', page)[1]
    form = {"name": "olivia", "password": PASSWORD, "csrf_token": token}
    answer = client.post(f"{PATH}/sign-in", data=form)
    assert answer.headers["Location"] == f"{PATH}/"
    assert f"Path={PATH}" in answer.headers["Set-Cookie"]
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 1)
    rules = [
        rule
        for rule in client.application.url_map.iter_rules()
        if "GET" in rule.methods and rule.arguments <= {"printer"}
    ]
    pages = 0
    for rule in rules:
        answer = client.get(PATH + rule.rule.replace("<printer>", printer))
        if answer.mimetype == "text/html" and answer.status_code == 200:
            pages += 1
            links = re.findall(r'(?:href|src|action|data-[a-z]+)="([^"]*)"', answer.text)
            astray = [
                each for each in links if "/" in each and not each.startswith((f"{PATH}/", "#", "https://"))
            ]
            assert astray == [], rule
    assert pages >= 8
    assert client.get("/").headers["Location"] == "/sign-in"


def test_its_own_origin_may_frame_it_and_nobody_else(client):
    within = client.get("/sign-in", headers={"X-Ingress-Path": PATH}).headers
    assert within["X-Frame-Options"] == "SAMEORIGIN"
    assert within["Content-Security-Policy"].endswith("frame-ancestors 'self'")
    direct = client.get("/sign-in").headers
    assert direct["X-Frame-Options"] == "DENY"
    assert direct["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert (
        within["Content-Security-Policy"].partition("frame")[0]
        == direct["Content-Security-Policy"].partition("frame")[0]
    )


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/a//evil",
        "https://evil.example",
        "/a/../b",
        "evil",
        "/",
        "/a/",
        "/a b",
        "/a?b",
        "/" + "a" * 300,
    ],
)
def test_a_header_that_is_no_plain_path_is_ignored(client, path):
    answer = client.get("/", headers={"X-Ingress-Path": path})
    assert answer.headers["Location"] == "/sign-in"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_header_lets_nobody_in(client, world):
    """Neither it nor what Home Assistant says of its own users is an identity here."""
    told = {
        "X-Ingress-Path": PATH,
        "X-Remote-User-Name": "olivia",
        "X-Remote-User-Id": "1",
        "X-Hass-Source": "core.ingress",
    }
    answer = client.get("/", headers=told)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PATH}/sign-in")
    assert client.get("/api/v1/printers", headers=told).status_code == 401


def test_without_the_setting_nobody_looks_at_the_header(world):
    answer = create_app(world.site).test_client().get("/", headers={"X-Ingress-Path": PATH})
    assert answer.headers["Location"] == "/sign-in"
    assert answer.headers["X-Frame-Options"] == "DENY"
