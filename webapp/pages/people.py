"""The pages on which an admin manages the users of their workspace."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden, NotFound, Unauthorized

from cardiac.errors import ConfigError
from webapp import changed_users
from webapp.access import LOG_IN, caller, needs, person
from webapp.callers import limits
from webapp.invitations import INVITED_DAYS, invitation
from webapp.pages.blueprint import pages
from webapp.pages.own import of_browser, session_shown, token_shown
from webapp.storage import accounts, logins
from webapp.storage.jobs import iso_time
from webapp.storage.tables import Login, User
from webapp.storage.trail import last_logins
from webapp.store import store
from webapp.words import N_

View = TypeVar("View", bound=Callable[..., Any])
NO_ADMIN = N_("you are no admin of this workspace any more: ask another one")
NOT_ONESELF = N_("nobody changes their own rights here, so that there is always an admin: ask another admin")


def of_admin(view: View) -> View:
    """A view for an admin who has logged in with a password."""
    return needs("admin")(of_browser(view))  # type: ignore[return-value]


@pages.get("/users")
@of_admin
def users() -> str:
    return _list_page()


@pages.get("/users/user")
@of_admin
def user() -> str:
    return _user_page(request.args.get("name", ""))


@pages.post("/users/add")
@of_admin
def add_user() -> Any:
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    try:
        with store().database.writing() as db:
            _check_admin(db)
            link = invitation(changed_users.invite_user(db, person(), name, role))
    except (ConfigError, IntegrityError):
        wrong = _("Nobody was added: a name has 1 to %(letters)d letters and is taken once on this server, and a role is "
                  "one of the three.", letters=accounts.NAME_LETTERS)  # fmt: skip
        return _list_page(wrong, {"name": name, "role": role}), 422
    return _user_page(name, link), 201


def of_another(view: View) -> View:
    """A view that changes a user of one's own workspace, given to it with the database; then their page.

    404 for whoever is not there, 403 for oneself. Both rows are locked: of two admins who change each other, one is first.
    """

    @wraps(view)
    def changed() -> Any:
        name = request.form.get("user", "")
        with store().database.writing() as db:
            _check_admin(db, name)
            meant = _named(db, name)
            if meant.name == person().name:
                raise Forbidden(NOT_ONESELF)
            answer = view(db, meant)
        if isinstance(answer, dict):  # what is shown once
            return _user_page(name, **answer), 201
        flash(answer)
        return redirect(url_for("pages.user", name=name))

    return of_admin(changed)  # type: ignore[return-value]


@pages.post("/users/role")
@of_another
def set_role(db: Session, meant: User) -> str:
    try:
        changed_users.change_role(db, person(), meant, request.form.get("role", ""))
    except ConfigError as error:
        raise NotFound from error
    return _("The role was changed.")


@pages.post("/users/password")
@of_another
def reset_password(db: Session, meant: User) -> dict[str, str]:
    changed_users.reset_password(db, person(), meant)
    return {"link": invitation(meant)}


@pages.post("/users/close")
@of_another
def close_user(db: Session, meant: User) -> str:
    changed_users.close_user(db, person(), meant.name)
    return _("%(name)s may come in no more.", name=meant.name)


@pages.post("/users/sessions/end")
@of_another
def end_sessions(db: Session, meant: User) -> str:
    changed_users.end_sessions(db, person(), meant.name)
    return _("All sessions of %(name)s were ended.", name=meant.name)


@pages.post("/users/tokens/revoke")
@of_another
def revoke_tokens(db: Session, meant: User) -> str:
    """One of them, or all."""
    short = request.form.get("token", "")
    tokens = [each.digest for each in accounts.list_tokens(db, meant.id)] if short == "all" else [short]
    try:
        for each in tokens:
            changed_users.revoke_token(db, person(), meant.name, each)
    except ConfigError:
        return _("This token had been revoked before.")
    if short == "all":
        return _("The tokens were revoked: they open nothing any more.")
    return _("The token was revoked: it opens nothing any more.")


def _check_admin(db: Session, name: str = "") -> None:
    """Raises Unauthorized or Forbidden where whoever asks was closed, or is no admin any more, since the request began."""
    names = [each for each in (person().name, name) if each.isprintable()]
    statement = select(User).where(User.name.in_(names)).order_by(User.id)
    locked = db.scalars(statement.with_for_update().execution_options(populate_existing=True))
    own = next((each for each in locked.all() if each.name == person().name), None)
    if own is None or not own.is_active or db.get(Login, caller().login.digest) is None:
        raise Unauthorized(LOG_IN)
    if own.role != "admin" or own.workspace != person().workspace:
        raise Forbidden(NO_ADMIN)


def _named(db: Session, name: str) -> User:
    """A user of one's own workspace. Raises NotFound for whoever is of another, as for whoever is not there."""
    found = accounts.find_user(db, name) if name.isprintable() else None
    if found is None or found.workspace != person().workspace:
        raise NotFound
    return found


def _list_page(wrong: str | None = None, given: dict[str, str] | None = None) -> str:
    workspace = person().workspace
    with store().database.reading() as db:
        seen = last_logins(db, workspace)
        listed = [_user_shown(db, each, seen) for each in accounts.list_users(db, workspace)]
    return render_template(
        "users.html",
        people=listed,
        workspace=workspace,
        roles=accounts.ROLES,
        wrong=wrong,
        given=given or {"role": "reviewer"},
        longest=accounts.NAME_LETTERS,
    )


def _user_page(name: str, link: str | None = None) -> str:
    with store().database.reading() as db:
        meant = _named(db, name)
        shown = _user_shown(db, meant, last_logins(db, meant.workspace))
        sessions = [session_shown(each) for each in logins.list_logins(db, meant.id, limits())]
        tokens = [token_shown(each) for each in accounts.list_tokens(db, meant.id)]
    return render_template(
        "user.html",
        meant=shown,
        sessions=sessions,
        tokens=tokens,
        roles=accounts.ROLES,
        link=link,
        days=INVITED_DAYS,
        workspace=person().workspace,
    )


def _user_shown(db: Session, user: User, seen: dict[str, float]) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "is_active": user.is_active,
        "is_own": user.name == person().name,
        "last_login": iso_time(seen[user.name]) if user.name in seen else None,
        "n_sessions": len(logins.list_logins(db, user.id, limits())),
        "n_tokens": len(accounts.list_tokens(db, user.id)),
    }
