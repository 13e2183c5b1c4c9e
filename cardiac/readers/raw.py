"""What every reader gives: a recording as its file states it, before anything is settled."""

from dataclasses import dataclass, field

import numpy as np


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
