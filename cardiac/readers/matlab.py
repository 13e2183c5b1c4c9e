"""MATLAB files (.mat) with no WFDB header beside them, by scipy: one recording of numbers, alone or in a struct."""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, extra
from cardiac.leads import lead_and_sign
from cardiac.messages import Message
from cardiac.readers.arrays import NAMES, keyed_recording
from cardiac.readers.groups import is_beat
from cardiac.readers.raw import Note, Raw

LARGEST_BYTES = 256 * 2**20
MOST_PACKED = 20  # times its size that a packed file may grow
ROOM = 16 * 2**20
MOST_PARTS, DEEPEST = 1_000, 4
NOT_PLAIN = "neither numbers nor text"
LEAST_SAMPLES = 100  # of a recording; smaller arrays are tables of something else
LEAST_LEADS = 8  # rows of a whole recording; what has fewer is a table beside one that has as many
SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
AGES = ("age", "age_years", "ageyears", "patientage", "patient_age")


def read_matlab(path: Path) -> Raw:
    """The one recording in a MATLAB file: a matrix, or a vector a lead; what lies beside it gives rate, leads and unit.

    Raises RecordError for version 7.3, several recordings or none, and for what is not understood of leads and units.
    """
    matrices: dict[str, np.ndarray] = {}
    stated: dict[str, np.ndarray] = {}
    for name, value in _parts(_load(path)):
        array = np.asarray(value)
        if array.dtype.kind in "fiu" and max(array.shape, default=0) >= LEAST_SAMPLES and _n_longer_than_one(array) > 1:
            matrices[name] = array
        else:
            key = _key(name)
            stated[name if key in stated else key] = _flat(array, name)
    leads = _lead_vectors(stated) if not matrices else {}
    if leads:
        matrices = {f"{next(iter(leads))} to {[*leads][-1]}": np.stack([stated.pop(name) for name in leads])}
        stated["leads"] = np.array([*leads])
    name, array = _only(matrices, stated)
    raw = keyed_recording(array, stated)
    notes = (*raw.notes, Note("info", Message("read from the MATLAB array {name!r}", name=name[:60])))
    return replace(raw, notes=notes, age_years=_age(stated), sex=_sex(stated))


def _n_longer_than_one(array: np.ndarray) -> int:
    return sum(size > 1 for size in array.shape)


def _load(path: Path) -> Mapping[str, Any]:
    """The file's variables; nothing in them is ever run (MATLAB's objects and functions are left as they are)."""
    scipy_io = extra("scipy.io", "requirements.txt", RecordError)
    with path.open("rb") as file:
        head = file.read(128)
    if head.startswith((b"MATLAB 7.3", b"\x89HDF")) or head[:8] == b"\x89HDF\r\n\x1a\n":
        raise RecordError("is a MATLAB file of version 7.3 (HDF5), which is not supported: save it with -v7")
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError(
            "holds more than {most:.0f} MiB of MATLAB variables: cut it into parts", most=LARGEST_BYTES / 2**20
        )
    if head.startswith(b"MATLAB 5.0"):
        _check_growth(path)
    plain = io.BytesIO(path.read_bytes())  # of which no more is read than there is, whatever lengths it states
    try:
        content = scipy_io.loadmat(plain, struct_as_record=True, squeeze_me=False, chars_as_strings=True)
    except MemoryError:
        raise
    except Exception as error:  # scipy raises what its parsing runs into
        raise RecordError(
            "is a damaged MATLAB file or not one, and has no WFDB header {stem}.hea beside it: save it with -v7",
            stem=path.stem,
        ) from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _check_growth(path: Path) -> None:
    """Refuse packed variables that would grow out of all proportion, before any is kept."""
    most, grown = min(2**30, MOST_PACKED * path.stat().st_size + ROOM), 0
    with path.open("rb") as file:
        order = "<" if file.read(128)[126:128] == b"IM" else ">"
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
                            raise RecordError("would grow to more than {most:,} bytes: save it with -v6", most=most)
            file.seek(end)


