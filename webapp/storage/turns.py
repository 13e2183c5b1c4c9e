"""What a worker takes from the queue in one turn: a task, or some recordings to be read together.

Recordings are read together where nobody has tried them before. If one of them ends the worker, all of the turn have
been tried once, and each is then taken by itself: the one to blame is refused at its second time, and no other with it.
"""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.storage.jobs import PRIORITY, QUEUED, RUNNING, alive_workers
from webapp.storage.tables import Task

TURN_BYTES = 16 * 2**20  # of files that are read together: what is larger takes long, and has a turn of its own


def claim_turn(session: Session, worker: str, most: int, weigh: Callable[[Task], int]) -> list[Task]:
    """The next tasks, now this worker's; none where there are none, and several where they are recordings.

    They follow each other in the queue, so that uploads take turns. most : so many.  weigh : bytes of a recording's file.
    """
    first = claim_task(session, worker)
    if first is None or most < 2 or (first.kind, first.priority, first.attempts) != ("read", PRIORITY["read"], 1):
        return [] if first is None else [first]
    untried = select(Task).where(Task.state == QUEUED, Task.priority == PRIORITY["read"], Task.attempts == 0)
    in_order = untried.order_by(Task.position, Task.id).limit(most - 1).with_for_update(skip_locked=True)
    turn, n_bytes = [first], weigh(first)
    for task in session.scalars(in_order).all():
        n_bytes += weigh(task)
        if n_bytes > TURN_BYTES:
            break
        turn.append(_claimed(task, worker))
    return turn


def claim_task(session: Session, worker: str) -> Task | None:
    """The next task, now this worker's; one with more than `MOST_ATTEMPTS` is to be refused, and not tried again."""
    in_order = select(Task).order_by(Task.priority, Task.position, Task.id).limit(1).with_for_update(skip_locked=True)
    task = session.scalar(in_order.where(Task.state == QUEUED))
    task = task or session.scalar(in_order.where(Task.state == RUNNING, Task.worker.not_in(alive_workers())))
    return None if task is None else _claimed(task, worker)


def _claimed(task: Task, worker: str) -> Task:
    task.worker, task.state, task.attempts = worker, RUNNING, task.attempts + 1
    return task
