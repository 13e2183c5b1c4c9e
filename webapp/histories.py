"""One patient's recordings in order of time, what changed between two of them, and what people type about who was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound, UnprocessableEntity

from tasks.mi.change_words import change_document
from tasks.mi.changes import changes
from webapp.changes import the_record
from webapp.storage.accounts import Person
from webapp.storage.patients import (
    Recorded,
    are_one,
    get_patient,
    keep,
    list_patients,
    names_of,
    recorded_of,
    records_of,
)
from webapp.storage.records import delete_record, list_item
from webapp.storage.tables import Patient, Record
from webapp.storage.trail import note_event
from webapp.store import Store
from webapp.words import N_

NO_PATIENT = N_("there is no such patient in this workspace: look at the list of patients")
NO_NAMES = N_("names of patients are switched off on this server: leave the name out")


def the_patient(session: Session, person: Person, number: int) -> Patient:
    """The patient of the person's workspace. Raises NotFound."""
    patient = get_patient(session, person.workspace, number) if number < 2**63 else None
    if patient is None:
        raise NotFound(NO_PATIENT)
    return patient


def recorded_document(row: Record, recorded: Recorded) -> dict[str, Any]:
    """What the API says of who was recorded. patient : number of the patient, of whom there are records."""
    stated = {each.name: getattr(recorded, each.name) for each in fields(recorded)}
    return {"record": row.name, "patient": row.patient, **stated}


def keep_recorded(store: Store, person: Person, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a person typed of who was recorded, in the place of what was known; what the API says of it then.

    The trail says which of it was changed, and neither what it was nor what it is. Raises NotFound; and
    UnprocessableEntity for a name where names are switched off.
    """
    recorded = Recorded(**given)
    if recorded.name and not store.settings.keep_names:
        raise UnprocessableEntity(NO_NAMES)
    with store.database.writing() as session:
        row = the_record(session, person, name)
        changed = recorded_of(session, row).changed(recorded)
        if keep(session, row, recorded):
            note_event(session, person, "changed who was recorded", row.name, ", ".join(changed))
        kept = recorded_document(row, recorded_of(session, row))
    if changed:
        store.database.leave_no_trace()
    return kept


def history(session: Session, patient: Patient) -> dict[str, Any]:
    """The patient's records in order of time, with the names and sexes that they have, and whether these agree."""
    rows = records_of(session, patient)
    names, sexes = names_of(session, rows), [row.sex for row in rows]
    return {
        "patient": patient.id,
        "patient_id": patient.patient_id,
        "name": next((names[row.id] for row in reversed(rows) if row.id in names), None),
        "sex": next((sex for sex in reversed(sexes) if sex), None),
        "is_one": are_one(names.values()) and are_one(sexes),
        "records": [list_item(row) | {"age_years": row.age_years} for row in rows],
    }


def patients_page(session: Session, workspace: str, limit: int, offset: int) -> dict[str, Any]:
    """A part of the patients, by their ids, and how many there are in all."""
    total, items = list_patients(session, workspace, limit, offset)
    return {"total": total, "items": items}


def compare(before: Record, after: Record, language: str) -> dict[str, Any]:
    """What changed from one record to another, in a language."""
    found = changes(before.document.get("measurements"), after.document.get("measurements"))
    return {
        "before": before.name,
        "after": after.name,
        "changes": [change_document(each, language) for each in found],
    }


def remove_patient(store: Store, person: Person, number: int) -> int:
    """Delete all records of a patient, with samples, findings and reviews; how many they were. Raises NotFound."""
    with store.database.writing() as session:
        rows: Sequence[Record] = records_of(session, the_patient(session, person, number))
        numbers, left = [row.id for row in rows], []
        for row in rows:
            note_event(session, person, "deleted", row.name)
            left += delete_record(session, row)
    with store.database.writing() as session:
        store.files.collect(session, left)
    store.files.drop_drawings(numbers)
    store.database.leave_no_trace()
    return len(numbers)
