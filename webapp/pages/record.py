"""One record: the tracing, the finding, the second look."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest, NotFound

from webapp.access import leave_trail, needs, person
from webapp.api.schemas import ReviewSchema
from webapp.pages import pages
from webapp.pages.patients import asked
from webapp.problems import validation_told
from webapp.reasons import told_reasons
from webapp.storage.accounts import note_event
from webapp.storage.records import add_review, delete_record, get_record, list_item, list_reviews, neighbours
from webapp.storage.tables import Record
from webapp.store import store
from webapp.words import language

REVIEW = ReviewSchema()


def _row(session: Any, name: str) -> Record:
    row = get_record(session, person().workspace, name)
    if row is None:
        raise NotFound(_("There is no such record here: look at the list of patients."))
    return row


@pages.get("/patients/<record>")
def record(record: str) -> str:
    query = asked()["query"]
    with store().database.reading() as session:
        row = _row(session, record)
        before, after = neighbours(session, person().workspace, query, row)
        reviews = list_reviews(session, row)
    leave_trail("saw", row.name)
    return render_template(
        "record.html",
        item=list_item(row),
        document=row.document,
        reasons=told_reasons(row.document, language()),
        reviews=reviews,
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
        raise BadRequest(validation_told(error.messages)) from error
    with store().database.writing() as session:
        row = _row(session, record)
        add_review(session, row, person(), given["verdict"], given["sites"], given["comment"])
        note_event(session, person(), "reviewed", row.name, given["verdict"])
    flash(_("Your second look was kept."), "done")
    return redirect(url_for("pages.record", record=record, **query.parameters()))


@pages.post("/patients/<record>/delete")
@needs("admin")
def delete(record: str) -> Any:
    with store().database.writing() as session:
        row = _row(session, record)
        left = delete_record(session, row)
        note_event(session, person(), "deleted", row.name)
    with store().database.writing() as session:
        store().files.collect(session, left)
    flash(_("Deleted: samples, finding, reviews and the row in the export of “%(name)s”.", name=record), "done")
    return redirect(url_for("pages.patients"))
