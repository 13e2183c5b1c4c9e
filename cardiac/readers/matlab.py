"""MATLAB files (.mat) with no WFDB header beside them, by scipy: one recording of numbers, alone or in a struct."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, extra, first_line
from cardiac.readers.codes import volts_of
from cardiac.readers.raw import Note, Raw

LARGEST_BYTES = 256 * 2**20
MOST_PACKED = 20  # times its size that a packed file may grow
ROOM = 16 * 2**20
MOST_PARTS, DEEPEST = 1_000, 4
MOST_NAMED = 1_000  # values in an array that tells of something and is no recording
LEAST_SAMPLES = 100  # of a recording; smaller arrays are tables of something else

RATES = ("fshz", "fs", "freq", "frequency", "sfreq", "srate", "hz", "rate", "ecgfs", "fsecg", "fsample", "sampfreq")
RATES += ("samplingrate", "samplingfrequency", "samplerate", "samplefrequency", "samplefreq", "samplingfreq")
STEPS = {"dt": 1.0, "samplinginterval": 1.0, "sampleinterval": 1.0, "samplingperiod": 1.0, "sampletime": 1.0, "ts": 1.0}
NAMES = (
    "leads",
    "leadnames",
    "leadname",
    "lead",
    "signame",
    "signames",
    "channels",
    "channelnames",
    "chnames",
    "labels",
)
NAMES += ("channellabels", "leadlabels", "names")
UNITS = ("unit", "units", "sigunit", "sigunits")
OF_TIME = ("rate", "freq", "interval", "period", "time", "fs")
SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}


def read_matlab(path: Path) -> Raw:
    """The one array of a recording in a MATLAB file, with rate, leads and unit where keys of these names hold them.

    Raises RecordError for version 7.3, several arrays or none, and for what says something of time that is not understood.
    """
    told: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in _parts(_load(path)):
        array = np.asarray(value)
        if array.dtype.kind in "fiu" and array.ndim >= 2 and max(array.shape) >= LEAST_SAMPLES and min(array.shape) > 1:
            arrays[name] = array
        else:
            told.setdefault(_key(name), array)
    array = _only(arrays, told)
    fs_hz = _rate(told)
    leads, units = _words(told, NAMES), _words(told, UNITS)
    if leads is not None and len(leads) not in array.shape:
        raise RecordError(
            f"names {len(leads)} leads ({', '.join(leads)[:80]}) of an array {array.shape}: name them all"
        )
    if units is not None:
        units = tuple(map(volts_of, units)) * ((len(leads) if leads else min(array.shape)) if len(units) == 1 else 1)
    if units is not None and len(units) != (len(leads) if leads else min(array.shape)):
        raise RecordError(f"states {len(units)} units of an array {array.shape}: give one, or one a lead")
    age = told.get("age")
    years = float(age.ravel()[0]) if age is not None and age.size == 1 and age.dtype.kind in "fiu" else None
    sex = SEXES.get((_words(told, ("sex", "gender")) or ("",))[0].strip().lower())
    notes = (Note("info", f"read from the MATLAB array {next(iter(arrays))[:60]!r}"),)
    return Raw(array, fs_hz, leads, units, notes, years if years is not None and 0 <= years <= 130 else None, sex)


def _load(path: Path) -> Mapping[str, Any]:
    """The file's variables; nothing in them is ever run (MATLAB's objects and functions are left as they are)."""
    io = extra("scipy.io", "requirements.txt", RecordError)

    with path.open("rb") as file:
        head = file.read(128)
    if head.startswith((b"MATLAB 7.3", b"\x89HDF")) or head[:8] == b"\x89HDF\r\n\x1a\n":
        raise RecordError("is a MATLAB file of version 7.3 (HDF5), which is not read: save it with -v7")
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError(f"holds more than {LARGEST_BYTES / 2**20:.0f} MiB of MATLAB variables: cut it into parts")
    if head.startswith(b"MATLAB 5.0"):
        _check_growth(path)
    try:
        content = io.loadmat(str(path), struct_as_record=True, squeeze_me=False, chars_as_strings=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # scipy raises what its parsing runs into
        told = first_line(error)
        raise RecordError(
            f"is a .mat file that MATLAB's format does not explain, and no header {path.stem}.hea (WFDB) lies beside it "
            f"({told[:60]}): save it with -v7"
        ) from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _check_growth(path: Path) -> None:
    """Refuse packed variables that would grow out of all proportion, before any is kept."""
    order = "<" if path.open("rb").read(128)[126:128] == b"IM" else ">"
    most, grown = min(2**30, MOST_PACKED * path.stat().st_size + ROOM), 0
    with path.open("rb") as file:
        file.seek(128)
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            end = file.tell() + size
            if kind == 15:
                unpacking = zlib.decompressobj()
                while file.tell() < end and (piece := file.read(min(2**16, end - file.tell()))):
                    while piece:
                        try:
                            grown += len(unpacking.decompress(piece, 2**20))
                        except zlib.error as error:
                            raise RecordError("is a damaged MATLAB file: copy it again") from error
                        piece = unpacking.unconsumed_tail
                        if grown > most:
                            raise RecordError(f"would grow to more than {most:,} bytes: save it with -v6")
            file.seek(end)


def _parts(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of everything in it, that in structs too; "ECG.data"."""
    waiting, n_parts = [(name, value, 0) for name, value in content.items()], 0
    while waiting:
        name, value, depth = waiting.pop(0)
        n_parts += 1
        if n_parts > MOST_PARTS:
            raise RecordError(f"holds more than {MOST_PARTS:,} MATLAB variables: give one recording in a file")
        array = np.asarray(value)
        if array.dtype.names and depth < DEEPEST:
            if array.size > 1:
                raise RecordError(f"holds {array.size} structs in {name[:40]!r}: give one recording in a file")
            fields = array.ravel()[0] if array.size else ()
            waiting += [(f"{name}.{key}", fields[key], depth + 1) for key in array.dtype.names if array.size]
        elif array.dtype.kind == "O" and array.size == 1 and depth < DEEPEST:
            waiting.append((name, array.ravel()[0], depth + 1))
        else:
            yield name, value


