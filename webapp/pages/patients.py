"""The list of records."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from webapp.access import needs, person
from webapp.api.schemas import FIRST_LISTED, ListSchema
from webapp.changes import remove_everything
from webapp.demonstration import demonstration_files
from webapp.noted import leave_list
from webapp.pages.blueprint import pages
from webapp.pages.plurals import PLURALS
from webapp.problems import validation_sentence
from webapp.storage.patients import ids_of
from webapp.storage.records import list_item, list_records
from webapp.store import store
from webapp.words import N_

LISTED = ListSchema()
CONFIRMED = N_("delete")
MOST_SELECTED = 500


def asked() -> dict[str, Any]:
    """What the address asks for; a field of the form that was left empty asks for nothing. Raises BadRequest."""
    try:
        return LISTED.load({key: value for key, value in request.args.items() if value != ""})
    except ValidationError as error:
        raise BadRequest(validation_sentence(error.messages)) from error


def _n_selected(number: str, n: int) -> str:
    return ngettext("%(number)s selected", "%(number)s selected", n, number=number)


@pages.get("/patients")
def patients() -> str:
    given = asked()
    query, limit, offset = given["query"], given["limit"], given["offset"]
    with store().database.reading() as session:
        total, rows = list_records(session, person().workspace, query, limit, offset)
        items, ids = [list_item(row) for row in rows], ids_of(session, rows)
    leave_list(query, len(items), offset, limit, is_fetched="fragment" in request.args)
    following = offset + len(items)
    more = {**query.parameters(), "offset": following} | ({"limit": limit} if limit != FIRST_LISTED else {})
    return render_template(
        "_rows.html" if request.args.get("fragment") else "patients.html",
        items=items,
        ids=ids,
        total=total,
        offset=offset,
        limit=limit,
        filters=query.parameters(),
        selected_counts={kind: _n_selected("{number}", n) for kind, n in PLURALS.items()},
        most_selected=MOST_SELECTED,
        n_demonstration=0 if total else len(demonstration_files()),
        next_url=url_for("pages.patients", **more) if following < total and items else None,
    )


@pages.post("/patients/delete")
@needs("admin")
def delete_everything() -> Any:
    if request.form.get("confirm", "").strip().lower() not in (_(CONFIRMED), CONFIRMED):
        flash(_("Nothing was deleted: type the word “%(word)s” to confirm.", word=_(CONFIRMED)), "wrong")
        return redirect(url_for("pages.patients"))
    n = remove_everything(store(), person())
    message = ngettext(
        "%(num)d record was deleted, with its samples, finding and reviews.",
        "%(num)d records were deleted, with their samples, findings and reviews.",
        n,
    )
    flash(message, "done")
    return redirect(url_for("pages.patients"))
