"""Views: one person sees and does what his rights say, and a stranger's printer is as good as none."""

import inspect
import io
import zipfile
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace

import pytest

from agent.protocol import Frame, State
from hub.access import Right
from hub.enrolment import Invitation
from hub.live import CameraLive
from hub.policy import PrinterSettings, changed
from hub.print_views import PrintParts
from hub.regions import Region
from hub.store.history import CommandRow, ScoreRow
from hub.store.prints import Prints
from hub.store.trials import TrialStore
from hub.views import NotAllowed, NotFound, Parts, UserView, checked_name
from tests.support import databases

NOW = 1_700_000_000.0
NOBODYS = "f" * 32
COMMAND = CommandRow("c", "p", 1, NOW, "pause", "j", "ann", "asked", "sent", "", dry=False, updated=NOW)


@dataclass
class Done:
    """Keeps what the view asked the rest of the hub to do."""

    calls: list = field(default_factory=list)

    def note(self, *call):
        self.calls.append(call)


class Desk(Done):
    def order(self, printer, action, *, initiator, reason):
        self.note(printer, action, initiator, reason)
        return replace(COMMAND, printer=printer, action=action)


class Registrar(Done):
    """Adds for real, so that a view of the new printer can be made."""

    printers = None

    def add(self, person, name):
        return self.printers.add(checked_name(name), person, NOW)

    def confirm(self, person, printer, code):
        self.note("confirm", person, printer, code)

    def invite(self, person, printer, *, ask_code=False):
        self.note("invite", person, printer)
        return Invitation(printer, "line", NOW)

    def remove(self, printer):
        self.note("remove", printer)

    def change_settings(self, printer, changes):
        settings = changed(self.printers.get(printer).settings, changes)
        self.printers.save_settings(printer, asdict(settings))
        self.note("change_settings", printer)
        return settings

    def dismiss(self, printer):
        self.note("dismiss", printer)


class Replays(Done):
    def begin(self, row, stored, settings, habit_of, now):
        self.note("begin", row.printer, row.id, settings.act_at, len(stored))

    def of(self, row, now):
        return None

    def forget(self, row):
        self.note("forget", row.printer, row.id)


class World:
    """ann's printer, which bob may control, cat may view, and dan does not know."""

    def __init__(self, stores, folder):
        for name in ("ann", "bob", "cat", "dan"):
            stores.people.add(name, None, role="admin" if name == "dan" else "user", now=1.0)
        self.stores = stores
        self.printer = stores.printers.add("Prusa", "ann", NOW).id
        self.dans = stores.printers.add("Ender", "dan", NOW).id
        stores.printers.grant(self.printer, "bob", Right.CONTROL)
        stores.printers.grant(self.printer, "cat", Right.VIEW)
        self.desk, self.registrar, self.looked_at = Desk(), Registrar(), []
        self.registrar.printers = stores.printers
        self.prints = Prints(stores.database, folder / "evidence")
        self.learnt, self.replays = [], Replays()
        self.parts = Parts(
            stores.printers,
            stores.history,
            stores.audit,
            stores.live,
            self.desk,
            self.registrar,
            self.looked_at.append,
            PrintParts(
                self.prints,
                SimpleNamespace(learn=self.learnt.append),
                TrialStore(stores.database),
                self.replays,
            ),
        )
        self.trial = TrialStore(stores.database).ask(self.printer, "ann", NOW)
        self.event = stores.history.add_event(self.printer, NOW, "warn", "warning", "text")
        self.print = self.prints.begin(self.printer, "j", "f.gcode", NOW - 5)
        self.prints.end(self.print, "finished", NOW + 5)
        self.evidence = stores.history.add_evidence(self.printer, "main", NOW, b"jpeg", event=self.event)
        stores.history.add_command(replace(COMMAND, printer=self.printer))
        stores.history.add_score(ScoreRow(self.printer, "main", NOW, 0.5, 0.1))
        stores.history.flush()

    def view(self, person):
        return UserView(self.parts, person, "session-1")

    def log(self):
        return [(row.actor, row.action, row.object) for row in self.stores.audit.rows()]


