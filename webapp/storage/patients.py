"""Who was recorded: patients by their id, and of every record its time, age, sex and, in a table of its own, the name.

A name belongs to a record and not to an id: so it goes with the record, and two people with one id are seen.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webapp.storage.files import upsert
from webapp.storage.tables import Patient, PatientName, Record, folded, shown

LONGEST_TEXT = 200  # letters of an id or a name


@dataclass(frozen=True, repr=False)
class Recorded:
    """What is known of who was recorded. recorded_at : local time, "2021-03-04T10:20:30" or the day alone."""

    patient_id: str | None = None
    name: str | None = None
    recorded_at: str | None = None
    age_years: float | None = None
    sex: str | None = None

    def without_name(self) -> "Recorded":
        return replace(self, name=None)

    def changed(self, other: "Recorded") -> list[str]:
        """Names of the fields in which another is different."""
        return [each.name for each in fields(self) if getattr(self, each.name) != getattr(other, each.name)]

    def digest(self) -> str:
        """Of all fields, for a form to say what it was filled with."""
        return hashlib.sha256(repr([getattr(self, each.name) for each in fields(self)]).encode()).hexdigest()


NOT_KNOWN = Recorded()


def fill_in(session: Session, row: Record, known: Recorded) -> None:
    """Keep what a file states of a stored record, where nothing is known yet: what a person typed stays."""
    if known == NOT_KNOWN:  # as of most files: nothing is asked of the database
        return
    present = recorded_of(session, row)
    stays = {each.name: value for each in fields(present) if (value := getattr(present, each.name)) is not None}
    keep(session, row, replace(known, **stays))


def keep(session: Session, row: Record, known: Recorded) -> bool:
    """Keep this of a stored record, and nothing else; False where it was so already."""
    if known == recorded_of(session, row):
        return False
    former = row.patient
    row.patient = None if known.patient_id is None else _number_of(session, row.workspace, known.patient_id, former)
    row.recorded_at, row.age_years, row.sex = known.recorded_at, known.age_years, known.sex
    session.flush()
    if known.name is None:
        session.execute(delete(PatientName).where(PatientName.record == row.id))
    else:
        named = upsert(session, PatientName).values(record=row.id, name=known.name)
        session.execute(named.on_conflict_do_update(index_elements=["record"], set_={"name": named.excluded.name}))
    if former != row.patient:
        drop_unused(session, former)
    return True


def _number_of(session: Session, workspace: str, patient_id: str, former: int | None) -> int:
    """The patient's number, who may be a new one, and who stays until the transaction ends. former : the one before."""
    patient_id = shown(patient_id)
    new = upsert(session, Patient).values(workspace=workspace, patient_id=patient_id)
    of_id = select(Patient.id).where(Patient.workspace == workspace, Patient.patient_id == patient_id)
    while True:  # somebody may delete the patient's last record between the two
        session.execute(new.on_conflict_do_nothing())
        number = session.scalar(of_id if former is not None else of_id.with_for_update(read=True, key_share=True))
        if number is not None and (former is None or number in hold_patients(session, [former, number])):
            return number


def hold_patients(session: Session, numbers: Iterable[int | None]) -> set[int]:
    """Those of these patients who are there, and who are not changed by anybody else until the transaction ends.

    They are held in one order: so no two transactions wait for one another.
    """
    asked = {number for number in numbers if number is not None}
    held = select(Patient.id).where(Patient.id.in_(asked)).order_by(Patient.id).with_for_update()
    return set(session.scalars(held)) if asked else set()


def recorded_of(session: Session, row: Record) -> Recorded:
    """What is known of who was recorded."""
    patient_id = session.scalar(select(Patient.patient_id).where(Patient.id == row.patient)) if row.patient else None
    name = session.scalar(select(PatientName.name).where(PatientName.record == row.id)) if row.id else None
    return Recorded(patient_id, name, row.recorded_at, row.age_years, row.sex)


def ids_of(session: Session, rows: Iterable[Record]) -> Mapping[int, str]:
    """The ids of some records' patients, by the patients' numbers."""
    numbers = {row.patient for row in rows if row.patient is not None}
    found = select(Patient.id, Patient.patient_id).where(Patient.id.in_(numbers))
    return {row.id: row.patient_id for row in session.execute(found)}


def get_patient(session: Session, workspace: str, number: int) -> Patient | None:
    """A patient of this workspace."""
    return session.scalar(select(Patient).where(Patient.workspace == workspace, Patient.id == number))


def records_of(session: Session, patient: Patient) -> Sequence[Record]:
    """The patient's records in order of time; those whose time is not known come last, as they were uploaded."""
    of_patient = select(Record).where(Record.workspace == patient.workspace, Record.patient == patient.id)
    in_order = of_patient.order_by(Record.recorded_at.is_(None), Record.recorded_at, Record.id)
    return session.scalars(in_order).all()


def record_before(session: Session, row: Record) -> Record | None:
    """The patient's record before this one in order of time; None where there is none, or nobody knows whose it is."""
    patient = get_patient(session, row.workspace, row.patient) if row.patient is not None else None
    rows = records_of(session, patient) if patient else []
    return next((sooner for sooner, later in pairwise(rows) if later.id == row.id), None)


def in_known_order(earlier: str | None, later: str | None) -> bool:
    """Whether two recordings' times say that the one was before the other; a day alone says nothing of the same day."""
    if not earlier or not later:
        return False
    letters = min(len(earlier), len(later))
    return earlier[:letters] < later[:letters]


def names_of(session: Session, rows: Iterable[Record]) -> Mapping[int, str]:
    """The patients' names that some records have, by the records' numbers."""
    numbers = [row.id for row in rows]
    found = select(PatientName.record, PatientName.name).where(PatientName.record.in_(numbers))
    return {row.record: row.name for row in session.execute(found)}


def are_one(texts: Iterable[str | None]) -> bool:
    """Whether all that is known of these is the same, whatever the case and the order of the words."""
    return len({tuple(sorted(folded(each).replace(",", " ").split())) for each in texts if each}) < 2


def list_patients(session: Session, workspace: str, limit: int, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """How many patients there are, and a part of them by their ids: how many records each has, the first and last time."""
    here = Patient.workspace == workspace
    total = session.scalar(select(func.count()).select_from(Patient).where(here)) or 0
    shown_numbers = select(Patient.id).where(here).order_by(Patient.patient_id).limit(limit).offset(offset).subquery()
    statement = (
        select(Patient.id, Patient.patient_id, func.count(), func.min(Record.recorded_at), func.max(Record.recorded_at))
        .join(Record, Record.patient == Patient.id)
        .where(Patient.id.in_(select(shown_numbers)))
        .group_by(Patient.id, Patient.patient_id)
        .order_by(Patient.patient_id)
    )
    names = ("patient", "patient_id", "n_records", "first_at", "last_at")
    return total, [dict(zip(names, row, strict=True)) for row in session.execute(statement)]


def drop_unused(session: Session, number: int | None) -> None:
    """Take away a patient who has no record any more, also where others delete the patient's records at this moment."""
    if hold_patients(session, [number]):
        used = select(Record.id).where(Record.patient == number).exists()
        session.execute(delete(Patient).where(Patient.id == number, ~used))


def drop_names(session: Session) -> int:
    """Take away all names of patients, of every workspace; how many they were."""
    return session.execute(delete(PatientName)).rowcount