def _parts(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of everything in it, that in structs too; "ECG.data"."""
    waiting, n_parts = [(name, value, 0) for name, value in content.items()], 0
    while waiting:
        name, value, depth = waiting.pop(0)
        n_parts += 1
        if n_parts > MOST_PARTS:
            raise RecordError("holds more than {most:,} MATLAB variables: save one recording per file", most=MOST_PARTS)
        array = np.asarray(value)
        if array.dtype.names and depth < DEEPEST:
            if array.size > 1:
                raise RecordError(
                    "holds {size} structs in {name!r}: save one recording per file", size=array.size, name=name[:40]
                )
            fields = array.ravel()[0] if array.size else ()
            waiting += [(f"{name}.{key}", fields[key], depth + 1) for key in array.dtype.names if array.size]
        elif array.dtype.kind == "O" and array.size == 1 and depth < DEEPEST:
            waiting.append((name, array.ravel()[0], depth + 1))
        else:
            yield name, value


def _key(name: str) -> str:
    """The last part of "ECG.fs.value" that says what it is."""
    parts = name.split(".")
    while len(parts) > 1 and parts[-1].lower() in ("value", "values", "val", "data"):
        parts.pop()
    return parts[-1]


def _flat(array: np.ndarray, name: str) -> np.ndarray:
    """Numbers or texts in one row, cells taken out of their boxes; a text for anything else (objects, functions)."""
    if array.dtype.kind in "fiub":
        return array.ravel()
    cells = [np.asarray(each).ravel() for each in array.ravel()[: MOST_PARTS + 1]] if not array.dtype.names else []
    if array.size <= MOST_PARTS and all(len(each) == 1 and each.dtype.kind in "fiuUS" for each in cells) and cells:
        return np.array([each[0].strip() if each.dtype.kind == "U" else each[0] for each in cells])
    if array.size and re.sub(r"[\W_]", "", _key(name).lower()) in NAMES:
        raise RecordError(
            "its {name!r} holds no plain text: save the lead names as a cell array of text", name=name[:40]
        )
    return np.array([NOT_PLAIN] if array.size else [])


def _lead_vectors(stated: Mapping[str, np.ndarray]) -> list[str]:
    """Names of vectors that are leads, where they are those of a recording: one length, and enough of them."""
    names = [name for name, array in stated.items() if array.dtype.kind in "fiu" and lead_and_sign(name) is not None]
    names = [name for name in names if len(stated[name]) >= LEAST_SAMPLES]
    return names if len(names) >= LEAST_LEADS and len({len(stated[name]) for name in names}) == 1 else []


def _only(arrays: Mapping[str, np.ndarray], stated: Mapping[str, Any]) -> tuple[str, np.ndarray]:
    """Name and samples of the recording among the arrays. Raises RecordError where it is not one alone."""
    whole = {name: array for name, array in arrays.items() if min(array.shape) >= LEAST_LEADS} or arrays
    rhythms = {name: array for name, array in whole.items() if not is_beat(name)} or whole
    if not rhythms:
        names = ", ".join(stated)[:80] or Message("nothing that is numbers or text")
        raise RecordError(
            "is a MATLAB file that holds {names} and no array of 12 leads x samples: save the samples", names=names
        )
    if len(rhythms) > 1:
        names = ", ".join(f"{name} {_shape(array)}" for name, array in rhythms.items())
        raise RecordError(
            "is a MATLAB file that holds {n_rhythms} arrays ({names}): save one recording per file",
            n_rhythms=len(rhythms),
            names=names[:120],
        )
    name, array = next(iter(rhythms.items()))
    if array.ndim > 2:
        raise RecordError(
            "its array {name!r} is {shape}: save one recording as 12 leads x samples",
            name=name[:40],
            shape=_shape(array),
        )
    return name, array


def _shape(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape))


def _age(stated: Mapping[str, np.ndarray]) -> float | None:
    """Age in years, where it is a number that a person may reach."""
    age = next((array for name, array in stated.items() if name.lower() in AGES and array.size == 1), None)
    try:
        years = float(age[0]) if age is not None else -1.0
    except ValueError:
        return None
    return years if 0 <= years <= 130 else None


def _sex(stated: Mapping[str, np.ndarray]) -> str | None:
    sex = next((array for name, array in stated.items() if name.lower() in ("sex", "gender") and array.size == 1), None)
    return SEXES.get(str(sex[0]).strip().lower()) if sex is not None else None
