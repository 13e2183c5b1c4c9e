"""The queue of work, kept in the database: uploads are opened, their recordings read, records explained and
drawn.

A task is taken by one worker at a time (`turns`). Its outcome is written in the transaction that takes it off the queue,
so that whatever is killed, it is done once or again, and never half. Tasks of a worker that is no longer alive are free
again. An attempt counts from the moment at which a task is taken; what failed goes behind all that was not tried yet, and
what failed twice is refused. A person may cancel a job: what was read of it stays, what was not is not read.
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from cardiac.messages import Message, about
from webapp.storage.accounts import Person
from webapp.storage.known import known_and_renamed
from webapp.storage.tables import NAME_LETTERS, Job, Task, Worker

PRIORITY = {"explain": 0, "draw": 0, "open": 1, "read": 2}  # who is looking at a record waits for nobody's upload
TRIED = 1 + max(PRIORITY.values())  # what has failed once waits for all that has not
QUEUED, RUNNING, DONE, REFUSED, FAILED, CANCELLED = "queued", "running", "done", "refused", "failed", "cancelled"
UNFINISHED = (QUEUED, RUNNING)
ALIVE_S = 10.0
MOST_ATTEMPTS = 2
ENDED_THE_READER = Message(
    "ended the program that read it, twice: nothing was decided on it; export the recording again"
)
ENDED_THE_EVIDENCE = Message("gathering the evidence ended the program, twice: the finding stands without it")
ENDED_THE_DRAWING = Message("drawing it ended the program, twice: the finding stands without it")
ENDED = {
    "open": ENDED_THE_READER,
    "read": ENDED_THE_READER,
    "explain": ENDED_THE_EVIDENCE,
    "draw": ENDED_THE_DRAWING,
}
MOST_JOBS = 20  # in a list
MOST_NAMED = 10  # files of an upload that its name tells


class TaskLost(Exception):
    """The task was taken from this worker, or its job is gone: what it did must not come true."""


def add_job(session: Session, job_id: str, person: Person, names: Sequence[str], fs_hz: float | None) -> None:
    """Queue an upload whose files lie ready. names : as its sender called them."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    name = (", ".join(names[:MOST_NAMED]) + more).encode("utf-8", "replace").decode().replace("\0", "_")
    session.add(
        Job(
            id=job_id,
            workspace=person.workspace,
            user=person.name,
            name=name if len(name) <= NAME_LETTERS else f"{name[: NAME_LETTERS - 3]}...",
            fs_hz=fs_hz,
            state=QUEUED,
            created_at=time.time(),
        )
    )
    session.flush()
    session.add(Task(kind="open", state=QUEUED, priority=PRIORITY["open"], job_id=job_id))


def ask_evidence(session: Session, record_id: int) -> str | None:
    """Queue a record's explanation where it is not queued yet; why it failed, where it did."""
    task = session.scalar(select(Task).where(Task.record_id == record_id, Task.kind == "explain"))
    if task is None:
        session.add(Task(kind="explain", state=QUEUED, priority=PRIORITY["explain"], record_id=record_id))
    return task.reason if task else None


def ask_drawing(session: Session, record_id: int, name: str) -> str | None:
    """Queue a drawing of a record where it is not queued yet; why it failed the last time, once, where it did."""
    of_drawing = select(Task).where(Task.record_id == record_id, Task.kind == "draw", Task.name == name)
    task = session.scalar(of_drawing.order_by(Task.id))
    if task is None:
        session.add(Task(kind="draw", state=QUEUED, priority=PRIORITY["draw"], record_id=record_id, name=name))
    elif task.state == FAILED:
        session.delete(task)  # whoever asks again has it tried again
        return task.reason
    return None


def note_alive(session: Session, worker: str) -> None:
    """Say that a worker lives; it must be said more often than every `ALIVE_S`."""
    if not session.execute(update(Worker).where(Worker.id == worker).values(seen_at=time.time())).rowcount:
        session.add(Worker(id=worker, seen_at=time.time()))
        session.execute(delete(Worker).where(Worker.seen_at < time.time() - 60 * ALIVE_S))


def forget_worker(session: Session, worker: str) -> None:
    """A worker ends: its tasks are free at once."""
    session.execute(delete(Worker).where(Worker.id == worker))


def refuse_task(session: Session, task: Task, reason: str) -> bool:
    """Refuse what a task was to read. True where its job is done with it. Raises TaskLost."""
    if task.kind == "read":
        return finish_reading(session, [(task, None, about(task.name, reason))])
    if task.kind == "open":
        finish_opening(session, task, [], [(job_of(session, task).name, reason)])
        return True
    finish_explaining(session, task, reason)
    return False


def job_of(session: Session, task: Task) -> Job:
    """The task's job, which no other worker can change until this transaction ends. Raises TaskLost."""
    job = session.scalar(select(Job).where(Job.id == task.job_id).with_for_update())
    if job is None:
        raise TaskLost
    return job


def finish_opening(
    session: Session, task: Task, recordings: Sequence[tuple[str, str]], refused: Sequence[tuple[str, str]]
) -> None:
    """Queue the recordings that an upload holds, as (path, name), and note what was refused, as (name, reason)."""
    job = job_of(session, task)
    _take_off(session, task, DONE)
    tasks = [
        Task(
            kind="read", state=QUEUED, priority=PRIORITY["read"], job_id=job.id, position=position, path=path, name=name
        )
        for position, (path, name) in enumerate(recordings)
    ]
    tasks += [
        Task(
            kind="read",
            state=REFUSED,
            priority=PRIORITY["read"],
            job_id=job.id,
            position=len(recordings) + position,
            name=name,
            reason=reason,
        )
        for position, (name, reason) in enumerate(refused)
    ]
    session.add_all(tasks)
    job.total, job.done = len(tasks), len(refused)
    job.state = RUNNING if recordings else DONE


