"""One patient's recordings in order of time, what changed between two of them, and what people type about who was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound, UnprocessableEntity

from tasks.mi.change_words import change_document
from tasks.mi.changes import changes
from webapp.changes import NO_RECORD, the_record
from webapp.storage.accounts import Person
from webapp.storage.patients import (
    Recorded,
    are_one,
    get_patient,
    hold_patients,
    in_known_order,
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
CHANGED = N_("somebody changed this in the meantime, and nothing was saved: load the page again")
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


def shown_age(years: float | None) -> str:
    """An age as the form has it: "61.28"."""
    return "" if years is None else f"{round(years, 2):g}"


def keep_recorded(
    store: Store, person: Person, name: str, given: Mapping[str, Any], seen: str | None = None
) -> dict[str, Any]:
    """Keep what a person typed of who was recorded, in the place of what was known; what the API says of it then.

    seen : digest of what the person saw before. The trail says which of it was changed, and neither what it was nor what
    it is. Raises NotFound; Conflict where it is not what the person saw; and UnprocessableEntity for a name where names
    are switched off.
    """
    recorded = Recorded(**given)
    if recorded.name and not store.settings.keep_names:
        raise UnprocessableEntity(NO_NAMES)
    with store.database.writing() as session:
        row = _held(session, the_record(session, person, name))
        known = recorded_of(session, row)
        if seen is not None and seen != known.digest():
            raise Conflict(CHANGED)
        changed = known.changed(recorded)
        if keep(session, row, recorded):
            note_event(session, person, "changed who was recorded", row.name, ", ".join(changed))
        kept = recorded_document(row, recorded_of(session, row))
    if changed:
        store.database.leave_no_trace()
    return kept


def _held(session: Session, row: Record) -> Record:
    """The record as it now is, changed by nobody else until the transaction ends. Raises NotFound where it is gone."""
    statement = select(Record).where(Record.id == row.id).with_for_update()
    held = session.scalar(statement.execution_options(populate_existing=True))
    if held is None:
        raise NotFound(NO_RECORD)
    return held


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
        "is_order_known": in_known_order(before.recorded_at, after.recorded_at),
        "changes": [change_document(each, language) for each in found],
    }


def remove_patient(store: Store, person: Person, number: int, patient_id: str | None = None) -> int:
    """Delete all records of a patient, with samples, findings and reviews; how many they were.

    patient_id : the id that the person saw, as a number may be given again. Raises NotFound.
    """
    with store.database.writing() as session:
        hold_patients(session, [number] if number < 2**63 else [])
        meant = the_patient(session, person, number)
        if patient_id not in (None, meant.patient_id):
            raise NotFound(NO_PATIENT)
        rows: Sequence[Record] = records_of(session, meant)
        numbers, left = [row.id for row in rows], []
        for row in rows:
            note_event(session, person, "deleted", row.name)
            left += delete_record(session, row)
    with store.database.writing() as session:
        store.files.collect(session, left)
    store.files.drop_drawings(numbers)
    store.database.leave_no_trace()
    return len(numbers)
