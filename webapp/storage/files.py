"""The files that a server keeps, under names of its own and outside of every folder that it serves.

signals/ab/abcd....npy  samples, by their checksum;  uploads/JOB/given/  files as they came, until they are read;
uploads/JOB/1/  what an archive among them held;  drawings/RECORD/  pictures and reports, until they show something old;
incoming/  what is still being sent;  secret_key
"""

import os
import secrets
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cardiac.errors import CardiacError, ConfigError
from cardiac.records import Record
from cardiac.stored_signals import write_signal
from webapp.storage.tables import NAME_LETTERS, Setting, Signal
from webapp.storage.tables import Record as Row

ORPHAN_S = 3_600.0  # files that belong to nothing are swept when they are so old
LONGEST_BYTES = 200  # of a file's name
FOLDERS = ("signals", "uploads", "incoming", "drawings")
MOST_DRAWN_BYTES = 2 * 2**30  # of drawings, of which the oldest go


class Files:
    """A data folder. Raises ConfigError where it cannot be made or written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in FOLDERS:
                (folder / name).mkdir(exist_ok=True, mode=0o700)
            self.incoming().unlink(missing_ok=True)
            with (trial := self.incoming()).open("wb"):
                pass
            trial.unlink()
        except OSError as error:
            raise ConfigError(
                f"the data folder {folder.name}/ cannot be written to ({error.strerror}): choose another with --data"
            ) from error

    def incoming(self) -> Path:
        """A name for something that is being written."""
        return self.folder / "incoming" / uuid.uuid4().hex

    def signal(self, sha256: str) -> Path:
        return self.folder / "signals" / sha256[:2] / f"{sha256}.npy"

    def upload(self, job_id: str) -> Path:
        return self.folder / "uploads" / job_id

    def drawings(self, record_id: int) -> Path:
        return self.folder / "drawings" / str(record_id)

    def keep_drawing(self, content: bytes, path: Path) -> None:
        """Put a drawing in its place, and take away those of the record that show something old. Raises NoRoom."""
        written = self.incoming()
        try:
            written.write_bytes(content)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            kind = path.name.partition("-")[2]
            for old in path.parent.glob(f"*-{kind}"):
                old.unlink(missing_ok=True)
            written.replace(path)
        except OSError as error:
            written.unlink(missing_ok=True)
            raise NoRoom(
                "the drawing cannot be stored ({reason}): make room on the server's disk", reason=error.strerror
            ) from error

    def drop_drawings(self, record_ids: Iterable[int] | None = None) -> None:
        """Take away the drawings of some records, or all of them."""
        folders = (self.folder / "drawings").iterdir() if record_ids is None else map(self.drawings, record_ids)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def secret_key(self) -> str:
        """What sessions are signed with: made at the first start, for the owner's eyes alone."""
        path = self.folder / "secret_key"
        with (
            suppress(FileExistsError),
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
        ):
            file.write(secrets.token_hex(32))
        for _ in range(50):  # another server may be writing it
            if key := path.read_text(encoding="ascii").strip():
                return key
            time.sleep(0.02)
        raise ConfigError("the file secret_key in the data folder is empty: take it away and start again")

    def belong_to(self, session: Session) -> None:
        """See to it that a database and a data folder are used with each other alone: one knows the other's files.

        Raises ConfigError where the database belongs to another folder.
        """
        path = self.folder / "belongs_to"
        own = path.read_text(encoding="ascii").strip() if path.exists() else uuid.uuid4().hex
        session.execute(
            upsert(session, Setting).values(key="data_folder", value=own).on_conflict_do_nothing()
        )  # the first one stays
        stored = session.scalar(select(Setting.value).where(Setting.key == "data_folder"))
        if stored != own:
            raise ConfigError(
                f"the database belongs to another data folder than {self.folder.name}/: start with that one (--data)"
            )
        if not path.exists():
            path.write_text(own, encoding="ascii")

    def take_in(self, job_id: str, files: Sequence[tuple[str, Path | IO[bytes]]]) -> None:
        """Put uploaded files, each with the name its sender gave it, into the job's folder under names that are safe.

        Raises CardiacError where the disk is full; nothing of the job stays then.
        """
        folder = self.upload(job_id) / "given"
        try:
            folder.mkdir(parents=True)
            for index, (name, content) in enumerate(files):
                target = folder / safe_name(name, index)
                if target.exists():
                    beside = folder / str(index)
                    while beside.exists():  # a file may be called so
                        beside = beside.with_name(f"{beside.name}_")
                    beside.mkdir()
                    target = beside / target.name
                if isinstance(content, Path):
                    content.replace(target)
                else:
                    with target.open("xb") as file:
                        shutil.copyfileobj(content, file, 2**20)
        except OSError as error:
            self.drop_upload(job_id)
            raise NoRoom(
                "the upload cannot be stored ({reason}): make room on the server's disk", reason=error.strerror
            ) from error

    def drop_upload(self, job_id: str) -> None:
        shutil.rmtree(self.upload(job_id), ignore_errors=True)

    def keep_signal(self, record: Record) -> tuple[str, Path]:
        """The checksum of a record's samples, and where they were written; `place_signals` puts them in their place."""
        path = self.incoming()
        try:
            return write_signal(record, path), path
        except CardiacError as error:
            path.unlink(missing_ok=True)
            raise NoRoom(error.message) from error

    def place_signals(self, session: Session, written: Mapping[str, Path]) -> None:
        """Name samples in the transaction that stores their records. Nobody can take them away until it has ended.

        written : by their checksum, where `keep_signal` wrote them.
        """
        if not written:
            return
        sha256s = sorted(written)  # as every worker locks them, so that no two wait for each other
        insert = upsert(session, Signal).values([{"sha256": each} for each in sha256s]).on_conflict_do_nothing()
        there = select(Signal.sha256).where(Signal.sha256.in_(sha256s)).order_by(Signal.sha256).with_for_update()
        locked = []
        while len(locked) < len(sha256s):  # until no other transaction is about to take one of the rows away
            session.execute(insert)
            locked = session.scalars(there).all()
        for sha256, source in written.items():
            path = self.signal(sha256)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            if source.exists() or not path.exists():  # it is there when a transaction that failed is tried again
                source.replace(path)  # also where it is there: one that nobody needed may be about to be swept

    def collect(self, session: Session, sha256s: Sequence[str]) -> None:
        """Take away those samples that no record has any more, in a transaction of its own."""
        for sha256 in sha256s:
            locked = session.scalar(select(Signal).where(Signal.sha256 == sha256).with_for_update())
            if locked is None or session.scalar(select(Row.id).where(Row.signal == sha256).limit(1)) is not None:
                continue
            try:
                with session.begin_nested():
                    session.execute(delete(Signal).where(Signal.sha256 == sha256))
            except IntegrityError:  # a record has just been given these samples
                continue
            self.signal(sha256).unlink(missing_ok=True)

    def sweep(self, session: Session, unfinished: Sequence[str]) -> None:
        """Take away what a killed server has left. unfinished : jobs whose uploads are still to be read."""
        old = time.time() - ORPHAN_S
        for path in (self.folder / "incoming").iterdir():
            _drop_old(path, old)
        for path in (self.folder / "uploads").iterdir():
            if path.name not in unfinished:
                _drop_old(path, old)
        known = set(session.scalars(select(Signal.sha256)))
        for path in (self.folder / "signals").glob("*/*.npy"):
            if path.stem not in known:
                _drop_old(path, old)
        self.sweep_drawings(session)

    def sweep_drawings(self, session: Session) -> None:
        """Take away drawings of records that are gone, and the oldest of too many."""
        there = {path.name for path in (self.folder / "drawings").iterdir()}
        known = {str(each) for each in session.scalars(select(Row.id))} if there else set()
        self.drop_drawings(int(name) for name in there - known if name.isdigit())
        drawn = sorted((self.folder / "drawings").glob("*/*"), key=_changed_at, reverse=True)
        n_bytes = 0
        for path in drawn:
            with suppress(OSError):
                n_bytes += path.stat().st_size
                if n_bytes > MOST_DRAWN_BYTES:
                    path.unlink()


