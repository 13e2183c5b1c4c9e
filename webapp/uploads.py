"""From what a browser or a program sends to a job in the queue, or to the form that the export fills in."""

import math
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from cardiac.errors import DatasetError
from cardiac.files import RUN_BY_SHEETS
from cardiac.messages import Message
from cardiac.records import FS_RANGE_HZ
from tasks.mi.labels import RECORD_COLUMN
from webapp.forms import ONE_FORM, read_form_rows
from webapp.samples import ENDING, end_samples, take_samples
from webapp.settings import MOST_FORM_BYTES
from webapp.storage.accounts import Person
from webapp.storage.files import record_name
from webapp.storage.jobs import add_job, iso_time
from webapp.storage.tables import Form
from webapp.storage.trail import note_event
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


def queue_samples(
    store: Store, person: Person, body: IO[bytes], load: Callable[[dict[str, Any]], dict[str, Any]]
) -> str:
    """Queue samples that are sent as JSON; the job's id. load : checks what stands beside them. Raises as both do."""
    path = store.files.incoming()
    try:
        with path.open("wb") as file:
            given = load(take_samples(body, file))
            end_samples(given, file)
        name = record_name(given["record"])
        return _queue(store, person, [(f"{name}{ENDING}", path)], [name], None)
    finally:
        path.unlink(missing_ok=True)


def queue_copies(store: Store, person: Person, paths: Sequence[Path], name: str) -> str:
    """Queue files of this machine, which stay where they are; the job's id. name : of the upload.

    Raises UploadRefused where there are none, NoRoom.
    """
    if not paths:
        raise UploadRefused("there are no demonstration records on this server: upload recordings of your own")
    with ExitStack() as until_copied:
        given = [(path.name, until_copied.enter_context(path.open("rb"))) for path in paths]
        return _queue(store, person, given, [name], None)


def _queue(
    store: Store,
    person: Person,
    given: Sequence[tuple[str, Path | IO[bytes]]],
    names: Sequence[str],
    fs_hz: float | None,
) -> str:
    job_id = uuid.uuid4().hex
    store.files.take_in(job_id, given)
    try:
        with store.database.writing() as session:
            add_job(session, job_id, person, names, fs_hz)
            note_event(session, person, "uploaded", detail=f"{len(given)} files as job {job_id}")
    except BaseException:
        store.files.drop_upload(job_id)
        raise
    return job_id


def take_form(store: Store, person: Person, file: FileStorage) -> dict[str, Any]:
    """Make what was sent the form of the person's workspace; what is said of it.

    Raises DatasetError naming the column or row that is wrong.
    """
    with ONE_FORM:
        name, columns, rows = _read_form(store, file)
        made = Form(workspace=person.workspace, name=name, columns=columns, rows=rows, uploaded_at=time.time())
        with store.database.writing() as session:
            session.execute(delete(Form).where(Form.workspace == person.workspace))
            session.add(made)
            note_event(session, person, "changed the form", detail=f"{len(rows)} rows")
    with store.database.reading() as session:
        return form_in_use(session, person.workspace) or {}


def form_in_use(session: Session, workspace: str) -> dict[str, Any] | None:
    """What is said of the form of a workspace, whose rows stay where they are."""
    statement = select(Form.name, func.json_array_length(Form.rows).label("n_rows"), Form.uploaded_at)
    row = session.execute(statement.where(Form.workspace == workspace)).one_or_none()
    return row and {"name": row.name, "n_rows": row.n_rows, "uploaded_at": iso_time(row.uploaded_at)}


def drop_form(store: Store, person: Person) -> None:
    """Take the form of the person's workspace away."""
    with store.database.writing() as session:
        session.execute(delete(Form).where(Form.workspace == person.workspace))
        note_event(session, person, "changed the form", detail="taken away")


def _renamed(text: str, stored: str, name: str) -> str:
    """What is said of a form under the name that its sender knows."""
    if not isinstance(text, Message):
        return text.replace(stored, name)
    return Message(text.template, **{key: name if value == stored else value for key, value in text.arguments.items()})


def _read_form(store: Store, file: FileStorage) -> tuple[str, list[str], list[list[Any]]]:
    """Its name, columns and rows."""
    name = record_name(file.filename or "form.csv")
    file.stream.seek(0, 2)
    if file.stream.tell() > MOST_FORM_BYTES:
        raise UploadRefused(
            "{name}: is larger than a submission form is ({most} MB): give it in parts",
            name=name,
            most=MOST_FORM_BYTES >> 20,
        )
    path = store.files.incoming().with_suffix(".csv")
    file.stream.seek(0)
    try:
        with path.open("wb") as target:
            shutil.copyfileobj(file.stream, target)
        columns, rows = read_form_rows(path)
    except DatasetError as error:
        raise UploadRefused(_renamed(error.message, path.name, name)) from error
    finally:
        path.unlink(missing_ok=True)
    of_record = columns.index(RECORD_COLUMN)
    for number, record in enumerate((row[of_record] for row in rows), start=2):
        if record.startswith(RUN_BY_SHEETS) or len(record) > LONGEST_NAME or "\0" in record:
            raise UploadRefused(
                "{name}: the name in row {number} begins like a formula or is too long: rename the record",
                name=name,
                number=number,
            )
    for number, row in enumerate(rows, start=2):
        if any(isinstance(cell, float) and not math.isfinite(cell) for cell in row):
            raise UploadRefused(
                "{name}: row {number} holds a number without end: leave the cells empty", name=name, number=number
            )
    return name, columns, rows
