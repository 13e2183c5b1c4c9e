"""Log in and out, language, the trail, and whether the server is well."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, jsonify, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import text
from werkzeug.exceptions import BadRequest

from webapp import access
from webapp.access import needs, person
from webapp.pages import pages
from webapp.storage import accounts
from webapp.storage.accounts import Person
from webapp.storage.jobs import iso_time, n_waiting
from webapp.store import store
from webapp.words import LANGUAGES

YEAR_S = 365 * 86_400
MOST_EVENTS = 100


def _own_address(target: str | None) -> str:
    """A path of this site, and nothing that leads elsewhere."""
    parts = urlsplit((target or "").replace("\\", "/"))
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or parts.path.startswith("//"):
        return url_for("pages.upload")
    return target or url_for("pages.upload")


@pages.route("/login", methods=["GET", "POST"])
def login() -> Any:
    following = request.values.get("next", "")
    if request.method == "GET":
        return render_template("login.html", next=following, wrong=None)
    name, address = request.form.get("name", "").replace("\0", ""), request.remote_addr or ""
    with store().database.reading() as db:
        accounts.check_lock(db, name, address)
        user = accounts.check_password(db, name, request.form.get("password", ""))
    with store().database.writing() as db:
        if user is None:
            accounts.note_failure(db, name, address)
        else:
            accounts.forget_failures(db, name)
            accounts.note_event(db, Person(user.name, user.role, user.workspace), "logged in")
    if user is None:
        return render_template("login.html", next=following, wrong=_("Name or password is wrong.")), 401
    access.open_session(user)
    return redirect(_own_address(following))


@pages.post("/logout")
def logout() -> Any:
    session.clear()
    return redirect(url_for("pages.login"))


@pages.post("/language")
def set_language() -> Any:
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        raise BadRequest("language: is en or ru")
    response = redirect(_own_address(request.form.get("next")))
    secure = store().settings.is_local is False
    response.set_cookie("language", chosen, max_age=YEAR_S, samesite="Lax", httponly=True, secure=secure)
    return response


@pages.get("/audit")
@needs("admin")
def audit() -> str:
    given = request.args.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    with store().database.reading() as db:
        found = accounts.list_events(db, person().workspace, MOST_EVENTS, before)
    events = [
        {
            "at": iso_time(each.at),
            "user": each.user,
            "action": each.action,
            "record": each.record,
            "detail": each.detail,
        }
        for each in found
    ]
    more = len(found) == MOST_EVENTS
    return render_template(
        "audit.html", events=events, next_url=url_for("pages.audit", before=found[-1].id) if more else None
    )


@pages.get("/health")
def health() -> Response:
    """200 while the database answers; for whatever watches the server."""
    with store().database.reading() as db:
        db.execute(text("SELECT 1"))
        return jsonify({"status": "ok", "waiting": n_waiting(db)})
