"""Sign-in, sessions, links, passwords, the throttle."""

from __future__ import annotations

import pytest

from tests.web.world import PASSWORD, World
from web import Site, create_app
from web.throttle import Rate, Rates, Throttle


def sign_in(browser, name="olivia", password=PASSWORD, next_=None):
    return browser.post(
        "/sign-in" + (f"?next={next_}" if next_ else ""), {"name": name, "password": password}
    )


def test_the_right_password_signs_in(olivia, browser):
    fresh = browser()
    assert sign_in(fresh).location == "/"
    assert "No printers yet" in fresh.get("/").text


def test_the_name_is_not_case_sensitive_and_may_carry_blanks(olivia, browser):
    assert sign_in(browser(), name=" Olivia ").status_code == 303


def test_a_wrong_password_and_an_unknown_name_read_the_same(olivia, browser):
    wrong, unknown = sign_in(browser(), password="no"), sign_in(browser(), name="olivib")
    assert wrong.status_code == unknown.status_code == 401
    assert "do not belong together" in wrong.text
    assert "do not belong together" in unknown.text


def test_an_account_without_a_password_has_none(world, browser):
    world.person("linda")
    for password in ("", "None"):
        assert sign_in(browser(), "linda", password).status_code == 401


def test_the_cookie_is_for_this_site_only(olivia, world, browser):
    fresh = browser()
    answer = sign_in(fresh)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_never_travels_in_clear(world):
    secure = create_app(
        Site(
            people=world.people,
            view=world.site.view,
            health=dict,
            secret_key=b"x",
            secure_cookies=True,
        )
    )
    cookie = secure.test_client().get("/sign-in", base_url="https://hub.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-printwarden=")
    assert "Secure" in cookie


def test_signing_in_begins_a_new_session(olivia, world, browser):
    """A cookie that somebody planted before the sign-in is worth nothing afterwards."""
    victim, attacker = browser(), browser()
    victim.get("/sign-in")
    planted = victim.cookie()
    sign_in(victim)
    assert victim.cookie() != planted
    attacker.client.set_cookie("printwarden", planted)
    assert attacker.get("/").status_code == 303


def test_signing_in_ends_the_session_before(olivia, world, browser):
    before = olivia.cookie()
    sign_in(olivia)
    thief = browser()
    thief.client.set_cookie("printwarden", before)
    assert thief.get("/").status_code == 303


def test_signing_out_ends_the_session_on_the_hub(olivia, browser):
    cookie = olivia.cookie()
    assert olivia.post("/sign-out").status_code == 303
    thief = browser()
    thief.client.set_cookie("printwarden", cookie)
    assert thief.get("/").status_code == 303


def test_signing_out_everywhere(olivia, browser):
    elsewhere = browser("olivia")
    olivia.post("/sign-out-everywhere")
    assert elsewhere.get("/").status_code == olivia.get("/").status_code == 303


def test_a_session_ends_by_itself(olivia, world):
    now = world.now()
    world.now = lambda: now + 15 * 86_400
    assert olivia.get("/").status_code == 303


def test_a_disabled_person_is_out_at_once(olivia, world):
    with world.database.write() as db:
        db.execute("UPDATE people SET disabled = 1")
    assert olivia.get("/").status_code == 303


def test_a_link_works_once_and_only_by_its_button(world, browser):
    world.person("linda")
    link = f"/sign-in/{world.people.mint_link('linda', world.now())}"
    first, second = browser(), browser()
    for _ in range(3):
        assert first.get(link).status_code == 200
    assert first.get("/").status_code == 303
    assert first.post(link).status_code == 303
    assert first.get("/").status_code == 200
    late = second.post(link)
    assert late.status_code == 410
    assert "used up" in late.text
    assert second.get("/").status_code == 303


def test_an_old_link_is_void(world, browser):
    world.person("linda")
    link = world.people.mint_link("linda", world.now() - 3600)
    assert browser().post(f"/sign-in/{link}").status_code == 410


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%5Cevil.example",
        "/%2Fevil.example",
        "///evil.example",
        "javascript:alert(1)",
        "/sign-out",
        "/sign-in",
        "/static/app.js",
        "/%0d%0aLocation:%20//evil.example",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(evil, olivia, browser):
    fresh = browser()
    answer = fresh.client.post(
        "/sign-in",
        query_string={"next": evil},
        data={"csrf_token": fresh.token(), "name": "olivia", "password": PASSWORD},
    )
    assert answer.status_code == 303
    assert answer.location == "/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(olivia, world, browser):
    printer = world.printer("Bench", "olivia")
    fresh = browser()
    asked = fresh.get(f"/p/{printer}")
    assert asked.location == f"/sign-in?next=/p/{printer}"
    answer = fresh.client.post(
        asked.location, data={"csrf_token": fresh.token(), "name": "olivia", "password": PASSWORD}
    )
    assert answer.location == f"/p/{printer}"


