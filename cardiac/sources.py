"""Which files are recordings: the one answer for the command line, an upload, a manifest and an object store."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

from cardiac.errors import ConfigError, RecordError
from cardiac.isolation import isolated
from cardiac.listing import File, Listing, Recording, Walk, passed_over_line, printable
from cardiac.readers.archives import MOST_BYTES, MOST_PACKED, unpack
from cardiac.readers.endings import HEADER, SENT_ALONG, SIGNALS, STORED, signal_files
from cardiac.readers.scratch import clean_scratch, scratch_folder

__all__ = [
    "Listing", "Recording", "list_files", "list_folder", "list_manifest", "list_recordings", "list_upload",
    "name_recordings", "passed_over_line", "printable", "size_on_disk", "stored_recordings", "unpack_apart",
]  # fmt: skip

SECONDS, SECONDS_PER_BYTE = 120.0, 0.1e-6  # of processor time for an archive, and for what it may hold
NewFolder = Callable[[], Path]  # gives an empty one for what is unpacked
Unpacker = Callable[..., dict[str, list]]


def unpack_apart(path: str, folder: str, shown: str) -> dict[str, list]:
    """As `archives.unpack`, in the process that reads what may swell; a large archive has more time."""
    most_bytes = min(MOST_BYTES, MOST_PACKED * Path(path).stat().st_size)
    absolute = os.path.abspath(path)  # that process is in a folder of its own  # noqa: PTH100 (links stay)
    return isolated(unpack, absolute, folder, shown, seconds=SECONDS + SECONDS_PER_BYTE * most_bytes)


def list_recordings(paths: Sequence[str | Path], stack: ExitStack, fs_hz: float | None = None) -> Listing:
    """What lies in files, folders and archives, which are unpacked until the stack is closed.

    fs_hz : rate of the recordings that state none.
    Raises DatasetError for a table of PTB-XL that cannot be read.
    """
    clean_scratch()
    given = {Path(path): Path(path) for path in paths}
    return list_files(given, lambda: stack.enter_context(scratch_folder()), fs_hz=fs_hz)


def list_upload(folder: Path, new_folder: NewFolder, unpacker: Unpacker, fs_hz: float | None = None) -> Listing:
    """What lies in files that were sent one by one and lie under a folder; the rest as for `list_files`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    given = {
        path: path.relative_to(folder)
        for path in files
        if path.suffix.lower() not in SENT_ALONG or not path.with_suffix(HEADER).is_file()
    }
    return list_files(given, new_folder, unpacker, fs_hz, tables=False)  # what they name is sent too, or not there


def list_files(
    given: Mapping[Path, Path],
    new_folder: NewFolder,
    unpacker: Unpacker = unpack_apart,
    fs_hz: float | None = None,
    tables: bool = True,
) -> Listing:
    """What lies in files, folders and archives; samples of a WFDB header that is given too are part of it.

    given : where each is -> the path that it is called by.  new_folder : gives an empty one for what is unpacked.
    unpacker : as `unpack_apart`.  fs_hz : rate of the recordings that state none.  tables : whether PTB-XL's table stands
    for the records in it.
    Raises DatasetError for a table of PTB-XL that cannot be read, and what the unpacker raises beside RecordError and
    OSError.
    """
    walk = Walk(new_folder, unpacker, tables)
    headers = {path.with_suffix("") for path in given if path.suffix == HEADER}
    for path, called in given.items():
        if path.suffix.lower() not in SIGNALS or path.with_suffix("") not in headers:
            walk.take(path, called)
    listing = walk.listing
    listing.recordings = name_recordings(walk.files, fs_hz)
    listing.passed_over.sort()
    listing.refused = [*dict.fromkeys(listing.refused)]
    return listing


def list_folder(folder: Path) -> list[Recording]:
    """Recordings, and archives that are not unpacked, under a folder, in order, named by the path to them.

    Raises RecordError where there is none, and where a folder in it cannot be opened.
    """
    walk = Walk(None, unpack_apart)
    walk.take(folder, folder)
    if walk.listing.unread:
        raise RecordError(walk.listing.unread[0][1])
    return [Recording(path, printable(path.relative_to(folder).as_posix())) for path, _ in walk.files]


def list_manifest(path: Path, rows: Iterable[Mapping[str, Any]]) -> Iterator[Recording]:
    """The recordings that a manifest's rows name, one after another.

    rows : with `path` (a path, relative ones from the manifest's folder, or a URL), and where they have it with
    `record_id`, else the path, and with `fs_hz`.
    Raises ConfigError for a row without a path, a name that is not its own, or a rate that is no number.
    """
    seen: set[str] = set()
    for row in rows:
        stated = str(row["path"]).strip() if row.get("path") is not None else ""
        if not stated:
            raise ConfigError(f"{path.name}: a row names no path: fill in the column path")
        location = stated if "://" in stated else str((path.parent / stated).resolve())
        name, rate = str(row.get("record_id") or stated), row.get("fs_hz")
        if name in seen:
            raise ConfigError(f"{path.name}: {name!r} is listed twice: give every recording its own record_id")
        seen.add(name)
        try:
            yield Recording(location, name, float(rate) if rate not in (None, "") else None)
        except ValueError as error:
            raise ConfigError(
                f"{path.name}: the fs_hz of {name!r} is {rate!r}, which is not a number: correct the row"
            ) from error


def stored_recordings(names: Iterable[str]) -> list[str]:
    """Of the names in an object store those that end as a recording's does: there no content is looked at."""
    return [name for name in names if PurePosixPath(name).suffix.lower() in STORED]


def name_recordings(files: Iterable[File], fs_hz: float | None = None) -> list[Recording]:
    """Every recording with a name: the file's; where two share one, with its ending; or the whole path.

    files : where each can be read, and the path that it is called by. What is given twice is read once.
    """
    real_folder = lru_cache(None)(os.path.realpath)
    by_real_path: dict[str, File] = {}
    for path, called in files:
        is_link = os.path.islink(path)  # noqa: PTH114 (False for a name too long)
        real = os.path.realpath(path) if is_link else f"{real_folder(path.parent)}/{path.name}"
        by_real_path.setdefault(real, (path, called))
    named, taken = [], Counter()
    files = [*by_real_path.values()]
    for (path, _), name in zip(files, _own_names([called for _, called in files]), strict=True):
        taken[name] += 1
        named.append(Recording(path, name if taken[name] == 1 else f"{name} ({taken[name]})", fs_hz))
    return named


def _own_names(called: Sequence[Path]) -> list[str]:
    """Of each path its stem; where others have that too its name; where others have that too the whole path."""
    names, in_question = [""] * len(called), range(len(called))
    for name_of in (attrgetter("stem"), attrgetter("name"), Path.as_posix):
        for place in in_question:
            names[place] = printable(name_of(called[place]))
        counts = Counter(names[place] for place in in_question)
        in_question = [place for place in in_question if counts[names[place]] > 1]
    return names


def size_on_disk(path: Path) -> int:
    """Bytes of a recording's file, with those of the signals that a WFDB header names after itself; 0 where it is gone."""
    with suppress(OSError):
        return sum(each.stat().st_size for each in (path, *signal_files(path)) if each.is_file())
    return 0