@pytest.fixture(scope="module", autouse=True)
def _cheap_passwords():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.store.people.PasswordHasher", databases.CheapHasher)
        yield


@pytest.fixture
def world(stores, tmp_path):
    return World(stores, tmp_path)


#: Every public method that is about one printer: the right it needs, and what it is called with after the printer.
RIGHTS = {
    "printer": (Right.VIEW, lambda world: ()),
    "frame": (Right.VIEW, lambda world: ("main",)),
    "look": (Right.VIEW, lambda world: ()),
    "scores": (Right.VIEW, lambda world: (0.0,)),
    "events": (Right.VIEW, lambda world: ()),
    "commands": (Right.VIEW, lambda world: ()),
    "evidence": (Right.VIEW, lambda world: ()),
    "picture": (Right.VIEW, lambda world: (world.evidence,)),
    "prints": (Right.VIEW, lambda world: ()),
    "print_": (Right.VIEW, lambda world: (world.print,)),
    "print_summaries": (Right.VIEW, lambda world: (10,)),
    "stored_picture": (Right.VIEW, lambda world: (world.evidence,)),
    "export_print": (Right.VIEW, lambda world: (world.print, io.BytesIO())),
    "detection_test": (Right.VIEW, lambda world: (world.trial,)),
    "last_detection_test": (Right.VIEW, lambda world: ()),
    "test_detection": (Right.CONTROL, lambda world: ()),
    "replayed": (Right.VIEW, lambda world: (world.print,)),
    "replay_print": (Right.CONTROL, lambda world: (world.print, {"act_at": 0.97})),
    "tuning": (Right.OWN, lambda world: (1.0,)),
    "pin_print": (Right.CONTROL, lambda world: (world.print, {"pinned": True})),
    "mark_print": (Right.CONTROL, lambda world: (world.print, {"good": True})),
    "delete_print": (Right.OWN, lambda world: (world.print,)),
    "feedback": (Right.CONTROL, lambda world: (world.evidence, "false_alarm")),
    "take_feedback_back": (Right.CONTROL, lambda world: (world.evidence,)),
    "order": (Right.CONTROL, lambda world: ("pause",)),
    "dismiss": (Right.CONTROL, lambda world: ()),
    "save_settings": (Right.OWN, lambda world: ({"warn_at": 0.5},)),
    "invite": (Right.OWN, lambda world: ()),
    "confirm": (Right.OWN, lambda world: ("123456",)),
    "rename": (Right.OWN, lambda world: ("Mini",)),
    "remove": (Right.OWN, lambda world: ()),
}
#: Methods that are not about a given printer.
ABOUT_NO_PRINTER = {"printers", "add_printer"}
HOLDERS = {"dan": None, "cat": Right.VIEW, "bob": Right.CONTROL, "ann": Right.OWN}
#: What only reads leaves no trace.
READS = {name for name, (right, _) in RIGHTS.items() if right is Right.VIEW} | {"tuning"}


def call(world, person, name, printer):
    arguments = list(RIGHTS[name][1](world))
    named = (
        arguments.pop()
        if arguments and name in ("pin_print", "mark_print") and isinstance(arguments[-1], dict)
        else {}
    )
    return getattr(world.view(person), name)(printer, *arguments, **named)


def trace(world):
    """Everything that a method could have changed."""
    dump = "\n".join(world.stores.database.tables.conn.iterdump())
    return (
        dump,
        list(world.desk.calls),
        list(world.registrar.calls),
        list(world.looked_at),
        list(world.learnt),
        list(world.replays.calls),
    )


# The table


def test_every_public_method_has_a_row():
    """A new method must say here which right it needs; it is then tried by everybody below."""
    public = {
        name for name, _ in inspect.getmembers(UserView, inspect.isfunction) if not name.startswith("_")
    }
    assert public == set(RIGHTS) | ABOUT_NO_PRINTER


