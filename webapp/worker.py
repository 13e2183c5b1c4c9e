"""The process that works: opens uploads, reads their recordings, explains and draws records; as many at once as are started.

    python -m webapp.worker --data FOLDER     # what webapp/main.py starts, with DATABASE_URL from the environment

It is a process of its own so that pages stay quick beside it, and so that a file that ends it ends no server.
"""

import argparse
import logging
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from cardiac.errors import CardiacError, InternalError, RecordError
from cardiac.records import read_record, record_from_array
from cardiac.sources import Listing, Recording, list_upload, unpack_apart
from cardiac.stored_signals import stored_record
from cardiac.tracing import small_tracing
from inference import Detector, explain_record, predict_record
from tasks.mi.documents import finding_document
from tasks.mi.evidence import evidence_document
from tasks.mi.findings import Finding
from webapp.drawings import draw, drawing_path
from webapp.logs import error_origin
from webapp.samples import ENDING, read_samples
from webapp.settings import BUNDLE, INSTANCE, Settings
from webapp.storage import jobs
from webapp.storage.database import Database, DatabaseGone
from webapp.storage.files import Files, NoRoom, record_name
from webapp.storage.records import Read, store_record
from webapp.storage.tables import Job, Record, Task
from webapp.work_loop import serve

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
    ) -> None:
        self.id = name or uuid.uuid4().hex
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

    def work(self) -> bool:
        """Do one task; False where there was none.

        Raises whatever the task did, which is then free again, behind others, or refused at the second time; a stop by
        the user, the end of the process and a lost database are no attempts.
        """
        try:
            with self.database.reading() as session:
                if not jobs.n_waiting(session):
                    return False
            with self.database.writing() as session:
                jobs.release_task(session, self.id)  # of a time when the database was lost
                jobs.note_alive(session, self.id)
                task = jobs.claim_task(session, self.id)
            if task is not None:
                self._do(task)
            return task is not None
        except BLAMELESS:
            with suppress(DatabaseGone), self.database.writing() as session:
                jobs.release_task(session, self.id)
            raise

    def _do(self, task: Task) -> None:
        if task.attempts > jobs.MOST_ATTEMPTS:  # whose workers died of it
            self._refuse(task, jobs.ENDED[task.kind])
            return
        try:
            {"open": self._open, "read": self._read, "explain": self._explain, "draw": self._draw}[task.kind](task)
        except jobs.TaskLost:
            self._leave(task)
        except NoRoom as error:
            self._give_up(task, str(error))
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
        n = 0
        while self.work():
            n += 1
        return n

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
        recording = Recording(self.files.upload(job.id) / task.path, task.name, job.fs_hz)
        read, written, reason = None, None, None
        try:
            read = self._find(recording)
            written = read.written
        except RecordError as error:
            reason = str(error)
        except MemoryError:
            reason = f"{task.name}: does not fit into memory: cut it into parts"
        except (CardiacError, SQLAlchemyError):
            raise
        except Exception as error:
            log.error("reading failed: %s", error_origin(error))
            reason = str(InternalError(type(error).__name__, name=task.name))
        try:
            done = self._store(task, job.workspace, read, reason)
        finally:
            if written:
                written.unlink(missing_ok=True)
        if done:
            self.files.drop_upload(job.id)

    def _find(self, recording: Recording) -> Read:
        """The whole way from a file to its finding, as the command line goes it. Raises RecordError."""
        if recording.path.suffix == ENDING:
            record = record_from_array(*read_samples(recording.path), record_id=recording.record_id)
        else:
            record = read_record(recording.path, recording.fs_hz, recording.record_id)
        finding = predict_record(record, self.detector)
        document = finding_document(finding, self.decided_by)
        sha256, written = self.files.keep_signal(record)
        return Read(document, sha256, written, small_tracing(record))

    def _store(self, task: Task, workspace: str, read: Read | None, reason: str | None) -> bool:
        for attempt in (0, 1):  # a second time where another worker has just stored a record of this name
            try:
                with self.database.writing() as session:
                    name = None
                    if read is not None:
                        name = store_record(session, self.files, workspace, record_name(task.name), read)
                    return jobs.finish_reading(session, task, name, reason)
            except IntegrityError:
                if attempt:
                    raise
        raise AssertionError

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
                raise RecordError(f"{row.name}: was read by another bundle: upload the recording again")
            evidence = evidence_document(explain_record(record, finding, self.detector))
        except RecordError as error:
            reason = str(error)
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
            reason = str(error)
        with self.database.writing() as session:
            current = session.scalar(select(Record).where(Record.id == row.id).with_for_update())
            if current is not None and reason is None:
                self.files.keep_drawing(content, drawing_path(self.files, row, task.name))
            jobs.finish_explaining(session, task, reason)


def _reason_of(error: BaseException, kind: str) -> str:
    """Why a task is given up that failed twice, without what the error says."""
    if not isinstance(error, Exception):
        return jobs.ENDED[kind]
    return f"internal error ({type(error).__name__}): please report it; nothing came of it, twice"


def open_upload(folder: Path) -> Listing:
    """What an upload holds: its recordings, and names and sentences of what cannot be read.

    folder : with the files as they came under `given`; archives are unpacked beside it. Raises NoRoom.
    """
    targets = (folder / str(number) for number in count(1))
    return list_upload(folder / "given", lambda: _afresh(next(targets)), _unpack)


def _afresh(target: Path) -> Path:
    """The folder, empty: a killed worker may have left something in it."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    return target


def _unpack(path: str, target: str, shown: str) -> dict[str, list]:
    """As `unpack_apart`. Raises NoRoom where the disk is full."""
    try:
        return unpack_apart(path, target, shown)
    except OSError as error:
        raise NoRoom(f"{shown} cannot be unpacked ({error.strerror}): make room on the server's disk") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of one worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=INSTANCE, help="the site's data folder")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument("--threads", type=int, default=1, help="of the networks (%(default)s)")
    parser.add_argument("--name", help="under which it takes tasks: 32 letters that no other has (default: by chance)")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    settings = Settings(data=options.data, database_url=os.environ.get("DATABASE_URL", ""), bundle=options.bundle)
    try:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)  # read when the networks are loaded
        if hasattr(os, "nice"):
            os.nice(10)  # pages come first
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the end of a process blames no task
        worker = Worker(Database(settings.url), Files(settings.data), settings.bundle, name=options.name)
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
