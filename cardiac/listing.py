"""The walk through files, folders and archives, of which each file is a recording, a part of one, or none.

Of everything that could be a recording, at whatever depth, there is a recording to read or a sentence; what is passed
over on purpose is named.
"""

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cardiac.errors import DatasetError, InternalError, RecordError, extra
from cardiac.files import read_table
from cardiac.messages import Message, about, unnamed
from cardiac.readers.archives import is_archive
from cardiac.readers.endings import HEADER, SIGNALS
from cardiac.readers.looks import ARCHIVE, PASSED_OVER, RECORDING, is_litter, look_at, named_in_headers

PTBXL_INDEX = "ptbxl_database.csv"  # a collection's own table of its recordings
FEW = 3  # names of what is passed over that are shown
File = tuple[Path, Path]  # where it can be read, and the path that it is called by


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording to read, as command line, site and batch name it.

    path : where it lies; a URL, where that is in an object store, is text.  fs_hz : sampling rate, if its file states none.
    """

    path: Path | str
    record_id: str
    fs_hz: float | None = None


@dataclass
class Listing:
    """What lies in files, folders and archives.

    recordings : each with a name of its own.  refused : names and sentences of what cannot be read at all.  empty,
    missing : the same of paths given in which no recording lies, or where nothing is.  passed_over : names of what is known
    to be no recording.  shown : of what lies in an archive, by where it can be read, the full path to it.
    folders : where a form may lie, given or unpacked.
    """

    recordings: list[Recording] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    shown: dict[Path, str] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)

    @property
    def unread(self) -> list[tuple[str, str]]:
        """All that there is a message about instead of a recording."""
        return [*self.refused, *self.empty, *self.missing]

    def with_full_path(self, error: RecordError, path: Path, name: str) -> RecordError:
        """The error of a recording; where it lies in an archive, its message begins with the full path to it."""
        begin = next((each for each in (f"{path.name}: ", f"{name}: ") if str(error).startswith(each)), None)
        if path not in self.shown or begin is None:
            return error
        copied = copy(error)
        copied.args = (about(self.shown[path], unnamed(error.message, begin.removesuffix(": "))),)
        return copied


def passed_over_line(names: Sequence[str]) -> str:
    """How many files were passed over on purpose, and the first of them."""
    n, shown, n_more = len(names), ", ".join(names[:FEW]), len(names) - FEW
    if n_more > 0:
        return Message("{n:,} files passed over: {names} and {n_more:,} more", n=n, names=shown, n_more=n_more)
    if n == 1:
        return Message("{n:,} file passed over: {names}", n=n, names=shown)
    return Message("{n:,} files passed over: {names}", n=n, names=shown)


def printable(name: str) -> str:
    """The name with a mark for every byte that is not UTF-8, so that it can be written and printed."""
    return os.fsencode(name).decode("utf-8", "replace")


class Walk:
    """Takes what is given, one after another.

    new_folder : gives an empty folder for what is unpacked; None where archives are listed and not opened.
    unpacker : as `archives.unpack`.  tables : whether PTB-XL's table, where it is given, stands for the records in it.
    listing : what was met so far, its recordings not yet named.  files : of these.
    """

    def __init__(
        self, new_folder: Callable[[], Path] | None, unpacker: Callable[..., dict[str, list]], tables: bool = True
    ) -> None:
        self.new_folder, self.unpacker, self.tables = new_folder, unpacker, tables
        self.listing = Listing()
        self.files: list[File] = []
        self.unpacked: set[str] = set()  # archives, by real path
        self.n_again = 0  # those that were met again

    def take(self, path: Path, called: Path) -> None:
        """Something that was given: whatever it is, it is read or there is a sentence of it."""
        try:
            path.stat()
        except (OSError, ValueError) as error:
            self._miss(path, called, error)
            return
        if path.is_dir():
            self._open_folder(path, called)
        elif path.name == PTBXL_INDEX and self.tables:
            self.files += [(each, called.parent / each.relative_to(path.parent)) for each in indexed_records(path)]
        elif is_archive(path) and self.new_folder:
            self._open_archive(path, called, called.name, is_given=True)
        else:
            self.files.append((path, called))

    def _miss(self, path: Path, called: Path, error: OSError | ValueError) -> None:
        name, number = printable(called.name or str(called)), getattr(error, "errno", None)
        if number == errno.ELOOP or os.path.islink(path):  # noqa: PTH114 (False for a name too long)
            self._refuse_link(name)
        elif number == errno.EACCES:
            self.listing.refused.append(
                (
                    name,
                    about(
                        name, Message("cannot be opened ({reason}): check its permissions", reason="Permission denied")
                    ),
                )
            )
        else:
            self.listing.missing.append((name, about(name, "there is no such file: check the path")))

    def _refuse_link(self, name: str) -> None:
        name = printable(name)
        self.listing.refused.append((name, about(name, "is a broken link: give the file it should point to")))

    def _open_folder(self, folder: Path, called: Path) -> None:
        self.listing.folders.append(folder)
        before, n_passed = self._n_met(), len(self.listing.passed_over)
        self._sort_out(sorted(self._files_under(folder, called), key=lambda file: file[0].parts), called)
        if self._n_met() == before:
            self._note_empty(printable(str(called)), n_passed)

    def _note_empty(self, name: str, n_passed: int) -> None:
        passed = self.listing.passed_over[n_passed:]
        if passed:
            sentence = Message(
                "contains no recording ({passed_over}): check the path", passed_over=passed_over_line(passed)
            )
        else:
            sentence = "contains no recording: check the path"
        self.listing.empty.append((name, about(name, sentence)))

    def _n_met(self) -> int:
        return len(self.files) + len(self.listing.unread) + self.n_again

    def _files_under(self, folder: Path, called: Path) -> Iterable[File]:
        """Every file under a folder, links to folders followed once; hidden ones are passed over."""
        waiting, seen = [(os.fspath(folder), called)], set()
        while waiting:
            opened, called = waiting.pop()
            try:
                with os.scandir(opened) as entries:
                    status = Path(opened).stat()
                    if (status.st_dev, status.st_ino) in seen:
                        continue
                    seen.add((status.st_dev, status.st_ino))
                    within = [(entry.name, entry.path, _what(entry)) for entry in entries]
            except OSError as error:
                name = printable(str(called))
                sentence = Message(
                    "{name}: this folder cannot be opened ({reason}): check its permissions",
                    name=name,
                    reason=error.strerror,
                )
                self.listing.refused.append((name, sentence))
                continue
            for name, path, what in within:
                if what == "folder" and is_litter(name, is_folder=True):
                    self.listing.passed_over.append(printable(f"{name}/"))
                elif what == "folder":
                    waiting.append((path, called / name))
                elif what == "link to nothing" and self.new_folder and not is_litter(name, is_folder=False):
                    self._refuse_link(name)
                else:
                    whole = called / name
                    yield (whole if os.fspath(whole) == path else Path(path)), whole  # of many files one object each

    def _sort_out(self, files: Sequence[File], top: Path, shown: Mapping[Path, str] | None = None) -> None:
        """What each file is, with those beside it in mind. shown : their paths in an archive, where they lie in one."""
        headers: dict[Path, list[Path]] = defaultdict(list)  # by folder
        for path, _ in files:
            if path.suffix == HEADER:
                headers[path.parent].append(path)
        stems = {folder: {each.stem for each in paths} for folder, paths in headers.items()}
        named: dict[Path, set[str]] = {}  # files that the headers of a folder name, read where one is in question
        for path, called in files:
            if path.suffix.lower() in SIGNALS and path.parent in headers and path.stem not in stems[path.parent]:
                if path.parent not in named:
                    named[path.parent] = named_in_headers(headers[path.parent])
                if path.name in named[path.parent]:
                    continue
            looks = look_at(path, stems.get(path.parent, ()))
            if looks == PASSED_OVER:
                self.listing.passed_over.append(printable(shown[path] if shown else _below(called, top)))
            elif looks == ARCHIVE and self.new_folder:
                self._open_archive(path, called, _below(called, top))
            elif looks in (RECORDING, ARCHIVE):
                self.files.append((path, called))
            if shown and looks == RECORDING:
                self.listing.shown[path] = printable(shown[path])

    def _open_archive(self, path: Path, called: Path, shown: str, is_given: bool = False) -> None:
        """What an archive holds; where it cannot be unpacked, a sentence."""
        if (real := os.path.realpath(path)) in self.unpacked:
            self.n_again += 1
            return
        self.unpacked.add(real)
        before, n_passed, shown = self._n_met(), len(self.listing.passed_over), printable(shown)
        folder = self.new_folder()
        try:
            content = self.unpacker(str(path), str(folder), shown)
        except RecordError as error:
            self.listing.refused.append((shown, _named(shown, error)))
            return
        except OSError as error:
            sentence = Message(
                "{name}: cannot be unpacked ({reason}): make room on the disk, and check permissions",
                name=shown,
                reason=error.strerror,
            )
            self.listing.refused.append((shown, sentence))
            return
        if is_given:
            self.listing.folders.append(folder)
        shown_paths = {folder / file: name for file, name in content["files"]}
        self.listing.refused += map(tuple, content["refused"])
        self.listing.passed_over += content["passed_over"]
        above = called.parents[len(Path(shown).parts) - 1]
        files = [(file, above / name) for file, name in shown_paths.items()]
        self._sort_out(sorted(files, key=lambda file: file[1].parts), called, shown_paths)
        if self._n_met() == before:
            self._note_empty(shown, n_passed)


def _named(shown: str, error: RecordError) -> str:
    """The error's sentence, which begins with the archive's name, once."""
    if isinstance(error, InternalError):
        return InternalError(error.fault, error.doing, error.name or shown).message
    text = error.message
    return text if text.startswith(f"{shown}: ") or text.startswith(f"{shown}/") else about(shown, text)


def _below(called: Path, top: Path) -> str:
    """The path of a file relative to the folder given."""
    return called.relative_to(top).as_posix() if called.is_relative_to(top) else called.as_posix()


def _what(entry: os.DirEntry) -> str:
    """ "folder", "file" or "link to nothing"."""
    try:
        if entry.is_dir():
            return "folder"
        return "link to nothing" if entry.is_symlink() and not Path(entry.path).exists() else "file"
    except OSError:  # a link in a circle
        return "link to nothing"


def indexed_records(path: Path) -> list[Path]:
    """The headers that PTB-XL's table names, at 500 Hz, or at 100 Hz where these are not there, in its order.

    The one table of a collection that is taken as a list of recordings: its other columns are read by those who train.
    Raises RecordError where pandas is not installed, and DatasetError for a table without such names, or with names that
    lead out of its folder.
    """
    extra("pandas", "requirements.txt", RecordError)
    table = read_table(path, ["filename_hr", "filename_lr"])
    column = "filename_hr" if (path.parent / f"{table['filename_hr'].iloc[0]}{HEADER}").is_file() else "filename_lr"
    named = [PurePosixPath(str(name)) for name in table[column]]
    wrong = [name for name in named if name.is_absolute() or ".." in name.parts]
    if wrong:
        raise DatasetError(f"{path.name}: {str(wrong[0])[:60]!r} points outside its folder: use PTB-XL's own table")
    return [path.parent / f"{name}{HEADER}" for name in named]