def _only(arrays: Mapping[str, np.ndarray], told: Mapping[str, Any]) -> np.ndarray:
    """The recording among the arrays. Raises RecordError where it is not one alone."""
    if not arrays:
        names = ", ".join(told)[:80] or "nothing"
        raise RecordError(f"is a MATLAB file that holds {names} and no array of 12 leads x samples: save the samples")
    if len(arrays) > 1:
        names = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise RecordError(
            f"is a MATLAB file that holds {len(arrays)} arrays ({names[:120]}): save one recording in a file"
        )
    array = next(iter(arrays.values()))
    if array.ndim > 2:
        raise RecordError(f"has shape {array.shape}: give one recording as 12 leads x samples")
    return array


def _key(name: str) -> str:
    """The last part of a name, in small letters and without what stands between its words."""
    return "".join(each for each in name.rpartition(".")[2].lower() if each.isalnum())


def _rate(told: Mapping[str, Any]) -> float | None:
    """The rate that is stated, or None; what speaks of time and is not understood is never passed over."""
    rates = {}
    for key, array in told.items():
        if key not in RATES and key not in STEPS and not any(each in key for each in OF_TIME):
            continue
        number = _number(array)
        if number is not None and key in RATES:
            rates[key] = number
        elif number is not None and key in STEPS:
            rates[key] = 1 / number
        elif key in RATES or key in STEPS or array.size <= MOST_NAMED:
            raise RecordError(f"its key {key[:40]!r} speaks of time and is not understood: save the rate as fs, in Hz")
    if len({round(rate, 3) for rate in rates.values()}) > 1:
        said = ", ".join(f"{key} {rate:g}" for key, rate in rates.items())
        raise RecordError(f"states several sampling rates ({said[:80]}): save one")
    return next(iter(rates.values()), None)


def _number(array: np.ndarray) -> float | None:
    """The one number above 0 in an array, None where it holds none."""
    try:
        number = float(str(array.ravel()[0]).replace(",", ".")) if array.size == 1 else 0.0
    except ValueError:
        return None
    return number if 0 < number < 1e9 else None


def _words(told: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """The texts under the first of these keys: an array of characters, or cells that hold some."""
    for key in keys:
        array = told.get(key)
        if array is None or not array.size or array.size > MOST_NAMED:
            continue
        cells = [np.asarray(each).ravel() for each in array.ravel()]
        if array.dtype.kind in "US" or all(len(each) == 1 and each.dtype.kind in "US" for each in cells):
            words = tuple(str(each[0]).strip() for each in cells)
            return tuple(words[0].replace(",", " ").split()) if len(words) == 1 else words
    return None
