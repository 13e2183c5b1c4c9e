"""Parts of a file, read as they are asked for: no more of it is in memory than is being looked at."""

import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError

CHANGED = "was changed or cut short while it was read: read it again once it is complete"
Stamp = tuple[int, ...]  # by which a file is known to be the same, unchanged


def stamp_of(file: int | Path) -> Stamp:
    """What a file, by its number or its path, is known by: another file, or the same with other bytes, has another."""
    status = os.fstat(file) if isinstance(file, int) else file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def require_unchanged(paths: Iterable[Path], stamps: Mapping[Path, Stamp]) -> None:
    """Raise RecordError where a file is no longer the one that had its stamp."""
    if any(stamp_of(path) != stamps[path] for path in paths):
        raise RecordError(CHANGED)


class ByteRanges:
    """A file that stays open while it is read in parts, by any number of threads, and is closed with this object.

    stamp : of the file, where it was open before and must not have changed since.
    Raises RecordError where the file is not, or no longer, as it was; OSError.
    """

    def __init__(self, path: Path, stamp: Stamp | None = None) -> None:
        self._number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._number)
        self._turn = threading.Lock()
        self.stamp = stamp_of(self._number) if stamp is None else stamp
        self._require_unchanged()

    def read(self, offset: int, shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
        """An array of this shape and type from the bytes that begin there, in C order."""
        array = np.empty(shape, dtype)
        self.read_into(offset, array)
        return array

    def read_into(self, offset: int, array: np.ndarray) -> None:
        """Fill an array, in C order, with the bytes that begin there."""
        left = memoryview(array.reshape(-1).view(np.uint8))
        while left:
            n_bytes = self._read_some(left, offset)
            if n_bytes == 0:
                raise RecordError(CHANGED)
            left, offset = left[n_bytes:], offset + n_bytes
        self._require_unchanged()

    def _read_some(self, buffer: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._number, [buffer], offset)
        with self._turn:  # Windows has one position for all threads
            os.lseek(self._number, offset, os.SEEK_SET)
            content = os.read(self._number, len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _require_unchanged(self) -> None:
        if stamp_of(self._number) != self.stamp:
            raise RecordError(CHANGED)


class StoredArray:
    """A two-dimensional array in a file, of which `[:, first:last]` reads a part.

    offset : of its first byte.  order : "C" or "F", as NumPy has it.
    """

    ndim = 2

    def __init__(self, file: ByteRanges, offset: int, shape: tuple[int, int], dtype: np.dtype, order: str) -> None:
        self._file, self._offset, self._order = file, offset, order
        self.shape, self.dtype = shape, dtype

    @property
    def T(self) -> "StoredArray":  # noqa: N802 - as NumPy calls it
        """The array turned, of the same bytes."""
        order = "C" if self._order == "F" else "F"
        return StoredArray(self._file, self._offset, self.shape[::-1], self.dtype, order)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        (n_rows, n_columns), (first, last, _) = self.shape, key[1].indices(self.shape[1])
        width, n_bytes = max(last - first, 0), self.dtype.itemsize
        if self._order == "F":  # the rows' samples side by side: one stretch of the file
            return self._file.read(self._offset + first * n_rows * n_bytes, (width, n_rows), self.dtype).T
        part = np.empty((n_rows, width), self.dtype)
        for row in range(n_rows):
            self._file.read_into(self._offset + (row * n_columns + first) * n_bytes, part[row])
        return part
