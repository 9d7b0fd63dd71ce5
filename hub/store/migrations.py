"""The database's history. A migration that was released is never changed; a new one is added below it."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("printwarden")


@migrations()
def m001_people(db: Database) -> None:
    """People, their sessions and one-time sign-in links."""
    db.execute(
        "CREATE TABLE people (name TEXT PRIMARY KEY, role TEXT NOT NULL, password_hash TEXT NOT NULL,"
        " created REAL NOT NULL, disabled INTEGER NOT NULL DEFAULT 0, quota INTEGER NOT NULL DEFAULT 10)"
    )
    db.execute(
        "CREATE TABLE sessions (token_hash TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
        " person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE, created REAL NOT NULL, expires REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE sign_in_links (token_hash TEXT PRIMARY KEY,"
        " person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE, expires REAL NOT NULL)"
    )


@migrations()
def m002_printers(db: Database) -> None:
    """Printers, who may use them, and the credentials and enrolments that reach them."""
    db.execute(
        "CREATE TABLE printers (id TEXT PRIMARY KEY, name TEXT NOT NULL,"
        " owner TEXT NOT NULL REFERENCES people(name), key BLOB NOT NULL, created REAL NOT NULL,"
        " settings TEXT NOT NULL DEFAULT '{}', boot INTEGER NOT NULL DEFAULT 0, enrolled REAL)"
    )
    db.execute(
        "CREATE TABLE grants (printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE,"
        " person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE, right INTEGER NOT NULL,"
        " PRIMARY KEY (printer, person))"
    )
    db.execute(
        "CREATE TABLE credentials (id TEXT PRIMARY KEY, username TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT,"
        " label TEXT NOT NULL DEFAULT '', token_hash TEXT NOT NULL, rights TEXT NOT NULL DEFAULT '{}',"
        " created REAL NOT NULL, expires REAL)"
    )
    db.execute("CREATE INDEX credentials_username ON credentials(username)")
    db.execute(
        "CREATE TABLE enrolments (id TEXT PRIMARY KEY, printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE,"
        " person TEXT NOT NULL, secret_hash TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL,"
        " tries_left INTEGER NOT NULL)"
    )


@migrations()
def m003_watching(db: Database) -> None:
    """What was seen, decided and done."""
    db.execute(
        "CREATE TABLE scores (printer TEXT NOT NULL, camera TEXT NOT NULL, t REAL NOT NULL, score REAL, certainty REAL)"
    )
    db.execute("CREATE INDEX scores_printer_t ON scores(printer, t)")
    db.execute(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, printer TEXT NOT NULL, t REAL NOT NULL, kind TEXT NOT NULL,"
        " level TEXT NOT NULL, text TEXT NOT NULL, data TEXT NOT NULL DEFAULT '{}')"
    )
    db.execute("CREATE INDEX events_printer_id ON events(printer, id)")
    db.execute(
        "CREATE TABLE commands (id TEXT PRIMARY KEY, printer TEXT NOT NULL, seq INTEGER NOT NULL, t REAL NOT NULL,"
        " action TEXT NOT NULL, job TEXT NOT NULL, initiator TEXT NOT NULL, reason TEXT NOT NULL, stage TEXT NOT NULL,"
        " outcome TEXT NOT NULL DEFAULT '', dry INTEGER NOT NULL DEFAULT 0, updated REAL NOT NULL)"
    )
    db.execute("CREATE INDEX commands_printer_t ON commands(printer, t)")
    db.execute(
        "CREATE TABLE evidence (id INTEGER PRIMARY KEY, printer TEXT NOT NULL, camera TEXT NOT NULL, t REAL NOT NULL,"
        " event INTEGER, score REAL, path TEXT NOT NULL, bytes INTEGER NOT NULL, pinned INTEGER NOT NULL DEFAULT 0)"
    )
    db.execute("CREATE INDEX evidence_printer_t ON evidence(printer, t)")


@migrations()
def m004_audit(db: Database) -> None:
    """Who did what, each row chained to the one before it."""
    db.execute(
        "CREATE TABLE audit (id INTEGER PRIMARY KEY, t REAL NOT NULL, actor TEXT NOT NULL, session TEXT NOT NULL,"
        " action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)"
    )


@migrations()
def m005_prints(db: Database) -> None:
    """Prints as things, what each of them looked like to the network, and what people said about pictures."""
    db.execute(
        "CREATE TABLE prints (id INTEGER PRIMARY KEY, printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE,"
        " job TEXT NOT NULL, file TEXT NOT NULL, started REAL NOT NULL, ended REAL, outcome TEXT NOT NULL,"
        " pinned INTEGER NOT NULL DEFAULT 0, good INTEGER)"
    )
    db.execute("CREATE INDEX prints_printer_id ON prints(printer, id)")
    db.execute(
        "CREATE TABLE habits (print INTEGER NOT NULL REFERENCES prints(id) ON DELETE CASCADE, camera TEXT NOT NULL,"
        " model TEXT NOT NULL, rows INTEGER NOT NULL, columns INTEGER NOT NULL, cells BLOB NOT NULL,"
        " PRIMARY KEY (print, camera))"
    )
    db.execute(
        "CREATE TABLE feedback (evidence INTEGER PRIMARY KEY REFERENCES evidence(id) ON DELETE CASCADE,"
        " printer TEXT NOT NULL, t REAL NOT NULL, person TEXT NOT NULL, label TEXT NOT NULL, x REAL, y REAL)"
    )


@migrations()
def m006_sharing(db: Database) -> None:
    """Read-only links to one printer, and API tokens of people."""
    db.execute(
        "CREATE TABLE share_links (id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, label TEXT NOT NULL,"
        " printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE, person TEXT NOT NULL,"
        " created REAL NOT NULL, expires REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE api_tokens (id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, label TEXT NOT NULL,"
        " person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE, scope TEXT NOT NULL,"
        " created REAL NOT NULL, expires REAL NOT NULL)"
    )


@migrations()
def m007_rotation(db: Database) -> None:
    """The key a printer's agent was given and has not used yet."""
    db.execute("ALTER TABLE printers ADD COLUMN next_key BLOB")


