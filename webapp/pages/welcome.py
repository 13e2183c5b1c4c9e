"""The page behind an invitation's link: a new user, or one whose password was reset, chooses a password."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from webapp.callers import person_of
from webapp.invitations import invited_user
from webapp.pages.blueprint import pages
from webapp.pages.own import unfit_password
from webapp.storage import accounts
from webapp.storage.trail import note_event
from webapp.store import store


@pages.route("/welcome", methods=["GET", "POST"])
def welcome() -> Any:
    key = request.values.get("key", "")
    with store().database.reading() as db:
        user = invited_user(db, key)
    if user is None:
        return _page(None, key), 410
    if request.method == "GET":
        return _page(user.name, key)
    new = request.form.get("password", "")
    if wrong := unfit_password(new, request.form.get("again", "")):
        return _page(user.name, key, wrong), 422
    with store().database.writing() as db:
        user = invited_user(db, key, is_changed=True)
        if user is not None:
            accounts.change_password(db, user, new)
            note_event(db, person_of(user), "changed the password", detail="by a link")
    if user is None:  # somebody else was quicker
        return _page(None, key), 410
    flash(_("The password is set: log in with it."))
    return redirect(url_for("pages.login"))


def _page(name: str | None, key: str, wrong: str | None = None) -> str:
    return render_template("welcome.html", name=name, key=key, wrong=wrong, shortest=accounts.SHORTEST_PASSWORD)
