"""HTTP logins: bearer at once; basic and digest as the server's challenge wants them."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence

SCHEMES = ("auto", "basic", "digest", "bearer")

_CHALLENGE = re.compile(r"(?:^|,\s*)(basic|digest)\s+", re.IGNORECASE)
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


class Login:
    """Credentials for one server. `scheme` "digest" never falls back to sending the password itself."""

    def __init__(self, user: str = "", password: str = "", token: str = "", scheme: str = "auto") -> None:
        if scheme not in SCHEMES:
            raise ValueError(f"auth must be one of {', '.join(SCHEMES)}, not {scheme!r}")
        self.user, self.password, self.token = user, password, token
        self.scheme = "bearer" if token else scheme
        self._basic = scheme == "basic" and bool(user)
        self._digest: dict[str, str] = {}
        self._count = 0

    @property
    def given(self) -> bool:
        """Whether there is anything to log in with."""
        return bool(self.user or self.token)

    def headers(self, method: str, path: str) -> dict[str, str]:
        """What to send with a request; nothing before the server has asked, except for bearer and basic by choice."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self._digest:
            return {"Authorization": self._answer(method, path)}
        if self._basic:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def challenged(self, challenges: Sequence[str]) -> bool:
        """Learn from a 401; True if it is worth asking again."""
        if not self.user or self.token:
            return False
        offers = {name: given for each in challenges for name, given in _parsed(each)}
        digest = offers.get("digest")
        if digest and self.scheme != "basic" and digest.get("algorithm", "MD5").lower() in _HASHES:
            again = not self._digest or digest.get("stale", "").lower() == "true" or self._count > 1
            self._digest, self._count = digest, 0
            return again
        if "basic" in offers and self.scheme in ("auto", "basic") and not self._basic:
            self._basic = True
            return True
        return False

    def _answer(self, method: str, path: str) -> str:
        given, self._count = self._digest, self._count + 1
        algorithm = given.get("algorithm", "MD5")
        realm, nonce = given.get("realm", ""), given.get("nonce", "")

        def digest(text: str) -> str:
            return _HASHES[algorithm.lower()](text.encode()).hexdigest()

        secret = digest(f"{self.user}:{realm}:{self.password}")
        action = digest(f"{method}:{path}")
        fields = {"username": self.user, "realm": realm, "nonce": nonce, "uri": path}
        tail = ""
        if "auth" in re.split(r"[\s,]+", given.get("qop", "")):
            count, mine = f"{self._count:08x}", secrets.token_hex(8)
            fields["response"] = digest(f"{secret}:{nonce}:{count}:{mine}:auth:{action}")
            tail = f', algorithm={algorithm}, qop=auth, nc={count}, cnonce="{mine}"'
        else:
            # the oldest form, which some printers' firmware speaks, and which knows no other algorithm than MD5
            fields["response"] = digest(f"{secret}:{nonce}:{action}")
            tail = "" if algorithm.upper() == "MD5" else f", algorithm={algorithm}"
        if "opaque" in given:
            fields["opaque"] = given["opaque"]
        return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items()) + tail


def _parsed(challenge: str) -> list[tuple[str, dict[str, str]]]:
    """The schemes in one WWW-Authenticate line, each with its parameters."""
    found = list(_CHALLENGE.finditer(challenge))
    ends = [each.start() for each in found[1:]] + [len(challenge)]
    return [
        (
            each.group(1).lower(),
            {
                name.lower(): quoted or bare
                for name, quoted, bare in _PARAMETER.findall(challenge[each.end() : end])
            },
        )
        for each, end in zip(found, ends)
    ]