def test_too_many_wrong_passwords_have_to_wait(olivia, browser):
    attacker = browser()
    codes = [sign_in(attacker, password="guess").status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    refused = sign_in(attacker)
    assert refused.status_code == 429
    assert "Try again in" in refused.text


def test_a_neighbour_behind_the_same_address_is_not_locked_out(olivia, world, browser):
    world.person("nora", PASSWORD)
    attacker = browser()
    for _ in range(8):
        sign_in(attacker, password="guess")
    assert sign_in(browser(), "nora").status_code == 303


def test_changing_the_password(olivia, browser):
    elsewhere = browser("olivia")
    new = "another long password"
    form = {"current": PASSWORD, "password": new, "again": new}
    for wrong, words in (
        ({"current": "no"}, "not your password"),
        ({"again": "else"}, "differs"),
        ({"password": "short", "again": "short"}, "at least 10"),
    ):
        answer = olivia.post("/account", {**form, **wrong})
        assert answer.status_code == 422
        assert words in answer.text
    assert elsewhere.get("/").status_code == 200
    assert olivia.post("/account", form).status_code == 303
    assert olivia.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 303
    assert sign_in(browser()).status_code == 401
    assert sign_in(browser(), password=new).status_code == 303


def test_choosing_a_first_password(world, browser):
    world.person("linda")
    linda = browser("linda")
    assert "Choose a password" in linda.get("/account").text
    assert linda.post("/account", {"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert sign_in(browser(), "linda").status_code == 303


class TestThrottle:
    RATES = Rates(near=Rate(2, 10.0), account=Rate(4, 5.0), everybody=Rate(6, 1.0))

    def tries(self, throttle, *places, now=1000.0):
        return [throttle.enter(account, address, now) for account, address in places]

    def test_a_burst_then_a_rhythm(self):
        throttle = Throttle(self.RATES)
        assert self.tries(throttle, *[("a", "1")] * 3) == [0.0, 0.0, 10.0]
        assert throttle.enter("a", "1", 1009.0) == pytest.approx(1.0)
        assert throttle.enter("a", "1", 1010.0) == 0.0
        assert throttle.enter("a", "1", 1010.0) > 0.0

    def test_waiting_costs_nothing(self):
        throttle = Throttle(self.RATES)
        waits = self.tries(throttle, *[("a", "1")] * 50)
        assert set(waits[2:]) == {10.0}

    def test_guessing_from_elsewhere_leaves_the_owner_a_try(self):
        throttle = Throttle(self.RATES)
        self.tries(throttle, *[("a", "far")] * 9)
        assert throttle.enter("a", "home", 1000.0) == 0.0

    def test_one_account_from_many_addresses(self):
        throttle = Throttle(self.RATES)
        waits = self.tries(throttle, *[("a", str(n)) for n in range(6)])
        assert waits == [0.0] * 4 + [5.0] * 2

    def test_everybody_together(self):
        throttle = Throttle(self.RATES)
        waits = self.tries(throttle, *[(str(n), str(n)) for n in range(8)])
        assert waits == [0.0] * 6 + [1.0] * 2

    def test_a_right_password_costs_nothing(self):
        throttle = Throttle(self.RATES)
        for _ in range(50):
            assert throttle.enter("a", "1", 1000.0) == 0.0
            throttle.succeeded("a", "1")

    def test_it_stays_small(self):
        throttle = Throttle(Rates(everybody=Rate(10**6, 0.001)))
        for n in range(3000):
            throttle.enter(str(n), "1", 1000.0 + n)
        assert len(throttle._empty_at) < 2500


def test_worlds_are_apart():
    """A session of one hub is nothing on another, even with the same key."""
    one, two = World(), World()
    try:
        one.person("olivia")
        two.person("olivia")
        secret = one.people.open_session(one.people.get("olivia"), one.now())
        assert two.people.session(secret, two.now()) is None
    finally:
        one.close()
        two.close()
