"""Archives (.zip, .tar, .tar.gz and the like), unpacked under limits into a folder that goes when it has been read."""

import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from cardiac.errors import RecordError, naming
from cardiac.readers.kinds import kind_of

MOST_FILES = 50_000
MOST_BYTES = 4 * 2**30
MOST_PACKED = 200  # times its size that an archive may grow, over the first 64 MiB
FREE_BYTES = 64 * 2**20
Member = tuple[str, int, IO[bytes] | None]  # name, stated size, content (None for what is no plain file)


def is_archive(path: Path) -> bool:
    """Whether this is a file that holds others."""
    try:
        return path.is_file() and kind_of(path) == "archive"
    except (RecordError, OSError):
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder with the archive's files for as long as this lasts. Raises as `unpack` does."""
    with tempfile.TemporaryDirectory(prefix="ecg-") as folder:
        unpack(path, Path(folder))
        yield Path(folder)


def unpack(path: Path, folder: Path) -> None:
    """Write the archive's files into a folder that is there and empty.

    Folders, links and hidden files are passed over. Raises RecordError, and writes nothing outside of its folder, for a
    name that leads out of it, for what grows beyond the limits, and for what is damaged.
    """
    with naming(path.name):
        limit = min(MOST_BYTES, FREE_BYTES + MOST_PACKED * path.stat().st_size)
        written = n_files = 0
        try:
            for name, size, content in _members(path):
                parts = PurePosixPath(name.replace("\\", "/")).parts
                if name.startswith(("/", "\\")) or ".." in parts or ":" in name or "\0" in name:
                    raise RecordError(f"a name in it leads out of it ({name[:60]!r}): pack it again")
                n_files += 1
                if n_files > MOST_FILES or written + size > limit:
                    raise RecordError(f"holds more than {MOST_FILES:,} files or {limit:,} bytes: give it in parts")
                if content is not None and parts and not any(part.startswith(".") for part in parts):
                    written += _write(content, folder.joinpath(*parts), limit - written)
        except (
            zipfile.BadZipFile,
            tarfile.TarError,
            zlib.error,
            lzma.LZMAError,
            EOFError,
            RuntimeError,
            ValueError,
        ) as error:
            raise RecordError("cannot be unpacked (damaged, encrypted, or no archive inside): pack it again") from error
        except NotImplementedError as error:
            raise RecordError("is packed in a way that is not read: pack it as plain .zip") from error


def _members(path: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            for each in file.infolist():
                is_link = (each.external_attr >> 16) & 0o170000 == 0o120000
                if each.is_dir() or is_link:
                    yield each.filename, 0, None
                else:
                    with file.open(each) as content:
                        yield each.filename, each.file_size, content
    else:
        with tarfile.open(path, "r:*") as file:
            for each in file:
                yield each.name, max(each.size, 0), file.extractfile(each) if each.isreg() else None


def _write(content: IO[bytes], target: Path, limit: int) -> int:
    """Copy so many bytes at most; how many there were. A second file of a name takes the first one's place nowhere."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            shutil.copyfileobj(_Limited(content, limit), file, 2**20)
            return file.tell()
    except (FileExistsError, NotADirectoryError) as error:
        raise RecordError(f"holds two files named {target.name[:60]!r} in one place: pack it again") from error


class _Limited:
    """A file of which no more than so many bytes are read. Raises RecordError at the next."""

    def __init__(self, content: IO[bytes], limit: int) -> None:
        self.content, self.left = content, limit

    def read(self, n: int) -> bytes:
        read = self.content.read(n)
        self.left -= len(read)
        if self.left < 0:
            raise RecordError("holds more bytes than it states or than are unpacked: give it in parts")
        return read
