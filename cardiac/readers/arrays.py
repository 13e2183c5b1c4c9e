"""NumPy files: .npy, and .npz of one recording. Nothing is ever unpickled."""

import io
import math
import os
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from cardiac.errors import RecordError, first_line, naming
from cardiac.leads import lead_and_sign
from cardiac.messages import Message
from cardiac.readers.byte_ranges import ByteRanges, StoredArray, stamp_of
from cardiac.readers.raw import Raw

LARGEST_BYTES = 16 * 2**30
MOST_AT_ONCE = 12 * 1_000 * 600  # samples; beyond, they are read from the disk as they are asked for
LONGEST_HEADER, USUAL_HEADER = 65_536, 128
MOST_PACKED = 10  # times its size that a packed file may grow
NAMES = (
    "leads", "lead", "leadnames", "leadname", "signame", "signames", "channels", "channel", "chnames", "channames",
    "channelnames", "channelname", "labels", "label", "columns", "names", "siglabels", "signallabels", "electrodes",
    "leadorder", "leadids", "ableitungen", "derivations",
)  # fmt: skip
UNITS = ("unit", "units", "physicaldimension", "sigunits", "chunits", "einheit", "einheiten")
GAINS = (
    "gain",
    "gains",
    "adcgain",
    "adcgains",
    "scale",
    "scales",
    "scaling",
    "resolution",
    "lsb",
    "sensitivity",
    "calibration",
)
MOST_NAMES, LEAST_NAMES = 64, 8


def read_npy(path: Path) -> Raw:
    """The array of a .npy file, whose header is trusted only as far as the file's own size confirms it."""
    with path.open("rb") as file:
        shape, column_major, dtype = _read_header(file, os.fstat(file.fileno()).st_size)
        if dtype.kind not in "fiu":
            raise RecordError(
                "holds {dtype}, not plain numbers, and is never unpickled: save it as float32", dtype=dtype
            )
        _check_shape(shape)
        order = "F" if column_major else "C"
        if math.prod(shape) > MOST_AT_ONCE:
            return Raw(StoredArray(ByteRanges(path, stamp_of(file.fileno())), file.tell(), shape, dtype, order))
        samples = np.fromfile(file, dtype=dtype, count=math.prod(shape))
    return Raw(samples.reshape(shape, order=order))


def read_doubles(path: Path, n_rows: int, n_columns: int) -> np.ndarray:
    """Rows of as many numbers as a file begins with, float64 (n_rows, n_columns), without a header."""
    return np.fromfile(path, np.float64, n_rows * n_columns).reshape(n_rows, n_columns)


def read_npz(path: Path) -> Raw:
    """The one two-dimensional array of a .npz file, with rate, leads and unit where arrays of these names hold them."""
    signals, stated = [], {}
    try:
        with zipfile.ZipFile(path) as archive:
            grown = sum(each.file_size for each in archive.infolist())
            if grown > min(2**31, MOST_PACKED * path.stat().st_size + 2**20):
                raise RecordError("would grow to {grown:,} bytes: save it with numpy.savez", grown=grown)
            for each in archive.infolist():
                name = each.filename.removesuffix(".npy").lower()
                with naming(Message("its entry {name!r}", name=name)), archive.open(each) as file:
                    array = _read_member(file, each.file_size)
                if array.ndim == 2 and array.dtype.kind in "fiu" and array.size > MOST_NAMES:
                    signals.append(array)
                elif array.dtype.kind in "fiuUSb":
                    stated[name] = array
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, zlib.error) as error:
        raise RecordError("is a damaged .npz file ({fault}): copy it again", fault=first_line(error)) from error
    if len(signals) != 1:
        raise RecordError(
            "holds {n_signals} recordings (2-D arrays): save one per file", n_signals=len(signals) or Message("no")
        )
    _check_shape(signals[0].shape)
    return keyed_recording(signals[0], stated)


