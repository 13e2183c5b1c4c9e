"""Who is behind a request: somebody's browser with its session, a program with a token, or nobody.

A browser's signed cookie carries a key, and the table `logins` what it opens. Flask-Session would keep a row for every
stranger who opens the login page, and can end neither all sessions of one person nor one at a fixed age.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app, request, session

from webapp.seldom import Seldom
from webapp.storage import accounts, logins
from webapp.storage.accounts import LOCAL, Person
from webapp.storage.logins import Limits
from webapp.storage.tables import Login, Token, User
from webapp.storage.trail import note_event
from webapp.store import store

TOKEN_ENDED = "this token ended on {day}: make another, on the page of your account or with `user token NAME`"


@dataclass(frozen=True)
class Caller:
    """What a request says of who sent it. login, token : that it came with, though they may have ended.

    person : None where nobody is known, or what they came with has ended.
    """

    person: Person | None = None
    user: User | None = None
    login: Login | None = None
    token: Token | None = None
    by_token: bool = False


def limits() -> Limits:
    """Of sessions on this server."""
    settings = current_app.config["SETTINGS"]
    return Limits(settings.idle_s, settings.session_s)


def find_caller() -> Caller:
    """Who sent this request; nothing is written down, and nothing in the request is changed."""
    if current_app.config["SETTINGS"].is_local:
        return Caller(LOCAL)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return _by_token(token.strip())
    return _by_session() if "key" in session else Caller()


def _by_token(text: str) -> Caller:
    with store().database.reading() as db:
        user, token = accounts.find_token(db, text) or (None, None)
    is_in = token is not None and not accounts.token_has_ended(token)
    return Caller(person_of(user) if is_in else None, user, token=token, by_token=True)


def _by_session() -> Caller:
    with store().database.reading() as db:
        user, login = logins.find_login(db, session["key"]) or (None, None)
    if user is None or user.epoch != session.get("epoch"):
        return Caller()
    return Caller(None if limits().have_passed(login) else person_of(user), user, login)


def person_of(user: User) -> Person:
    """Somebody as the rest of the site knows them."""
    return Person(user.name, user.role, user.workspace)


def note_use(caller: Caller) -> None:
    """Write down, once in a while, when a session or a token was used last, and that it was used after its end."""
    if caller.person is None:
        _note_end(caller)
    elif caller.login is not None and logins.is_due(caller.login):
        with store().database.writing() as db:
            logins.mark_seen(db, caller.login)
    elif caller.token is not None and accounts.is_due(caller.token):
        with store().database.writing() as db:
            accounts.mark_used(db, caller.token)


def _note_end(caller: Caller) -> None:
    if caller.login is not None:
        with store().database.writing() as db:
            end_passed(db)
    elif caller.token is not None and seldom().is_due("token", caller.token.digest):
        with store().database.writing() as db:
            note_event(db, person_of(caller.user), "used an ended token", detail=token_detail(caller.token))


def token_ended(token: Token) -> str:
    """The sentence for a program whose token has ended."""
    return TOKEN_ENDED.format(day=datetime.fromtimestamp(token.expires_at, UTC).date())


def token_detail(token: Token) -> str:
    """A token as it stands in the trail."""
    return f"{token.digest[:8]}, {token.label}"


def login_detail(login: Login) -> str:
    """A session as it stands in the trail."""
    return f"{login.digest[:8]}, from {login.address}"


def end_passed(db: Any) -> None:
    """Take away all sessions whose time is over, and say so in the trail."""
    for user, login in logins.end_passed(db, limits()):
        note_event(db, person_of(user), "session ended", detail=login_detail(login))


def seldom() -> Seldom:
    """What this server has written down lately."""
    return current_app.extensions["seldom"]


def open_session(db: Any, user: User) -> None:
    """Let this browser in as a user, with a new key and nothing of the session before it."""
    end_passed(db)
    if "key" in session:
        logins.end_key(db, session["key"])
    session.clear()
    session.permanent = True
    session.update(key=logins.open_login(db, user, request.remote_addr or ""), epoch=user.epoch)
