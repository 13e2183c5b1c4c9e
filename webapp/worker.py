"""The process that works: opens uploads, reads their recordings, explains and draws records; as many at once as are started.

    python -m webapp.worker --data FOLDER     # what webapp/main.py starts, with DATABASE_URL from the environment

It is a process of its own so that pages stay quick beside it, and so that a file that ends it ends no server.
"""

import argparse
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cardiac.errors import CardiacError, RecordError
from cardiac.messages import Message
from cardiac.sources import size_on_disk
from cardiac.stored_signals import stored_record
from inference import Detector, explain_record
from tasks.mi.evidence import evidence_document
from tasks.mi.findings import Finding
from webapp.drawings import draw, drawing_path
from webapp.logs import error_origin
from webapp.reading import Result, open_upload, read_alone, read_together
from webapp.settings import BUNDLE, INSTANCE, Settings
from webapp.storage import jobs
from webapp.storage.database import Database, DatabaseGone
from webapp.storage.files import Files, NoRoom, record_name
from webapp.storage.records import Read, store_records
from webapp.storage.tables import Job, Record, Task
from webapp.storage.turns import claim_turn
from webapp.work_loop import Pace, serve

BLAMELESS = (KeyboardInterrupt, SystemExit, DatabaseGone)  # no fault of the task that was broken off
log = logging.getLogger("webapp.worker")


