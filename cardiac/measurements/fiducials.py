"""Where the waves of a group's beats begin and end: lead by lead, and over all leads."""

from dataclasses import dataclass

import numpy as np

from cardiac.measurements.median_beat import BEFORE, GRID_HZ, BeatGroup
from cardiac.measurements.wave_network import FIDUCIALS, WaveNetwork, load_network

ABSENT = 0.5  # probability from which a lead counts as showing no such wave
LEAST_SHARE = 1 / 3  # of the leads must show a fiducial, for the beat as a whole to have it
# Of the leads' places in order: waves begin where the first leads begin and end where the last ones end (IEC 60601-2-25),
# and one lead of twelve may be wrong.
ORDERED = {"p_onset": 0.15, "p_end": 0.85, "qrs_onset": 0.15, "qrs_end": 0.85, "t_end": 0.85}
P, QRS, T = slice(0, 3), slice(3, 5), slice(5, 7)  # of FIDUCIALS
WAVES = (P, QRS, T)
LEAST_P_MV = 0.012  # root mean square over the leads; of LUDB's records with P the least is 0.016
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
    overall = over_all_leads(by_lead)
    for wave in WAVES:  # what too few leads show is no wave, and P that is next to nothing is none
        if np.isnan(overall[wave]).any() or (wave is P and _height(group.beat, overall[P]) < LEAST_P_MV):
            by_lead[:, wave], overall[wave] = np.nan, np.nan
    return Fiducials(by_lead, overall)


def _height(beat: np.ndarray, p: np.ndarray) -> float:
    """How far P lies from the straight lines between its ends, mV: the root mean square over the leads."""
    onset, peak, end = np.minimum(np.maximum(np.rint(p * GRID_HZ).astype(int) + BEFORE, 0), beat.shape[1] - 1)
    share = (peak - onset) / max(end - onset, 1)
    return float(np.sqrt(np.mean((beat[:, peak] - beat[:, onset] * (1 - share) - beat[:, end] * share) ** 2)))


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
