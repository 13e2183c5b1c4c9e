"""Who may look at the board: by the name under which it is asked, a token where it is seen from elsewhere, GET alone."""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cardiac.errors import ConfigError

TOKEN_VARIABLE = "ECG_BOARD_TOKEN"
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 12
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Refuses what is asked under a foreign name (DNS rebinding), by another site's script, or without the token.

    hosts : names beside those of this machine.  token : the password of HTTP Basic, whatever the user's name; with one,
    everybody must give it.  Raises ConfigError where other names than this machine's are given and no token.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self._app = app
        self._hosts = LOCAL | {host.lower().strip("[]") for host in hosts}
        require_token(self._hosts, token)
        self._token = token.encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on; every answer carries `HEADERS`."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refusal(scope["method"], Headers(scope=scope))
        return await (refused or self._app)(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_served_as(host_name(hosts[0])):
            return PlainTextResponse("The board is not served under this name: open it as localhost.\n", 421)
        if self._token is not None and not self._has_token(headers.get("authorization", "")):
            answer = {"WWW-Authenticate": 'Basic realm="board", charset="UTF-8"'}
            return PlainTextResponse("The board's token is needed, as the password.\n", 401, answer)
        if method != "GET":
            return PlainTextResponse("The board can only be looked at.\n", 405, {"Allow": "GET"})
        foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            return PlainTextResponse("The board is not for other sites' scripts.\n", 403)
        return None

    def _is_served_as(self, name: str) -> bool:
        """With a token an address will do as well: it is names that can be bound anew to another machine."""
        return name in self._hosts or (self._token is not None and _is_address(name))

    def _has_token(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and hmac.compare_digest(given, self._token or b"")


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets."""
    name = host.partition("]")[0][1:] if host.startswith("[") else host.rpartition(":")[0] or host
    return name.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_local(host: str) -> bool:
    """Whether only this machine reaches a server bound to this address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in LOCAL


def require_token(hosts: Iterable[str], token: str | None) -> None:
    """Raises ConfigError where the board would be seen from elsewhere without a token, or with one easily guessed."""
    foreign = sorted(host for host in hosts if not is_local(host))
    if foreign and not token:
        raise ConfigError(f"the board shows patients, and {foreign[0]} is not this machine: set {TOKEN_VARIABLE}")
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"{TOKEN_VARIABLE} has {len(token)} characters: give at least {SHORTEST_TOKEN}")
