"""The hub's log: one line a record, as text or as JSON, without secrets."""

from __future__ import annotations

import json
import logging
import re
import time

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
#: What a record may carry beside its message.
FIELDS = ("event", "printer", "kind", "person", "target", "command")
HIDDEN = "***"
_NOISY = ("amqtt", "transitions", "asyncio", "waitress.queue")

_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")
_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_NAMED = re.compile(r"(?i)\b(password|passwd|secret|token|apikey|api_key|key)(\s*[=:]\s*)(?!\s)[^\s,;&]+")
#: Tokens and keys as this hub makes them: 32 random bytes as base64 or hex.
_RANDOM = re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{43,}(?![A-Za-z0-9_-])")


def scrubbed(text: str) -> str:
    """A text without what looks like a secret: credentials in URLs and headers, named secrets, keys and tokens."""
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    return _RANDOM.sub(HIDDEN, text)


def printable(text: str) -> str:
    """A text whose control characters are spelled out, so that it stays in its line and commands no terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class Text(logging.Formatter):
    """A line for people, followed by a traceback if there is one. Nothing in a message begins another line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is the base class's
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return scrubbed(super().format(record))


class Json(logging.Formatter):
    """A line for programs: a JSON object with the time (Unix and in words), level, logger, message and fields."""

    def format(self, record: logging.LogRecord) -> str:
        row: dict[str, object] = {
            "t": round(record.created, 3),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrubbed(record.getMessage()),
        }
        row |= {name: value for name in FIELDS if (value := record.__dict__.get(name)) is not None}
        if record.exc_info:
            row["error"] = scrubbed(self.formatException(record.exc_info))
        return json.dumps(row, default=str)


def configure(format_: str = "text", level: str = "info") -> None:
    """Let the whole process log to stderr like this from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if format_ == "json" else Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR)
