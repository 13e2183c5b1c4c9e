"""P, QRS and T of every beat of a recording: each beat has the waves of the median beat of its group."""

from dataclasses import dataclass

import numpy as np

from cardiac.beats import GAP_S, find_beats
from cardiac.measurements.fiducials import Fiducials, find_fiducials
from cardiac.measurements.median_beat import BeatGroup, group_beats
from cardiac.measurements.wave_network import FIDUCIALS, WaveNetwork
from cardiac.order_statistics import median
from cardiac.records import Record

__all__ = ["FIDUCIALS", "Delineation", "delineate", "middle_intervals"]


@dataclass(frozen=True)
class Delineation:
    """Samples of the recording; NaN where a wave is absent.

    beats : (n_beats,), R peaks as aligned, in order.  by_lead : (n_beats, n_leads, 7), in the order of FIDUCIALS.
    overall : (n_beats, 7), over all leads.
    """

    beats: np.ndarray
    by_lead: np.ndarray
    overall: np.ndarray


def delineate(record: Record, network: WaveNetwork | None = None) -> Delineation:
    """The waves of every beat of a recording of any leads, of up to ten minutes."""
    signal = np.asarray(record.signal[:, :])
    beats = find_beats(signal, record.fs_hz)
    groups = group_beats(signal, record.fs_hz, beats)
    placed = [_placed(group, record.fs_hz, beats, network) for group in groups]
    if not placed:
        empty = np.zeros((0, len(record.leads), len(FIDUCIALS)))
        return Delineation(np.zeros(0), empty, empty[:, 0])
    positions, by_lead, overall = (np.concatenate(each) for each in zip(*placed, strict=True))
    order = np.argsort(positions)
    return Delineation(positions[order], by_lead[order], overall[order])


def _placed(
    group: BeatGroup, fs_hz: float, beats: np.ndarray, network: WaveNetwork | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fiducials: Fiducials = find_fiducials(group, middle_intervals(group, beats, fs_hz), network)
    at = group.positions
    return at, at[:, None, None] + fiducials.by_lead * fs_hz, at[:, None] + fiducials.overall * fs_hz


def middle_intervals(group: BeatGroup, beats: np.ndarray, fs_hz: float) -> tuple[float, float]:
    """The middle intervals before and after a group's beats, s; NaN where none has a neighbour.

    beats : all of the recording's R peaks, samples.
    """
    intervals = np.diff(beats) / fs_hz
    before = intervals[group.indices[group.indices > 0] - 1]
    after = intervals[group.indices[group.indices < len(beats) - 1]]
    return _middle(before), _middle(after)


def _middle(intervals: np.ndarray) -> float:
    intervals = intervals[intervals <= GAP_S]
    return float(median(intervals)) if len(intervals) else float("nan")
