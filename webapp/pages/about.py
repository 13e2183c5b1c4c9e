"""Pages about the program itself: how good it is, its model card, and help."""

from flask import render_template
from flask_babel import format_decimal
from flask_babel import gettext as _

from cardiac.metrics import PROTOCOL
from tasks.mi.model_card_ru import card_words_ru
from webapp.access import person
from webapp.bundle_facts import doubt_band, layout_of, markdown_html, model_card_html, read_card, read_figures
from webapp.figure_words import DOUBT, GROUPS, METRICS
from webapp.pages.blueprint import pages
from webapp.storage import accounts
from webapp.store import store
from webapp.words import language


def number(value: float, places: int = 2) -> str:
    """A number in the page's language."""
    return format_decimal(value, format="0." + "0" * places if places else "0")


@pages.get("/how-good")
def how_good() -> str:
    folder = store().settings.bundle
    figures = read_figures(folder)
    return render_template(
        "how_good.html",
        figures=figures,
        is_known_protocol=figures is not None and figures.protocol == PROTOCOL,
        is_of_task=layout_of(folder) == "task",
        metrics=METRICS,
        doubt=DOUBT,
        groups=GROUPS,
        number=number,
        bundle=folder.name,
    )


@pages.get("/model-card")
def model_card() -> str:
    folder, card = store().settings.bundle, read_card(store().settings.bundle)
    label = _("Table, scrolls")
    layout = card.training.get("layout", "")
    return render_template(
        "model_card.html",
        card=card,
        own=model_card_html(folder, label),
        russian=markdown_html(card_words_ru(layout), label) if language() == "ru" else None,
        number=number,
    )


@pages.get("/help")
def help_page() -> str:
    with store().database.reading() as db:
        people = accounts.list_users(db, person().workspace)
        admins = [each.name for each in people if each.is_active and each.role == "admin"]
    return render_template("help.html", band=doubt_band(store().settings.bundle), admins=admins, number=number)
