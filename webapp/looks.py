"""A stored record as samples, median beat and evidence, by the core's own functions."""

from typing import Any

from flask import Response, jsonify

from cardiac.errors import RecordError
from cardiac.records import Record
from cardiac.stored_signals import stored_record
from cardiac.tracing import median_beat, samples_document, samples_file
from webapp.signs import translate_signs
from webapp.storage.files import Files
from webapp.storage.tables import Record as Row


def _record(files: Files, row: Row) -> Record:
    return stored_record(files.signal(row.signal), row.name, row.document["fs_hz"])


def samples(files: Files, row: Row, start_s: float, length_s: float) -> dict[str, Any]:
    """A stretch of the record as plain data."""
    return samples_document(_record(files, row), start_s, length_s)


def samples_npy(files: Files, row: Row, start_s: float, length_s: float) -> bytes:
    """The same as a .npy file."""
    return samples_file(_record(files, row), start_s, length_s)


def beat_of_row(files: Files, row: Row) -> dict[str, Any]:
    """The record's median beat as plain data; none where none could be measured."""
    return {"record": row.name, "beat": median_beat(_record(files, row))}


def evidence_of_row(row: Row, failed: str | None, language: str) -> Any:
    """The evidence; 202 while it is gathered. failed : why it cannot be. Raises RecordError then."""
    if row.evidence:
        return jsonify({"record": row.name, "evidence": translate_signs(row.evidence, language)})
    if failed:
        raise RecordError(failed)
    return ask_again()


def ask_again() -> Response:
    """202: what is asked for is being made."""
    response: Response = jsonify({"state": "queued"})
    response.status_code, response.headers["Retry-After"] = 202, "1"
    return response
