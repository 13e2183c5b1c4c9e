"""Who may do what: the person behind a request, the tokens of forms, and the headers of every answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect, validate_csrf
from werkzeug.exceptions import BadRequest, Forbidden, NotFound, Unauthorized
from wtforms.validators import ValidationError

from cardiac.messages import Message
from webapp.callers import Caller, find_caller, note_use, seldom, token_ended
from webapp.origins import SAFE, refuse_other_hosts, refuse_other_peers, refuse_other_sites
from webapp.problems import answer, asked_by_program
from webapp.seldom import Seldom
from webapp.storage.accounts import Person
from webapp.storage.trail import note_event
from webapp.store import store
from webapp.words import N_

View = TypeVar("View", bound=Callable[..., Any])
OPEN = {"static", "pages.login", "pages.set_language", "pages.health", "pages.welcome"}
UPLOADS = {"pages.send", "pages.send_template", "records.send", "records.template"}
MOST_BODY_BYTES = 2**20  # of a request that sends no file
MOST_TASK_BYTES = 64 * 2**20  # of a recording that is sent to a task's page, whatever that asks for
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
LOG_IN = "log in first, or send a token (Authorization: Bearer ...)"
OLD_PAGE = N_("this page is out of date: reload it")
csrf = CSRFProtect()


def guard(app: Flask) -> None:
    """Ask of every request who sent it and from where, and put the headers on every answer."""
    app.extensions["seldom"] = Seldom()
    for check in (check_sender, _refuse_unfit, _limit_body, _know_person):
        app.before_request(check)
    csrf.init_app(app)  # the last, as it reads the body
    app.register_error_handler(CSRFError, lambda _: answer(400, OLD_PAGE))
    app.after_request(_put_headers)


def needs(role: str) -> Callable[[View], View]:
    """A view for those alone who have the rights of a role; others get 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **named: Any) -> Any:
            require_role(role)
            return view(*args, **named)

        return checked  # type: ignore[return-value]

    return decorate


def require_role(role: str) -> None:
    """Raises Forbidden where the person who asks has not the rights of a role; then the trail says so."""
    if not person().may(role):
        if seldom().is_due("refused", person().name, request.endpoint or ""):
            leave_trail("was refused", detail=f"{request.endpoint}, which needs {role}")
        raise Forbidden(Message("this needs the role {role!r}: ask an admin of this server", role=role))


def person() -> Person:
    """Who asks. Raises Unauthorized where nobody is known."""
    if g.get("person") is None:
        raise Unauthorized(LOG_IN)
    return g.person


def leave_trail(action: str, record: str | None = None, detail: str = "") -> None:
    """Note what this person does, in a transaction of its own: nobody who reads waits for those who write."""
    with store().database.writing() as db:
        note_event(db, person(), action, record, detail)


def caller() -> Caller:
    """With what the person who asks was let in."""
    return g.caller


def why_unknown(caller: Caller) -> str:
    """The sentence for a caller whom nobody knows."""
    return LOG_IN if caller.token is None else token_ended(caller.token)


def check_sender() -> None:
    """Raises what is answered to a request by another name of this server, past its proxies, or from another site."""
    refuse_other_hosts()
    refuse_other_peers()
    refuse_other_sites()


def _know_person() -> Response | None:
    g.person, g.caller = None, Caller()
    if request.endpoint in OPEN - {"pages.login"}:
        return None
    g.caller = find_caller()
    note_use(g.caller)
    g.person = g.caller.person
    if g.person is not None or request.endpoint in OPEN:
        return None
    if g.caller.token is not None or asked_by_program():
        raise Unauthorized(why_unknown(g.caller))
    return redirect(url_for("pages.login", next=_asked_address() if request.method == "GET" else None))


def _asked_address() -> str:
    """What was asked for, as it stands in an address: a record's name may have a ? or a % in it."""
    query = request.query_string.decode("ascii", "replace")
    return quote(request.script_root + request.path) + (f"?{query}" if query else "")


def _refuse_unfit() -> None:
    """404 for a name that nothing can have, 400 for a parameter given twice, of which one would be passed over."""
    if "\0" in request.path:
        raise NotFound
    for name, values in request.args.lists():
        if len(values) > 1:
            raise BadRequest(Message("{name}: is given {n} times: give it once", name=name[:40], n=len(values)))


def most_body_bytes(endpoint: str | None) -> int | None:
    """How long a body may be; None where the server's own limit holds."""
    if endpoint in UPLOADS:
        return None
    return current_app.extensions.get("task_bodies", {}).get(endpoint, MOST_BODY_BYTES)


def _limit_body() -> None:
    if (most := most_body_bytes(request.endpoint)) is not None:
        request.max_content_length = most


def check_form_token() -> None:
    """Raises Forbidden where the API is asked by a browser's session without the token of our own pages."""
    if request.method in SAFE or g.caller.by_token or "key" not in session:
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
