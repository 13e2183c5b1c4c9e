"""Browsers in which somebody has logged in before: their wrong passwords are counted apart from those of strangers.

A "device cookie" of OWASP: signed, for one user, sent to the page of the login alone, and ended by a new password.
"""

import secrets
from typing import Any

from flask import current_app, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from webapp.storage.tables import User
from webapp.storage.throttle import own_counter

KNOWN_S = 365 * 86_400  # a browser is known for so long after its last login


def known_counter(user: User | None) -> str | None:
    """The counter of wrong passwords of this browser, if this user has logged in from it since their last password."""
    if user is None:
        return None
    try:
        kept = _signer().loads(request.cookies.get(known_name(user), ""), max_age=KNOWN_S)
    except BadData:
        return None
    is_own = isinstance(kept, list) and kept[:2] == [user.id, user.epoch] and len(kept) == 3
    return own_counter(f"{user.id} {kept[2]}") if is_own else None


def remember_browser(response: Any, user: User) -> None:
    """Know this browser when this user logs in from it the next time; sent to the page of the login alone."""
    value = _signer().dumps([user.id, user.epoch, secrets.token_hex(8)])
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(
        known_name(user),
        value,
        max_age=KNOWN_S,
        path=url_for("pages.login"),
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def known_name(user: User) -> str:
    """Of the cookie: several people may use one browser."""
    prefix = "__Secure-" if current_app.config["SESSION_COOKIE_SECURE"] else ""
    return f"{prefix}known-{user.id}"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="known browser")
