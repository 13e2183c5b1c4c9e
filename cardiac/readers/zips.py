"""Zip files, opened under limits: their directory is measured before it is read, and their names are read as written."""

import re
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cardiac.errors import RecordError

MOST_ENTRIES = 200_000  # files and folders of one archive
MOST_DIRECTORY = 32 * 2**20  # bytes of their names and offsets
MOST_DICTIONARY = 64 * 2**20  # bytes that a way of packing may keep in memory
ENTRY = b"PK\x01\x02"
UTF8, ENCRYPTED = 0x800, 0x1  # bits of an entry's flags
WAYS = {9: "Deflate64", 95: "xz", 98: "PPMd", 93: "Zstandard", 99: "AES"}


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file. Raises RecordError for one that is damaged or whose directory is too large, before it is read."""
    with path.open("rb") as file:
        guarded = _Guarded(file, path.stat().st_size)
        try:
            archive = zipfile.ZipFile(guarded)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OverflowError, EOFError) as error:
            raise RecordError("is a damaged zip file (its list of files cannot be read): copy it again") from error
        guarded.is_open = True
        with archive:
            yield archive


def entry_name(entry: zipfile.ZipInfo) -> str:
    """The entry's name as it was written: by its flag or its extra field UTF-8, else as what its bytes read as.

    Programs that set no flag write UTF-8 or the code page of their machine; of these Cyrillic (866) and Western (437) are
    distinguished by the letters that come out.
    """
    name = entry.orig_filename
    if entry.flag_bits & UTF8 or name.isascii():
        return name
    try:
        content = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    try:
        return _unicode_field(entry.extra) or content.decode("utf-8")
    except UnicodeDecodeError:
        russian = content.decode("cp866")
        return russian if _is_russian(russian) else name


def check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    """Raises RecordError for an entry that cannot be opened, before anything of it is read."""
    if entry.flag_bits & ENCRYPTED:
        raise RecordError("is encrypted: pack it again without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        way = WAYS.get(entry.compress_type, f"method {entry.compress_type}")
        raise RecordError("is packed by a method that is not supported ({way}): pack it as plain .zip", way=way)
    if entry.compress_type == zipfile.ZIP_LZMA and _dictionary(path, entry) > MOST_DICTIONARY:
        raise RecordError("asks for too much memory to be unpacked: pack it as plain .zip")


def _dictionary(path: Path, entry: zipfile.ZipInfo) -> int:
    """Bytes that unpacking an LZMA entry takes (APPNOTE.TXT 5.8: a version, then a size and LZMA's five bytes)."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        lengths = struct.unpack("<HH", file.read(4).ljust(4, b"\0"))
        file.seek(sum(lengths), 1)
        return struct.unpack("<I", file.read(9).ljust(9, b"\0")[5:])[0]


def _unicode_field(extra: bytes) -> str | None:
    """The name in an Info-ZIP Unicode Path field, if there is one."""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == 0x7075 and size > 5:
            return extra[9 : 4 + size].decode("utf-8")
        extra = extra[4 + size :]
    return None


def _is_russian(name: str) -> bool:
    """Whether all that is not ASCII is Cyrillic, and no word mixes it with Latin letters."""
    foreign = [letter for letter in name if not letter.isascii()]
    if not all("CYRILLIC" in unicodedata.name(letter, "") or letter == "№" for letter in foreign):
        return False
    return not any(
        re.search("[A-Za-z]", word) and not word.isascii() for word in re.findall(r"[^\W\d_]+", Path(name).stem)
    )


class _Guarded:
    """A file of which, until it is open, no piece is read that holds more entries or bytes than a directory may."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.size, self.is_open = file, size, False
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, n: int = -1) -> bytes:
        if self.is_open:
            return self.file.read(n)
        left = self.size - self.file.tell()
        if (left if n < 0 else min(n, left)) > MOST_DIRECTORY:
            raise RecordError("lists more than {most:,} files: split it into parts", most=MOST_ENTRIES)
        content = self.file.read(n)
        if content.count(ENTRY) > MOST_ENTRIES:
            raise RecordError("lists more than {most:,} files: split it into parts", most=MOST_ENTRIES)
        return content

    def close(self) -> None:
        """The file is closed by whoever opened it."""