@pytest.mark.parametrize("name", RIGHTS)
def test_a_printer_comes_first(name):
    """What takes a printer takes it as its first argument, so that the tests below hit the right one."""
    assert list(inspect.signature(getattr(UserView, name)).parameters)[1] == "printer"


@pytest.mark.parametrize("person", HOLDERS)
@pytest.mark.parametrize("name", RIGHTS)
def test_each_right_opens_what_it_should_and_nothing_more(world, name, person):
    needed, held = RIGHTS[name][0], HOLDERS[person]
    before = trace(world)
    if held is not None and held >= needed:
        call(world, person, name, world.printer)
        if name not in READS:
            assert trace(world) != before
            assert world.log()[0][0] == person
            assert world.log()[0][2] == world.printer
            assert world.stores.audit.rows()[0].session == "session-1"
        return
    with pytest.raises(NotFound if held is None else NotAllowed) as caught:
        call(world, person, name, world.printer)
    assert str(caught.value) == ""
    assert trace(world) == before


@pytest.mark.parametrize("name", RIGHTS)
def test_a_foreign_printer_and_a_missing_one_are_the_same(world, name):
    """Also for an administrator, who has no right that was not granted."""
    for person in ("dan", "nobody"):
        answers = set()
        for printer in (world.printer, NOBODYS, "", "' OR 1=1 --", "\ud800"):
            with pytest.raises(NotFound) as caught:
                call(world, person, name, printer)
            answers.add((type(caught.value), str(caught.value), caught.value.__cause__))
        assert len(answers) == 1


@pytest.mark.parametrize("name", RIGHTS)
def test_a_right_that_was_taken_is_gone_at_once(world, name):
    view = world.view("bob")
    view.printer(world.printer)
    world.stores.printers.grant(world.printer, "bob", None)
    with pytest.raises(NotFound):
        call(world, "bob", name, world.printer)


# Lists


def test_everybody_sees_his_own_list(world):
    lists = {person: [card.id for card in world.view(person).printers()] for person in (*HOLDERS, "nobody")}
    ours = [world.printer]
    assert lists == {"ann": ours, "bob": ours, "cat": ours, "dan": [world.dans], "nobody": []}
    assert world.view("cat").printers()[0].right is Right.VIEW


def test_things_of_another_printer_are_not_found_through_ones_own(world):
    """A stranger owns a printer; with it he must not reach pictures and prints of ann's by their numbers."""
    view = world.view("dan")
    for name, arguments, named in [
        ("picture", (world.evidence,), {}),
        ("print_", (world.print,), {}),
        ("export_print", (world.print, io.BytesIO()), {}),
        ("stored_picture", (world.evidence,), {}),
        ("take_feedback_back", (world.evidence,), {}),
        ("detection_test", (world.trial,), {}),
        ("replayed", (world.print,), {}),
        ("replay_print", (world.print, {}), {}),
        ("pin_print", (world.print,), {"pinned": True}),
        ("mark_print", (world.print,), {"good": True}),
        ("delete_print", (world.print,), {}),
        ("feedback", (world.evidence, "false_alarm"), {}),
    ]:
        with pytest.raises(NotFound):
            getattr(view, name)(world.dans, *arguments, **named)
    assert view.evidence(world.dans, event=world.event) == []
    assert view.events(world.dans) == view.commands(world.dans) == view.scores(world.dans, 0.0) == []
    assert view.prints(world.dans) == []


def test_a_print_is_replayed_by_the_printers_settings_with_some_changed(world):
    world.view("ann").save_settings(world.printer, {"act_at": 0.9})
    for changes in ({"warn_at": 0.7}, {"act_at": 0.97}):
        world.view("bob").replay_print(world.printer, world.print, changes)
    assert [call[3:] for call in world.replays.calls] == [(0.9, 1), (0.97, 1)]
    with pytest.raises(ValueError, match="act_at"):
        world.view("bob").replay_print(world.printer, world.print, {"act_at": 2})
    world.view("ann").delete_print(world.printer, world.print)
    assert world.replays.calls[-1] == ("forget", world.printer, world.print)


