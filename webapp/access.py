"""Who may do what: the person behind a request, requests that another site has sent, and the headers of every answer."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect, validate_csrf
from werkzeug.exceptions import BadRequest, Forbidden, NotFound, Unauthorized
from wtforms.validators import ValidationError

from webapp.problems import answer
from webapp.storage import accounts
from webapp.storage.accounts import LOCAL, Person
from webapp.storage.trail import note_event
from webapp.store import store
from webapp.words import N_

View = TypeVar("View", bound=Callable[..., Any])
SAFE = {"GET", "HEAD", "OPTIONS"}
OPEN = {"static", "pages.login", "pages.set_language", "pages.health"}
UPLOADS = {"pages.send", "pages.send_template", "records.send", "records.template"}
MOST_BODY_BYTES = 2**20  # of a request that sends no file
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
PORT = re.compile(r":\d+$")
LOG_IN = "log in first, or send a token (Authorization: Bearer ...)"
OLD_PAGE = N_("the page is too old: load it again")
csrf = CSRFProtect()


def guard(app: Flask) -> None:
    """Ask of every request who sent it and from where, and put the headers on every answer."""
    for check in (_refuse_other_hosts, _refuse_other_sites, _refuse_unfit, _limit_body, _know_person):
        app.before_request(check)
    csrf.init_app(app)  # the last, as it reads the body
    app.register_error_handler(CSRFError, lambda _: answer(400, OLD_PAGE))
    app.after_request(_put_headers)


def needs(role: str) -> Callable[[View], View]:
    """A view for those alone who have the rights of a role; others get 403."""

    def held(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **named: Any) -> Any:
            if not person().may(role):
                raise Forbidden(f"this needs the role {role!r}: ask an admin of this server")
            return view(*args, **named)

        return checked  # type: ignore[return-value]

    return held


def person() -> Person:
    """Who asks. Raises Unauthorized where nobody is known."""
    if g.get("person") is None:
        raise Unauthorized(LOG_IN)
    return g.person


def leave_trail(action: str, record: str | None = None, detail: str = "") -> None:
    """Note what this person does, in a transaction of its own: nobody who reads waits for those who write."""
    with store().database.writing() as db:
        note_event(db, person(), action, record, detail)


def open_session(user: Any) -> None:
    """Let this user's browser in."""
    session.clear()
    session.permanent = True
    session.update(user=user.id, epoch=user.epoch)


def _know_person() -> Response | None:
    g.person, g.by_token = None, False
    if request.endpoint in OPEN - {"pages.login"}:
        return None
    g.person = found_person()
    if g.person is not None or request.endpoint in OPEN:
        return None
    if request.path.startswith("/api/"):
        raise Unauthorized(LOG_IN)
    return redirect(url_for("pages.login", next=_asked_address() if request.method == "GET" else None))


def _asked_address() -> str:
    """What was asked for, as it stands in an address: a record's name may have a ? or a % in it."""
    query = request.query_string.decode("ascii", "replace")
    return quote(request.script_root + request.path) + (f"?{query}" if query else "")


def check_sender() -> None:
    """Raises what is answered to a request that comes by another name of this server, or from another site."""
    for check in (_refuse_other_hosts, _refuse_other_sites):
        check()


def found_person() -> Person | None:
    """Who asks, by token or session; None where nobody is known. Changes nothing."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if current_app.config["SETTINGS"].is_local:
        return LOCAL
    if kind.lower() == "bearer":
        g.by_token = True
        with store().database.reading() as db:
            return _person_of(accounts.user_of_token(db, token.strip()))
    if "user" in session:
        with store().database.reading() as db:
            return _person_of(accounts.user_of_session(db, session["user"], session["epoch"]))
    return None


def _person_of(user: Any) -> Person | None:
    return Person(user.name, user.role, user.workspace) if user else None


def _refuse_other_hosts() -> None:
    """400 on a server of this machine alone for a name that leads here from elsewhere, whose pages could read everything."""
    own, host = current_app.config["OWN_HOSTS"], PORT.sub("", request.host).strip("[]").lower()
    if own is not None and host not in own:
        raise BadRequest("this server has another address: open the one that it was started with")


def _refuse_other_sites() -> None:
    """403 for a changing request that another site's page has sent, whichever way it says so."""
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    if (origin is not None and _host_of(origin) != request.host) or site not in ("same-origin", "none"):
        raise Forbidden(N_("this request comes from another site: open this server's own page and try again"))


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # no address at all
        return ""


def _refuse_unfit() -> None:
    """404 for a name that nothing can have, 400 for a parameter given twice, of which one would be passed over."""
    if "\0" in request.path:
        raise NotFound
    for name, values in request.args.lists():
        if len(values) > 1:
            raise BadRequest(f"{name[:40]}: is given {len(values)} times: give it once")


def _limit_body() -> None:
    if request.endpoint not in UPLOADS:
        request.max_content_length = MOST_BODY_BYTES


def check_form_token() -> None:
    """Raises Forbidden where the API is asked by a browser's session without the token of our own pages."""
    if request.method in SAFE or g.get("by_token") or "user" not in session:
        return
    try:
        validate_csrf(request.headers.get("X-CSRFToken", ""))
    except ValidationError as error:
        raise Forbidden(OLD_PAGE) from error


def _put_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint not in ("static", "docs.asset"):  # a patient's page stays in no cache
        response.headers["Cache-Control"] = "no-store"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
