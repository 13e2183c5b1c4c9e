"""What a worker reads: the recordings that an upload holds, and of each its finding, one alone or several together."""

import logging
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from cardiac.errors import CardiacError, InternalError, RecordError
from cardiac.leads import LEADS
from cardiac.messages import about
from cardiac.pipeline import Outcome, predict_all
from cardiac.records import Record, read_record, record_from_array
from cardiac.sources import Listing, Recording, list_upload, unpack_apart
from cardiac.tracing import small_tracing
from inference import Detector, predict_record
from tasks.mi.documents import finding_document
from tasks.mi.findings import Finding
from webapp.logs import error_origin
from webapp.samples import ENDING, read_samples
from webapp.storage.files import Files, NoRoom
from webapp.storage.patients import Recorded
from webapp.storage.records import Read
from webapp.storage.tables import Job, Task, folded

DIGITS = re.compile(r"([0-9]+)")
STORE_S = 1.0  # after which what was read together so far is stored
log = logging.getLogger("webapp.worker")


@dataclass(frozen=True)
class Result:
    """What came of one recording: what is to be stored of it, or why it was refused."""

    task: Task
    read: Read | None = None
    reason: str | None = None

    def drop(self) -> None:
        """Take away what was written of it and is not in its place."""
        if self.read:
            self.read.written.unlink(missing_ok=True)


def read_alone(task: Task, job: Job, detector: Detector, files: Files) -> Result:
    """What comes of one recording, in this thread. Raises NoRoom, and what else is no fault of the recording."""
    try:
        recording = _recording(task, job, files)
        record = _read(recording.path, recording.fs_hz, recording.record_id)
        return Result(task, _keep(record, predict_record(record, detector), detector, files, task.position))
    except RecordError as error:
        return Result(task, reason=error.message)
    except MemoryError:
        return Result(task, reason=about(task.name, "does not fit into memory: cut it into parts"))
    except (CardiacError, SQLAlchemyError):
        raise
    except Exception as error:
        log.error("reading failed: %s", error_origin(error))
        return Result(task, reason=InternalError(type(error).__name__, name=task.name).message)


def read_together(
    tasks: Sequence[Task], of: Mapping[str, Job], detector: Detector, files: Files
) -> Iterator[list[Result]]:
    """What comes of recordings that are read ahead, and in batches where they are alike; some of one job at a time.

    of : the jobs of the tasks.  One over which there was a fault of ours is left out, to be looked at alone.
    Raises NoRoom.
    """
    tasks = sorted(tasks, key=lambda task: task.job_id)  # those of one upload are alike
    recordings = [_recording(task, of[task.job_id], files) for task in tasks]
    some, started = [], time.monotonic()
    try:
        with closing(predict_all(recordings, detector, read=_read, shows=False)) as outcomes:
            for task, outcome in zip(tasks, outcomes, strict=True):
                if some and (some[0].task.job_id != task.job_id or time.monotonic() > started + STORE_S):
                    yield some
                    some, started = [], time.monotonic()
                if not isinstance(outcome.error, InternalError):
                    some.append(_result(task, outcome, detector, files))
        if some:
            yield some
    finally:
        for each in some:
            each.drop()


def _result(task: Task, outcome: Outcome, detector: Detector, files: Files) -> Result:
    if outcome.error:
        return Result(task, reason=outcome.error.message)
    return Result(task, _keep(outcome.record, outcome.finding, detector, files, task.position))


def _recording(task: Task, job: Job, files: Files) -> Recording:
    return Recording(files.upload(job.id) / task.path, task.name, job.fs_hz)


def _read(path: Path, fs_hz: float | None, record_id: str, leads: Sequence[str] | None = LEADS) -> Record:
    """As `read_record`, which does not know how samples of the API are kept."""
    if path.suffix == ENDING:
        return record_from_array(*read_samples(path), record_id=record_id)
    return read_record(path, fs_hz, record_id, leads)


def _keep(record: Record, finding: Finding, detector: Detector, files: Files, position: int) -> Read:
    """What is stored of a record. Raises NoRoom."""
    document = finding_document(finding, detector.decided_by)
    who = record.identity
    recorded = Recorded(who.patient_id, who.name, who.recorded_at, record.age_years, record.sex)
    return Read(document, *files.keep_signal(record), small_tracing(record), recorded, position)


def open_upload(folder: Path) -> Listing:
    """What an upload holds: its recordings in the order of their names, and names and sentences of what cannot be read.

    folder : with the files as they came under `given`; archives are unpacked beside it. Raises NoRoom.
    """
    targets = (folder / str(number) for number in count(1))
    listing = list_upload(folder / "given", lambda: _afresh(next(targets)), _unpack)
    listing.recordings.sort(key=lambda each: natural_key(each.record_id))
    return listing


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """What names are sorted by as people do: numbers in them by their value, letters without case."""
    parts = DIGITS.split(folded(name))  # every other one is a number
    return [(n % 2 == 0, int(part) if n % 2 else 0, part) for n, part in enumerate(parts)]


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
        raise NoRoom(
            "{shown} cannot be unpacked ({reason}): make room on the server's disk", shown=shown, reason=error.strerror
        ) from error
