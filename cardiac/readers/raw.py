"""What every reader gives: a recording as its file states it, before anything is settled."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cardiac.errors import RecordError
from cardiac.readers.identity import UNSTATED, Identity

FS_RANGE_HZ = (100.0, 10_000.0)
LONG_S = 600.0  # from here on samples are read as they are asked for, where a format allows it
LONGEST_S = 24 * 3_600.0
LONGEST_AT_ONCE_S = 3_600.0  # of files that cannot be read in pieces
SEXES = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class Note:
    """Something the reader of a finding must know. level : "info" (settled as usual) or "warning" (look at it)."""

    level: str
    text: str


@dataclass(frozen=True)
class Raw:
    """One recording as its file states it.

    samples : (n_leads, n_samples), numbers in the leads' units; NaN where the file says that a sample is missing. Of a
    long recording whatever has a shape and gives arrays for `[:, first:last]`.
    fs_hz : sampling rate; None where the file states none.  leads : the leads' names as the file writes them; None where
    there are none.  units : a unit for every lead ("mV", "uV", "V", "nV"); None where the file states none.
    age_years, sex ("female", "male") : of the patient, where stated.  doubt : why fs_hz is None though the file speaks of
    time; the default rate does not hold for such a file.  identity : of the patient, and when it was recorded.
    """

    samples: Any
    fs_hz: float | None = None
    leads: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = field(default=())
    age_years: float | None = None
    sex: str | None = None
    doubt: str | None = None
    identity: Identity = UNSTATED


def check_rate(fs_hz: object) -> float:
    """The rate as a number. Raises RecordError for one that no ECG has."""
    low, high = FS_RANGE_HZ
    if not (isinstance(fs_hz, int | float | np.number) and low <= fs_hz <= high):
        raise RecordError(
            "a sampling rate of {fs_hz} Hz is outside {low:g} to {high:g} Hz: give the true rate",
            fs_hz=fs_hz,
            low=low,
            high=high,
        )
    return float(fs_hz)


def check_length(n_samples: int, fs_hz: float, at_once: bool = False) -> None:
    """Refuse a recording that is too long, before its samples are read; at_once : all of them into memory."""
    longest_s = LONGEST_AT_ONCE_S if at_once else LONGEST_S
    if n_samples / fs_hz > longest_s:
        minutes, most = n_samples / fs_hz / 60, longest_s / 60
        raise RecordError(
            "is {minutes:.0f} minutes long and up to {most:.0f} are read: cut it into parts", minutes=minutes, most=most
        )