@migrations()
def m008_trials(db: Database) -> None:
    """Asked-for tests of the whole line of detection, and what each stage did."""
    db.execute(
        "CREATE TABLE trials (id INTEGER PRIMARY KEY, printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE,"
        " person TEXT NOT NULL, asked REAL NOT NULL, done REAL, stages TEXT NOT NULL DEFAULT '[]')"
    )


@migrations()
def m009_confirmations(db: Database) -> None:
    """Redeemed enrolments whose code the owner has yet to confirm; key and token are erased when it is settled."""
    db.execute("ALTER TABLE enrolments ADD COLUMN ask_code INTEGER NOT NULL DEFAULT 0")
    db.execute(
        "CREATE TABLE confirmations (enrolment TEXT PRIMARY KEY,"
        " printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE, person TEXT NOT NULL,"
        " secret_hash TEXT NOT NULL, key BLOB, token TEXT, expires REAL NOT NULL, tries_left INTEGER NOT NULL,"
        " confirmed REAL)"
    )


@migrations()
def m010_event_numbers(db: Database) -> None:
    """Events are numbered once and for all: what refers to one must never find another in its place."""
    schema = db.table("events").schema
    db.execute("ALTER TABLE events RENAME TO events_before")
    db.execute(schema.replace("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT", 1))
    db.execute("INSERT INTO events SELECT * FROM events_before")
    db.execute("DROP TABLE events_before")
    db.execute("CREATE INDEX events_printer_id ON events(printer, id)")


@migrations()
def m011_notify(db: Database) -> None:
    """Where people are told of events, what they want to be told, and what waits to be told."""
    db.execute(
        "CREATE TABLE notify_targets (id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE,"
        " kind TEXT NOT NULL, label TEXT NOT NULL, address TEXT NOT NULL, secret TEXT NOT NULL DEFAULT '',"
        " level TEXT NOT NULL, picture INTEGER NOT NULL, actions INTEGER NOT NULL, muted INTEGER NOT NULL DEFAULT 0,"
        " created REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL DEFAULT 0, failed REAL,"
        " error TEXT NOT NULL DEFAULT '')"
    )
    db.execute(
        "CREATE TABLE notify_people (person TEXT PRIMARY KEY REFERENCES people(name) ON DELETE CASCADE,"
        " subjects TEXT NOT NULL, quiet_from INTEGER, quiet_to INTEGER, alarms_pass INTEGER NOT NULL)"
    )
    db.execute(
        "CREATE TABLE notify_printers (person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE,"
        " printer TEXT NOT NULL REFERENCES printers(id) ON DELETE CASCADE, choice TEXT NOT NULL,"
        " PRIMARY KEY (person, printer))"
    )
    db.execute(
        "CREATE TABLE notify_outbox (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " target TEXT NOT NULL REFERENCES notify_targets(id) ON DELETE CASCADE, printer TEXT NOT NULL,"
        " event INTEGER NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL, t REAL NOT NULL,"
        " state TEXT NOT NULL DEFAULT 'waiting', settled REAL)"
    )
    db.execute("CREATE INDEX notify_outbox_state ON notify_outbox(state, target)")
    db.execute("CREATE INDEX notify_outbox_target ON notify_outbox(target, printer, id)")
    db.execute("CREATE TABLE notify_used (link TEXT PRIMARY KEY, expires REAL NOT NULL)")
    db.execute("CREATE TABLE notify_cursor (event INTEGER NOT NULL)")
    db.execute("INSERT INTO notify_cursor SELECT ifnull(max(id), 0) FROM events")


@migrations()
def m012_timelapse(db: Database) -> None:
    """What a stored picture is for and what was found in it; whether a print's time-lapse was made."""
    db.execute("ALTER TABLE evidence ADD COLUMN kind TEXT NOT NULL DEFAULT 'evidence'")
    db.execute("ALTER TABLE evidence ADD COLUMN regions TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE prints ADD COLUMN film TEXT")
