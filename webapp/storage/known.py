"""Recordings that were sent again, and those whose name another one has: told by what they hold, and not by their names."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from webapp.storage.files import record_name
from webapp.storage.tables import Job, Record, Task

HERE, COPY = "here", "copy"  # of a recording that was read: its record was here, or another one is the same recording
PIECE = 500  # names that are asked for at once


def known_and_renamed(session: Session, job: Job) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Recordings of a job that were here already, and those that were stored under a name with a number."""
    done = select(Task.name, Task.record, Task.known).where(Task.job_id == job.id, Task.kind == "read")
    numbered = Task.record.like("% (%)")
    rows = session.execute(
        done.where(Task.record.is_not(None), or_(Task.known.is_not(None), numbered)).order_by(Task.position)
    ).all()
    first = _same_before(session, job.workspace, [row.record for row in rows if row.known == COPY])
    known = [
        {"name": row.name, "record": record, "stored_as": row.record if row.known == COPY else None}
        for row in rows
        if row.known and (record := row.record if row.known == HERE else first.get(row.record))
    ]
    changed = (row for row in rows if row.known != HERE and row.record != record_name(row.name))
    return known, [{"name": row.name, "record": row.record} for row in changed]


def _same_before(session: Session, workspace: str, names: Sequence[str]) -> dict[str, str]:
    """Of each of these records the oldest one that is the same recording, where there is one."""
    copy, first = aliased(Record), aliased(Record)
    same = select(Record.id).where(Record.signal == copy.signal, Record.workspace == workspace)
    oldest = same.order_by(Record.id).limit(1).scalar_subquery()
    pairs = select(copy.name, first.name).join(first, first.id == oldest)
    pairs = pairs.where(copy.workspace == workspace, first.id < copy.id)
    found: dict[str, str] = {}
    for part in (names[n : n + PIECE] for n in range(0, len(names), PIECE)):
        found |= dict(session.execute(pairs.where(copy.name.in_(part))).all())
    return found
