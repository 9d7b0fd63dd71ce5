"""What an owner lets others do: grants to people, integrations, share links, API tokens. Scoped to one person."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from hub.access import Kind, Principal, Right, may_use
from hub.credentials import Credentials
from hub.intents import payloads
from hub.store.audit import Audit
from hub.store.people import People
from hub.store.printers import CredentialRow, Printers
from hub.store.sharing import ApiToken, ShareLink
from hub.store.sharing import Sharing as SharingStore
from hub.views import NotAllowed, NotFound

LINK_S = 7 * 86_400.0
TOKEN_S = 365 * 86_400.0


@dataclass(frozen=True)
class NewIntegration:
    """A fresh integration credential, shown once. `intents`: printer to action to the payload that asks for it."""

    id: str
    username: str
    token: str
    intents: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class SharingParts:
    """What sharing is made from."""

    people: People
    printers: Printers
    credentials: Credentials
    sharing: SharingStore
    audit: Audit


class PersonSharing:
    """One person's own sharing. Only an owner grants; nobody gives a right that he does not have himself."""

    def __init__(self, parts: SharingParts, person: str, session: str = "") -> None:
        self._parts, self.person, self.session = parts, person, session

    # Grants to people

    def grants(self, printer: str) -> dict[str, Right]:
        """Who may use a printer of this person."""
        self._need(printer, Right.OWN)
        return self._parts.printers.rights_on(printer)

    def grant(self, printer: str, person: str, right: Right | None) -> None:
        """Let another person view or control a printer, or (None) no longer; raises ValueError, NotFound, NotAllowed."""
        self._need(printer, Right.OWN)
        if person == self.person or right is Right.OWN:
            raise ValueError("ownership is not shared; a new owner adds the printer anew")
        if self._parts.people.get(person) is None:
            raise ValueError(f"there is no user {person!r}")
        self._parts.printers.grant(printer, person, right)
        self._parts.credentials.reload()
        self._audit("grant", printer, f"{person}: {right.name.lower() if right else 'nothing'}")

    # Integrations

    def add_integration(self, label: str, rights: Mapping[str, Right]) -> NewIntegration:
        """A credential for a program on MQTT (Home Assistant), for some of the printers this person may use.

        `Right.OWN`, which only an owner can give, lets it change the printer's settings besides controlling it.
        """
        for printer, right in rights.items():
            self._need(printer, right)
        if not rights:
            raise ValueError("choose one printer at least")
        identity = secrets.token_hex(8)
        token = self._parts.printers.add_credential(
            f"i-{identity}",
            Kind.INTEGRATION,
            time.time(),
            owner=self.person,
            label=_label(label),
            rights={printer: int(right) for printer, right in rights.items()},
        )
        self._parts.credentials.admit(f"i-{identity}", token)
        self._audit("add_integration", identity, label)
        intents = {printer: self._intents(printer, identity, right) for printer, right in rights.items()}
        return NewIntegration(
            identity, f"i-{identity}", token, {each: made for each, made in intents.items() if made}
        )

    def integrations(self) -> list[CredentialRow]:
        """This person's integrations."""
        rows = self._parts.printers.credentials()
        return [row for row in rows if row.kind == Kind.INTEGRATION and row.owner == self.person]

    def remove_integration(self, identity: str) -> None:
        """End an integration and its connections at once; raises NotFound."""
        if f"i-{identity}" not in {row.username for row in self.integrations()}:
            raise NotFound
        self._parts.printers.remove_credentials(f"i-{identity}")
        self._parts.credentials.reload()
        self._audit("remove_integration", identity)

    # Links and tokens

    def add_link(self, printer: str, label: str, lifetime: float = LINK_S) -> tuple[ShareLink, str]:
        """A read-only link to a printer of this person, and its token."""
        self._need(printer, Right.OWN)
        if not 60 <= lifetime <= TOKEN_S:
            raise ValueError("lifetime: from a minute to a year")
        made = self._parts.sharing.add_link(
            printer, self.person, _label(label), now=time.time(), lifetime=lifetime
        )
        self._audit("add_link", printer, made[0].id)
        return made

    def links(self, printer: str) -> list[ShareLink]:
        """Live links to a printer of this person."""
        self._need(printer, Right.OWN)
        return self._parts.sharing.links(printer, time.time())

    def remove_link(self, printer: str, link: str) -> None:
        """End a link at once; raises NotFound."""
        self._need(printer, Right.OWN)
        if not self._parts.sharing.remove_link(printer, link):
            raise NotFound
        self._audit("remove_link", printer, link)

    def add_token(self, scope: str, label: str, lifetime: float = TOKEN_S) -> tuple[ApiToken, str]:
        """An API token of this person; raises ValueError for an unknown scope."""
        made = self._parts.sharing.add_token(
            self.person, scope, _label(label), now=time.time(), lifetime=lifetime
        )
        self._audit("add_token", made[0].id, scope)
        return made

    def tokens(self) -> list[ApiToken]:
        """This person's live API tokens."""
        return self._parts.sharing.api_tokens(self.person, time.time())

    def remove_token(self, identity: str) -> None:
        """End an API token at once; raises NotFound."""
        if not self._parts.sharing.remove_token(self.person, identity):
            raise NotFound
        self._audit("remove_token", identity)

    # Inside

    def _need(self, printer: str, right: Right) -> None:
        principal = Principal(Kind.PERSON, self.person, self._parts.printers.rights_of(self.person))
        if not may_use(principal, Right.VIEW, printer):
            raise NotFound
        if not may_use(principal, right, printer):
            raise NotAllowed

    def _intents(self, printer: str, credential: str, right: Right) -> dict[str, str]:
        row = self._parts.printers.get(printer)
        assert row is not None
        return payloads(row.key, credential, right)

    def _audit(self, action: str, object_: str, detail: str = "") -> None:
        self._parts.audit.add(time.time(), self.person, action, object_, detail, self.session)


def _label(label: str) -> str:
    label = label.strip()
    if not 1 <= len(label) <= 60 or not label.isprintable():
        raise ValueError("a label has 1 to 60 printable characters")
    return label
