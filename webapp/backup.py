"""A backup of the site in one file, made while it serves and reads: `main.py backup FILE`.

A zip of `tables/NAME.jsonl` (the database at one moment), `signals/`, `uploads/` of jobs that were not finished,
`secret_key`, `belongs_to`, and `manifest.json`, which comes last and has size and SHA-256 of every member. Samples never
change once they are written. Where a file is gone that the database spoke of, it is made again from a later moment.
"""

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, select
from tqdm import tqdm

from cardiac.errors import ConfigError
from webapp.storage.database import Database
from webapp.storage.dump import lines_of, tables_of
from webapp.storage.files import Files, NoRoom
from webapp.storage.jobs import UNFINISHED
from webapp.storage.schema import known_revisions, revision_of
from webapp.storage.tables import Job, Record, Task

FORMAT = 1
MANIFEST, KEYS = "manifest.json", ("secret_key", "belongs_to")
TRIES = 10
PIECE_BYTES = 2**20
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Vanished(Exception):
    """A file is gone since the database was read. path : which."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.path = path


@dataclass(frozen=True)
class Made:
    """A backup that was made. n_lost : files that the database speaks of and that are not there, nor were before."""

    n_bytes: int
    n_lost: int


def make_backup(database: Database, files: Files, target: Path, force: bool = False) -> Made:
    """Write a backup. Nothing is at its place until it is whole.

    Raises ConfigError where something is there and force was not given, where there is no database of ours, and where
    the site changes too fast; NoRoom.
    """
    if target.is_dir() or (target.exists() and not force):
        raise ConfigError(f"{target.name} is there already: give another name, or --force to replace it")
    part, missed, lost = target.with_name(f"{target.name}.part"), set(), set()
    try:
        for _ in range(TRIES):
            try:
                _write(database, files, part, lost)
            except Vanished as gone:
                if gone.path in missed:  # the database has spoken of it twice: it was not deleted by the site
                    lost.add(gone.path)
                missed.add(gone.path)
                continue
            part.replace(target)
            return Made(target.stat().st_size, len(lost))
        raise ConfigError("files were deleted while they were copied, again and again: try at a quieter time")
    except OSError as error:
        advice = "make room there, or give another place" if error.errno in FULL else "give another place"
        raise NoRoom(f"the backup {target.name} cannot be written ({error.strerror}): {advice}") from error
    finally:
        part.unlink(missing_ok=True)


def _write(database: Database, files: Files, part: Path, lost: set[Path]) -> None:
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as zipped,
        ExitStack() as stack,
    ):
        archive = _Archive(zipped)
        with database.snapshot() as session:
            connection = session.connection()
            revision = _check_revision(connection)
            uploads = stack.enter_context(_linked_uploads(database, files, _unfinished(connection), lost))
            sha256s = connection.scalars(select(Record.signal).distinct().order_by(Record.signal)).all()
            for table in tables_of(connection):
                archive.add(f"tables/{table.name}.jsonl", lines_of(connection, table))
        for path, name in tqdm(uploads, desc="uploads", unit="file", disable=None):
            archive.add(name, _pieces(path), stored=True)
        for sha256 in tqdm(sha256s, desc="signals", unit="signal", disable=None):
            path = files.signal(sha256)
            if path not in lost:
                archive.add(f"signals/{sha256[:2]}/{sha256}.npy", _pieces(path), stored=True)
        for path in (files.folder / name for name in KEYS):
            if path.exists():
                archive.add(path.name, _pieces(path))
        manifest = {"format": FORMAT, "revision": revision, "made_at": round(time.time()), "members": archive.members}
        zipped.writestr(MANIFEST, json.dumps(manifest, indent=0))
        zipped.close()
        file.flush()
        os.fsync(file.fileno())


class _Archive:
    """A zip that is written, and what its members are. members : name to (bytes, SHA-256)."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zipped = zipped
        self.members: dict[str, tuple[int, str]] = {}

    def add(self, name: str, pieces: Iterable[bytes], stored: bool = False) -> None:
        about = zipfile.ZipInfo(name)
        about.compress_type, about.external_attr = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, 0o600 << 16
        digest, n = hashlib.sha256(), 0
        with self._zipped.open(about, "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                n += member.write(piece)
        self.members[name] = (n, digest.hexdigest())


def _check_revision(connection: Connection) -> str:
    revision = revision_of(connection)
    if revision is None:
        raise ConfigError("there is no database yet: start the site once, or give its folder with --data")
    if revision not in known_revisions():
        raise ConfigError("the database was made by a newer version: make the backup with that one")
    return revision


def _unfinished(connection: Connection) -> dict[str, bool]:
    """Jobs whose uploads are still to be read, and whether what they hold was listed, so that all of it is needed."""
    ids = connection.scalars(select(Job.id).where(Job.state.in_(UNFINISHED))).all()
    unopened = set(connection.scalars(select(Task.job_id).where(Task.kind == "open", Task.state.in_(UNFINISHED))))
    return {each: each not in unopened for each in ids}


@contextmanager
def _linked_uploads(
    database: Database, files: Files, jobs: dict[str, bool], lost: set[Path]
) -> Iterator[list[tuple[Path, str]]]:
    """Files of uploads with their names in the backup, held by links so that they stay when their job ends meanwhile."""
    folder = files.folder / "incoming" / f"backup-{uuid.uuid4().hex}"
    folder.mkdir(mode=0o700)
    try:
        links = []
        for job, is_listed in jobs.items():
            upload = files.upload(job)
            whole = upload if is_listed else upload / "given"
            if not whole.is_dir() and upload not in lost:
                raise Vanished(upload)
            for path in _files_below(whole):
                link = folder / str(len(links))
                _link(path, link)
                below = quote(os.fsencode(path.relative_to(upload)))
                links.append((link, f"uploads/{job}/{below}"))
            if _has_ended(database, job):  # then its folder may have been half taken away as it was listed
                raise Vanished(upload)
        yield links
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_ended(database: Database, job: str) -> bool:
    """Whether a job has ended by now; its files are taken away after that, and never before."""
    with database.reading() as session:
        return session.scalar(select(Job.id).where(Job.id == job, Job.state.in_(UNFINISHED))) is None


def _files_below(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    except FileNotFoundError as error:  # it is being taken away
        raise Vanished(folder) from error


def _link(path: Path, link: Path) -> None:
    try:
        os.link(path, link)
    except FileNotFoundError as error:
        raise Vanished(path) from error
    except OSError:  # no links here
        shutil.copyfile(path, link)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except FileNotFoundError as error:
        raise Vanished(path) from error