def upsert(session: Session, table: Any) -> Any:
    """An insertion that can be told to leave alone what is there."""
    return (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(table)


class NoRoom(CardiacError):
    """The server's disk is full or cannot be written to."""


def _drop_old(path: Path, before: float) -> None:
    with suppress(OSError):
        if path.stat().st_mtime < before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def safe_name(name: str, index: int) -> str:
    """The last part of a sender's file name, or one of our own where that could mean anything but a file."""
    last = PurePosixPath(name.replace("\\", "/")).name
    last = "".join(letter if letter.isprintable() and letter not in ':*?"<>|' else "_" for letter in last).strip()
    while len(last.encode("utf-8", "replace")) > LONGEST_BYTES:
        stem, dot, ending = last.rpartition(".")
        last = f"{stem[:-1]}{dot}{ending}" if dot and stem and len(ending) < 12 else last[:-1]
    return f"upload-{index + 1}" if not last.strip(".") or last.startswith(".") else last


def record_name(name: str) -> str:
    """A record's name as the site keeps it: of letters that can be shown, without slashes, of at most 255."""
    shown = "".join(letter if letter.isprintable() else "_" for letter in name.replace("/", "_").replace("\\", "_"))
    shown = shown.encode("utf-8", "replace").decode().strip()[:NAME_LETTERS]
    return shown if shown.strip(".") else "record"
