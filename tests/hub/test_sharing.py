"""What an owner lets others do: grants, integrations, links and tokens, each ended at once when it is taken back."""

import time

import pytest

from hub.access import Action, Right, may, may_use
from hub.credentials import Credentials
from hub.intents import INTENTS
from hub.knobs import KNOBS
from hub.sharing import PersonSharing, SharingParts
from hub.store.sharing import Sharing
from hub.views import NotAllowed, NotFound
from tests.support.stores import Stores


class World:
    """Olivia owns a printer, Victor may view it, Mallory is nobody."""

    def __init__(self, folder):
        self.stores = Stores(folder)
        self.printer = self.stores.printer(owner="olivia").id
        for name in ("victor", "mallory"):
            self.stores.person(name)
        self.stores.printers.grant(self.printer, "victor", Right.VIEW)
        self.credentials = Credentials(self.stores.printers)
        self.kicked = []
        self.credentials.on_revoked = self.kicked.append
        self.credentials.start()
        self.links = Sharing(self.stores.database)

    def by(self, person):
        stores = self.stores
        parts = SharingParts(stores.people, stores.printers, self.credentials, self.links, stores.audit)
        return PersonSharing(parts, person, "session")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.stores.database.stop()


OWNERS_ONLY = {
    "grants": lambda sharing, printer: sharing.grants(printer),
    "grant": lambda sharing, printer: sharing.grant(printer, "mallory", Right.CONTROL),
    "add_link": lambda sharing, printer: sharing.add_link(printer, "wall"),
    "links": lambda sharing, printer: sharing.links(printer),
    "remove_link": lambda sharing, printer: sharing.remove_link(printer, "x"),
}


@pytest.mark.parametrize("method", OWNERS_ONLY)
def test_only_the_owner_shares(world, method):
    with pytest.raises(NotAllowed):
        OWNERS_ONLY[method](world.by("victor"), world.printer)
    for printer in (world.printer, "0" * 32):
        with pytest.raises(NotFound):
            OWNERS_ONLY[method](world.by("mallory"), printer)


def test_a_grant_is_given_changed_and_taken(world):
    olivia = world.by("olivia")
    olivia.grant(world.printer, "mallory", Right.CONTROL)
    assert olivia.grants(world.printer)["mallory"] is Right.CONTROL
    olivia.grant(world.printer, "mallory", None)
    assert "mallory" not in olivia.grants(world.printer)


@pytest.mark.parametrize(
    ("person", "right"), [("olivia", Right.VIEW), ("victor", Right.OWN), ("nobody", Right.VIEW)]
)
def test_ownership_is_not_shared_and_grantees_must_exist(world, person, right):
    with pytest.raises(ValueError, match=r"ownership|no user"):
        world.by("olivia").grant(world.printer, person, right)


def test_an_integration_reaches_the_chosen_printers_only(world):
    other = world.stores.printer("other", owner="mallory").id
    made = world.by("olivia").add_integration("Home Assistant", {world.printer: Right.CONTROL})
    principal = world.credentials.authenticate(made.username, made.token.encode())
    assert principal is not None
    assert set(made.intents[world.printer]) == set(INTENTS)
    intent = f"printwarden/v1/{{}}/intent/{made.id}"
    assert may(principal, Action.PUBLISH, intent.format(world.printer))
    assert not may(principal, Action.PUBLISH, intent.format(other))
    assert not may(principal, Action.RECEIVE, f"printwarden/v1/{other}/up/state")


def test_nobody_gives_a_right_that_he_does_not_have(world):
    with pytest.raises(NotAllowed):
        world.by("victor").add_integration("x", {world.printer: Right.CONTROL})
    with pytest.raises(NotFound):
        world.by("mallory").add_integration("x", {world.printer: Right.VIEW})
    with pytest.raises(NotAllowed):
        world.by("victor").add_integration("x", {world.printer: Right.OWN})
    with pytest.raises(ValueError, match="one printer"):
        world.by("olivia").add_integration("x", {})


def test_only_what_an_owner_grants_gets_the_capabilities_for_settings(world):
    made = world.by("olivia").add_integration("x", {world.printer: Right.OWN})
    assert set(made.intents[world.printer]) == {*INTENTS, *KNOBS}
    assert may_use(world.credentials.principal(made.username), Right.OWN, world.printer)


def test_an_integration_loses_with_its_owner(world):
    """Taking a person's right takes it from that person's integrations too, and ends their connections."""
    made = world.by("victor").add_integration("x", {world.printer: Right.VIEW})
    assert may_use(world.credentials.principal(made.username), Right.VIEW, world.printer)
    world.by("olivia").grant(world.printer, "victor", None)
    assert not may_use(world.credentials.principal(made.username), Right.VIEW, world.printer)
    assert world.kicked == [made.username]


def test_a_removed_integration_is_kicked_and_only_its_owner_removes_it(world):
    made = world.by("olivia").add_integration("x", {world.printer: Right.VIEW})
    with pytest.raises(NotFound):
        world.by("mallory").remove_integration(made.id)
    world.by("olivia").remove_integration(made.id)
    assert world.kicked == [made.username]
    assert world.credentials.authenticate(made.username, made.token.encode()) is None


def test_a_link_expires_and_ends_at_once_when_removed(world):
    olivia = world.by("olivia")
    link, secret = olivia.add_link(world.printer, "wall", 3600)
    now = time.time()
    assert world.links.link(secret, now) == link
    assert world.links.link(secret, now + 3601) is None
    assert world.links.link(secret + "x", now) is None
    olivia.remove_link(world.printer, link.id)
    assert world.links.link(secret, now) is None
    with pytest.raises(NotFound):
        olivia.remove_link(world.printer, link.id)


@pytest.mark.parametrize("lifetime", [0, 59, 400 * 86_400])
def test_a_link_lives_from_a_minute_to_a_year(world, lifetime):
    with pytest.raises(ValueError, match="lifetime"):
        world.by("olivia").add_link(world.printer, "wall", lifetime)


def test_an_api_token_is_its_persons_own(world):
    entry, secret = world.by("olivia").add_token("read", "script")
    now = time.time()
    assert world.links.api_token(secret, now) == entry
    assert world.links.api_token(secret, entry.expires + 1) is None
    with pytest.raises(NotFound):
        world.by("mallory").remove_token(entry.id)
    world.by("olivia").remove_token(entry.id)
    assert world.links.api_token(secret, now) is None
    with pytest.raises(ValueError, match="scope"):
        world.by("olivia").add_token("everything", "script")


@pytest.mark.parametrize("label", ["", " ", "x" * 61, "a\nb"])
def test_labels_are_short_and_printable(world, label):
    with pytest.raises(ValueError, match="label"):
        world.by("olivia").add_token("read", label)


def test_secrets_are_stored_as_hashes_only(world):
    """No token of a link, an API token or an integration is found in the database."""
    olivia = world.by("olivia")
    secrets = [
        olivia.add_link(world.printer, "wall")[1],
        olivia.add_token("read", "script")[1],
        olivia.add_integration("ha", {world.printer: Right.VIEW}).token,
    ]
    tables = [
        row["name"]
        for row in world.stores.database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    stored = "".join(
        str(tuple(row)) for table in tables for row in world.stores.database.rows(f'SELECT * FROM "{table}"')
    )
    assert not [secret for secret in secrets if secret in stored]
