"""The name of a record that is deleted, taken out of what the jobs and tasks of its workspace say."""

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.storage.jobs import UNFINISHED
from webapp.storage.tables import Job, Task

NAMELESS = "names deleted"  # what an upload is called whose recordings were deleted
AWAY = "(deleted)"  # what stands in a reason in the place of such a name
LONG_NAME = 4  # letters from which on a name is no word of a sentence


def forget_name(session: Session, workspace: str, record: str) -> None:
    """Take the name of a record that is deleted, and of its files, out of the jobs and tasks of its workspace.

    What other files of these names were refused for stays, without the names. What is still to be read stays as it is.
    """
    jobs = select(Job.id).where(Job.workspace == workspace)
    own = select(Task).where(Task.job_id.in_(jobs), Task.record == record)
    tasks = session.scalars(own.order_by(Task.id)).all()
    names = {record, *(task.name for task in tasks if task.name)}
    for task in tasks:
        task.record, task.name, task.path = None, "", ""
    ended = select(Task).where(Task.job_id.in_(jobs), Task.state.not_in(UNFINISHED), Task.record.is_(None))
    for task in session.scalars(ended.where(Task.kind.in_(("open", "read"))).order_by(Task.id)):
        reason = _without(names, task.reason or "")
        if (
            reason != (task.reason or "")
            or _without(names, task.name) != task.name
            or _without(names, task.path) != task.path
        ):
            task.name, task.path, task.reason = "", "", reason or None
    of_record = {task.job_id for task in tasks}
    for job in session.scalars(select(Job).where(Job.workspace == workspace).order_by(Job.id)):
        if job.id in of_record or _without(names, job.name) != job.name:
            job.name = NAMELESS
        job.error = job.error and _without(names, job.error)


def _without(names: Iterable[str], text: str) -> str:
    """A text without these names; a short one is taken for a name in what the text begins with alone, up to its ": "."""
    head, colon, rest = text.partition(": ")
    for name in sorted(names, key=len, reverse=True):
        whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        head = whole.sub(AWAY, head)
        rest = whole.sub(AWAY, rest) if len(name) >= LONG_NAME else rest
    return head + colon + rest
