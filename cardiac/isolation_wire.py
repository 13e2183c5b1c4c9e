"""What goes to and from the process that reads: JSON with its arrays' bytes behind it. Nothing is ever unpickled."""

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cardiac.messages import Message, message_of
from cardiac.readers import raw

LENGTH = struct.Struct("<Q")
LONGEST_TEXT = 64 * 2**20  # bytes of JSON
MOST_BYTES = 300 * 2**20  # of all arrays: both processes hold them for a moment
PIECE = 2**20  # samples that are copied at once
CLASSES = {name: each for name, each in vars(raw).items() if isinstance(each, type) and is_dataclass(each)}


class WireError(Exception):
    """Bytes that are no message: the other process has ended, or is not itself any more."""


def send(file: BinaryIO, value: Any) -> None:
    """Write one value: Raw, Note, paths, arrays of numbers and plain data. Raises MemoryError where it is too large."""
    arrays: list[np.ndarray] = []
    text = json.dumps(_plain(value, arrays)).encode("ascii")
    if len(text) > LONGEST_TEXT or sum(each.nbytes for each in arrays) > MOST_BYTES:
        raise MemoryError
    file.write(LENGTH.pack(len(text)))
    file.write(text)
    for array in arrays:
        for piece in _pieces(array):
            file.write(memoryview(piece).cast("B"))
    file.flush()


def receive(file: BinaryIO) -> Any:
    """The next value. Raises WireError."""
    (length,) = LENGTH.unpack(_exactly(file, LENGTH.size))
    if length > LONGEST_TEXT:
        raise WireError("too long")
    try:
        return _whole(json.loads(_exactly(file, length)), file)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError("no message") from error


def _exactly(file: BinaryIO, n_bytes: int) -> bytes:
    content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise WireError("cut short")
    return content


def _plain(value: Any, arrays: list[np.ndarray]) -> Any:
    """As JSON has it; whatever JSON has not is an object with the one key that names it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Message):
        return {"message": value.to_dict()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(each, arrays) for each in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(each, arrays) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[_plain(key, arrays), _plain(each, arrays)] for key, each in value.items()]}
    if isinstance(value, os.PathLike):
        return {"path": os.path.abspath(value)}  # noqa: PTH100 (Path.absolute leaves ".." in it)
    if type(value) in CLASSES.values():
        contents = {each.name: _plain(_at_once(getattr(value, each.name)), arrays) for each in fields(value)}
        return {type(value).__name__: contents}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        arrays.append(value)
        return {"array": [value.dtype.str, list(value.shape), "F" if _by_columns(value) else "C"]}
    raise TypeError(f"{type(value).__name__} is not sent")


def _at_once(value: Any) -> Any:
    """Samples that a reader would read piece by piece, read."""
    lazy = not isinstance(value, np.ndarray) and hasattr(value, "shape") and hasattr(value, "dtype")
    return value[:, : value.shape[1]] if lazy and value.shape else value


def _by_columns(array: np.ndarray) -> bool:
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Its samples in the order of `_plain`, copied piece by piece only where they do not lie so."""
    array = np.atleast_1d(array.T if _by_columns(array) else array)
    if array.flags.c_contiguous:
        yield array.reshape(-1)
        return
    rows = max(1, PIECE // max(1, array[0].size if len(array) else 1))
    for first in range(0, len(array), rows):
        yield np.ascontiguousarray(array[first : first + rows]).reshape(-1)


def _whole(value: Any, file: BinaryIO) -> Any:
    if isinstance(value, list):
        return [_whole(each, file) for each in value]
    if not isinstance(value, dict):
        return value
    ((name, content),) = value.items()
    if name == "tuple":
        return tuple(_whole(each, file) for each in content)
    if name == "dict":
        return {_whole(key, file): _whole(each, file) for key, each in content}
    if name == "path":
        return Path(content)
    if name == "message":
        return message_of(content)
    if name == "array":
        return _array(*content, file)
    return CLASSES[name](**{each: _whole(plain, file) for each, plain in content.items()})


def _array(dtype: str, shape: list[int], order: str, file: BinaryIO) -> np.ndarray:
    kind = np.dtype(dtype)
    n_bytes = int(np.prod([*shape, kind.itemsize], dtype=object))
    if kind.kind not in "fiub" or min(shape, default=0) < 0 or n_bytes > MOST_BYTES:
        raise WireError("no array")
    array = np.empty(shape[::-1] if order == "F" else shape, kind)
    wanted, done = memoryview(array.reshape(-1)).cast("B"), 0
    while done < n_bytes:
        n = file.readinto(wanted[done:])
        if not n:
            raise WireError("cut short")
        done += n
    return array.T if order == "F" else array
