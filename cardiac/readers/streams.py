"""What is packed by itself (gzip, bzip2, xz) as a file to read, and tar's headers, all within bounded memory."""

import bz2
import gzip
import io
import lzma
from pathlib import Path
from typing import IO

from cardiac.errors import RecordError

MOST_DICTIONARY = 128 * 2**20  # bytes that xz may keep; its strongest preset takes 65 MiB
MOST_HEADER = 2**20  # bytes of one tar member's headers: long names, attributes, maps of holes
PACKED = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00")
BUFFER = 2**16


def open_stream(path: Path) -> IO[bytes]:
    """The file's content, unpacked where its first bytes say that it is packed. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(PACKED[0]):
        return gzip.open(path, "rb")
    if head.startswith(PACKED[1]):
        return bz2.open(path, "rb")
    return io.BufferedReader(Xz(path.open("rb")), BUFFER) if head == PACKED[2] else path.open("rb")


class Xz(io.RawIOBase):
    """An .xz file, which `lzma.open` reads with any amount of memory that the file asks for.

    Raises RecordError where that is too much, and lzma.LZMAError.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._begin()

    def _begin(self) -> None:
        self.file.seek(0)
        self.position, self.waiting = 0, b""
        self.unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_DICTIONARY)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forward by reading; backward from the beginning. There is no seeking from the end."""
        target = offset + (self.position if whence == io.SEEK_CUR else 0)
        if whence == io.SEEK_END or target < 0:
            raise io.UnsupportedOperation("seek")
        if target < self.position:
            self._begin()
        while self.position < target and self.read(min(BUFFER, target - self.position)):
            pass
        return self.position

    def readinto(self, buffer: memoryview) -> int:
        while True:
            if self.unpacker.eof and not self._next_stream():
                return 0
            piece = b""
            if self.unpacker.needs_input:
                piece = self.waiting or self.file.read(BUFFER)
                self.waiting = b""
                if not piece:
                    raise EOFError("the packed data end too early")
            content = self._unpack(piece, len(buffer))
            if content:
                buffer[: len(content)] = content
                self.position += len(content)
                return len(content)

    def _unpack(self, piece: bytes, most: int) -> bytes:
        try:
            return self.unpacker.decompress(piece, most)
        except lzma.LZMAError as error:
            if "memory" not in str(error).lower():
                raise
            raise RecordError("asks for too much memory to be unpacked: pack it as plain .zip") from error

    def _next_stream(self) -> bool:
        """Begin the stream that follows, if there is one; zeros may lie between."""
        rest = self.unpacker.unused_data
        while not (rest := rest.lstrip(b"\0")):
            if not (rest := self.file.read(BUFFER)):
                return False
        self.unpacker, self.waiting = lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_DICTIONARY), rest
        return True

    def close(self) -> None:
        self.file.close()
        super().close()


class Bounded:
    """A file for `tarfile`: while `headers` is set, no more than MOST_HEADER bytes of it are read.

    tarfile reads a long name, an attribute or a map of holes into memory at the size that its header claims.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.left = file, None
        self.tell, self.seek = file.tell, file.seek

    def begin_header(self) -> None:
        self.left = MOST_HEADER

    def end_header(self) -> None:
        self.left = None

    def read(self, n: int = -1) -> bytes:
        if self.left is not None:
            if not 0 <= n <= self.left:
                raise RecordError("a name or attribute in it claims more than a megabyte: pack it again")
            self.left -= n
        return self.file.read(n)
