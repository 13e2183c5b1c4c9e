"""A backup put back: `main.py restore FILE`, into an empty data folder and an empty database.

The whole file is checked before anything is written. A backup says whose passwords and keys are taken, so it is trusted in
that; but no member of it is written anywhere but below the data folder, and none is larger than it says.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from cardiac.errors import ConfigError
from webapp.backup import FORMAT, FULL, KEYS, MANIFEST, PIECE_BYTES
from webapp.storage.database import Database
from webapp.storage.dump import LONGEST_LINE, count_on, put_rows, tables_of
from webapp.storage.files import Files, NoRoom
from webapp.storage.schema import known_revisions, upgrade

LARGEST_MANIFEST = 2**28
TABLE = re.compile(r"tables/([a-z_]{1,40})\.jsonl")
SIGNAL = re.compile(r"signals/([0-9a-f]{2})/\1[0-9a-f]{62}\.npy")
UPLOAD = re.compile(r"uploads/([0-9a-f]{32})/(given|[0-9]{1,9})/[A-Za-z0-9_.~%/+-]+")
DAMAGED = "{name} is damaged ({why}): take another backup; nothing was changed"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. members : name to (bytes, SHA-256)."""

    revision: str
    made_at: float
    members: dict[str, tuple[int, str]]


def restore_backup(source: Path, folder: Path, url: str) -> Manifest:
    """Put a backup back; what it held. folder, url : of data and database, both empty.

    Raises ConfigError for a folder or database that is not empty, and for a backup that is damaged, made by a newer version
    or none at all; NoRoom. Nothing stays then of what was written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"the data folder {folder.name}/ is not empty: give an empty one with --data")
    try:
        with source.open("rb") as file, zipfile.ZipFile(file) as archive:
            manifest = _read_manifest(archive, source.name)
            _check_room(folder, manifest)
            _check_members(archive, manifest, source.name)
            _put_back(archive, manifest, folder, url)
            return manifest
    except zipfile.BadZipFile as error:
        raise ConfigError(DAMAGED.format(name=source.name, why="it is no whole zip file")) from error
    except (SQLAlchemyError, CommandError) as error:
        raise ConfigError(DAMAGED.format(name=source.name, why=f"its tables: {type(error).__name__}")) from error
    except OSError as error:
        if error.errno in FULL:
            raise NoRoom(f"the backup cannot be put back ({error.strerror}): make room on the disk") from error
        raise ConfigError(f"{source.name} cannot be read or put back ({error.strerror}): look at its place") from error


def _read_manifest(archive: zipfile.ZipFile, name: str) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
            raise ValueError("too large")
        content = json.loads(b"".join(_pieces(archive, MANIFEST)))
        members = {str(each): (int(size), str(sha256)) for each, (size, sha256) in content["members"].items()}
        manifest = Manifest(str(content["revision"]), float(content["made_at"]), members)
        is_ours = content["format"] == FORMAT
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, NotImplementedError) as error:
        raise ConfigError(f"{name} is no backup of this program: it has no manifest that can be read") from error
    if not is_ours or manifest.revision not in known_revisions():
        raise ConfigError(f"{name} was made by a newer version: update this program first; nothing was changed")
    return manifest


def _check_room(folder: Path, manifest: Manifest) -> None:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    needed = sum(size for size, _ in manifest.members.values())
    if shutil.disk_usage(there).free < needed:
        raise NoRoom(f"the backup needs {needed >> 20} MB: make room on the disk; nothing was changed")


def _check_members(archive: zipfile.ZipFile, manifest: Manifest, name: str) -> None:
    """Raises ConfigError for a member that is missing, unknown, changed, oddly named, or larger than it says."""
    entries = {each.filename: each for each in archive.infolist()}
    if len(entries) != len(archive.infolist()) or entries.keys() != {*manifest.members, MANIFEST}:
        raise ConfigError(DAMAGED.format(name=name, why="members are missing or were added"))
    for member, (size, sha256) in tqdm(manifest.members.items(), desc="checking", unit="file", disable=None):
        if not (member in KEYS or any(kind.fullmatch(member) for kind in (TABLE, SIGNAL)) or _below(member)):
            raise ConfigError(DAMAGED.format(name=name, why="a member's name is none of a backup"))
        if stat.S_ISLNK(entries[member].external_attr >> 16):
            raise ConfigError(DAMAGED.format(name=name, why=f"{member} is a link"))
        if entries[member].file_size != size or _sum(archive, member) != sha256:
            raise ConfigError(DAMAGED.format(name=name, why=f"{member} was changed"))


def _below(member: str) -> PurePosixPath | None:
    """The path of an upload's file below the data folder; none where the name leads anywhere else."""
    if not UPLOAD.fullmatch(member):
        return None
    path = os.fsdecode(unquote_to_bytes(member))
    parts = path.split("/")
    return None if "\0" in path or any(part in ("", ".", "..") for part in parts) else PurePosixPath(path)


def _pieces(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """What a member holds, no more than it says. Raises BadZipFile where it is broken."""
    left = archive.getinfo(member).file_size
    try:
        with archive.open(member) as file:
            while piece := file.read(PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    raise zipfile.BadZipFile
                yield piece
    except (RuntimeError, NotImplementedError, EOFError, ValueError) as error:  # encrypted, of unknown kind, cut off
        raise zipfile.BadZipFile from error
    except Exception as error:
        if type(error).__module__ in ("zlib", "lzma", "_lzma", "bz2"):
            raise zipfile.BadZipFile from error
        raise


def _sum(archive: zipfile.ZipFile, member: str) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(archive, member):
        digest.update(piece)
    return digest.hexdigest()


def _put_back(archive: zipfile.ZipFile, manifest: Manifest, folder: Path, url: str) -> None:
    """Files first, then the database in one transaction; all of it, or nothing."""
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(url)
    try:
        with database.engine.connect() as connection:
            if inspect(connection).get_table_names():
                raise ConfigError("the database is not empty: give an empty one with DATABASE_URL")
        Files(folder)
        for member in tqdm(manifest.members, desc="restoring", unit="file", disable=None):
            if not TABLE.fullmatch(member):
                _write_file(archive, member, folder / (_below(member) or member))
        with database.engine.begin() as connection:
            _fill(connection, archive, manifest)
        database.migrate()
    except BaseException:
        database.close()
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not was_there:
            folder.rmdir()
        raise
    database.close()


def _write_file(archive: zipfile.ZipFile, member: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in _pieces(archive, member):
            file.write(piece)


def _fill(connection: Connection, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Make the tables of the backup's version, put its rows in, and bring them to today's."""
    upgrade(connection, manifest.revision)
    names = {match.group(1) for match in map(TABLE.fullmatch, manifest.members) if match}
    tables = tables_of(connection)
    if names != {table.name for table in tables}:
        raise ConfigError("the backup's tables are others than its version has: it is damaged; nothing was changed")
    for table in tables:
        connection.execute(table.delete())  # what the version itself puts in
    for table in tables:
        put_rows(connection, table, _lines(archive, f"tables/{table.name}.jsonl"))
        count_on(connection, table)
    upgrade(connection)


def _lines(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    rest = b""
    for piece in _pieces(archive, member):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > LONGEST_LINE:
            raise zipfile.BadZipFile
    if rest:
        yield rest


__all__ = ["Manifest", "restore_backup"]