# What is shown


def test_a_printer_of_which_nothing_was_heard(world):
    card = world.view("ann").printer(world.printer)
    assert (card.name, card.enrolled, card.online, card.phase) == ("Prusa", False, False, "unknown")
    assert (card.watch, card.verdict, card.certainty, card.can) == ("not_watched", "unknown", None, ())
    assert (card.cameras, card.temperatures, card.settings) == ((), {}, PrinterSettings())


def test_a_printer_that_prints(world):
    world.stores.printers.save_enrolled(world.printer, b"k" * 32, NOW)
    frame = Frame("main", 1, 7, 0, 0, "j", b"jpeg")
    region = Region(0, 0, 1, 1, 0.9)
    with world.stores.live.lock:
        live = world.stores.live.printer(world.printer)
        live.online, live.certainty, live.verdict, live.watch = True, 0.4, "ok", "watched"
        live.state = State(1, 1, 1, 1, "printing", job="j", file="f", progress=0.5, can=("pause",))
        live.cameras["side"] = CameraLive(fault="offline")
        live.cameras["main"] = CameraLive(frame, 1.0, 0.7, (region,))
    card = world.view("cat").printer(world.printer)
    assert (card.enrolled, card.online, card.phase, card.can) == (True, True, "printing", ("pause",))
    assert (card.file, card.progress, card.certainty) == ("f", 0.5, 0.4)
    main, side = card.cameras
    assert (main.name, main.seq, main.score, main.regions, main.fault) == ("main", 7, 0.7, (region,), "")
    assert main.age > 0
    assert (side.name, side.seq, side.age, side.fault) == ("side", 0, None, "offline")
    assert world.view("cat").frame(world.printer, "main") is frame
    assert world.view("cat").frame(world.printer, "main", after=7) is None


def test_what_an_agent_said_before_it_went_away_is_not_shown_as_now(world):
    """A phase and buttons of a dead agent would be a lie."""
    with world.stores.live.lock:
        live = world.stores.live.printer(world.printer)
        live.online, live.state = False, State(1, 1, 1, 1, "printing", file="f", can=("pause",))
    card = world.view("ann").printer(world.printer)
    assert (card.phase, card.can, card.file) == ("unknown", (), "f")


def test_who_waits_for_a_picture_while_the_right_is_taken_gets_none(world, monkeypatch):
    def meanwhile(*_):
        world.stores.printers.grant(world.printer, "cat", None)
        return Frame("main", 1, 8, 0, 0, "j", b"jpeg")

    monkeypatch.setattr(world.stores.live, "newest_frame", meanwhile)
    with pytest.raises(NotFound):
        world.view("cat").frame(world.printer, "main", timeout=10.0)


def test_history_is_passed_on(world):
    view = world.view("cat")
    assert [each.id for each in view.events(world.printer)] == [world.event]
    assert view.events(world.printer, before=world.event) == []
    assert [each.id for each in view.evidence(world.printer, event=world.event)] == [world.evidence]
    assert view.picture(world.printer, world.evidence) == b"jpeg"
    assert [each.id for each in view.commands(world.printer)] == ["c"]
    assert [each.t for each in view.scores(world.printer, NOW)] == [NOW]
    assert view.scores(world.printer, NOW + 1) == []


def test_a_picture_that_is_gone_is_not_found(world):
    with pytest.raises(NotFound):
        world.view("ann").picture(world.printer, world.evidence + 1)


def test_looking_is_told(world):
    world.view("cat").look(world.printer)
    assert world.looked_at == [world.printer]


# What is done


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_an_order_names_the_person(world, action):
    assert world.view("bob").order(world.printer, action).action == action
    assert world.desk.calls == [(world.printer, action, "bob", "asked for in the viewer")]
    assert world.log()[0] == ("bob", action, world.printer)


