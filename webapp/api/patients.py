"""Patients: who was recorded, their records in order of time, and what changed between two."""

from typing import Any

from flask import jsonify
from werkzeug.exceptions import NotFound

from webapp.access import leave_trail, needs, person
from webapp.api.answers import api_blueprint, json_body, problems, sent_json
from webapp.api.patient_schemas import (
    ChangesSchema,
    CompareSchema,
    HistorySchema,
    PatientsSchema,
    RecordedSchema,
    TypedSchema,
    WhichPatientsSchema,
)
from webapp.changes import the_record
from webapp.histories import (
    compare,
    history,
    keep_recorded,
    patients_page,
    recorded_document,
    remove_patient,
    the_patient,
)
from webapp.storage.patients import record_before, recorded_of
from webapp.store import store
from webapp.words import N_

patients = api_blueprint("patients", "Patients, as far as files or people say who was recorded")
MOST_TYPED_BYTES = 2**14
TYPED = TypedSchema()
NONE_BEFORE = N_("no earlier record of this patient is known: name one with since")


@patients.route("/patients")
@patients.arguments(WhichPatientsSchema, location="query", error_status_code=400)
@patients.response(200, PatientsSchema)
@problems(patients)
def listed(given: dict[str, int]) -> Any:
    """Patients of the workspace by their ids, without names"""
    with store().database.reading() as session:
        page = patients_page(session, person().workspace, **given)
    leave_trail("listed", detail=f"{len(page['items'])} patients from {given['offset']}")
    return jsonify(page)


@patients.route("/patients/<int:patient>", methods=["GET"])
@patients.response(200, HistorySchema)
@problems(patients, 404)
def one(patient: int) -> Any:
    """One patient's records in order of time"""
    with store().database.reading() as session:
        shown = history(session, the_patient(session, person(), patient))
    leave_trail("saw", detail=f"patient {patient}, {len(shown['records'])} records")
    return jsonify(shown)


@patients.route("/patients/<int:patient>", methods=["DELETE"])
@patients.response(204)
@problems(patients, 403, 404)
@needs("admin")
def delete(patient: int) -> None:
    """Delete a patient's records: samples, findings, reviews, names"""
    remove_patient(store(), person(), patient)


@patients.route("/records/<record>/patient", methods=["GET"])
@patients.response(200, RecordedSchema)
@problems(patients, 404)
def recorded(record: str) -> Any:
    """Who was recorded, and when"""
    with store().database.reading() as session:
        row = the_record(session, person(), record)
        known = recorded_document(row, recorded_of(session, row))
    leave_trail("saw", row.name, "patient")
    return jsonify(known)


@patients.route("/records/<record>/patient", methods=["PUT"])
@patients.doc(requestBody=json_body(TypedSchema))
@patients.response(200, RecordedSchema)
@problems(patients, 403, 404, 413, 415, 422)
@needs("reviewer")
def change(record: str) -> Any:
    """Say who was recorded and when; what is left out is not known any more"""
    return jsonify(keep_recorded(store(), person(), record, sent_json(TYPED, MOST_TYPED_BYTES)))


@patients.route("/records/<record>/changes")
@patients.arguments(CompareSchema, location="query", error_status_code=400)
@patients.response(200, ChangesSchema)
@problems(patients, 404)
def changed(given: dict[str, str], record: str) -> Any:
    """What changed in this record since an earlier one of the patient, in words"""
    with store().database.reading() as session:
        after = the_record(session, person(), record)
        since = given["since"]
        before = record_before(session, after) if since is None else the_record(session, person(), since)
        if before is None:
            raise NotFound(NONE_BEFORE)
        found = compare(before, after, given["language"])
    leave_trail("saw", after.name, "changes")
    leave_trail("saw", before.name, "changes")
    return jsonify(found)
