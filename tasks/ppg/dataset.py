"""Segments of pulse waves from a file: a table as the original has it, or the arrays of Liu et al. (2022, JAHA 11:e023555)."""

import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError, DatasetError, first_line
from cardiac.files import read_table

ARRAYS = "ppg_arrhythmia.npz"
ARRAYS_FS_HZ, ARRAYS_UNIT = 100.0, 30_000.0  # its makers scaled each segment to 0..1, here in so many steps
RHYTHMS = (
    "sinus rhythm",
    "premature ventricular contraction",
    "premature atrial contraction",
    "ventricular tachycardia",
    "supraventricular tachycardia",
    "atrial fibrillation",
)
LABEL, PATIENT = "Label", "patient"
INDEX_COLUMNS = ("Unnamed", "index")  # how the columns begin that hold a row's number
FEWEST = 200  # samples of a segment
HINT = f"give --data a CSV table with sample columns and {LABEL}, or {ARRAYS}"


@dataclass(frozen=True)
class Segments:
    """values : float32 (n, n_samples), any unit, unfiltered.  targets : int (n,), place in `kinds`; None without labels.

    patients : str (n,), what folds are drawn by; a row's own number where the file names no patients.
    """

    values: np.ndarray
    fs_hz: float
    targets: np.ndarray | None
    kinds: tuple[str, ...]
    patients: np.ndarray
    by_patient: bool

    def __len__(self) -> int:
        return len(self.values)

    @property
    def window_s(self) -> float:
        """How long every segment is."""
        return self.values.shape[1] / self.fs_hz

    def take(self, rows: np.ndarray) -> "Segments":
        """Some of them. rows : int or bool."""
        targets = None if self.targets is None else self.targets[rows]
        return replace(self, values=self.values[rows], targets=targets, patients=self.patients[rows])


def find_data(path: Path | None = None) -> Path:
    """The file given, or the known one in it; else in $ECG_DATA/ppg or data/ppg. Raises ConfigError."""
    path = path or Path(os.environ.get("ECG_DATA", "data")) / "ppg"
    path = path / ARRAYS if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"{path}: is not there: {HINT}")
    return path


def read_segments(path: Path, fs_hz: float | None = None) -> Segments:
    """The segments of a file. fs_hz : sampling rate, which a table does not say. Raises DatasetError, ConfigError."""
    if fs_hz is not None and not 0 < fs_hz < np.inf:
        raise ConfigError(f"--fs-hz is {fs_hz:g}: give a sampling rate in Hz")
    read = _read_arrays if path.suffix.lower() == ".npz" else _read_csv
    segments = read(path, fs_hz)
    wrong = ~np.isfinite(segments.values).all(axis=1)
    if wrong.any():
        raise DatasetError(
            f"{path.name}: segment {np.argmax(wrong) + 1} holds what is no number: fill it in or take it out"
        )
    if segments.values.shape[1] < FEWEST:
        raise DatasetError(
            f"{path.name}: {segments.values.shape[1]} samples a segment are too few: give {FEWEST} or more"
        )
    return segments


def require_labels(segments: Segments, path: Path) -> Segments:
    """The segments, which must teach at least two kinds. Raises DatasetError."""
    if segments.targets is None or len(np.unique(segments.targets)) < 2:
        raise DatasetError(f"{path.name}: does not name two kinds of segments: add them under {LABEL}")
    return segments


def _read_csv(path: Path, fs_hz: float | None) -> Segments:
    if fs_hz is None:
        raise ConfigError(f"{path.name}: a table does not say its sampling rate: give it with --fs-hz")
    table = read_table(path, ())
    own = [name for name in table.columns if name not in (LABEL, PATIENT) and not str(name).startswith(INDEX_COLUMNS)]
    texts = [name for name in own if table[name].dtype.kind not in "fiu"]
    if not len(table) or not own or texts:
        why = f"column {texts[0]!r} holds what is no number" if texts and len(table) else "holds no samples"
        raise DatasetError(f"{path.name}: {why}: {HINT}")
    kinds, targets = (), None
    if LABEL in table.columns:
        if table[LABEL].isna().any():
            raise DatasetError(f"{path.name}: row {int(table[LABEL].isna().argmax()) + 2} has no {LABEL}: fill it in")
        names, targets = np.unique(table[LABEL].astype(str).to_numpy(dtype=str), return_inverse=True)
        kinds = tuple(map(str, names))
    by_patient = PATIENT in table.columns
    patients = table[PATIENT].astype(str).to_numpy(dtype=str) if by_patient else np.arange(len(table)).astype(str)
    return Segments(table[own].to_numpy(np.float32), fs_hz, targets, kinds, patients, by_patient)


def _read_arrays(path: Path, fs_hz: float | None) -> Segments:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("segments", "labels", "patient") if name in file}
        values = arrays["segments"].astype(np.float32) / np.float32(ARRAYS_UNIT)
        targets = arrays["labels"].astype(int) if "labels" in arrays else None
        by_patient = "patient" in arrays
        patients = (arrays["patient"] if by_patient else np.arange(len(values))).astype(str)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path.name}: cannot be read ({first_line(error)}): {HINT}") from error
    fits = values.ndim == 2 and len(values) == len(patients) and (targets is None or targets.shape == (len(values),))
    if not fits or (targets is not None and not np.isin(targets, range(len(RHYTHMS))).all()):
        raise DatasetError(f"{path.name}: segments, labels and patients do not fit each other: {HINT}")
    return Segments(values, fs_hz or ARRAYS_FS_HZ, targets, RHYTHMS, patients, by_patient)
