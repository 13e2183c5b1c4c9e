"""One record: the tracing, the finding, the second look."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from tasks.mi.findings import sites_by_of
from webapp.access import leave_trail, needs, person
from webapp.api.schemas import ReviewSchema
from webapp.changes import remove_record, review_record, the_record
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
        nothing=NOTHING,
        reviews=reviews,
        recorded=recorded,
        keeps_names=store().settings.keep_names,
        previous=before,
        next=after,
        filters=query.parameters(),
    )


@pages.post("/patients/<record>/review")
@needs("reviewer")
def review(record: str) -> Any:
    query = asked()["query"]
    given = {"verdict": request.form.get("verdict", ""), "sites": request.form.getlist("sites")}
    try:
        given = REVIEW.load(given | {"comment": request.form.get("comment", "").replace("\r\n", "\n")})
    except ValidationError as error:
        raise BadRequest(validation_sentence(error.messages)) from error
    review_record(store(), person(), record, given)
    flash(_("Review saved."), "done")
    return redirect(url_for("pages.record", record=record, **query.parameters()))


@pages.post("/patients/<record>/delete")
@needs("admin")
def delete(record: str) -> Any:
    remove_record(store(), person(), record)
    flash(
        _("“%(name)s” was deleted, with its samples, finding and reviews.", name=record),
        "done",
    )
    return redirect(url_for("pages.patients"))