class Worker:
    """One worker on a database and a data folder. Its detector is loaded at the first recording."""

    def __init__(
        self,
        database: Database,
        files: Files,
        bundle: Path = BUNDLE,
        detector: Detector | None = None,
        name: str | None = None,
        pace: Pace | None = None,
        keep_names: bool = True,
    ) -> None:
        self.keep_names = keep_names
        self.id, self.pace = name or uuid.uuid4().hex, pace or Pace()
        self.database, self.files = database, files
        self._bundle, self._detector = bundle, detector

    @property
    def detector(self) -> Detector:
        """Raises BundleError."""
        self._detector = self._detector or Detector.load(self._bundle)
        return self._detector

    @property
    def decided_by(self) -> dict[str, str]:
        """Name and checksum of what decides, as they stand in findings.json."""
        return self.detector.decided_by

    def work(self) -> int:
        """Do one task, or read some recordings together; how many tasks it was.

        Raises whatever a task did, which is then free again, behind others, or refused at the second time; a stop by
        the user, the end of the process and a lost database are no attempts.
        """
        try:
            with self.database.reading() as session:
                n_waiting = jobs.n_waiting(session)
                if not n_waiting:
                    return 0
                share = -(-n_waiting // max(1, jobs.n_alive(session)))
            with self.database.writing() as session:
                jobs.release_task(session, self.id)  # of a time when the database was lost
                jobs.note_alive(session, self.id)
                tasks = claim_turn(session, self.id, min(self.pace.at_once, share), self._size)
            self._do_all(tasks)
            return len(tasks)
        except BLAMELESS:
            with suppress(DatabaseGone), self.database.writing() as session:
                jobs.release_task(session, self.id)
            raise

    def _size(self, task: Task) -> int:
        return size_on_disk(self.files.upload(task.job_id) / task.path)

    def _do_all(self, tasks: Sequence[Task]) -> None:
        """Do the tasks of a turn: recordings together, and then those of which nothing came one by one."""
        started = time.monotonic()
        left = self._read_together(tasks) if len(tasks) > 1 else tasks
        for index, task in enumerate(left):
            try:
                self._do(task)
            except BaseException:
                with suppress(DatabaseGone), self.database.writing() as session:
                    jobs.release_task(session, self.id, [each.id for each in left[index + 1 :]])
                raise
        if tasks and tasks[0].kind == "read":
            self.pace.note(len(tasks), time.monotonic() - started)

    def _do(self, task: Task) -> None:
        if task.attempts > jobs.MOST_ATTEMPTS:  # whose workers died of it
            self._refuse(task, jobs.ENDED[task.kind])
            return
        try:
            {"open": self._open, "read": self._read, "explain": self._explain, "draw": self._draw}[task.kind](task)
        except jobs.TaskLost:
            self._leave(task)
        except NoRoom as error:
            self._give_up(task, error.message)
        except BLAMELESS:
            raise
        except BaseException as error:
            if task.attempts >= jobs.MOST_ATTEMPTS:
                self._refuse(task, _reason_of(error, task.kind))
            else:
                with self.database.writing() as session:
                    jobs.put_back(session, task)
            raise

    def work_until_idle(self) -> int:
        """Do all there is to do; how many tasks it was."""
        total = 0
        while n := self.work():
            total += n
        return total

    def stop(self) -> None:
        """Say that this worker ends; what it was busy with is free at once."""
        with suppress(DatabaseGone), self.database.writing() as session:
            jobs.release_task(session, self.id)
            jobs.forget_worker(session, self.id)

    def _refuse(self, task: Task, reason: str) -> None:
        done = False
        with suppress(jobs.TaskLost), self.database.writing() as session:
            done = jobs.refuse_task(session, task, reason)
        if done:
            self.files.drop_upload(task.job_id)

    def _leave(self, task: Task) -> None:
        """Somebody else has the task now, or its job has ended meanwhile; then nothing stays of what was unpacked."""
        with self.database.reading() as session:
            ended = task.job_id and task.job_id not in jobs.unfinished_jobs(session)
        if ended:
            self.files.drop_upload(task.job_id)

    def _give_up(self, task: Task, reason: str) -> None:
        with suppress(jobs.TaskLost), self.database.writing() as session:
            if task.kind in ("explain", "draw"):
                jobs.finish_explaining(session, task, reason)
            else:
                jobs.fail_job(session, task, reason)
        if task.job_id:
            self.files.drop_upload(task.job_id)

    def _open(self, task: Task) -> None:
        """List what an upload holds, with its archives unpacked."""
        folder = self.files.upload(task.job_id)
        if not folder.is_dir():
            raise NoRoom("the files of this upload are gone from the server: send them again")
        listing = open_upload(folder)
        with self.database.writing() as session:
            listed = [(each.path.relative_to(folder).as_posix(), each.record_id) for each in listing.recordings]
            jobs.finish_opening(session, task, listed, listing.unread)
        if not listing.recordings:
            self.files.drop_upload(task.job_id)

    def _read(self, task: Task) -> None:
        """Read one recording and store it with its finding, or note why not."""
        with self.database.reading() as session:
            job = session.get(Job, task.job_id)
        if job is None:
            raise jobs.TaskLost
        self._store(job, [read_alone(task, job, self.detector, self.files)])

    def _read_together(self, tasks: Sequence[Task]) -> list[Task]:
        """Read recordings and store them, those of one job in one transaction; those of which nothing came that way."""
        left = {task.id: task for task in tasks}
        with self.database.reading() as session:
            of_tasks = select(Job).where(Job.id.in_({task.job_id for task in tasks}), Job.state.in_(jobs.UNFINISHED))
            unfinished = {job.id: job for job in session.scalars(of_tasks)}
        tasks = [task for task in tasks if task.job_id in unfinished]
        try:
            with closing(read_together(tasks, unfinished, self.detector, self.files)) as turn:
                for results in turn:
                    with suppress(jobs.TaskLost):
                        self._store(unfinished[results[0].task.job_id], results)
                        for each in results:
                            del left[each.task.id]
        except BLAMELESS:
            raise
        except BaseException as error:  # over which of them is seen when they are read one by one
            log.error("reading together failed: %s", error_origin(error))
        return [*left.values()]

    def _store(self, job: Job, results: Sequence[Result]) -> None:
        """Store what came of some recordings of a job in one transaction. Raises TaskLost, and then nothing is stored."""
        try:
            try:
                done = self._try_to_store(job, results)
            except IntegrityError:  # another worker has just stored a record of such a name
                done = self._try_to_store(job, results)
        finally:
            for each in results:
                each.drop()
        if done:
            self.files.drop_upload(job.id)

    def _try_to_store(self, job: Job, results: Sequence[Result]) -> bool:
        reads = [(record_name(each.task.name), self._kept(each.read)) for each in results if each.read]
        with self.database.writing() as session:
            stored = iter(store_records(session, self.files, job.workspace, reads, job.created_at))
            outcomes = [(each.task, next(stored) if each.read else None, each.reason) for each in results]
            return jobs.finish_reading(session, outcomes)

    def _kept(self, read: Read) -> Read:
        """What is stored of a recording: no name where names are switched off."""
        return read if self.keep_names else replace(read, recorded=read.recorded.without_name())

    def _explain(self, task: Task) -> None:
        """Gather a stored record's evidence."""
        with self.database.reading() as session:
            row = session.get(Record, task.record_id)
        if row is None:
            raise jobs.TaskLost
        reason, evidence = None, None
        try:
            record = stored_record(self.files.signal(row.signal), row.name, row.document["fs_hz"])
            finding = Finding.from_dict(row.document)
            if row.document["bundle"] != self.decided_by:
                raise RecordError("{name}: was read by another bundle: upload the recording again", name=row.name)
            evidence = evidence_document(explain_record(record, finding, self.detector))
        except RecordError as error:
            reason = error.message
        with self.database.writing() as session:
            current = session.get(Record, row.id)
            if current is not None and evidence is not None:
                current.evidence = evidence
            jobs.finish_explaining(session, task, reason)

    def _draw(self, task: Task) -> None:
        """Draw a stored record. The drawing is put in its place while nobody can delete the record."""
        with self.database.reading() as session:
            row = session.get(Record, task.record_id)
        if row is None:
            raise jobs.TaskLost
        reason, content = None, b""
        try:
            content = draw(self.files, row, task.name)
        except RecordError as error:
            reason = error.message
        with self.database.writing() as session:
            current = session.scalar(select(Record).where(Record.id == row.id).with_for_update())
            if current is not None and reason is None:
                self.files.keep_drawing(content, drawing_path(self.files, row, task.name))
            jobs.finish_explaining(session, task, reason)


def _reason_of(error: BaseException, kind: str) -> str:
    """Why a task is given up that failed twice, without what the error says."""
    if not isinstance(error, Exception):
        return jobs.ENDED[kind]
    return Message("internal error ({fault}): please report it; nothing came of it, twice", fault=type(error).__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of one worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=INSTANCE, help="the site's data folder")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument("--threads", type=int, default=1, help="of the networks (%(default)s)")
    parser.add_argument("--name", help="under which it takes tasks: 32 letters that no other has (default: by chance)")
    parser.add_argument("--no-names", action="store_true", help="keep no names of patients")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    settings = Settings(data=options.data, database_url=os.environ.get("DATABASE_URL", ""), bundle=options.bundle)
    try:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)  # read when the networks are loaded
        if hasattr(os, "nice"):
            os.nice(10)  # pages come first
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the end of a process blames no task
        files, keep_names = Files(settings.data), not options.no_names
        worker = Worker(Database(settings.url), files, settings.bundle, name=options.name, keep_names=keep_names)
        with worker.database.writing() as session:
            worker.files.belong_to(session)
        _ = worker.detector
        serve(worker, os.getppid())
    except KeyboardInterrupt:
        return 130
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
