"""What no heart draws: stretches without signal, plateaus at the end of the scale, single wild samples; and pacing."""

from dataclasses import dataclass

import numpy as np

from cardiac.order_statistics import median
from cardiac.quality.noise import split

FLAT_MV = 0.005  # in half a second. Steps of 5 µV are common, and a real lead moves by several of them
PLATEAU_S = 0.006  # samples equal to the extreme, one after another, for longer than this ...
PLATEAUS = 3  # ... so often: an interpolated recording has one or two of them by chance
LONG_PLATEAU_S = 0.25  # or once for so long; at the end of a file the last sample is often repeated for a tenth
PLATEAU_MV = 0.12  # and so far from the lead's middle: a plateau near the baseline is no end of a scale
SPIKE_MV = 0.1  # height of a single sample over its neighbours; a millimetre on paper
SPIKE_NOISE = 8.0  # and over the muscle noise
SPIKE_REST = 0.25  # further out the curvature is under this share: a QRS bends for longer
SPIKE_SIDE = (0.3, 0.75)  # next to it the curvature is minus half
SPIKE_BEAT_S, SPIKE_CLEAR_HZ = 0.06, 240.0  # under this rate the top of an R wave is a single sample too
PACING_S, PACING_RATE_HZ = 0.002, 400.0  # a pacemaker's impulse, widened by a device's filter, is some 4 ms long
PACING_MV = (
    0.6  # curvature, over a spike's, in three leads at once; QRS reach it in their steepest, hardly ever in three
)
PACING_LEADS, PACING_TIMES, PACING_APART_S = 3, 2, 0.1


