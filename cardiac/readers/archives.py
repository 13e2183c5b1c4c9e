"""Archives (.zip, .tar, .gz and the like), and archives within them, unpacked under limits into a folder.

Nothing is written outside of that folder, under names of our own where the archive's cannot be. A member that is damaged,
encrypted or oddly named is lost alone; a limit that is passed refuses the archive.
"""

import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cardiac.errors import RecordError, naming
from cardiac.messages import Message, about, unnamed
from cardiac.readers.endings import OF_ONE_KIND
from cardiac.readers.kinds import is_tar, kind_of
from cardiac.readers.safe_names import disk_name, hidden_part, is_hidden, short_name, shown_name
from cardiac.readers.streams import PACKED, Bounded, open_stream
from cardiac.readers.zips import check_entry, entry_name, open_zip

MOST_FILES = 50_000
MOST_ENTRIES = 200_000  # files, folders and links
MOST_BYTES = 4 * 2**30
MOST_PACKED = 200  # times its size that an archive may grow, over the first 64 MiB
FREE_BYTES = 64 * 2**20
UNIX = 3  # the system whose modes an entry of a zip keeps
MOST_DEEP = 3  # archives within each other, the outermost among them
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError,
    NotImplementedError, ValueError, OverflowError, IndexError,
)  # fmt: skip
DAMAGED = "is damaged or cut short in the archive: copy the archive again"
Member = tuple[str, int, Callable[[], IO[bytes]] | None]  # name, stated size, what opens it (None: no plain file)


class TooMuch(RecordError):
    """An archive that passes a limit."""


def is_archive(path: Path) -> bool:
    """Whether this is a file that holds others, or one file that is packed."""
    try:
        return path.is_file() and kind_of(path) == "archive"
    except (RecordError, OSError):
        return False


def unpack(path: str | Path, folder: str | Path, shown: str | None = None) -> dict[str, list]:
    """Write the files of an archive, and of the archives within it, into a folder that is there and empty.

    shown : what the archive is called, else its file's name.
    Returns plain data: "files" as [path in the folder, shown name], "refused" as [shown name, sentence], "passed_over" as
    shown names of hidden files, links and devices. A shown name begins with the archive's. Raises RecordError where
    nothing can be read or a limit is passed, and OSError where the disk is full.
    """
    path = Path(path)
    nest = _Nest(Path(folder), min(MOST_BYTES, FREE_BYTES + MOST_PACKED * path.stat().st_size))
    nest.open(path, shown or path.name, Path(), 1)
    reasons = {unnamed(sentence, name) for name, sentence in nest.refused}
    if not nest.files and len(reasons) == 1:  # of all archives in it the same
        raise RecordError(about(shown or path.name, reasons.pop()))
    return {"files": nest.files, "refused": nest.refused, "passed_over": nest.passed_over}


@dataclass
class _Nest:
    """An archive with those within it, which share one budget of files and bytes."""

    folder: Path
    most_bytes: int
    n_bytes: int = 0
    n_files: int = 0
    n_entries: int = 0
    n_subfolders: int = 0
    files: list[list[str]] = field(default_factory=list)
    refused: list[list[str]] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def open(self, path: Path, shown: str, subfolder: Path, depth: int) -> None:
        """Unpack one archive into a subfolder of the folder, then those within it. Raises RecordError."""
        written: list[tuple[Path, str]] = []
        lost: list[tuple[str, str]] = []
        try:
            with naming(shown):
                self._write_all(path, shown, subfolder, written, lost)
        except RecordError:
            for each, _ in written:
                (self.folder / each).unlink(missing_ok=True)
            raise
        self.refused += [[name, about(name, reason)] for name, reason in lost]
        for each, name in written:
            if _holds_others(self.folder / each):
                self._open_inner(each, name, depth)
            else:
                self.files.append([each.as_posix(), name])

    def _open_inner(self, each: Path, name: str, depth: int) -> None:
        path = self.folder / each
        try:
            if depth == MOST_DEEP:
                raise RecordError(
                    "{name}: is an archive inside {most} others: unpack it and give that archive alone",
                    name=name,
                    most=MOST_DEEP,
                )
            self.open(path, name, self._new_subfolder(), depth + 1)
        except RecordError as error:
            self.refused.append([name, str(error)])
        finally:
            path.unlink()

    def _new_subfolder(self) -> Path:
        self.n_subfolders += 1
        return Path(f".{self.n_subfolders}")  # no member is written under a name with a dot before it

    def _write_all(self, path: Path, shown: str, subfolder: Path, written: list, lost: list) -> None:
        """What `open` does of the archive itself: `written` as (path in the folder, shown), `lost` as (shown, reason)."""
        passed, taken, again = {}, Counter(), {}
        try:
            for member, size, opened in _members(path, shown):
                self._count(size)
                name = shown_name(member)
                if opened is None or not name or is_hidden(name):
                    if opened is not None or not member.endswith(("/", "\\")):
                        passed[f"{shown}/{short_name(hidden_part(name))}"] = None
                    continue
                self.n_files += 1
                self._check()
                whole, target = f"{shown}/{short_name(name)}", disk_name(name)
                taken[target] += 1
                if taken[target] > 1:  # apart from the first, beside those that come with it
                    again.setdefault(taken[target], self._new_subfolder())
                try:
                    within = again[taken[target]] if taken[target] > 1 else subfolder
                    written.append((self._write(opened, within, Path(target)), whole))
                except RecordError as error:
                    if isinstance(error, TooMuch):
                        raise
                    lost.append((whole, error.message))
        except DAMAGE as error:
            self._cut(written, lost, shown, error)
        except OSError as error:
            if error.errno is not None:
                raise
            self._cut(written, lost, shown, error)
        if lost and not written and len({reason for _, reason in lost}) == 1:
            raise RecordError(lost[0][1])
        self.passed_over += passed

    def _cut(self, written: list, lost: list, shown: str, error: BaseException) -> None:
        """The archive ends before its end: what came before is kept. Raises RecordError where nothing did."""
        if not written:
            raise RecordError("is damaged, cut short or not an archive inside: copy or pack it again") from error
        lost.append(
            (
                shown,
                Message("is damaged or cut short after {n} files, and the rest is lost: copy it again", n=len(written)),
            )
        )

    def _count(self, size: int) -> None:
        self.n_entries += 1
        if self.n_bytes + size > self.most_bytes or self.n_entries > MOST_ENTRIES:
            self._refuse()

    def _check(self) -> None:
        if self.n_files > MOST_FILES or self.n_bytes > self.most_bytes:
            self._refuse()

    def _refuse(self) -> None:
        raise TooMuch(
            "holds more than {most_files:,} files or {most:,} bytes: split it into parts",
            most_files=MOST_FILES,
            most=self.most_bytes,
        )

    def _write(self, opened: Callable[[], IO[bytes]], subfolder: Path, name: Path) -> Path:
        """Copy a member, and nothing of it where that fails; its path in the folder. Raises RecordError, TooMuch, OSError."""
        target = self.folder / subfolder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):  # a file is called as this one's folder
            subfolder = self._new_subfolder()
            target = self.folder / subfolder / name
            target.parent.mkdir(parents=True)
        try:
            self._copy(opened, target)
        except (FileExistsError, IsADirectoryError):  # a folder is called so, or the disk knows no capitals
            return self._write(opened, self._new_subfolder(), name)
        except OSError as error:
            target.unlink(missing_ok=True)
            if error.errno is not None:
                raise
            raise RecordError(DAMAGED) from error
        except DAMAGE as error:
            target.unlink(missing_ok=True)
            raise RecordError(DAMAGED) from error
        except MemoryError as error:
            target.unlink(missing_ok=True)
            raise RecordError("asks for too much memory to be unpacked: pack it as plain .zip") from error
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return subfolder / name

    def _copy(self, opened: Callable[[], IO[bytes]], target: Path) -> None:
        with target.open("xb") as file, opened() as content:
            shutil.copyfileobj(_Limited(content, self), file, 2**20)