def keyed_recording(samples: np.ndarray, stated: Mapping[str, np.ndarray]) -> Raw:
    """A recording from its samples (leads x samples, or turned) and the arrays beside them: rate, names, units, times.

    Raises RecordError where names or units are there and cannot be understood.
    """
    from cardiac.readers.stated import (
        settle_rate,
        statements_of,
    )  # words of many languages, and samples alone have none
    from cardiac.readers.times import counts_rows, is_time_heading, rises_evenly, state_rate

    stated = {name: array for name, array in stated.items() if array.size}
    longest = max(samples.shape)
    times = {name: array for name, array in stated.items() if array.ndim == 1 and len(array) == longest > MOST_NAMES}
    statements = [
        state_rate(array.astype(float), name)
        for name, array in times.items()
        if array.dtype.kind in "fiu"
        and (is_time_heading(name) or rises_evenly(array.astype(float)))
        and not counts_rows(array)
    ]
    others = {name: array for name, array in stated.items() if name not in times}
    rate = settle_rate([*statements_of(others), *statements], longest)
    leads = _texts(others, NAMES)
    if leads is None:
        leads = next((texts for name in others if (texts := _texts(others, (name,))) and _are_leads(texts)), None)
    if leads is not None and len(leads) not in samples.shape:
        raise RecordError(
            "names {n_leads} leads for samples of shape {shape}: save one name per lead",
            n_leads=len(leads),
            shape=samples.shape,
        )
    units = _texts(others, UNITS)
    if units is None and samples.dtype.kind in "iu":
        _refuse_gain(others)
    if units is not None and len(units) == 1:
        units *= len(leads) if leads else min(samples.shape)
    if units is not None and len(units) != (len(leads) if leads else min(samples.shape)):
        raise RecordError(
            "states {n_units} units for samples of shape {shape}: save one, or one per lead",
            n_units=len(units),
            shape=samples.shape,
        )
    return Raw(samples, rate.fs_hz, leads, units, rate.notes, doubt=rate.doubt)


def _refuse_gain(stated: Mapping[str, np.ndarray]) -> None:
    """Raise RecordError where whole numbers without a unit have something beside them that may be their gain."""
    for name, array in stated.items():
        word = re.sub(r"[^a-z]", "", name.rpartition(".")[2].lower())
        if word in GAINS and array.dtype.kind in "fiu" and (array.astype(float) != 1).any():
            raise RecordError(
                "holds whole numbers and an entry {name!r} ({gain:g}), which may be their gain: save the "
                "samples in mV, or their unit beside them",
                name=name,
                gain=array.ravel()[0],
            )


def _are_leads(texts: Sequence[str]) -> bool:
    return len(texts) >= LEAST_NAMES and sum(lead_and_sign(text) is not None for text in texts) >= len(texts) / 2


def _texts(stated: Mapping[str, np.ndarray], names: Sequence[str]) -> tuple[str, ...] | None:
    """The texts of the first of the arrays of these names, bytes decoded, one text with commas taken apart."""
    for name in stated:
        if re.sub(r"[\W_]", "", name.lower()) not in names and name not in names:
            continue
        array = stated[name]
        if array.dtype.kind not in "US":
            continue
        texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in array.ravel()]
        if len(texts) == 1 and re.search(r"[,;|\s]", texts[0].strip()):
            texts = [text for text in re.split(r"[,;|\s\[\]()'\"]+", texts[0]) if text]
        return tuple(text.strip("\0 ") for text in texts)
    return None


def _read_header(file: BinaryIO, n_bytes: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of the array that follows, which must be as many bytes as the file has."""
    begin = file.tell()
    start = file.read(USUAL_HEADER)
    usual = start.startswith(b"\x93NUMPY\x01\x00") and int.from_bytes(start[8:10], "little") == USUAL_HEADER - 10
    head = start if usual else start + file.read(LONGEST_HEADER - len(start))  # no more than there is
    try:
        shape, column_major, dtype, length = _parse_header(head)
        file.seek(begin + length)
    except Exception as error:  # NumPy hands the header to Python's own parser, which raises whatever it runs into
        raise RecordError("is not a NumPy array ({fault}): save it with numpy.save", fault=first_line(error)) from error
    if not all(type(size) is int and size >= 0 for size in shape):
        raise RecordError("has shape {shape!s:.40}: give one recording as 12 leads x samples", shape=shape)
    if dtype.hasobject:
        raise RecordError("holds {dtype}, not plain numbers, and is never unpickled: save it as float32", dtype=dtype)
    needed, present = math.prod(shape) * dtype.itemsize, n_bytes - file.tell()
    if needed != present and 0 not in shape:
        raise RecordError(
            "its header states {needed} bytes of samples and {present} are there: copy it again",
            needed=needed,
            present=present,
        )
    if present > LARGEST_BYTES:
        raise RecordError(
            "holds {present:.1f} GiB and up to 16 GiB are read: cut it into parts", present=present / 2**30
        )
    return shape, column_major, dtype


@lru_cache(maxsize=8)  # a folder's recordings mostly have the same
def _parse_header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order, type and the header's own length."""
    content = io.BytesIO(head)
    version = npy_format.read_magic(content)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    return *read(content), content.tell()


def _read_member(file: BinaryIO, n_bytes: int) -> np.ndarray:
    shape, column_major, dtype = _read_header(file, n_bytes)
    array = np.frombuffer(file.read(), dtype)
    return array.reshape(shape, order="F" if column_major else "C")


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise RecordError("has shape {shape!s:.40}: give one recording as 12 leads x samples", shape=shape)
    if 0 in shape:
        raise RecordError("holds no sample (shape {shape!s:.40}): export the recording again", shape=shape)
