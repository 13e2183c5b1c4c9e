"""What the networks take: each beat's samples beside the patient's own normal beat, and its place in the rhythm."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardiac.records import Record
from tasks.beats.reference import QRS, group_beats
from tasks.beats.rhythm import RHYTHM, intervals, rhythm_features
from tasks.beats.shapes import AFTER, BEFORE, cut_stretches

WIDTH = BEFORE + AFTER
N_LEADS, N_CHANNELS = 2, 4  # a beat's leads, and behind them what sets them apart from the normal beat
N_RHYTHM = len(RHYTHM)
LEAST_MV = 0.05  # of the normal QRS, by whose height all is divided
MOST_HEIGHTS = 5.0  # an artefact is no higher


@dataclass(frozen=True)
class BeatInputs:
    """Beats of one stretch of a recording, in order, as the networks take them.

    beats : float32 (n, N_LEADS, WIDTH), in heights of the normal QRS; the second lead is 0 where there is none.
    references : float32 (n_groups, N_LEADS, WIDTH), the mean beats of the groups of like shape, the normal one first.
    rhythm : float32 (n, N_RHYTHM).  first : which of the recording's beats is the first.  n_leads : 1 or 2.
    """

    beats: np.ndarray
    references: np.ndarray
    rhythm: np.ndarray
    first: int
    n_leads: int

    def __len__(self) -> int:
        return len(self.beats)


def beat_inputs(record: Record, positions: np.ndarray) -> Iterator[BeatInputs]:
    """Inputs of all beats, those of some half an hour at a time. positions : samples, in order, int (n,), however few."""
    positions = np.asarray(positions, dtype=int)
    rr = intervals(positions / record.fs_hz)
    for stretch in cut_stretches(record, positions):
        own = rr[stretch.first : stretch.last + 1]
        yield _inputs(stretch.beats[:, :N_LEADS], own, stretch.first)


def _inputs(beats: np.ndarray, rr: np.ndarray, first: int) -> BeatInputs:
    groups = group_beats(beats, rr[:-1] / np.percentile(rr, 75))
    order = [groups.normal, *(each for each in range(len(groups.means)) if each != groups.normal)]
    heights = np.maximum(np.ptp(groups.means[groups.normal][:, QRS], axis=1), LEAST_MV)[:, None]
    scaled, references = (_as_two(each / heights) for each in (beats, groups.means[order]))
    rhythm = np.nan_to_num(rhythm_features(rr)).astype(np.float32)
    return BeatInputs(scaled, references, rhythm, first, beats.shape[1])


def _as_two(beats: np.ndarray) -> np.ndarray:
    two = np.zeros((len(beats), N_LEADS, WIDTH), np.float32)
    two[:, : beats.shape[1]] = np.clip(beats, -MOST_HEIGHTS, MOST_HEIGHTS)
    return two


@dataclass(frozen=True)
class Blocks:
    """How beats are given to a network: `hop` beats that are answered, `around` further ones on either side."""

    hop: int
    around: int

    @property
    def width(self) -> int:
        return self.hop + 2 * self.around

    def rows(self, starts: np.ndarray, n_beats: int) -> tuple[np.ndarray, np.ndarray]:
        """Beats of the blocks, int (n, width), and whether there are any, bool; in the place of none stands a near one.

        starts : the first beat that each answers, (n,).
        """
        rows = np.asarray(starts)[:, None] + np.arange(-self.around, self.hop + self.around)
        return np.clip(rows, 0, n_beats - 1), (rows >= 0) & (rows < n_beats)


def network_inputs(
    beats: np.ndarray, reference: np.ndarray, rhythm: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A network's inputs: shapes (b, t, N_CHANNELS, WIDTH), rhythm (b, t, k), present (b, t), float32; 0 where no beat is.

    beats : (b, t, N_LEADS, WIDTH).  reference : that broadcasts to it.  rhythm : (b, t, k).  present : bool (b, t).
    """
    there = present.astype(np.float32)
    shapes = np.concatenate([beats, beats - reference], axis=2).astype(np.float32, copy=False)
    return shapes * there[..., None, None], rhythm * there[..., None], there