class _Limited:
    """A member of which no more is read than the nest has left. Raises TooMuch at the next byte."""

    def __init__(self, content: IO[bytes], nest: _Nest) -> None:
        self.content, self.nest = content, nest

    def read(self, n: int) -> bytes:
        read = self.content.read(n)
        self.nest.n_bytes += len(read)
        self.nest._check()
        return read


def _holds_others(path: Path) -> bool:
    return path.suffix.lower() not in OF_ONE_KIND and is_archive(path)


def _members(path: Path, shown: str) -> Iterator[Member]:
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zip_members(path)
        return
    with open_stream(path) as stream:
        is_packed_tar = is_tar(stream.read(512))
    if is_packed_tar:
        yield from _tar_members(path)
    elif head.startswith(PACKED):
        yield _unpacked_name(shown), 0, lambda: open_stream(path)
    else:
        raise RecordError("is not a supported archive: pack it again as .zip")


def _zip_members(path: Path) -> Iterator[Member]:
    with open_zip(path) as archive:
        for entry in archive.infolist():
            name = entry_name(entry)
            kind = (entry.external_attr >> 16) & 0o170000 if entry.create_system == UNIX else 0
            is_folder = name.endswith(("/", "\\")) and not entry.file_size
            is_plain = kind in (0, 0o100000) and not is_folder
            yield name, entry.file_size, (lambda entry=entry: _opened(archive, path, entry)) if is_plain else None


def _opened(archive: zipfile.ZipFile, path: Path, entry: zipfile.ZipInfo) -> IO[bytes]:
    check_entry(path, entry)
    return archive.open(entry)


def _tar_members(path: Path) -> Iterator[Member]:
    """Raises tarfile.ReadError where the archive does not end as one does (two blocks of zeros, POSIX.1 ustar)."""
    with open_stream(path) as stream:
        bounded = Bounded(stream)
        bounded.begin_header()
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            while (each := archive.next()) is not None:
                bounded.end_header()
                is_plain = each.isreg()
                name = f"{each.name}/" if each.isdir() else each.name
                yield name, max(each.size, 0), (lambda each=each: _extracted(archive, each)) if is_plain else None
                archive.members = []  # of which it would keep every one
                bounded.begin_header()
            bounded.seek(archive.offset)
            if bounded.read(512) != bytes(512):
                raise tarfile.ReadError("no end")


def _extracted(archive: tarfile.TarFile, each: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(each)
    return _Whole(content, each.size)


class _Whole:
    """A tar member. Raises EOFError where fewer bytes come than its header states."""

    def __init__(self, content: IO[bytes], size: int) -> None:
        self.content, self.left = content, size

    def read(self, n: int) -> bytes:
        read = self.content.read(n)
        self.left -= len(read)
        if not read and self.left:
            raise EOFError
        return read

    def __enter__(self) -> "_Whole":
        return self

    def __exit__(self, *_: object) -> None:
        self.content.close()


def _unpacked_name(shown: str) -> str:
    """What a packed file is called when it is unpacked."""
    name = shown.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and ending.lower() in ("gz", "bz2", "xz", "z", "gzip") else name