def finish_reading(session: Session, results: Sequence[tuple[Task, tuple[str, str | None] | None, str | None]]) -> bool:
    """Note what came of recordings of one job. True where the job is done with them.

    results : of each its task, and the name under which it was stored with HERE, COPY or None, or else why it was refused.
    Raises TaskLost where one of the tasks is, and then nothing of it must come true.
    """
    tasks = [task for task, _, _ in results]
    job = job_of(session, tasks[0])
    own = (Task.id.in_([task.id for task in tasks]), Task.worker == tasks[0].worker, Task.state == RUNNING)
    if len(session.scalars(select(Task.id).where(*own).with_for_update()).all()) < len(tasks):
        raise TaskLost
    session.execute(
        update(Task),
        [
            {"id": task.id, "state": DONE if name else REFUSED, "record": name, "known": known, "reason": reason}
            for task, (name, known), reason in (
                (task, stored or (None, None), reason) for task, stored, reason in results
            )
        ],
    )
    job.done += len(tasks)
    if job.done >= job.total:
        job.state = DONE
    return job.state == DONE


def finish_explaining(session: Session, task: Task, reason: str | None = None) -> None:
    """Take an explanation off the queue; where it failed, with a reason that stays."""
    if reason:
        _take_off(session, task, FAILED, reason=reason)
    elif not session.execute(delete(Task).where(Task.id == task.id, Task.worker == task.worker)).rowcount:
        raise TaskLost


def fail_job(session: Session, task: Task, reason: str) -> None:
    """The server could not do its part: what was read stays, what was not is not tried again."""
    job = job_of(session, task)
    _take_off(session, task, FAILED, reason=reason)
    _end_job(session, job, FAILED)
    job.error = reason


def cancel_job(session: Session, job: Job) -> bool:
    """Have nothing more of a job read; what was read stays. False where it has ended already."""
    session.refresh(job, with_for_update=True)
    if job.state not in UNFINISHED:
        return False
    _end_job(session, job, CANCELLED)
    return True


def _end_job(session: Session, job: Job, state: str) -> None:
    """Take all that is left of a job off the queue; a worker that is busy with it finds its task lost."""
    left = update(Task).where(Task.job_id == job.id, Task.state.in_(UNFINISHED))
    session.execute(left.values(state=state, worker=None))
    job.state = state


def put_back(session: Session, task: Task) -> None:
    """A task that failed is free again, behind those that were not tried yet."""
    mine = update(Task).where(Task.id == task.id, Task.worker == task.worker, Task.state == RUNNING)
    session.execute(mine.values(state=QUEUED, worker=None, priority=TRIED))


def release_task(session: Session, worker: str, tasks: Sequence[int] | None = None) -> None:
    """What a worker was busy with was broken off without the task's doing: it is free again, as if it was never tried.

    tasks : of several which; without it all of them.
    """
    mine = update(Task).where(Task.worker == worker, Task.state == RUNNING)
    mine = mine if tasks is None else mine.where(Task.id.in_(tasks))
    session.execute(mine.values(state=QUEUED, worker=None, attempts=Task.attempts - 1))


def _take_off(session: Session, task: Task, state: str, **values: Any) -> None:
    mine = update(Task).where(Task.id == task.id, Task.worker == task.worker, Task.state == RUNNING)
    if not session.execute(mine.values(state=state, **values)).rowcount:
        raise TaskLost


def alive_workers() -> Select[tuple[str]]:
    """The ids of workers that have said lately that they live."""
    return select(Worker.id).where(Worker.seen_at > time.time() - ALIVE_S)


def n_alive(session: Session) -> int:
    """How many of them there are."""
    return session.scalar(select(func.count()).select_from(alive_workers().subquery())) or 0


def unfinished_jobs(session: Session) -> list[str]:
    """Jobs whose uploads are still to be read."""
    return list(session.scalars(select(Job.id).where(Job.state.in_(UNFINISHED))))


def latest_jobs(session: Session, workspace: str) -> list[dict[str, Any]]:
    """What the API says of the workspace's latest jobs, newest first."""
    statement = select(Job).where(Job.workspace == workspace).order_by(Job.created_at.desc(), Job.id).limit(MOST_JOBS)
    return [job_document(session, each) for each in session.scalars(statement)]


def get_job(session: Session, workspace: str, job_id: str) -> Job | None:
    """A job of this workspace."""
    return session.scalar(select(Job).where(Job.workspace == workspace, Job.id == job_id))


def job_document(session: Session, job: Job) -> dict[str, Any]:
    """What the API says of a job."""
    of_job = select(Task).where(Task.job_id == job.id, Task.kind == "read").order_by(Task.position)
    names = select(Task.record).where(Task.job_id == job.id, Task.state == DONE, Task.record.is_not(None))
    refused = session.scalars(of_job.where(Task.state == REFUSED))
    known, renamed = known_and_renamed(session, job)
    return {
        "job": job.id,
        "name": job.name,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "records": list(session.scalars(names.order_by(Task.position))),
        "refused": [{"name": task.name, "reason": task.reason} for task in refused],
        "already_here": known,
        "renamed": renamed,
        "error": job.error,
        "created_at": iso_time(job.created_at),
    }


def n_waiting(session: Session) -> int:
    """Tasks that nobody has finished."""
    return session.scalar(select(func.count()).select_from(Task).where(Task.state.in_(UNFINISHED))) or 0


def iso_time(seconds: float) -> str:
    """ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
