"""From what a browser or a program sends to a job in the queue, or to the form that the export fills in."""

import math
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete
from werkzeug.datastructures import FileStorage

from cardiac.datasets import read_template
from cardiac.errors import DatasetError
from cardiac.labels import RECORD_COLUMN
from cardiac.records import FS_RANGE_HZ
from webapp.exports import RUN_BY_SHEETS
from webapp.samples import ENDING, write_samples
from webapp.settings import MOST_FORM_BYTES
from webapp.storage.accounts import Person, note_event
from webapp.storage.files import record_name
from webapp.storage.jobs import add_job, iso_time
from webapp.storage.tables import Form
from webapp.store import Store

LONGEST_NAME = 255


class UploadRefused(DatasetError):
    """An upload that cannot become a job."""


def queue_upload(store: Store, person: Person, files: Sequence[FileStorage], fs_hz: float | None) -> str:
    """Queue what was sent; the job's id. fs_hz : rate of files that state none. Raises UploadRefused, NoRoom."""
    files = [each for each in files if each.filename]
    if not files:
        raise UploadRefused("no file was sent: give a recording or an archive of recordings as `file`")
    if fs_hz is not None and not FS_RANGE_HZ[0] <= fs_hz <= FS_RANGE_HZ[1]:
        raise UploadRefused("the sampling rate is from 100 to 10,000 Hz: give it in Hz")
    given = []
    for each in files:
        each.stream.flush()
        given.append((each.filename, Path(each.stream.name)))
    return _queue(store, person, given, [each.filename for each in files], fs_hz)


def queue_samples(store: Store, person: Person, document: dict[str, Any]) -> str:
    """Queue samples that were sent as JSON; the job's id."""
    path = store.files.incoming()
    try:
        write_samples(document, path)
        name = record_name(document["record"])
        return _queue(store, person, [(f"{name}{ENDING}", path)], [name], None)
    finally:
        path.unlink(missing_ok=True)


def _queue(
    store: Store, person: Person, given: Sequence[tuple[str, Path]], names: Sequence[str], fs_hz: float | None
) -> str:
    job_id = uuid.uuid4().hex
    store.files.take_in(job_id, given)
    try:
        with store.database.writing() as session:
            add_job(session, job_id, person, names, fs_hz)
            note_event(session, person, "uploaded", detail=f"{len(names)} files as job {job_id}")
    except BaseException:
        store.files.drop_upload(job_id)
        raise
    return job_id


def take_form(store: Store, person: Person, file: FileStorage) -> Form:
    """Make what was sent the form of the person's workspace. Raises DatasetError naming the column or row that is wrong."""
    name, columns, rows = _read_form(store, file)
    with store.database.writing() as session:
        made = Form(workspace=person.workspace, name=name, columns=columns, rows=rows, uploaded_at=time.time())
        note_event(session, person, "changed the form", detail=f"{len(rows)} rows")
        return session.merge(made)


def drop_form(store: Store, person: Person) -> None:
    """Take the form of the person's workspace away."""
    with store.database.writing() as session:
        session.execute(delete(Form).where(Form.workspace == person.workspace))
        note_event(session, person, "changed the form", detail="taken away")


def form_document(form: Form) -> dict[str, Any]:
    """What is said of a form."""
    return {"name": form.name, "n_rows": len(form.rows), "uploaded_at": iso_time(form.uploaded_at)}


def _read_form(store: Store, file: FileStorage) -> tuple[str, list[str], list[list[Any]]]:
    """Its name, columns and rows."""
    name = record_name(file.filename or "form.csv")
    file.stream.seek(0, 2)
    if file.stream.tell() > MOST_FORM_BYTES:
        raise UploadRefused(
            f"{name}: is larger than a submission form is ({MOST_FORM_BYTES >> 20} MB): give it in parts"
        )
    path = store.files.incoming().with_suffix(".csv")
    file.stream.seek(0)
    path.write_bytes(file.stream.read())
    try:
        table = read_template(path)
    except DatasetError as error:
        raise UploadRefused(str(error).replace(path.name, name)) from error
    finally:
        path.unlink(missing_ok=True)
    for place, record in enumerate(table[RECORD_COLUMN], start=2):
        if record.startswith(RUN_BY_SHEETS) or len(record) > LONGEST_NAME or "\0" in record:
            raise UploadRefused(
                f"{name}: the name in row {place} begins like a formula or is too long: rename the record"
            )
    rows = table.astype(object).values.tolist()
    for place, row in enumerate(rows, start=2):
        if any(isinstance(cell, float) and not math.isfinite(cell) for cell in row):
            raise UploadRefused(f"{name}: row {place} holds a number without end: leave the cells empty")
    return name, list(table.columns), rows
