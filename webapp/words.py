"""What the templates are given on every page: languages, names of sites, who is asking."""

from datetime import datetime
from typing import Any

from flask import Flask, g, request
from flask_babel import format_datetime, get_locale

from tasks.mi.labels import COLUMNS, SITES
from webapp.reasons import translate_reasons
from webapp.sentences import russian_number

LANGUAGES = ["en", "ru"]
THEMES = {"light": "not all", "dark": "screen", "auto": "screen and (prefers-color-scheme: dark)"}  # where it is dark


def N_(text: str) -> str:  # noqa: N802 - the name by which texts are gathered
    """A text that is translated where it is shown."""
    return text


ACTIONS = (  # of the trail
    N_("added a user"),
    N_("asked a detector"),
    N_("cancelled an upload"),
    N_("changed the form"),
    N_("changed the password"),
    N_("changed the role"),
    N_("changed who was recorded"),
    N_("closed a user"),
    N_("deleted"),
    N_("deleted everything"),
    N_("ended a session"),
    N_("exported"),
    N_("gave a wrong password"),
    N_("listed"),
    N_("logged in"),
    N_("logged out"),
    N_("made a backup"),
    N_("made a token"),
    N_("reset the password"),
    N_("restored a backup"),
    N_("reviewed"),
    N_("revoked a token"),
    N_("saw"),
    N_("sent a form"),
    N_("session ended"),
    N_("uploaded"),
    N_("used an ended token"),
    N_("was locked out"),
    N_("was refused"),
)


def site_name(site: str) -> str:
    """A site in the page's language, in Russian as the task's columns have it."""
    return COLUMNS[site] if language() == "ru" else site


def local_moment(text: str | None) -> str:
    """A local time or day of ISO 8601 in the page's language; no zone is known, so no browser moves it into its own."""
    if not text:
        return ""
    day = "dd.MM.y" if language() == "ru" else "d MMM y"
    return format_datetime(datetime.fromisoformat(text), day if len(text) == 10 else f"{day}, HH:mm", rebase=False)


def language() -> str:
    """Of this page: "en" or "ru"."""
    return str(get_locale())[:2]


def decimal(value: float, form: str = "%.2f") -> str:
    """A number in the page's language: "0.52", in Russian "0,52". form : as Python's."""
    text = form % value
    return russian_number(text) if language() == "ru" else text


def words(app: Flask) -> None:
    """Give every template its words."""
    app.jinja_env.filters["decimal"] = decimal
    app.jinja_env.add_extension("jinja2.ext.i18n")

    @app.context_processor
    def _given() -> dict[str, Any]:
        person, theme = g.get("person"), request.cookies.get("theme")
        return {
            "locale": language(),
            "theme": theme if theme in THEMES else "auto",
            "THEMES": THEMES,
            "user": {"name": person.name, "role": person.role, "is_local": person.is_local} if person else None,
            "may": lambda role: person is not None and person.may(role),
            "SITES": SITES,
            "site_name": site_name,
            "local_moment": local_moment,
            "reasons_of": lambda document: translate_reasons(document, language()),  # for the pages of tasks too
        }
