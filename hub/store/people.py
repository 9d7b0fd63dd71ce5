"""People, their sessions and their one-time sign-in links. Tokens are stored as SHA-256 only."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.store.database import Database

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
ROLES = ("admin", "user")
SESSION_S = 14 * 86_400
LINK_S = 15 * 60
MIN_PASSWORD = 10


class PersonError(ValueError):
    """A person cannot be added or changed like this; the text says why."""


@dataclass(frozen=True)
class Person:
    """A user of this hub; `role` is "admin" or "user". Who is disabled can do nothing, and what is his is kept."""

    name: str
    role: str
    quota: int
    disabled: bool = False


@dataclass(frozen=True)
class Session:
    """A signed-in browser. `id` may be shown and logged; the token is only in its cookie."""

    id: str
    person: Person
    expires: float


def token() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest(secret: str | bytes) -> str:
    """How machine secrets are stored."""
    data = secret.encode(errors="surrogatepass") if isinstance(secret, str) else secret
    return hashlib.sha256(data).hexdigest()


class People:
    """Everyone who can sign in."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._hasher = PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        """What a password is compared with where there is none; made when first needed, since it is slow to make."""
        return self._hasher.hash(secrets.token_hex(16))

    def add(self, name: str, password: str | None, *, role: str, now: float) -> Person:
        """Add a person; without a password only a sign-in link opens the account. Raises PersonError."""
        if not NAME.fullmatch(name):
            raise PersonError(f"{name!r}: use 1 to 40 of a-z, 0-9, dot, dash and underscore")
        _check_role(role)
        stored = self._hash(password) if password is not None else ""
        try:
            with self._db.write() as db:
                db.table("people").insert(
                    {"name": name, "role": role, "password_hash": stored, "created": now}
                )
        except sqlite3.IntegrityError as error:
            raise PersonError(f"{name!r} exists already") from error
        return Person(name, role, 10)

    def get(self, name: str) -> Person | None:
        """The person, unless unknown or disabled."""
        row = self._db.row("SELECT name, role, quota FROM people WHERE name = ? AND disabled = 0", name)
        return Person(**dict(row)) if row else None

    def all(self) -> list[Person]:
        """Everybody, by name."""
        rows = self._db.rows("SELECT name, role, quota, disabled FROM people ORDER BY name")
        return [Person(row["name"], row["role"], row["quota"], bool(row["disabled"])) for row in rows]

    def set_password(self, name: str, password: str) -> None:
        """Change a password, end all sessions and void all sign-in links; raises PersonError."""
        stored = self._hash(password)
        with self._db.write() as db:
            changed = db.execute("UPDATE people SET password_hash = ? WHERE name = ?", [stored, name])
            if not changed.rowcount:
                raise PersonError(f"there is no user {name!r}")
            db.execute("DELETE FROM sessions WHERE person = ?", [name])
            db.execute("DELETE FROM sign_in_links WHERE person = ?", [name])

    def has_password(self, name: str) -> bool:
        """Whether a password opens this account, and not only a sign-in link."""
        row = self._db.row("SELECT password_hash FROM people WHERE name = ? AND disabled = 0", name)
        return bool(row and row["password_hash"])

    def set_quota(self, name: str, printers: int) -> None:
        """How many printers a person may own; raises PersonError for a negative number."""
        if not 0 <= printers <= 10_000:
            raise PersonError("a quota lies from 0 to 10000 printers")
        with self._db.write() as db:
            db.execute("UPDATE people SET quota = ? WHERE name = ?", [printers, name])

    def set_role(self, name: str, role: str) -> None:
        """Make a person an administrator or an ordinary user; raises PersonError for the last administrator."""
        _check_role(role)
        with self._db.write() as db:
            if role != "admin":
                self._keep_an_administrator(name)
            db.execute("UPDATE people SET role = ? WHERE name = ?", [role, name])

    def disable(self, name: str) -> None:
        """Let a person do nothing until `enable`, and end every session; raises PersonError for the last administrator."""
        with self._db.write() as db:
            self._keep_an_administrator(name)
            db.execute("UPDATE people SET disabled = 1 WHERE name = ?", [name])
            db.execute("DELETE FROM sessions WHERE person = ?", [name])
            db.execute("DELETE FROM sign_in_links WHERE person = ?", [name])

    def enable(self, name: str) -> None:
        """Let a person in again."""
        with self._db.write() as db:
            db.execute("UPDATE people SET disabled = 0 WHERE name = ?", [name])

    def remove(self, name: str) -> None:
        """Delete a person with sessions, sign-in links, grants, API tokens and integrations.

        Raises PersonError for the last administrator and for whoever still owns printers.
        """
        with self._db.write() as db:
            self._keep_an_administrator(name)
            db.execute("DELETE FROM credentials WHERE owner = ? AND kind = 'integration'", [name])
            try:
                db.execute("DELETE FROM people WHERE name = ?", [name])
            except sqlite3.IntegrityError as error:
                raise PersonError(f"{name} still owns printers") from error

    def _keep_an_administrator(self, name: str) -> None:
        query = "SELECT name FROM people WHERE role = 'admin' AND disabled = 0"
        if [row["name"] for row in self._db.rows(query)] == [name]:
            raise PersonError(f"{name} is the only administrator; make somebody else one first")

    def check_password(self, name: str, password: str) -> Person | None:
        """The person if the password is right. Takes as long for a name that does not exist."""
        nobody = (
            self._nobody
        )  # asked for whoever comes, so that the first one after a start tells nothing either
        row = self._db.row("SELECT password_hash FROM people WHERE name = ? AND disabled = 0", name)
        stored = row["password_hash"] if row and row["password_hash"] else nobody
        try:
            self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return None
        return self.get(name) if stored is not nobody else None

    def open_session(self, person: Person, now: float) -> str:
        """A new session's token."""
        secret = token()
        with self._db.write() as db:
            db.execute("DELETE FROM sessions WHERE expires < ?", [now])
            db.table("sessions").insert(
                {
                    "token_hash": digest(secret),
                    "id": secrets.token_hex(8),
                    "person": person.name,
                    "created": now,
                    "expires": now + SESSION_S,
                }
            )
        return secret

    def session(self, secret: str, now: float) -> Session | None:
        """The live session of a token."""
        row = self._db.row("SELECT * FROM sessions WHERE token_hash = ? AND expires > ?", digest(secret), now)
        person = self.get(row["person"]) if row else None
        return Session(row["id"], person, row["expires"]) if row and person else None

    def close_session(self, secret: str) -> None:
        """End a session; an unknown token is no error."""
        with self._db.write() as db:
            db.execute("DELETE FROM sessions WHERE token_hash = ?", [digest(secret)])

    def close_sessions(self, name: str) -> None:
        """End every session of a person."""
        with self._db.write() as db:
            db.execute("DELETE FROM sessions WHERE person = ?", [name])

    def mint_link(self, name: str, now: float, lifetime: float = LINK_S) -> str:
        """A token that signs `name` in once; raises PersonError."""
        if self.get(name) is None:
            raise PersonError(f"there is no user {name!r}")
        secret = token()
        with self._db.write() as db:
            db.table("sign_in_links").insert(
                {"token_hash": digest(secret), "person": name, "expires": now + lifetime}
            )
        return secret

    def redeem_link(self, secret: str, now: float) -> Person | None:
        """The person of a sign-in link, which is used up by this."""
        with self._db.write() as db:
            row = self._db.row("SELECT * FROM sign_in_links WHERE token_hash = ?", digest(secret))
            db.execute("DELETE FROM sign_in_links WHERE token_hash = ? OR expires < ?", [digest(secret), now])
        return self.get(row["person"]) if row and row["expires"] > now else None

    def _hash(self, password: str) -> str:
        if len(password) < MIN_PASSWORD:
            raise PersonError(f"a password needs at least {MIN_PASSWORD} characters")
        return self._hasher.hash(password)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise PersonError(f"{role!r} is no role; {' or '.join(ROLES)}")
