"""The page of one's own account: password, open sessions, tokens."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden, Unauthorized

from cardiac.errors import ConfigError
from webapp.access import LOG_IN, caller, leave_trail, person
from webapp.browsers import remember_browser
from webapp.callers import limits, login_detail, open_session, seldom, token_detail
from webapp.pages.account import retry_after, wait_sentence
from webapp.pages.blueprint import pages
from webapp.storage import accounts, logins, throttle
from webapp.storage.jobs import iso_time
from webapp.storage.tables import Login, Token, User
from webapp.storage.throttle import LockedOut, own_counter
from webapp.storage.trail import note_event
from webapp.store import store
from webapp.words import N_

View = TypeVar("View", bound=Callable[..., Any])
BY_PASSWORD = N_("this page is for people who have logged in with their password: a token or a local server has none")


def of_browser(view: View) -> View:
    """A view for whoever has logged in with a password: a token that was stolen makes no other."""

    @wraps(view)
    def checked() -> Any:
        if person().is_local or caller().login is None:
            raise Forbidden(BY_PASSWORD)
        return view()

    return checked  # type: ignore[return-value]


@pages.get("/account")
@of_browser
def own() -> str:
    return _page()


@pages.post("/account/password")
@of_browser
def set_password() -> Any:
    present, new = request.form.get("present", ""), request.form.get("password", "")
    if wrong := _unfit(present, new):
        return _page(wrong), 422
    user = caller().user
    counter = own_counter(f"password {user.id}")
    try:
        with store().database.writing() as db:
            throttle.count_attempt(db, user.name, counter)
    except LockedOut as locked:
        if seldom().is_due("locked out", counter):
            leave_trail("was locked out", detail="changing the password")
        return _page(wait_sentence(locked.wait_s)), 429, retry_after(locked)
    with store().database.reading() as db:
        is_right = accounts.check_password(db, user.name, present) is not None
    if not is_right:
        leave_trail("gave a wrong password", detail="changing the password")
        return _page(_("The current password is wrong. Nothing was changed.")), 422
    return _changed(new)


def _unfit(present: str, new: str) -> str | None:
    """What is wrong with a new password, whoever asks for it."""
    if wrong := unfit_password(new, request.form.get("again", "")):
        return wrong
    return _("The new password is the same as the current one: choose another.") if new == present else None


def unfit_password(new: str, again: str) -> str | None:
    """What is wrong with a new password that was typed twice."""
    if new != again:
        return _("The new passwords do not match. Nothing was changed.")
    if len(new) < accounts.SHORTEST_PASSWORD:
        return _("The new password is too short: use at least %(n)d characters.", n=accounts.SHORTEST_PASSWORD)
    return None


def _changed(new: str) -> Any:
    with store().database.writing() as db:
        user = _still_here(db)
        accounts.change_password(db, user, new)
        note_event(db, person(), "changed the password")
        open_session(db, user)
    flash(_("Password changed. All your other sessions and all tokens have ended."))
    response = redirect(url_for("pages.own"))
    remember_browser(response, user)
    return response


@pages.post("/account/sessions/end")
@of_browser
def end_session() -> Any:
    short, login = request.form.get("session", ""), caller().login
    with store().database.writing() as db:
        user = _still_here(db)
        meant = [each for each in logins.list_logins(db, user.id, limits()) if _is_meant(each, short, login)]
        for each in meant:
            logins.end_login(db, user.id, each.digest)
            note_event(db, person(), "ended a session", detail=login_detail(each))
    done = _("All other sessions ended.") if short == "others" else _("Session ended.")
    flash(done if meant else _("This session had already ended."))
    return redirect(url_for("pages.own"))


def _is_meant(login: Login, short: str, own: Login) -> bool:
    return login.digest != own.digest if short == "others" else len(short) >= 8 and login.digest.startswith(short)


@pages.post("/account/tokens")
@of_browser
def make_token() -> Any:
    label, days = request.form.get("label", "").strip(), request.form.get("days", "")
    try:
        with store().database.writing() as db:
            user = _still_here(db)
            token = accounts.add_token(db, user.name, label, _whole_number(days))
            note_event(db, person(), "made a token", detail=f"{label}, {days} days")
    except ConfigError:
        wrong = _("No token was created: its purpose has 1 to %(letters)d characters, it lasts 1 to %(days)d days, "
                  "and a user has at most %(most)d.", letters=accounts.LONGEST_LABEL,
                  days=accounts.MOST_TOKEN_DAYS, most=accounts.MOST_TOKENS)  # fmt: skip
        return _page(wrong), 422
    return _page(token=token), 201


@pages.post("/account/tokens/revoke")
@of_browser
def revoke_token() -> Any:
    try:
        with store().database.writing() as db:
            token = accounts.revoke_token(db, _still_here(db), request.form.get("token", ""))
            note_event(db, person(), "revoked a token", detail=token_detail(token))
    except ConfigError:
        flash(_("This token was already revoked."))
    else:
        flash(_("Token revoked: it no longer gives access."))
    return redirect(url_for("pages.own"))


def _whole_number(text: str) -> int:
    """0, which no token lasts, for what is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _still_here(db: Session) -> User:
    """Whoever asks, kept from other changes until this one ends. Raises Unauthorized where their session ended meanwhile."""
    user = accounts.named_user(db, person().name, is_changed=True)
    if db.get(Login, caller().login.digest) is None or not user.is_active:
        raise Unauthorized(LOG_IN)
    return user


def _page(wrong: str | None = None, token: str | None = None) -> str:
    user = caller().user
    with store().database.reading() as db:
        sessions = [session_shown(each) for each in logins.list_logins(db, user.id, limits())]
        tokens = [token_shown(each) for each in accounts.list_tokens(db, user.id)]
    return render_template(
        "account.html",
        wrong=wrong,
        token=token,
        sessions=sessions,
        tokens=tokens,
        role=user.role,
        workspace=user.workspace,
        limits=limits(),
        days=accounts.TOKEN_DAYS,
        most_days=accounts.MOST_TOKEN_DAYS,
        shortest=accounts.SHORTEST_PASSWORD,
    )


def session_shown(login: Login) -> dict[str, Any]:
    """A session as pages list it."""
    return {
        "id": login.digest[:16],
        "since": iso_time(login.created_at),
        "seen": iso_time(login.seen_at),
        "address": login.address,
        "is_own": login.digest == caller().login.digest,
    }


def token_shown(token: Token) -> dict[str, Any]:
    """A token as pages list it."""
    return {
        "id": token.digest[:8],
        "value": token.digest[:16],
        "label": token.label,
        "made": iso_time(token.created_at),
        "ends": iso_time(token.expires_at),
        "used": iso_time(token.used_at) if token.used_at else None,
        "has_ended": accounts.token_has_ended(token),
    }
