"""What is done to a record that is kept: looked up, looked at a second time, deleted; for the API and the pages alike."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from webapp.storage.accounts import Person
from webapp.storage.jobs import cancel_job, get_job, job_document
from webapp.storage.patients import hold_patients
from webapp.storage.records import add_review, delete_all, delete_record, get_record, review_document
from webapp.storage.tables import Record
from webapp.storage.trail import note_event
from webapp.store import Store
from webapp.words import N_

NO_JOB = N_("there is no such job: it was never queued, or everything was deleted since")
HAS_ENDED = N_("this upload has ended already: there is nothing left to cancel")
SOME_GONE = N_("some of these records are no longer here: load the list again")
NO_RECORD = N_("there is no such record in this workspace: look at the list of patients")


def the_record(session: Session, person: Person, name: str) -> Record:
    """The record of the person's workspace. Raises NotFound."""
    row = get_record(session, person.workspace, name)
    if row is None:
        raise NotFound(NO_RECORD)
    return row


def named_records(session: Session, person: Person, names: Sequence[str]) -> list[Record]:
    """Records of the person's workspace, in this order. Raises NotFound where one of them is gone."""
    if any("\0" in name for name in names):  # of which no database has one
        raise NotFound(SOME_GONE)
    found = select(Record).where(Record.workspace == person.workspace, Record.name.in_(names))
    rows = {row.name: row for row in session.scalars(found)}
    if not rows.keys() >= set(names):
        raise NotFound(SOME_GONE)
    return [rows[name] for name in names]


def look_up(store: Store, person: Person, name: str) -> Record:
    """The same, in a transaction of its own."""
    with store.database.reading() as session:
        return the_record(session, person, name)


def review_record(store: Store, person: Person, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Keep a second look; what the API says of it. given : verdict, sites and comment. Raises NotFound."""
    with store.database.writing() as session:
        row = the_record(session, person, name)
        kept = add_review(session, row, person, **given)
        note_event(session, person, "reviewed", row.name, kept.verdict)
        return review_document(kept)


def remove_record(store: Store, person: Person, name: str) -> None:
    """Delete a record with its samples, finding and reviews, so that its name stands nowhere. Raises NotFound."""
    with store.database.writing() as session:
        row = the_record(session, person, name)
        note_event(session, person, "deleted", row.name)
        left, record_id = delete_record(session, row), row.id
    with store.database.writing() as session:
        store.files.collect(session, left)
    store.files.drop_drawings([record_id])
    store.database.leave_no_trace()


def remove_records(store: Store, person: Person, names: Sequence[str]) -> int:
    """Delete several records as `remove_record` does one, all or none; how many. Raises NotFound."""
    with store.database.writing() as session:
        rows, left = named_records(session, person, names), []
        hold_patients(session, [row.patient for row in rows])
        for row in rows:
            note_event(session, person, "deleted", row.name)
            left += delete_record(session, row)
    with store.database.writing() as session:
        store.files.collect(session, left)
    store.files.drop_drawings([row.id for row in rows])
    store.database.leave_no_trace()
    return len(rows)


def cancel_upload(store: Store, person: Person, job_id: str) -> dict[str, Any]:
    """Have nothing more of an upload read; what the API says of it then. What was read stays. Raises NotFound, Conflict."""
    with store.database.writing() as session:
        job = get_job(session, person.workspace, job_id)
        if job is None:
            raise NotFound(NO_JOB)
        if not cancel_job(session, job):
            raise Conflict(HAS_ENDED)
        note_event(session, person, "cancelled an upload", detail=f"job {job.id}, {job.done} of {job.total} read")
        cancelled = job_document(session, job)
    store.files.drop_upload(job_id)
    return cancelled


def remove_everything(store: Store, person: Person) -> int:
    """Delete all records, uploads and the form of the person's workspace; how many records those were."""
    with store.database.writing() as session:
        n, left, jobs = delete_all(session, person.workspace)
        note_event(session, person, "deleted everything", detail=f"{n} records")
    with store.database.writing() as session:
        store.files.collect(session, left)
        store.files.sweep_drawings(session)
    for job in jobs:
        store.files.drop_upload(job)
    store.database.leave_no_trace()
    return n
