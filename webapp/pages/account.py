"""Log in and out, language, the trail, and whether the server is well."""

import math
import re
from typing import Any

from flask import Response, g, jsonify, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import text
from werkzeug.exceptions import BadRequest

from webapp.access import needs, person
from webapp.browsers import known_counter, remember_browser
from webapp.callers import open_session, person_of, seldom
from webapp.pages.blueprint import pages
from webapp.proxies import client_network
from webapp.settings import LOCAL_WORKSPACE
from webapp.storage import accounts, logins, throttle
from webapp.storage.accounts import Person
from webapp.storage.jobs import iso_time, n_waiting
from webapp.storage.tables import NAME_LETTERS
from webapp.storage.throttle import LockedOut
from webapp.storage.trail import check_newest, list_events, note_event
from webapp.store import store
from webapp.words import LANGUAGES

YEAR_S = 365 * 86_400
MOST_EVENTS = 100
NO_NAME = "an unknown name"
OWN_ADDRESS = re.compile(r"/(?![/\\])[^\\]*")


def _own_address(target: str) -> str:
    """A path of this site, and nothing that leads elsewhere, as "//elsewhere" does in a browser, and "/\\elsewhere"."""
    return target if OWN_ADDRESS.fullmatch(target) and target.isprintable() else url_for("pages.upload")


@pages.route("/login", methods=["GET", "POST"])
def login() -> Any:
    following = _own_address(request.values.get("next", ""))
    if request.method == "GET":
        return _login_page(following)
    name = request.form.get("name", "").replace("\0", "")[:NAME_LETTERS]
    try:
        counter = _count_attempt(name)
    except LockedOut as locked:
        _note_lock(name, locked)
        return _login_page(following, wait_sentence(locked.wait_s)), 429, retry_after(locked)
    with store().database.reading() as db:
        user = accounts.check_password(db, name, request.form.get("password", ""))
    if user is None:
        note_stranger(name, "gave a wrong password")
        return _login_page(following, _("Wrong name or password.")), 401
    with store().database.writing() as db:
        open_session(db, user)
        throttle.forgive(db, name, counter)  # after it, as a new password takes hold of the user before their failures
        note_event(db, person_of(user), "logged in")
    response = redirect(following)
    remember_browser(response, user)
    return response


def _count_attempt(name: str) -> str:
    """Count one more wrong password; under which counter. Raises LockedOut."""
    with store().database.writing() as db:
        user = accounts.find_user(db, name)
        counter = known_counter(user) or client_network(request.remote_addr or "")
        throttle.count_attempt(db, name, counter)
    return counter


def _note_lock(name: str, locked: LockedOut) -> None:
    kind = ("name", name) if locked.is_name else ("address", client_network(request.remote_addr or ""))
    if seldom().is_due("locked out", *kind):
        note_stranger(name, "was locked out", f"for {math.ceil(locked.wait_s)} s")


def note_stranger(name: str, action: str, detail: str = "") -> None:
    """Leave a line about somebody who has not logged in; what is no user's name may be a password, and is not written."""
    with store().database.writing() as db:
        user = accounts.find_user(db, name)
        who = person_of(user) if user else Person(NO_NAME, "reader", LOCAL_WORKSPACE)
        note_event(db, who, action, detail=detail)


def _login_page(following: str, wrong: str | None = None) -> str:
    return render_template(
        "login.html", next=following, wrong=wrong, is_local=g.person is not None and g.person.is_local
    )


def wait_sentence(wait_s: float) -> str:
    """The sentence for somebody who has to wait."""
    if wait_s <= 60:
        return ngettext(
            "Too many wrong passwords: try again in %(num)d second.",
            "Too many wrong passwords: try again in %(num)d seconds.",
            math.ceil(wait_s),
        )
    return ngettext(
        "Too many wrong passwords: try again in %(num)d minute.",
        "Too many wrong passwords: try again in %(num)d minutes.",
        math.ceil(wait_s / 60),
    )


def retry_after(locked: LockedOut) -> dict[str, str]:
    """The header that says the same to a program."""
    return {"Retry-After": str(math.ceil(locked.wait_s))}


@pages.post("/logout")
def logout() -> Any:
    with store().database.writing() as db:
        if "key" in session and logins.end_key(db, session["key"]):
            note_event(db, person(), "logged out")
    session.clear()
    return redirect(url_for("pages.login"))


@pages.post("/language")
def set_language() -> Any:
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        raise BadRequest("language: is en or ru")
    response = redirect(_own_address(request.form.get("next", "")))
    secure = store().settings.is_local is False
    response.set_cookie("language", chosen, max_age=YEAR_S, samesite="Lax", httponly=True, secure=secure)
    return response


@pages.get("/audit")
@needs("admin")
def audit() -> str:
    given = request.args.get("before")
    if given is not None and not (given.isascii() and given.isdigit() and len(given) < 19):
        raise BadRequest("before: is the number of an event")
    before = None if given is None else int(given)
    with store().database.snapshot() as db:
        events = list_events(db, person().workspace, MOST_EVENTS, before)
        chain = check_newest(db)
    more = len(events) == MOST_EVENTS
    return render_template(
        "audit.html",
        events=events,
        time_of=iso_time,
        chain=chain,
        next_url=url_for("pages.audit", before=events[-1].id) if more else None,
    )


@pages.get("/health")
def health() -> Response:
    """200 while the database answers; for whatever watches the server."""
    with store().database.reading() as db:
        db.execute(text("SELECT 1"))
        return jsonify({"status": "ok", "waiting": n_waiting(db)})
