"""One record: the tracing, the finding, the second look."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from cardiac.leads import LEADS
from tasks.mi.findings import sites_by_of
from webapp.access import leave_trail, needs, person
from webapp.api.schemas import ReviewSchema
from webapp.changes import remove_record, review_record, the_record
from webapp.histories import shown_age
from webapp.measured import NOTHING, WAVES, measured
from webapp.pages.blueprint import pages
from webapp.pages.patients import asked
from webapp.problems import validation_sentence
from webapp.reasons import translate_reasons
from webapp.storage.patients import recorded_of
from webapp.storage.records import list_item, list_reviews, neighbours
from webapp.store import store
from webapp.words import language

REVIEW = ReviewSchema()


@pages.get("/patients/<record>")
def record(record: str) -> str:
    query = asked()["query"]
    with store().database.reading() as session:
        row = the_record(session, person(), record)
        before, after = neighbours(session, person().workspace, query, row)
        reviews = list_reviews(session, row)
        recorded = recorded_of(session, row)
    leave_trail("saw", row.name)
    return render_template(
        "record.html",
        item=list_item(row),
        document=row.document,
        reasons=translate_reasons(row.document, language()),
        sites_by=sites_by_of(row.document),
        measured=measured(row.document),
        waves=WAVES,
        LEADS=LEADS,
        nothing=NOTHING,
        reviews=reviews,
        recorded=recorded,
        shown_age=shown_age,
        keeps_names=store().settings.keep_names,
        previous=before,
        next=after,
        filters=query.parameters(),
    )


@pages.post("/patients/<record>/review")
@needs("reviewer")
def review(record: str) -> Any:
    query = asked()["query"]
    is_agreed = request.form.get("then") == "next"
    given = {"verdict": request.form.get("verdict", ""), "sites": request.form.getlist("sites")}
    if is_agreed:
        given = {"verdict": "agree", "sites": []}
    try:
        given = REVIEW.load(given | {"comment": request.form.get("comment", "").replace("\r\n", "\n")})
    except ValidationError as error:
        raise BadRequest(validation_sentence(error.messages)) from error
    following = _following(record) if is_agreed else record  # before the review takes the record out of its list
    review_record(store(), person(), record, given)
    if not is_agreed:
        flash(_("Review saved."), "done")
    elif following:
        flash(_("“%(name)s”: you agreed. Here is the next record.", name=record), "done")
    else:
        flash(_("“%(name)s”: you agreed. It was the last record of the list.", name=record), "done")
        return redirect(url_for("pages.patients", **query.parameters()))
    return redirect(url_for("pages.record", record=following, **query.parameters()))


def _following(record: str) -> str | None:
    """The next record of the list from which the page was opened."""
    with store().database.reading() as session:
        row = the_record(session, person(), record)
        return neighbours(session, person().workspace, asked()["query"], row)[1]


@pages.post("/patients/<record>/delete")
@needs("admin")
def delete(record: str) -> Any:
    remove_record(store(), person(), record)
    flash(
        _("“%(name)s” was deleted, with its samples, finding and reviews.", name=record),
        "done",
    )
    return redirect(url_for("pages.patients"))
