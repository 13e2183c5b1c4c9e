"""Where the waves of a group's beats begin and end: lead by lead, and over all leads."""

from dataclasses import dataclass

import numpy as np

from cardiac.measurements.median_beat import BeatGroup
from cardiac.measurements.wave_network import FIDUCIALS, WaveNetwork, load_network

ABSENT = 0.5  # probability from which a lead counts as showing no such wave
LEAST_SHARE = 1 / 3  # of the leads must show a fiducial, for the beat as a whole to have it
# Of the leads' places in order: waves begin where the first leads begin and end where the last ones end (IEC 60601-2-25),
# and one lead of twelve may be wrong.
ORDERED = {"p_onset": 0.15, "p_end": 0.85, "qrs_onset": 0.15, "qrs_end": 0.85, "t_end": 0.85}
USUAL_RR_S = 1.0  # where a beat has no neighbour


@dataclass(frozen=True)
class Fiducials:
    """Seconds from the reference point, NaN where absent, in the order of FIDUCIALS. by_lead : (n_leads, 7).  overall : (7,)."""

    by_lead: np.ndarray
    overall: np.ndarray

    def __getitem__(self, name: str) -> float:
        """The place over all leads."""
        return float(self.overall[FIDUCIALS.index(name)])

    def lead(self, name: str) -> np.ndarray:
        """The places in each lead, (n_leads,)."""
        return self.by_lead[:, FIDUCIALS.index(name)]


def find_fiducials(group: BeatGroup, rr_s: tuple[float, float], network: WaveNetwork | None = None) -> Fiducials:
    """The fiducials of a group's median beat. rr_s : the middle intervals before and after its beats, NaN where unknown."""
    before, after = (value if np.isfinite(value) else USUAL_RR_S for value in rr_s)
    places, absent = (network or load_network())(group.beat, (before, after))
    by_lead = np.where(absent > ABSENT, np.nan, places)
    return Fiducials(by_lead, over_all_leads(by_lead))


def over_all_leads(by_lead: np.ndarray) -> np.ndarray:
    """The fiducials of the beat as a whole, from those of the leads; NaN where too few leads show one. (n, 7) -> (7,)."""
    ordered = np.sort(by_lead, axis=0)  # NaN last
    counts = np.isfinite(by_lead).sum(axis=0)
    shares = np.array([ORDERED.get(name, 0.5) for name in FIDUCIALS])
    position = shares * np.maximum(counts - 1, 0)
    below = position.astype(int)
    columns = np.arange(len(FIDUCIALS))
    low, high = ordered[below, columns], ordered[np.minimum(below + 1, np.maximum(counts - 1, 0)), columns]
    return np.where(counts >= max(1.0, LEAST_SHARE * len(by_lead)), low + (high - low) * (position - below), np.nan)
