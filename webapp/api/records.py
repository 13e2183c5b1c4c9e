"""Records: sent in, listed, looked at, reviewed, deleted."""

from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import BadRequest

from webapp.access import leave_trail, needs, person
from webapp.api.answers import api_blueprint, json_body, json_stream, problems, sent_json
from webapp.api.findings import BEAT_EXAMPLE, FindingSchema, MedianBeatSchema
from webapp.api.schemas import (
    AcceptedSchema,
    FormFileSchema,
    FormSchema,
    LanguageSchema,
    ListSchema,
    PageSchema,
    RecordingSchema,
    ReviewedSchema,
    ReviewSchema,
    StretchSchema,
)
from webapp.changes import look_up, remove_record, review_record, the_record
from webapp.drawings import KINDS, drawing, in_language
from webapp.looks import ask_again, beat_of_row, evidence_of_row, samples, samples_npy
from webapp.noted import leave_list, leave_look
from webapp.samples import MOST_BYTES
from webapp.storage.jobs import ask_evidence
from webapp.storage.records import list_item, list_records
from webapp.storage.tables import Record
from webapp.store import store
from webapp.uploads import queue_samples, queue_upload, take_form
from webapp.words import language

records = api_blueprint("records", "Recordings and their findings")
MOST_REVIEW_BYTES = 2**16
SENT = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "fs_hz": {"type": "number", "minimum": 100, "maximum": 10_000},
                    },
                }
            },
            "application/json": {"schema": RecordingSchema},
        },
    }
}
RECORDING, REVIEW = RecordingSchema(), ReviewSchema()


@records.route("/records", methods=["POST"])
@records.doc(**SENT)
@records.response(202, AcceptedSchema)
@problems(records, 403, 413, 415, 422, 507)
@needs("reviewer")
def send() -> dict[str, str]:
    """Send recordings: files or archives as multipart, or samples as JSON; they are read in the background"""
    if request.mimetype == "multipart/form-data":
        return {"job": queue_upload(store(), person(), request.files.getlist("file"), _rate())}
    return {"job": queue_samples(store(), person(), json_stream(MOST_BYTES), RECORDING.load)}


def _row(record: str) -> Record:
    return look_up(store(), person(), record)


def _rate() -> float | None:
    text = request.form.get("fs_hz", "").strip()
    try:
        return float(text) if text else None
    except ValueError as error:
        raise BadRequest("fs_hz: is not a number; give the sampling rate in Hz") from error


@records.route("/records", methods=["GET"])
@records.arguments(ListSchema, location="query", error_status_code=400)
@records.response(200, PageSchema)
@problems(records)
def listed(given: dict[str, Any]) -> dict[str, Any]:
    """Records of the workspace, filtered and sorted"""
    with store().database.reading() as session:
        total, rows = list_records(session, person().workspace, given["query"], given["limit"], given["offset"])
        items = [list_item(row) for row in rows]
    leave_list(given["query"], len(items), given["offset"], given["limit"])
    return {"total": total, "items": items}


@records.route("/records/<record>", methods=["GET"])
@records.response(200, FindingSchema, description="an object of findings.json")
@problems(records, 404)
def document(record: str) -> Any:
    """A record's finding: the document that stands in findings.json"""
    row = _row(record)
    leave_trail("saw", row.name)
    return jsonify(row.document)


@records.route("/records/<record>", methods=["DELETE"])
@records.response(204)
@problems(records, 403, 404)
@needs("admin")
def delete(record: str) -> None:
    """Delete a record: samples, finding, reviews, and its row in the export"""
    remove_record(store(), person(), record)


@records.route("/records/<record>/samples")
@records.arguments(StretchSchema, location="query", error_status_code=400)
@records.response(200, {"type": "object"})
@problems(records, 404, 422)
def samples_json(given: dict[str, float], record: str) -> Any:
    """Samples in mV, up to 60 s in one answer"""
    row = _row(record)
    leave_look(row, "samples")
    return jsonify(samples(store().files, row, **given))


@records.route("/records/<record>/samples.npy")
@records.arguments(StretchSchema, location="query", error_status_code=400)
@records.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
@problems(records, 404, 422)
def samples_as_npy(given: dict[str, float], record: str) -> Response:
    """The same as a NumPy file: float32 (12, n), mV"""
    row = _row(record)
    leave_look(row, "samples.npy")
    return Response(samples_npy(store().files, row, **given), content_type="application/octet-stream")


@records.route("/records/<record>/beat")
@records.response(200, MedianBeatSchema, example=BEAT_EXAMPLE)
@problems(records, 404, 422)
def beat(record: str) -> Any:
    """The median beat in all leads, with where its waves begin and end"""
    row = _row(record)
    leave_look(row, "beat")
    return jsonify(beat_of_row(store().files, row))


@records.route("/records/<record>/evidence")
@records.arguments(LanguageSchema, location="query", error_status_code=400)
@records.response(200, {"type": "object"})
@records.alt_response(202, schema={"type": "object"}, description="being gathered: ask again")
@problems(records, 404, 422)
def evidence(given: dict[str, str], record: str) -> Any:
    """Which leads and which moments carried the finding"""
    leave_look(_row(record), "evidence")
    with store().database.writing() as session:
        row = the_record(session, person(), record)
        return evidence_of_row(row, None if row.evidence else ask_evidence(session, row.id), **given)


@records.route("/records/<record>/report.pdf")
@records.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
@records.alt_response(202, schema={"type": "object"}, description="being drawn: ask again")
@problems(records, 404, 422)
def report_pdf(record: str) -> Response:
    """The tracing on ECG paper with its finding: one page, A4"""
    return _drawn(record, "report.pdf")


@records.route("/records/<record>/picture.png")
@records.response(200, {"type": "string", "format": "binary"}, content_type="image/png")
@records.alt_response(202, schema={"type": "object"}, description="being drawn: ask again")
@problems(records, 404, 422)
def picture_png(record: str) -> Response:
    """The tracing on ECG paper with its finding, as a picture"""
    return _drawn(record, "picture.png")


def _drawn(record: str, kind: str) -> Response:
    row = _row(record)
    drawn = drawing(store(), row, in_language(kind, language()))
    if drawn is None:
        return ask_again()
    leave_trail("exported", row.name, kind)
    response = Response(drawn, content_type=KINDS[kind])
    response.vary.update(["Cookie", "Accept-Language"])
    return response


@records.route("/records/<record>/review", methods=["POST"])
@records.doc(requestBody=json_body(ReviewSchema))
@records.response(201, ReviewedSchema)
@problems(records, 403, 404, 413, 415, 422)
@needs("reviewer")
def review(record: str) -> dict[str, Any]:
    """A second look: agree, correct the sites, or mark unreadable"""
    return review_record(store(), person(), record, sent_json(REVIEW, MOST_REVIEW_BYTES))


@records.route("/template", methods=["POST"])
@records.arguments(FormFileSchema, location="files", error_status_code=422)
@records.response(201, FormSchema)
@problems(records, 403, 413, 415, 422, 507)
@needs("reviewer")
def template(given: dict[str, Any]) -> dict[str, Any]:
    """The submission form that export.csv fills in"""
    return take_form(store(), person(), given["file"])
