"""What is done to the records that were selected in the list: exported, printed, deleted."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, flash, redirect, request, url_for
from flask_babel import ngettext
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from cardiac.pdf_pages import join_pdfs, plain_page
from webapp.access import needs, person
from webapp.api.answers import download
from webapp.api.exports import Slot
from webapp.changes import named_records, remove_records
from webapp.drawings import KINDS, drawings, in_language
from webapp.exports import documents_zip, everything_zip
from webapp.pages.blueprint import pages
from webapp.pages.patients import LISTED, MOST_SELECTED
from webapp.storage.records import Selection
from webapp.storage.tables import Record
from webapp.storage.trail import note_event
from webapp.store import Store, store
from webapp.words import N_, language

MOST_PAGES = 50  # records whose reports are pages of one document
NONE = N_("no record is selected: tick some in the list first")
TOO_MANY = N_("more than 500 records are selected: take them in parts")
REPORT = "report.pdf"


def selected() -> list[str]:
    """Names of the records that the form has, each once. Raises BadRequest for none, and for too many."""
    names = list(dict.fromkeys(request.form.getlist("record")))
    if not names:
        raise BadRequest(NONE)
    if len(names) > MOST_SELECTED:
        raise BadRequest(TOO_MANY)
    return names


@pages.post("/patients/selected/export")
def export_selected() -> Response:
    rows, slot = _rows_that_leave("records.zip")
    names, workspace, here = [row.name for row in rows], person().workspace, store()

    def pieces(slot: Slot) -> Iterator[bytes]:
        try:
            with here.database.reading() as session:
                yield from everything_zip(session, here.files, workspace, Selection(sort="name", names=names))
        finally:
            slot.leave()

    return download(pieces(slot), "application/zip", "records.zip")


@pages.post("/patients/selected/reports")
def print_selected() -> Response:
    """One PDF document of all reports; of many a zip with a document each."""
    is_one = len(selected()) <= MOST_PAGES
    rows, slot = _rows_that_leave("reports.pdf" if is_one else "reports.zip")
    reports = _reports(store(), rows, in_language(REPORT, language()))

    def pieces(slot: Slot) -> Iterator[bytes]:
        try:
            yield from join_pdfs(reports) if is_one else documents_zip(_named(rows, reports))
        finally:
            slot.leave()

    if is_one:
        return download(pieces(slot), KINDS[REPORT], "reports.pdf")
    return download(pieces(slot), "application/zip", "reports.zip")


@pages.post("/patients/selected/delete")
@needs("admin")
def delete_selected() -> Any:
    n = remove_records(store(), person(), selected())
    message = ngettext(
        "%(num)d record was deleted, with its samples, finding and reviews.",
        "%(num)d records were deleted, with their samples, findings and reviews.",
        n,
    )
    flash(message, "done")
    return redirect(url_for("pages.patients", **_filters()))


def _rows_that_leave(what: str) -> tuple[list[Record], Slot]:
    """The selected records, each of which has a row in the trail now, and a place to write at. Raises NotFound."""
    slot = Slot()
    try:
        with store().database.writing() as session:
            rows = named_records(session, person(), selected())
            for row in rows:
                note_event(session, person(), "exported", row.name, what)
        return rows, slot
    except BaseException:
        slot.leave()
        raise


def _reports(here: Store, rows: Sequence[Record], kind: str) -> Iterator[bytes]:
    for n, drawn in enumerate(drawings(here, [row.id for row in rows], kind), start=1):
        yield drawn or plain_page(f"Report {n} of {len(rows)} could not be drawn: open the record on the site.")


def _named(rows: Sequence[Record], reports: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    for row, report in zip(rows, reports, strict=True):
        yield f"{row.name}.pdf", report


def _filters() -> dict[str, str]:
    """Those of the list that the form was sent from."""
    with suppress(ValidationError):
        given = {key: value for key, value in parse_qsl(request.form.get("filters", "")) if value}
        return LISTED.load(given)["query"].parameters()
    return {}
