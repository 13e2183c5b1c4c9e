"""Beats as WFDB's annotation files have them: read for teaching and scoring, written for PhysioNet's tools to read."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb

from cardiac import NOTICE
from cardiac.errors import CardiacError, RecordError, first_line
from cardiac.files import replace_file
from tasks.beats.labels import CLASS_OF, CLASSES

EXTENSION = "beats"
END = b"\0\0"  # of an annotation file, and all of one without any


@dataclass(frozen=True)
class Annotations:
    """The beats of a recording, in order.

    positions : samples, int (n,).  classes : which of CLASSES, int (n,).  symbols : as the file has them, (n,).
    flutter : (first, last) sample of each stretch of ventricular flutter, where no beats are told apart.
    """

    positions: np.ndarray
    classes: np.ndarray
    symbols: tuple[str, ...]
    flutter: tuple[tuple[int, int], ...] = ()


def read_annotations(record: str | Path, extension: str = "atr") -> Annotations:
    """The beats in RECORD.EXTENSION. Raises RecordError where it is not there, or is no annotation file."""
    path = Path(record).with_suffix("")
    try:
        told = wfdb.rdann(str(path), extension)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise RecordError(
            f"{path.name}.{extension}: cannot be read ({first_line(error)}): put the annotations beside the recording"
        ) from error
    rows = [row for row, symbol in enumerate(told.symbol) if symbol in CLASS_OF]
    symbols = tuple(told.symbol[row] for row in rows)
    positions = np.asarray(told.sample, dtype=int)[rows]
    return Annotations(positions, np.array([CLASS_OF[each] for each in symbols], int), symbols, _flutter(told))


def _flutter(told: wfdb.Annotation) -> tuple[tuple[int, int], ...]:
    """From each `[` to its `]`; one that is not closed goes on to the last annotation."""
    spans, first = [], None
    for sample, symbol in zip(told.sample.tolist(), told.symbol, strict=True):
        if symbol == "[":
            first = sample
        elif symbol == "]" and first is not None:
            spans.append((first, sample))
            first = None
    return (*spans, *([(first, int(told.sample[-1]))] if first is not None else []))


def write_annotations(
    folder: Path, record_id: str, positions: np.ndarray, classes: Sequence[int], fs_hz: float
) -> Path:
    """FOLDER/RECORD_ID.beats, put in place whole; the first beat's note says what such annotations are for.

    positions : samples in order, (n,).  classes : which of CLASSES, (n,).
    Raises CardiacError as `files.replace_file`.
    """
    path = folder / f"{record_id}.{EXTENSION}"
    replace_file(path, _encoded(np.asarray(positions, dtype=int), classes, fs_hz) if len(positions) else END)
    return path


def _encoded(positions: np.ndarray, classes: Sequence[int], fs_hz: float) -> bytes:
    """The bytes of an annotation file, by wfdb, which writes nowhere but into a folder and under a plain name."""
    symbols = [CLASSES[each] for each in classes]
    notes = [NOTICE, *([""] * (len(symbols) - 1))]
    try:
        with tempfile.TemporaryDirectory() as scratch:
            wfdb.wrann("record", EXTENSION, positions, symbols, aux_note=notes, fs=fs_hz, write_dir=scratch)
            return (Path(scratch) / f"record.{EXTENSION}").read_bytes()
    except OSError as error:
        raise CardiacError(
            f"the annotations cannot be written ({error.strerror}): make room in the temporary folder"
        ) from error
