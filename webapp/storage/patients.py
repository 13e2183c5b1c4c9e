"""Who was recorded: patients by their id, and of every record its time, age, sex and, in a table of its own, the name.

A name belongs to a record and not to an id: so it goes with the record, and two people with one id are seen.
"""

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
    row.patient = None if known.patient_id is None else _number_of(session, row.workspace, known.patient_id)
    row.recorded_at, row.age_years, row.sex = known.recorded_at, known.age_years, known.sex
    session.execute(delete(PatientName).where(PatientName.record == row.id))
    if known.name is not None:
        session.add(PatientName(record=row.id, name=known.name))
    session.flush()
    if former != row.patient:
        drop_unused(session, former)
    return True


def _number_of(session: Session, workspace: str, patient_id: str) -> int:
    """The patient's number, who may be a new one."""
    patient_id = shown(patient_id)
    new = upsert(session, Patient).values(workspace=workspace, patient_id=patient_id)
    session.execute(new.on_conflict_do_nothing())
    of_id = select(Patient.id).where(Patient.workspace == workspace, Patient.patient_id == patient_id)
    return session.scalars(of_id).one()


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
    total = session.scalar(select(func.count()).select_from(Patient).where(Patient.workspace == workspace)) or 0
    numbers = select(Patient.id).where(Patient.workspace == workspace).order_by(Patient.patient_id)
    shown_numbers = numbers.limit(limit).offset(offset).subquery()
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
    """Take away a patient who has no record any more."""
    if number is not None:
        used = select(Record.id).where(Record.patient == number).exists()
        session.execute(delete(Patient).where(Patient.id == number, ~used))


def drop_names(session: Session) -> int:
    """Take away all names of patients, of every workspace; how many they were."""
    return session.execute(delete(PatientName)).rowcount
