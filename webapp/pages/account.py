"""Log in and out, language, the trail, and whether the server is well."""

import math
import re
from typing import Any

from flask import Response, jsonify, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import text
from werkzeug.exceptions import BadRequest

from webapp import access
from webapp.access import needs, person
from webapp.pages import pages
from webapp.storage import accounts
from webapp.storage.accounts import LockedOut, Person
from webapp.storage.jobs import iso_time, n_waiting
from webapp.storage.tables import NAME_LETTERS
from webapp.storage.trail import check_newest, list_events, note_event
from webapp.store import store
from webapp.words import LANGUAGES

YEAR_S = 365 * 86_400
MOST_EVENTS = 100
OWN_ADDRESS = re.compile(r"/(?![/\\])[^\\]*")


def _own_address(target: str) -> str:
    """A path of this site, and nothing that leads elsewhere, as "//elsewhere" does in a browser, and "/\\elsewhere"."""
    return target if OWN_ADDRESS.fullmatch(target) and target.isprintable() else url_for("pages.upload")


@pages.route("/login", methods=["GET", "POST"])
def login() -> Any:
    following = _own_address(request.values.get("next", ""))
    if request.method == "GET":
        return _login_page(following)
    name, address = request.form.get("name", "").replace("\0", "")[:NAME_LETTERS], request.remote_addr or ""
    try:
        with store().database.writing() as db:
            accounts.check_lock(db, name, address)
            accounts.note_failure(db, name, address)  # before it is known to be one, so that many at once are counted
    except LockedOut as locked:
        return _locked_page(following, locked.wait_s)
    with store().database.reading() as db:
        user = accounts.check_password(db, name, request.form.get("password", ""))
    if user is None:
        return _login_page(following, _("Name or password is wrong.")), 401
    with store().database.writing() as db:
        accounts.forget_failures(db, name)
        note_event(db, Person(user.name, user.role, user.workspace), "logged in")
    access.open_session(user)
    return redirect(following)


def _login_page(following: str, wrong: str | None = None) -> str:
    return render_template("login.html", next=following, wrong=wrong)


def _locked_page(following: str, wait_s: float) -> Any:
    wrong = ngettext(
        "Too many wrong passwords: try again in %(num)d minute.",
        "Too many wrong passwords: try again in %(num)d minutes.",
        math.ceil(wait_s / 60),
    )
    return _login_page(following, wrong), 429, {"Retry-After": str(math.ceil(wait_s))}


@pages.post("/logout")
def logout() -> Any:
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
        found = list_events(db, person().workspace, MOST_EVENTS, before)
        chain = check_newest(db)
    more = len(found) == MOST_EVENTS
    return render_template(
        "audit.html",
        events=found,
        time_of=iso_time,
        chain=chain,
        next_url=url_for("pages.audit", before=found[-1].id) if more else None,
    )


@pages.get("/health")
def health() -> Response:
    """200 while the database answers; for whatever watches the server."""
    with store().database.reading() as db:
        db.execute(text("SELECT 1"))
        return jsonify({"status": "ok", "waiting": n_waiting(db)})