def flat_and_clipped(signal: np.ndarray, fs_hz: float, n_windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Half windows in which a lead does not move, and windows in which it stands at its greatest or smallest value.

    The latter is what a saturated amplifier does. signal : (n_leads, n), mV.
    Returns bool (n_leads, 2 * n_windows) and bool (n_leads, n_windows).
    """
    halves = split(signal, 2 * n_windows)
    left_over = signal[:, halves.shape[1] * halves.shape[2] :]
    highs, lows = halves.max(axis=-1), halves.min(axis=-1)
    clipped = np.zeros((len(signal), n_windows), dtype=bool)
    for extremes, extreme in ((highs, np.maximum), (lows, np.minimum)):
        furthest = extreme.reduce(extremes, axis=1)
        if left_over.shape[1]:
            furthest = extreme(furthest, extreme.reduce(left_over, axis=1))
        for lead in _often_there(halves, extremes, left_over, furthest, _least_plateau(fs_hz)):
            clipped[lead] |= _plateaus(signal[lead], furthest[lead], fs_hz, n_windows)
    return highs - lows <= FLAT_MV, clipped


def _least_plateau(fs_hz: float) -> int:
    return max(2, round(PLATEAU_S * fs_hz))


def _often_there(
    halves: np.ndarray, extremes: np.ndarray, left_over: np.ndarray, furthest: np.ndarray, least: int
) -> np.ndarray:
    """Leads of which so many samples at least are equal to the extreme one.

    halves : (n_leads, n_halves, length).  extremes : of each half.  left_over : (n_leads, n).  furthest : (n_leads,).
    """
    leads, where = np.nonzero(extremes == furthest[:, None])
    at_extreme = np.count_nonzero(halves[leads, where] == furthest[leads, None], axis=1)
    counts = np.bincount(leads, at_extreme, minlength=len(furthest))
    if left_over.shape[1]:
        counts += np.count_nonzero(left_over == furthest[:, None], axis=1)
    return np.flatnonzero(counts >= least)


def _plateaus(samples: np.ndarray, extreme: float, fs_hz: float, n_windows: int) -> np.ndarray:
    """Windows with plateaus at a lead's extreme value, where these are often or long enough, bool (n_windows,)."""
    where = np.zeros(n_windows, dtype=bool)
    least = _least_plateau(fs_hz)
    if np.abs(extreme - median(samples[:: max(1, int(fs_hz // 50))])) < PLATEAU_MV:
        return where
    at_end = np.flatnonzero(samples == extreme)
    plateaus = np.split(at_end, np.flatnonzero(np.diff(at_end) > 1) + 1)
    plateaus = [plateau for plateau in plateaus if len(plateau) >= least]
    longest = max(map(len, plateaus), default=0)
    if len(plateaus) >= PLATEAUS or longest >= LONG_PLATEAU_S * fs_hz:
        where[np.minimum(np.concatenate(plateaus) // (len(samples) // n_windows), n_windows - 1)] = True
    return where


def spikes_and_pacing(
    signal: np.ndarray, fs_hz: float, muscle_mv: np.ndarray, beats: np.ndarray
) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Single wild samples, as (lead, sample); and impulses as of a pacemaker: samples (n,), and bool (n_leads, n).

    Impulses are sharp in three leads at once, and in which is said of each; none where the rate is too low to see them.
    signal : (n_leads, n_samples), mV.  muscle_mv : (n_leads, n_windows), its noise.  beats : samples.
    """
    bends = _bends(signal, 1)
    wild = _spikes(bends, fs_hz, muscle_mv, beats)
    if fs_hz < PACING_RATE_HZ:
        return wild, np.zeros(0, dtype=int), np.zeros((len(signal), 0), dtype=bool)
    step = max(1, round(PACING_S * fs_hz))
    return wild, *_pacing(bends if step == 1 else _bends(signal, step), fs_hz, step)


@dataclass(frozen=True)
class _Bends:
    """Curvature: twice every sample less those so many before and after.

    all : (n_leads, n_samples - 2 * step).  leads, positions, sharp : where it is more than a spike's, and what it is there.
    """

    all: np.ndarray
    leads: np.ndarray
    positions: np.ndarray
    sharp: np.ndarray


def _bends(signal: np.ndarray, step: int) -> _Bends:
    bent = 2 * signal[:, step:-step]
    bent -= signal[:, : -2 * step]
    bent -= signal[:, 2 * step :]
    where = np.flatnonzero(np.abs(bent) > 2 * SPIKE_MV)  # far faster than `nonzero` of rows and columns
    return _Bends(bent, *np.divmod(where, bent.shape[1]), bent.ravel()[where])


def _spikes(bends: _Bends, fs_hz: float, muscle_mv: np.ndarray, beats: np.ndarray) -> list[tuple[int, int]]:
    """Single wild samples as (lead, sample). bends : of neighbours."""
    n, n_windows = bends.all.shape[1], muscle_mv.shape[1]
    window = np.minimum((bends.positions + 1) // ((n + 2) // n_windows), n_windows - 1)
    loud = np.abs(bends.sharp) >= 2 * SPIKE_NOISE * muscle_mv[bends.leads, window]
    loud &= (bends.positions >= 3) & (bends.positions < n - 3)
    leads, positions = bends.leads[loud], bends.positions[loud]
    # 3 samples to either side
    about = bends.all[leads[:, None], positions[:, None] + np.arange(-3, 4)] / bends.sharp[loud][:, None]
    sides = -about[:, [2, 4]]
    lone = (np.abs(about[:, [0, 1, 5, 6]]) <= SPIKE_REST).all(axis=1)
    lone &= ((sides > SPIKE_SIDE[0]) & (sides < SPIKE_SIDE[1])).all(axis=1)
    wild = [(int(lead), int(position) + 1) for lead, position in zip(leads[lone], positions[lone], strict=True)]
    if fs_hz >= SPIKE_CLEAR_HZ or len(beats) == 0:
        return wild
    return [each for each in wild if np.abs(beats - each[1]).min() >= SPIKE_BEAT_S * fs_hz]


def _pacing(bends: _Bends, fs_hz: float, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Impulses that are sharp in three leads at once: samples (n,), and in which leads, bool (n_leads, n)."""
    positions = bends.positions[np.abs(bends.sharp) > PACING_MV]
    positions = np.flatnonzero(np.bincount(positions, minlength=1) >= PACING_LEADS)
    apart = np.diff(positions, prepend=-bends.all.shape[1] - 2 * step) > PACING_APART_S * fs_hz
    positions = positions[apart]
    return positions + step, np.abs(bends.all[:, positions]) > PACING_MV
