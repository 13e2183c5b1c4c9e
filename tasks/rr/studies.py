"""A study of the CardioSpike case: the RR intervals of one person, one after another."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Study:
    """RR intervals in their order.

    time_ms : when each ended, int (n,).  intervals_ms : int or float (n,).  targets : which are anomalies, bool (n,);
    None where that is not known.  notes : sentences on how it was read.
    """

    record_id: str
    time_ms: np.ndarray
    intervals_ms: np.ndarray
    targets: np.ndarray | None = None
    notes: tuple[str, ...] = ()
