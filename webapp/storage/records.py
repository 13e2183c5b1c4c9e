"""Records: stored with their finding, found again, looked at a second time, deleted."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, select, update
from sqlalchemy.orm import Session

from tasks.mi.documents import RECORD_COLUMNS, table_row
from tasks.mi.findings import Finding
from tasks.mi.labels import RECORD_COLUMN
from webapp.storage.accounts import Person
from webapp.storage.files import Files
from webapp.storage.forgotten import forget_name
from webapp.storage.jobs import iso_time
from webapp.storage.known import COPY, HERE
from webapp.storage.orders import ORDERS
from webapp.storage.patients import NOT_KNOWN, Recorded, drop_unused, fill_in
from webapp.storage.tables import NAME_LETTERS, Form, Job, Patient, Record, Review, Task, folded, mask_of, sites_of

UPLOADED_S = {"day": 86_400.0, "week": 7 * 86_400.0, "month": 30 * 86_400.0}


@dataclass(frozen=True)
class Query:
    """Which records, in which order. q : a part of a name.  uploaded : "day", "week" or "month" ago at most.

    patient : number of the one whose they are.
    """

    q: str | None = None
    present: bool | None = None
    site: str | None = None
    uncertain: bool | None = None
    quality: str | None = None
    uploaded: str | None = None
    reviewed: bool | None = None
    patient: int | None = None
    sort: str = "newest"

    def parameters(self) -> dict[str, str]:
        """What is asked for, as it stands in an address."""
        default = Query()
        given = {key: value for key, value in asdict(self).items() if value != getattr(default, key)}
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}

    def conditions(self, workspace: str) -> Any:
        """What a record must be."""
        conditions = [Record.workspace == workspace]
        if self.q:
            conditions.append(Record.folded.contains(folded(self.q), autoescape=True))
        if self.present is not None:
            conditions.append(Record.present == self.present)
        if self.site is not None:
            conditions.append(Record.sites.op("&")(mask_of([self.site])) != 0)
        if self.uncertain is not None:
            conditions.append(Record.uncertain == self.uncertain)
        if self.quality is not None:
            conditions.append(Record.quality == self.quality)
        if self.uploaded is not None:
            conditions.append(Record.uploaded_at >= time.time() - UPLOADED_S[self.uploaded])
        if self.reviewed is not None:
            conditions.append(Record.review.is_not(None) if self.reviewed else Record.review.is_(None))
        if self.patient is not None:
            conditions.append(Record.patient == self.patient)
        return and_(*conditions)


@dataclass(frozen=True)
class Selection(Query):
    """Records that were chosen by name."""

    names: Sequence[str] = ()

    def conditions(self, workspace: str) -> Any:
        """What a record must be."""
        return and_(super().conditions(workspace), Record.name.in_(self.names))


@dataclass(frozen=True)
class Read:
    """One recording that was read: its document, where its samples were written, a small tracing, and who was recorded.

    sha256 : of its samples and its rate.  position : in its upload.
    """

    document: dict[str, Any]
    sha256: str
    written: Path
    tracing: str
    recorded: Recorded = NOT_KNOWN
    position: int = 0


class Stored(NamedTuple):
    """The name of the record that a recording is. known : HERE where it was here already under this name, and nothing was

    stored; COPY where it was stored though another record is the same recording.
    """

    name: str
    known: str | None = None


def store_records(
    session: Session, files: Files, workspace: str, reads: Sequence[tuple[str, Read]], uploaded_at: float | None = None
) -> list[Stored]:
    """Store recordings, each under its name; or, where another has it, under the name with a number. Returns those names.

    The same samples under the same name are the same record, which takes the newer finding and keeps its reviews; so does
    one that was read before anything was measured.
    """
    files.place_signals(session, {read.sha256: read.written for _, read in reads})
    named = select(Record).where(Record.workspace == workspace, Record.name.in_({name for name, _ in reads}))
    rows = dict.fromkeys((name for name, _ in reads), None) | {row.name: row for row in session.scalars(named)}
    sha256s = {read.sha256 for _, read in reads}
    there = set(session.scalars(select(Record.signal).where(Record.workspace == workspace, Record.signal.in_(sha256s))))
    at, stored = time.time() if uploaded_at is None else uploaded_at, []
    for name, read in reads:
        stored.append(_store(session, workspace, name, read, rows, at, is_known=read.sha256 in there))
        there.add(read.sha256)
    session.flush()
    return stored


def _store(
    session: Session,
    workspace: str,
    name: str,
    read: Read,
    rows: dict[str, Record | None],
    uploaded_at: float,
    is_known: bool,
) -> Stored:
    """Store one recording. rows : the records that have these names, to which it is added.  is_known : a record is the same."""
    n, known = 1, COPY if is_known else None
    while True:
        suffix = f" ({n})" if n > 1 else ""
        kept = name[: NAME_LETTERS - len(suffix)] + suffix
        row = rows[kept] if kept in rows else get_record(session, workspace, kept)
        if row is None or row.signal == read.sha256:
            break
        n += 1
    if row is None:
        row = Record(workspace=workspace, name=kept, signal=read.sha256, uploaded_at=uploaded_at, tracing=read.tracing)
        row.position = read.position
    elif row.document["bundle"] == read.document["bundle"] and _is_measured(row.document, read.document):
        fill_in(session, row, read.recorded)
        return Stored(kept, HERE)
    else:
        known = HERE
        session.flush()  # a record without a number would be taken for that of all other tasks
        session.execute(delete(Task).where(Task.record_id == row.id))  # explanations of the former finding
    document = {**read.document, "record": kept}
    row.document, row.evidence = document, None
    columns = table_row(Finding.from_dict(document), RECORD_COLUMNS)
    for name, value in (columns | {"sites": mask_of(columns["sites"])}).items():
        setattr(row, name, value)
    session.add(row)
    if read.recorded != NOT_KNOWN:
        session.flush()  # its name and its patient are kept by its number
        fill_in(session, row, read.recorded)
    rows[kept] = row
    return Stored(kept, known)


def _is_measured(stored: dict[str, Any], read: dict[str, Any]) -> bool:
    """Whether a stored document has all that reading the recording again would bring."""
    return bool(stored.get("measurements")) or not read.get("measurements")


def get_record(session: Session, workspace: str, name: str) -> Record | None:
    """The record of this name in this workspace."""
    return session.scalar(select(Record).where(Record.workspace == workspace, Record.name == name))


def list_records(
    session: Session, workspace: str, query: Query, limit: int, offset: int
) -> tuple[int, Sequence[Record]]:
    """How many there are in all, and a page of them."""
    condition = query.conditions(workspace)
    total = session.scalar(select(func.count()).select_from(Record).where(condition)) or 0
    shown = select(Record.id).where(condition).order_by(*ORDERS[query.sort].clauses()).limit(limit).offset(offset)
    positions = {each: n for n, each in enumerate(session.scalars(shown))}  # found in an index, without the rows
    rows = session.scalars(select(Record).where(Record.id.in_(positions)))
    return total, sorted(rows, key=lambda row: positions[row.id])


def every_record(workspace: str, query: Query) -> Select:
    """All of them in order, to be read in pieces."""
    return select(Record).where(query.conditions(workspace)).order_by(*ORDERS[query.sort].clauses())


def neighbours(session: Session, workspace: str, query: Query, row: Record) -> tuple[str | None, str | None]:
    """Names of the records before and after this one in the list."""
    return _beside(session, workspace, query, row, is_back=True), _beside(session, workspace, query, row, is_back=False)


def _beside(session: Session, workspace: str, query: Query, row: Record, is_back: bool) -> str | None:
    order = ORDERS[query.sort]
    condition = and_(query.conditions(workspace), order.beyond(row, is_back))
    nearest = select(Record.id).where(condition).order_by(*order.clauses(is_back))
    return session.scalar(select(Record.name).where(Record.id == nearest.limit(1).scalar_subquery()))


def list_item(row: Record) -> dict[str, Any]:
    """What the API's list says of a record."""
    return {
        "record": row.name,
        "present": row.present,
        "probability": row.probability,
        "threshold": row.document["mi"]["threshold"],
        "sites": sites_of(row.sites),
        "uncertain": row.uncertain,
        "quality": row.quality,
        "uploaded_at": iso_time(row.uploaded_at),
        "recorded_at": row.recorded_at,
        "patient": row.patient,
        "fs_hz": row.document["fs_hz"],
        "duration_s": row.document["duration_s"],
        "heart_rate_bpm": row.document["heart_rate_bpm"],
        "review": row.review,
        "tracing": row.tracing,
    }


