"""A server's side of HTTP digest logins."""

from __future__ import annotations

import hashlib
import re

REALM = "Printer API"


def digest_server(inner, user, password, algorithm="MD5", *, qop="auth", uses=1000):
    """A strict digest login in front of `inner`, written from RFC 7616; a nonce is good for `uses` requests."""
    hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]
    nonces = {}

    def h(text):
        return hashed(text.encode()).hexdigest()

    def challenge(request, stale):
        request.body()
        nonce = f"nonce{len(nonces)}"
        nonces[nonce] = 0
        header = f'Digest realm="{REALM}", nonce="{nonce}", algorithm={algorithm}'
        header += f', opaque="xyz", qop="{qop},auth-int"' if qop else ""
        request.reply(401, b"", {"WWW-Authenticate": header + (", stale=true" if stale else "")})

    def answer(request):
        header = request.headers.get("Authorization", "")
        fields = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)
        given = {name: quoted or bare for name, quoted, bare in fields}
        if given.get("nonce") not in nonces:
            return challenge(request, stale=False)
        nonces[given["nonce"]] += 1
        if nonces[given["nonce"]] > uses:
            return challenge(request, stale=True)
        middle = f":{given['nc']}:{given['cnonce']}:auth:" if qop else ":"
        secret, action = h(f"{user}:{REALM}:{password}"), h(f"{request.command}:{request.path}")
        if given["response"] != h(secret + ":" + given["nonce"] + middle + action):
            return challenge(request, stale=False)
        assert given["uri"] == request.path
        if qop:
            assert given["opaque"] == "xyz"
            assert int(given["nc"], 16) == nonces[given["nonce"]]
        return inner(request)

    return answer
