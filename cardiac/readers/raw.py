"""What every reader gives: a recording as its file states it, before anything is settled."""

from dataclasses import dataclass, field

import numpy as np

from cardiac.errors import RecordError

FS_RANGE_HZ = (100.0, 10_000.0)
LONGEST_S = 3_600.0  # a longer recording does not fit into memory with all its windows
MOST_SAMPLES = 7_200_000  # a lead: an hour at 2,000 Hz


@dataclass(frozen=True)
class Note:
    """Something the reader of a finding must know. level : "info" (settled as usual) or "warning" (look at it)."""

    level: str
    text: str


@dataclass(frozen=True)
class Raw:
    """One recording as its file states it.

    samples : (n_leads, n_samples), numbers in the leads' units; NaN where the file says that a sample is missing.
    fs_hz : sampling rate; None where the file states none.  leads : the leads' names as they stand there; None where
    there are none.  units : a unit for every lead ("mV", "uV", "V", "nV"); None where the file states none.
    age_years, sex ("female", "male") : of the patient, where stated.
    """

    samples: np.ndarray
    fs_hz: float | None = None
    leads: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = field(default=())
    age_years: float | None = None
    sex: str | None = None


def check_rate(fs_hz: object) -> float:
    """The rate as a number. Raises RecordError for one that no ECG has."""
    low, high = FS_RANGE_HZ
    if not (isinstance(fs_hz, int | float | np.number) and low <= fs_hz <= high):
        raise RecordError(f"a sampling rate of {fs_hz} Hz is outside {low:g} to {high:g} Hz: give the true rate")
    return float(fs_hz)


def check_length(n_samples: int, fs_hz: float) -> None:
    """Refuse a recording that is too long to be read at once, before its samples are."""
    if n_samples > MOST_SAMPLES:
        raise RecordError(f"has {n_samples:,} samples a lead and up to {MOST_SAMPLES:,} are read: cut it into parts")
    if n_samples / fs_hz > LONGEST_S:
        raise RecordError(f"is {n_samples / fs_hz / 60:.0f} minutes long and up to 60 are read: cut it into parts")
