"""Buttons: once, for a while, for one person, printer, event and print, with the rights of that moment."""

import pytest

from hub.access import Right
from hub.notify.actions import REASON, Actions, LinkError
from hub.notify.links import LIFETIME_S, Link, parse, sign
from hub.store.prints import Prints
from hub.views import NotAllowed, NotFound
from tests.hub.notify.conftest import KEY


class FakeViews:
    """A view that knows the rights in the store and remembers what it was asked."""

    def __init__(self, stores):
        self._printers, self.done, self.error = stores.printers, [], ""

    def __call__(self, person, session):
        return FakeView(self, person, session)


class FakeView:
    def __init__(self, views, person, session):
        self._views, self.person, self.session = views, person, session

    def printer(self, printer):
        if printer not in self._views._printers.rights_of(self.person):
            raise NotFound
        return printer

    def order(self, printer, action, reason):
        self._control(printer)
        if self._views.error:
            raise ValueError(self._views.error)
        self._views.done.append((self.person, printer, action, reason, self.session))

    def dismiss(self, printer):
        self._control(printer)
        self._views.done.append((self.person, printer, "dismiss", "", self.session))

    def _control(self, printer):
        if self._views._printers.rights_of(self.person)[printer] < Right.CONTROL:
            raise NotAllowed


class Buttons:
    """A failing print of olivia's and the links that she was sent."""

    def __init__(self, post, folder):
        self.post, self.views = post, FakeViews(post.stores)
        self.prints = Prints(post.stores.database, folder)
        self.print = self.prints.begin(post.printer, "job", "benchy", post.time.time() - 100)
        self.actions = Actions(post.store, self.prints, self.views, KEY)
        post.happens()
        message = next(message for target, message in post.sender.sent if target == "olivia")
        self.tokens = {each.action: each.url.rpartition("/")[2] for each in message.buttons}

    def use(self, action="pause", person="", token=""):
        return self.actions.use(token or self.tokens[action], self.post.time.time(), person)

    def ask(self, action="pause", person=""):
        return self.actions.ask(self.tokens[action], self.post.time.time(), person)


@pytest.fixture
def buttons(post, tmp_path):
    return Buttons(post, tmp_path)


def test_asking_changes_nothing_and_using_does_it_in_the_persons_name(buttons):
    before = "\n".join(buttons.post.stores.database.tables.conn.iterdump())
    asked = buttons.ask()
    assert (asked.label, asked.person, asked.text) == ("Pause", "olivia", "failing!")
    assert "\n".join(buttons.post.stores.database.tables.conn.iterdump()) == before
    buttons.use()
    assert buttons.views.done == [("olivia", buttons.post.printer, "pause", REASON, "notification-1")]


def test_each_is_good_once(buttons):
    buttons.use()
    for again in (buttons.use, buttons.ask):
        with pytest.raises(LinkError, match="used already"):
            again()
    buttons.use("dismiss")
    assert len(buttons.views.done) == 2


def test_one_that_could_not_be_done_stays_good(buttons):
    buttons.views.error = "its agent is not connected"
    with pytest.raises(LinkError, match="Nothing was sent: its agent is not connected"):
        buttons.use()
    buttons.views.error = ""
    buttons.use()


def test_it_expires(buttons):
    buttons.post.time.pass_(LIFETIME_S + 1)
    with pytest.raises(LinkError, match="no longer good"):
        buttons.use()


def test_somebody_else_who_is_signed_in_cannot_use_it(buttons):
    for way in (buttons.ask, buttons.use):
        with pytest.raises(LinkError, match="somebody else"):
            way("pause", "mallory")
    buttons.use("pause", "olivia")


@pytest.mark.parametrize("right", [None, Right.VIEW])
def test_rights_are_those_of_the_moment_of_use(buttons, right):
    buttons.post.stores.printers.grant(buttons.post.printer, "olivia", right)
    with pytest.raises(LinkError, match="may not do this"):
        buttons.use()
    assert buttons.views.done == []


def test_a_later_print_is_not_touched(buttons):
    now = buttons.post.time.time()
    buttons.prints.end(buttons.print, "cancelled", now + 5)
    with pytest.raises(LinkError, match="print that this was about is over"):
        buttons.use()
    buttons.prints.begin(buttons.post.printer, "next", "next", now + 10)
    buttons.post.time.pass_(60)
    with pytest.raises(LinkError, match="print that this was about is over"):
        buttons.use()
    buttons.use("dismiss")


def test_a_removed_target_takes_its_buttons_along(buttons):
    buttons.post.desk("olivia").remove("olivia")
    with pytest.raises(LinkError, match="no longer good"):
        buttons.use()


@pytest.mark.parametrize("change", ["note", "action", "expires", "mac", "case", "garbage"])
def test_a_changed_one_is_worth_nothing(buttons, change):
    note, action, expires, mac = buttons.tokens["pause"].split("-")
    changed = {
        "note": f"2-{action}-{expires}-{mac}",
        "action": f"{note}-resume-{expires}-{mac}",
        "expires": f"{note}-{action}-{int(expires) + 9999}-{mac}",
        "mac": f"{note}-{action}-{expires}-{mac[:-1]}{'0' if mac[-1] != '0' else '1'}",
        "case": f"{note}-{action}-{expires}-{mac.upper()}",
        "garbage": "../../etc/passwd",
    }[change]
    with pytest.raises(LinkError):
        buttons.use(token=changed)
    assert buttons.views.done == []


@pytest.mark.parametrize("other", [{"person": "vera"}, {"printer": "q"}, {"event": 8}])
def test_a_signature_is_for_one_person_printer_and_event(other):
    link = Link(1, "pause", 100)
    right = {"person": "olivia", "printer": "p", "event": 7}
    assert sign(KEY, link, **right) != sign(KEY, link, **{**right, **other})
    assert sign(b"j" * 32, link, **right) != sign(KEY, link, **right)


def test_only_the_three_actions_exist():
    assert parse("1-cancel-9999999999-" + "0" * 32) is None
    assert parse("1-pause-9999999999-" + "0" * 32) is not None
