"""What no heart draws: stretches without signal, plateaus at the end of the scale, single wild samples; and pacing."""

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
PACING_MV = 0.6  # curvature in three leads at once; QRS reach it in their steepest lead, hardly ever in three
PACING_LEADS, PACING_TIMES, PACING_APART_S = 3, 2, 0.1


def flat_halves(signal: np.ndarray, n_windows: int) -> np.ndarray:
    """Half windows in which a lead does not move, bool (n_leads, 2 * n_windows). signal : (n_leads, n), mV."""
    halves = split(signal, 2 * n_windows)
    return halves.max(axis=-1) - halves.min(axis=-1) <= FLAT_MV


def clipped(signal: np.ndarray, fs_hz: float, n_windows: int) -> np.ndarray:
    """Windows in which a lead stands at its greatest or smallest value, as a saturated amplifier does.

    signal : (n_leads, n), mV. Returns bool (n_leads, n_windows).
    """
    where = np.zeros((len(signal), n_windows), dtype=bool)
    length = signal.shape[1] // n_windows
    least = max(2, round(PLATEAU_S * fs_hz))
    middle = median(signal[:, :: max(1, int(fs_hz // 50))])
    for extreme in (signal.max(axis=1), signal.min(axis=1)):
        at_end = signal == extreme[:, None]
        for lead in np.flatnonzero((at_end.sum(axis=1) >= least) & (np.abs(extreme - middle) >= PLATEAU_MV)):
            samples = np.flatnonzero(at_end[lead])
            plateaus = np.split(samples, np.flatnonzero(np.diff(samples) > 1) + 1)
            plateaus = [plateau for plateau in plateaus if len(plateau) >= least]
            longest = max(map(len, plateaus), default=0)
            if len(plateaus) >= PLATEAUS or longest >= LONG_PLATEAU_S * fs_hz:
                where[lead, np.minimum(np.concatenate(plateaus) // length, n_windows - 1)] = True
    return where


def spikes(signal: np.ndarray, fs_hz: float, muscle_mv: np.ndarray, beats: np.ndarray) -> list[tuple[int, int]]:
    """Single wild samples as (lead, sample).

    signal : (n_leads, n), mV.  muscle_mv : (n_leads, n_windows), its noise.  beats : samples.
    """
    bend = 2 * signal[:, 1:-1] - signal[:, :-2] - signal[:, 2:]
    last_window, length = muscle_mv.shape[1] - 1, signal.shape[1] // muscle_mv.shape[1]
    leads, positions = np.nonzero(np.abs(bend[:, 3:-3]) > 2 * SPIKE_MV)
    noise_mv = muscle_mv[leads, np.minimum((positions + 4) // length, last_window)]
    loud = np.abs(bend[leads, positions + 3]) >= 2 * SPIKE_NOISE * noise_mv
    leads, positions = leads[loud], positions[loud]
    # 3 samples to either side
    about = bend[leads[:, None], positions[:, None] + np.arange(7)] / bend[leads, positions + 3][:, None]
    sides = -about[:, [2, 4]]
    lone = (np.abs(about[:, [0, 1, 5, 6]]) <= SPIKE_REST).all(axis=1)
    lone &= ((sides > SPIKE_SIDE[0]) & (sides < SPIKE_SIDE[1])).all(axis=1)
    wild = [(int(lead), int(position) + 4) for lead, position in zip(leads[lone], positions[lone], strict=True)]
    if fs_hz >= SPIKE_CLEAR_HZ or len(beats) == 0:
        return wild
    return [each for each in wild if np.abs(beats - each[1]).min() >= SPIKE_BEAT_S * fs_hz]


def pacing(signal: np.ndarray, fs_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Impulses as of a pacemaker, sharp in three leads at once: samples (n,), and in which leads, bool (n_leads, n).

    signal : (n_leads, n_samples), mV. None where the rate is too low to see them.
    """
    if fs_hz < PACING_RATE_HZ:
        return np.zeros(0, dtype=int), np.zeros((len(signal), 0), dtype=bool)
    step = max(1, round(PACING_S * fs_hz))
    bend = np.abs(2 * signal[:, step:-step] - signal[:, : -2 * step] - signal[:, 2 * step :])
    sharp = bend > PACING_MV
    positions = np.flatnonzero(np.count_nonzero(sharp, axis=0) >= PACING_LEADS)
    positions = positions[np.diff(positions, prepend=-signal.shape[1]) > PACING_APART_S * fs_hz]
    return positions + step, sharp[:, positions]