def add_review(
    session: Session, row: Record, person: Person, verdict: str, sites: Sequence[str], comment: str
) -> Review:
    """Keep what a reader says of a record; the latest counts, the others stay.

    A correction to what was found is an agreement with it.
    """
    if verdict == "correct" and mask_of(sites) == row.sites:
        verdict = "agree"
    review = Review(
        record_id=row.id,
        user=person.name,
        at=time.time(),
        verdict=verdict,
        sites={"correct": mask_of(sites), "agree": row.sites}.get(verdict, 0),
        comment=comment,
    )
    session.add(review)
    session.execute(update(Record).where(Record.id == row.id).values(review=verdict))
    return review


def list_reviews(session: Session, row: Record) -> list[dict[str, Any]]:
    """What was said of a record, newest first."""
    reviews = session.scalars(select(Review).where(Review.record_id == row.id).order_by(Review.id.desc()))
    return [review_document(each) for each in reviews]


def review_document(review: Review) -> dict[str, Any]:
    """What the API says of a review."""
    return {
        "user": review.user,
        "at": iso_time(review.at),
        "verdict": review.verdict,
        "sites": sites_of(review.sites) if review.verdict == "correct" else [],
        "comment": review.comment,
    }


def latest_reviews(session: Session, workspace: str) -> list[tuple[str, Review]]:
    """Names of the reviewed records, each with the review that counts, in their order."""
    newest = select(func.max(Review.id)).group_by(Review.record_id)
    statement = select(Record.name, Review).join(Review, Review.record_id == Record.id)
    statement = statement.where(Record.workspace == workspace, Review.id.in_(newest))
    return sorted(((name, review) for name, review in session.execute(statement)), key=lambda pair: pair[0])


