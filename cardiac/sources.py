"""Which recordings there are: files, folders and archives -> every recording in them with a name of its own.

Of everything that could be a recording, at whatever depth, there is a recording to read or a sentence; what is passed over on
purpose is named.
"""

import errno
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from cardiac.errors import DatasetError, InternalError, RecordError, extra
from cardiac.files import read_table
from cardiac.isolation import isolated
from cardiac.readers.archives import MOST_BYTES, MOST_PACKED, is_archive, unpack
from cardiac.readers.looks import ARCHIVE, PASSED_OVER, RECORDING, SIGNALS, is_litter, look_at, named_in_headers
from cardiac.readers.scratch import clean_scratch, scratch_folder

PTBXL_INDEX = "ptbxl_database.csv"
SECONDS, SECONDS_PER_BYTE = 120.0, 0.1e-6  # of processor time for an archive, and for what it may hold
FEW = 3  # names of what is passed over that are told
File = tuple[Path, Path]  # where it can be read, and the path that it is called by


@dataclass
class Listing:
    """What lies in files, folders and archives.

    recordings : where each can be read, and its name.  refused : names and sentences of what cannot be read at all.  empty,
    missing : the same of paths given in which no recording lies, or where nothing is.  passed_over : names of what is known
    to be no recording.  shown : of what lies in an archive, by where it can be read, the whole way that it is told by.
    folders : where a form may lie, given or unpacked.
    """

    recordings: list[tuple[Path, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    shown: dict[Path, str] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)

    @property
    def unread(self) -> list[tuple[str, str]]:
        """All that there is a sentence of in place of a recording."""
        return [*self.refused, *self.empty, *self.missing]

    def tell_way(self, error: RecordError, path: Path, name: str) -> RecordError:
        """The error of a recording; where it lies in an archive, its sentence begins with the whole way to it."""
        begin = next((each for each in (f"{path.name}: ", f"{name}: ") if str(error).startswith(each)), None)
        if path not in self.shown or begin is None:
            return error
        told = copy(error)
        told.args = (f"{self.shown[path]}: {str(error).removeprefix(begin)}",)
        return told


def unpack_apart(path: str, folder: str, shown: str) -> dict[str, list]:
    """As `archives.unpack`, in the process that reads what may swell; a large archive has more time."""
    most_bytes = min(MOST_BYTES, MOST_PACKED * Path(path).stat().st_size)
    return isolated(unpack, path, folder, shown, seconds=SECONDS + SECONDS_PER_BYTE * most_bytes)


def list_recordings(paths: Sequence[str | Path], stack: ExitStack) -> Listing:
    """What lies in the paths; archives are unpacked until the stack is closed."""
    clean_scratch()
    return list_files({Path(path): Path(path) for path in paths}, lambda: stack.enter_context(scratch_folder()))


def list_files(
    given: Mapping[Path, Path], new_folder: Callable[[], Path], unpacker: Callable[..., dict[str, list]] = unpack_apart
) -> Listing:
    """The same. given : where each is -> what it is called.  new_folder : gives an empty one for what is unpacked.

    unpacker : as `unpack_apart`.
    """
    search = _Search(new_folder, unpacker)
    headers = {path.with_suffix("") for path in given if path.suffix == ".hea"}
    for path, called in given.items():
        if path.suffix.lower() not in SIGNALS or path.with_suffix("") not in headers:
            search.take(path, called)
    search.listing.recordings = name_recordings(search.found)
    search.listing.passed_over.sort()
    search.listing.refused = [*dict.fromkeys(search.listing.refused)]
    return search.listing


def list_folder(folder: Path) -> list[Path]:
    """Recordings, and archives that are not unpacked, under a folder, in order. Raises RecordError where there is none.

    And where a folder in it cannot be opened.
    """
    search = _Search(None, unpack_apart)
    search.take(folder, folder)
    if search.listing.unread:
        raise RecordError(search.listing.unread[0][1])
    return [path for path, _ in search.found]


def passed_over_line(names: Sequence[str]) -> str:
    """How many files were passed over on purpose, and the first of them."""
    rest = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return f"{len(names):,} {'file' if len(names) == 1 else 'files'} passed over: {', '.join(names[:FEW])}{rest}"


class _Search:
    """Goes through what is given. new_folder : None where archives are listed as they are."""

    def __init__(self, new_folder: Callable[[], Path] | None, unpacker: Callable[..., dict[str, list]]) -> None:
        self.new_folder, self.unpacker = new_folder, unpacker
        self.listing, self.found = Listing(), []  # found : the recordings' Files
        self.unpacked: set[str] = set()  # archives, by real path
        self.n_again = 0  # those that were met again

    def take(self, path: Path, called: Path) -> None:
        """Something that was given: whatever it is, it is read or there is a sentence of it."""
        try:
            path.stat()
        except (OSError, ValueError) as error:
            self._missing(path, called, error)
            return
        if path.is_dir():
            self._folder(path, called)
        elif path.name == PTBXL_INDEX:
            self.found += [(each, called / each.relative_to(path) if path != called else each) for each in _index(path)]
        elif is_archive(path) and self.new_folder:
            self._archive(path, called, called.name, is_given=True)
        else:
            self.found.append((path, called))

    def _missing(self, path: Path, called: Path, error: OSError | ValueError) -> None:
        name, number = printable(called.name or str(called)), getattr(error, "errno", None)
        if number == errno.ELOOP or os.path.islink(path):  # noqa: PTH114 (False for a name too long)
            self._refuse_link(name)
        elif number == errno.EACCES:
            self.listing.refused.append((name, f"{name}: cannot be opened (Permission denied): check its permissions"))
        else:
            self.listing.missing.append((name, f"{name}: there is no such file: check the path"))

    def _refuse_link(self, name: str) -> None:
        name = printable(name)
        self.listing.refused.append((name, f"{name}: is a link to nothing: give the file that it is to lead to"))

    def _folder(self, folder: Path, called: Path) -> None:
        self.listing.folders.append(folder)
        before = self._n_told()
        n_passed = len(self.listing.passed_over)
        self._sort_out(sorted(self._walk(folder, called), key=lambda file: file[0].parts), called)
        if self._n_told() == before:
            self._nothing_in(printable(str(called)), n_passed)

    def _nothing_in(self, name: str, n_passed: int) -> None:
        passed = self.listing.passed_over[n_passed:]
        told = f" ({passed_over_line(passed)})" if passed else ""
        self.listing.empty.append((name, f"{name}: no recording lies in it{told}: check the path"))

    def _n_told(self) -> int:
        return len(self.found) + len(self.listing.unread) + self.n_again

    def _walk(self, folder: Path, called: Path) -> Iterable[File]:
        """Every file under a folder, links to folders followed once; hidden ones are passed over."""
        waiting, seen = [(os.fspath(folder), called)], set()
        while waiting:
            place, called = waiting.pop()
            try:
                with os.scandir(place) as entries:
                    status = Path(place).stat()
                    if (status.st_dev, status.st_ino) in seen:
                        continue
                    seen.add((status.st_dev, status.st_ino))
                    found = [(entry.name, entry.path, _what(entry)) for entry in entries]
            except OSError as error:
                name = printable(str(called))
                sentence = f"{name}: this folder cannot be opened ({error.strerror}): check its permissions"
                self.listing.refused.append((name, sentence))
                continue
            for name, path, what in found:
                if what == "folder" and is_litter(name, is_folder=True):
                    self.listing.passed_over.append(printable(f"{name}/"))
                elif what == "folder":
                    waiting.append((path, called / name))
                elif what == "link to nothing" and self.new_folder and not is_litter(name, is_folder=False):
                    self._refuse_link(name)
                else:
                    yield Path(path), called / name

    def _sort_out(self, files: Sequence[File], top: Path, shown: Mapping[Path, str] | None = None) -> None:
        """What each file is, with those beside it in mind. shown : the ways in an archive, where they lie in one."""
        headers: dict[Path, list[Path]] = defaultdict(list)
        for path, _ in files:
            if path.suffix == ".hea":
                headers[path.parent].append(path)
        stems = {folder: {each.stem for each in found} for folder, found in headers.items()}
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
                self._archive(path, called, _below(called, top))
            elif looks in (RECORDING, ARCHIVE):
                self.found.append((path, called))
            if shown and looks == RECORDING:
                self.listing.shown[path] = printable(shown[path])

    def _archive(self, path: Path, called: Path, shown: str, is_given: bool = False) -> None:
        """What an archive holds; where it cannot be unpacked, a sentence."""
        if (real := os.path.realpath(path)) in self.unpacked:
            self.n_again += 1
            return
        self.unpacked.add(real)
        before, n_passed, shown = self._n_told(), len(self.listing.passed_over), printable(shown)
        folder = self.new_folder()
        try:
            held = self.unpacker(str(path), str(folder), shown)
        except RecordError as error:
            self.listing.refused.append((shown, _named(shown, error)))
            return
        except OSError as error:
            sentence = f"{shown}: cannot be unpacked ({error.strerror}): make room on the disk, and check permissions"
            self.listing.refused.append((shown, sentence))
            return
        if is_given:
            self.listing.folders.append(folder)
        ways = {folder / place: name for place, name in held["files"]}
        self.listing.refused += map(tuple, held["refused"])
        self.listing.passed_over += held["passed_over"]
        above = called.parents[len(Path(shown).parts) - 1]
        files = [(place, above / name) for place, name in ways.items()]
        self._sort_out(sorted(files, key=lambda file: file[1].parts), called, ways)
        if self._n_told() == before:
            self._nothing_in(shown, n_passed)


def _named(shown: str, error: RecordError) -> str:
    """The error's sentence, which begins with the archive's name, once."""
    if isinstance(error, InternalError):
        return str(InternalError(error.fault, error.doing, error.name or shown))
    text = str(error)
    return text if text.startswith(f"{shown}: ") or text.startswith(f"{shown}/") else f"{shown}: {text}"


def _below(called: Path, top: Path) -> str:
    """The way to a file from the folder given."""
    return called.relative_to(top).as_posix() if called.is_relative_to(top) else called.as_posix()


def _what(entry: os.DirEntry) -> str:
    """ "folder", "file" or "link to nothing"."""
    try:
        if entry.is_dir():
            return "folder"
        return "link to nothing" if entry.is_symlink() and not Path(entry.path).exists() else "file"
    except OSError:  # a link in a circle
        return "link to nothing"


def _index(path: Path) -> list[Path]:
    """The recordings that PTB-XL's table names."""
    extra("pandas", "requirements.txt", RecordError)

    return indexed_records(path)


def name_recordings(recordings: Iterable[File]) -> list[tuple[Path, str]]:
    """Every recording with its name: the file's; where two share one, with its ending; or the whole path.

    recordings : where each can be read, and the path that it is called by. What is given twice is read once.
    """
    real_folder = lru_cache(None)(os.path.realpath)
    found: dict[str, File] = {}  # by real path
    for each, called in recordings:
        is_link = os.path.islink(each)  # noqa: PTH114 (False for a name too long)
        found.setdefault(
            os.path.realpath(each) if is_link else f"{real_folder(each.parent)}/{each.name}", (each, called)
        )
    ways = [[printable(text) for text in (c.stem, c.name, c.as_posix())] for _, c in found.values()]
    counts = [Counter(names) for names in zip(*ways, strict=True)]  # of stems, of whole names, of paths
    named, taken = [], Counter()
    for (path, _), names in zip(found.values(), ways, strict=True):
        name = next((name for name, count in zip(names, counts, strict=True) if count[name] == 1), names[-1])
        taken[name] += 1
        named.append((path, name if taken[name] == 1 else f"{name} ({taken[name]})"))
    return named


def size_on_disk(path: Path) -> int:
    """Bytes of a recording's file, with those of the signals that a WFDB header names itself after; 0 where it is gone."""
    beside = [path.with_suffix(suffix) for suffix in (".dat", ".mat")] if path.suffix == ".hea" else []
    with suppress(OSError):
        return sum(each.stat().st_size for each in (path, *beside) if each.is_file())
    return 0


def printable(name: str) -> str:
    """The name with a mark for every byte that is not UTF-8, so that it can be written and printed."""
    return os.fsencode(name).decode("utf-8", "replace")


def indexed_records(path: Path) -> list[Path]:
    """The headers that PTB-XL's table names, at 500 Hz, or at 100 Hz where these are not there, in its order.

    Raises DatasetError for a table without such names, or with names that lead out of its folder.
    """
    table = read_table(path, ["filename_hr", "filename_lr"])
    column = "filename_hr" if (path.parent / f"{table['filename_hr'].iloc[0]}.hea").is_file() else "filename_lr"
    named = [PurePosixPath(str(name)) for name in table[column]]
    wrong = [name for name in named if name.is_absolute() or ".." in name.parts]
    if wrong:
        raise DatasetError(f"{path.name}: {str(wrong[0])[:60]!r} leads out of its folder: take PTB-XL's own table")
    return [path.parent / f"{name}.hea" for name in named]
