"""A stored record as samples, pictures and evidence, by the core's own functions."""

import threading
from typing import Any

from flask import Response, jsonify

from cardiac import reports
from cardiac.errors import RecordError
from cardiac.evidence import evidence_of
from cardiac.records import Record, stored_record
from webapp.storage.files import Files
from webapp.storage.tables import Record as Row

_DRAWING = threading.Lock()  # matplotlib draws one picture at a time


def _record(files: Files, row: Row) -> Record:
    return stored_record(files.signal(row.signal), row.name, row.document["fs_hz"])


def samples(files: Files, row: Row, start_s: float, length_s: float) -> dict[str, Any]:
    """A stretch of the record as plain data."""
    return reports.samples_document(_record(files, row), start_s, length_s)


def samples_npy(files: Files, row: Row, start_s: float, length_s: float) -> bytes:
    """The same as a .npy file."""
    return reports.samples_file(_record(files, row), start_s, length_s)


def picture(files: Files, row: Row) -> bytes:
    """PNG, with the evidence where it was gathered."""
    with _DRAWING:
        return reports.ecg_picture(_record(files, row), reports.finding_of(row.document), _evidence(row))


def report(files: Files, row: Row) -> bytes:
    """PDF, with the evidence where it was gathered."""
    document = row.document
    with _DRAWING:
        return reports.ecg_report(_record(files, row), reports.finding_of(document), document["bundle"], _evidence(row))


def _evidence(row: Row) -> Any:
    return evidence_of(row.evidence) if row.evidence else None


def evidence_of_row(row: Row, failed: str | None) -> Any:
    """The evidence; 202 while it is gathered. failed : why it cannot be. Raises RecordError then."""
    if row.evidence:
        return jsonify({"record": row.name, "evidence": row.evidence})
    if failed:
        raise RecordError(failed)
    response: Response = jsonify({"state": "queued"})
    response.status_code, response.headers["Retry-After"] = 202, "1"
    return response
