"""From where a request may come: this server's own address, its proxies, its own pages."""

import re
from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.exceptions import BadRequest, Forbidden

from webapp.proxies import UNTRUSTED
from webapp.words import N_

SAFE = {"GET", "HEAD", "OPTIONS"}
PORT = re.compile(r":\d+$")
FORWARDED = ("HTTP_X_FORWARDED", "HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")  # beginnings of their names
OTHER_HOST = "this server has another address: open the one that it was started with"
OTHER_SITE = N_("this request comes from another site: open this server's own page and try again")
OTHER_PEER = N_("this server is reached through its proxy alone: open the proxy's address")
NOT_LOCAL = N_(
    "this request came through a proxy, and this server was started for its own machine alone: "
    "start it with --behind-proxy, and people will log in"
)
LED_HERE = N_(
    "another site's page has led here, and this server was started for its own machine alone: "
    "open the address yourself, in an empty tab"
)


def refuse_other_hosts() -> None:
    """400 on a server of this machine alone for a name that leads here from elsewhere, whose pages could read everything."""
    own, host = current_app.config["OWN_HOSTS"], PORT.sub("", request.host).strip("[]").lower()
    if own is not None and host not in own:
        raise BadRequest(OTHER_HOST)


def refuse_other_peers() -> None:
    """403 for what came round the proxies, and, on a server of this machine alone, for what came through one."""
    if request.environ.get(UNTRUSTED):
        raise Forbidden(OTHER_PEER)
    if current_app.config["SETTINGS"].is_local and any(name.startswith(FORWARDED) for name in request.environ):
        raise Forbidden(NOT_LOCAL)


def refuse_other_sites() -> None:
    """403 for a changing request that another site's page has sent, whichever way it says so.

    On a server of this machine alone for every request: nobody logs in there, so no cookie keeps other sites out.
    """
    is_other = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    if is_other and request.method in SAFE and current_app.config["SETTINGS"].is_local:
        raise Forbidden(LED_HERE)
    origin = request.headers.get("Origin")
    is_other = is_other or (origin is not None and _host_of(origin) != request.host)
    if is_other and request.method not in SAFE:
        raise Forbidden(OTHER_SITE)


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # no address at all
        return ""