@pytest.mark.parametrize("action", ["", "start", "Pause", "dismiss", "none"])
def test_other_orders_are_none(world, action):
    with pytest.raises(ValueError, match="none of pause, resume, cancel"):
        world.view("ann").order(world.printer, action)
    assert world.desk.calls == []


def test_some_settings_change_and_the_others_stay(world):
    view = world.view("ann")
    view.save_settings(world.printer, {"warn_at": 0.5, "action": "alert"})
    saved = view.save_settings(world.printer, {"warn_at": 0.55})
    assert saved == PrinterSettings(warn_at=0.55, action="alert")
    assert view.printer(world.printer).settings == saved
    assert world.registrar.calls == [("change_settings", world.printer)] * 2
    assert world.stores.audit.rows()[0].detail == "warn_at=0.55"


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "dan"},
        {"key": "x"},
        {"__class__": "x"},
        {"warn_at": 2},
        {"warn_at": "0.5"},
        {"warn_at": None},
        {"watch": "no"},
        {"after": {"explode": 1}},
        {"after": 3},
        {"action": []},
    ],
)
def test_settings_that_make_no_sense_change_nothing(world, changes):
    """No mass assignment, and no wrong type that would break the next frame's decision."""
    before = trace(world)
    with pytest.raises(ValueError, match=r"unknown setting|: "):
        world.view("ann").save_settings(world.printer, changes)
    assert trace(world) == before


def test_adding_a_printer_gives_its_card_and_a_line(world):
    card, invitation = world.view("cat").add_printer("  Mini ")
    assert (card.name, card.right, card.enrolled) == ("Mini", Right.OWN, False)
    assert invitation.printer == card.id
    assert [each.id for each in world.view("ann").printers()] == [world.printer]
    assert world.log()[0] == ("cat", "add_printer", card.id)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "a\0b", "\ud800", "a\u202eb"])
def test_names_that_are_refused(world, name):
    with pytest.raises(ValueError, match="1 to 60"):
        world.view("ann").rename(world.printer, name)
    with pytest.raises(ValueError, match="1 to 60"):
        world.view("ann").add_printer(name)
    assert world.view("ann").printer(world.printer).name == "Prusa"


def test_a_name_is_cut_of_its_spaces(world):
    world.view("ann").rename(world.printer, "  Büro 3  ")
    assert world.view("ann").printer(world.printer).name == "Büro 3"


@pytest.mark.parametrize(
    ("name", "told"),
    [("dismiss", ("dismiss",)), ("remove", ("remove",)), ("invite", ("invite", "ann"))],
)
def test_the_rest_of_the_hub_is_told(world, name, told):
    getattr(world.view("ann"), name)(world.printer)
    assert world.registrar.calls == [(*told, world.printer)]


# Prints


def test_a_print_is_shown_and_exported(world):
    view = world.view("cat")
    assert [each.id for each in view.prints(world.printer)] == [world.print]
    detail = view.print_(world.printer, world.print)
    assert [each.id for each in detail.evidence] == [world.evidence]
    file = io.BytesIO()
    view.export_print(world.printer, world.print, file)
    with zipfile.ZipFile(file) as archive:
        assert b"jpeg" in [archive.read(name) for name in archive.namelist()]


def test_a_print_that_runs_cannot_be_deleted(world):
    running = world.prints.begin(world.printer, "k", "", NOW + 10)
    with pytest.raises(ValueError, match="still running"):
        world.view("ann").delete_print(world.printer, running)
    assert world.prints.get(world.printer, running)


def test_pinning_and_unpinning(world):
    for pinned in (True, False):
        world.view("bob").pin_print(world.printer, world.print, pinned=pinned)
        assert world.view("bob").print_(world.printer, world.print).row.pinned is pinned
        assert world.log()[0][1] == ("pin_print" if pinned else "unpin_print")


def test_without_prints_there_are_none(world):
    view = UserView(replace(world.parts, prints=None), "ann")
    with pytest.raises(NotFound):
        view.prints(world.printer)