def delete_record(session: Session, row: Record) -> list[str]:
    """Delete a record with its finding and reviews, its row in the form, and its name in the jobs.

    Its samples' checksums, for `Files.collect` to follow.
    """
    forget_name(session, row.workspace, row.name)
    session.execute(delete(Record).where(Record.id == row.id))
    drop_unused(session, row.patient)
    form = session.scalar(select(Form).where(Form.workspace == row.workspace).with_for_update())
    if form is not None and RECORD_COLUMN in form.columns:
        name_column = form.columns.index(RECORD_COLUMN)
        rows = [cells for cells in form.rows if cells[name_column] != row.name]
        if len(rows) < len(form.rows):
            form.rows = rows
    return [row.signal]


def delete_all(session: Session, workspace: str) -> tuple[int, list[str], list[str]]:
    """Delete all records, jobs and the form of a workspace; how many records, checksums of samples, and the jobs."""
    sha256s = list(session.scalars(select(Record.signal).where(Record.workspace == workspace).distinct()))
    jobs = list(session.scalars(select(Job.id).where(Job.workspace == workspace)))
    session.execute(delete(Job).where(Job.workspace == workspace))
    session.execute(delete(Form).where(Form.workspace == workspace))
    n = session.execute(delete(Record).where(Record.workspace == workspace)).rowcount
    session.execute(delete(Patient).where(Patient.workspace == workspace))
    return n, sha256s, jobs
