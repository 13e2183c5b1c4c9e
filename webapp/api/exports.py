"""What leaves the site, as files. A few are written at a time, so that other requests find a thread."""

import threading
from typing import Any

from flask import Response
from werkzeug.exceptions import ServiceUnavailable

from webapp import exports as made
from webapp.access import leave_trail, person
from webapp.api.answers import api_blueprint, download, problems
from webapp.api.schemas import FilterSchema
from webapp.noted import asked_for
from webapp.storage.records import Query
from webapp.store import store
from webapp.words import N_

exports = api_blueprint("exports", "Findings, submission and labels as files")
CSV = "text/csv; charset=utf-8"
TEXT = {"type": "string"}
AT_ONCE, MOST_WAITING, WAIT_S = 4, 2, 10.0  # of the server's eight threads, so that two are left for pages
BUSY = N_("other exports are being written at the moment: try again in some seconds")
WRITING, _WAITING = threading.BoundedSemaphore(AT_ONCE), threading.BoundedSemaphore(MOST_WAITING)


class Slot:
    """One of a few places to write at, until it is left: at the latest when nothing holds it any more."""

    def __init__(self) -> None:
        """Raises ServiceUnavailable where all are taken, at once where too many wait already with a thread in hand."""
        self._is_held = WRITING.acquire(blocking=False) or self._has_waited()
        if not self._is_held:
            raise ServiceUnavailable(BUSY, retry_after=5)

    @staticmethod
    def _has_waited() -> bool:
        if not _WAITING.acquire(blocking=False):
            return False
        try:
            return WRITING.acquire(timeout=WAIT_S)
        finally:
            _WAITING.release()

    def leave(self) -> None:
        if self._is_held:
            self._is_held = False
            WRITING.release()

    __del__ = leave


def _whole(write: Any, name: str, kind: str) -> Response:
    slot = Slot()
    try:
        leave_trail("exported", detail=name)
        with store().database.reading() as session:
            return download(write(session, person().workspace), kind, name)
    finally:
        slot.leave()


def _in_pieces(write: Any, name: str, kind: str, *given: Any) -> Response:
    """An answer that is sent while it is written: it may be larger than the memory.

    What its reader does not take at once lies on the disk (`webapp.connections`), and the writing goes on.
    """
    slot = Slot()
    leave_trail("exported", detail=asked_for(given[-1], name))
    database, workspace = store().database, person().workspace

    def pieces(slot: Slot) -> Any:
        try:
            with database.reading() as session:
                yield from write(session, *given[:-1], workspace, given[-1])
        finally:
            slot.leave()

    return download(pieces(slot), kind, name)


@exports.route("/export.csv")
@exports.response(200, TEXT, content_type="text/csv")
@problems(exports)
def submission() -> Response:
    """The submission: the uploaded form filled in; without a form, all records by name"""
    return _whole(made.submission_csv, "submission.csv", CSV)


@exports.route("/export/labels.csv")
@exports.response(200, TEXT, content_type="text/csv")
@problems(exports)
def labels() -> Response:
    """The reviews as labels in the task's own columns"""
    return _whole(made.labels_csv, "labels.csv", CSV)


@exports.route("/export.json")
@exports.response(200, {"type": "array", "items": {"type": "object"}})
@problems(exports)
def findings() -> Response:
    """All findings, as findings.json has them"""
    return _in_pieces(made.findings_json, "findings.json", "application/json", Query(sort="name"))


@exports.route("/export/findings.csv")
@exports.response(200, TEXT, content_type="text/csv")
@problems(exports)
def table() -> Response:
    """All findings with probabilities and thresholds, a row a record"""
    return _in_pieces(made.findings_csv, "findings.csv", CSV, Query(sort="name"))


@exports.route("/export.zip")
@exports.arguments(FilterSchema, location="query", error_status_code=400)
@exports.response(200, {"type": "string", "format": "binary"}, content_type="application/zip")
@problems(exports)
def everything(query: Query) -> Response:
    """Findings and samples of all records that a filter shows"""
    return _in_pieces(made.everything_zip, "records.zip", "application/zip", store().files, query)
