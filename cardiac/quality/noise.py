"""How much noise each lead carries, in windows of a second: muscle noise, mains hum, wandering of the baseline."""

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from cardiac.order_statistics import median

HUM_HZ = (50.0, 60.0)
HUM_BLOCK_S = 0.1  # whole periods of both, so neither leaks into the other
LEAST_RATE_PER_HUM = 2.5  # samples a period that are needed to see a hum
FINE_S = 0.02  # twice smoothed over this and taken away: what is left begins at some 20 Hz
MUSCLE_BLOCK_S = 0.04  # the middle of such blocks: QRS fill fewer than half of them
BASELINE_BLOCK_S = 0.2  # the middle of such blocks passes by QRS
BASELINE_SMOOTH_S = 0.4  # twice
WANDER_WINDOWS = 3  # longer ones find no more, and do not show where


def split(signal: np.ndarray, n_windows: int) -> np.ndarray:
    """Equal windows; the few samples that are left over are left out. (n_leads, n) -> (n_leads, n_windows, length)."""
    length = signal.shape[1] // n_windows
    return signal[:, : n_windows * length].reshape(len(signal), n_windows, length)


def measure_noise(signal: np.ndarray, fs_hz: float, n_windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Muscle noise (n_leads, n_windows) and amplitude of hum at 50 and 60 Hz (2, n_leads, n_windows), mV.

    Muscle noise: standard deviation above some 20 Hz in the middle one of blocks of 40 ms, so between the QRS, without
    the hum. Hum is NaN where the rate is too low to see it. signal : (n_leads, n_samples), mV.
    """
    smoothing = 2 * round(FINE_S * fs_hz / 2) + 1
    smooth = uniform_filter1d(uniform_filter1d(signal, smoothing, axis=1), smoothing, axis=1)
    fine = split(signal - smooth, n_windows)
    hum = _hum(fine, fs_hz)
    block = max(2, round(MUSCLE_BLOCK_S * fs_hz))
    n_blocks = fine.shape[2] // block
    power = np.square(fine[..., : n_blocks * block]).reshape(*fine.shape[:2], n_blocks, block).mean(axis=-1)
    power = median(power) - np.nansum(np.square(hum), axis=0) / 2
    return np.sqrt(np.maximum(power, 0.0)), hum


def _hum(fine: np.ndarray, fs_hz: float) -> np.ndarray:
    """Middle of the phasors of blocks, which a QRS in one or two of ten blocks does not move."""
    n_leads, n_windows, length = fine.shape
    block = round(HUM_BLOCK_S * fs_hz)
    n_blocks = length // block
    hum = np.full((len(HUM_HZ), n_leads, n_windows), np.nan)
    blocks = fine[..., : n_blocks * block].reshape(n_leads, n_windows, n_blocks, block)
    for index, hz in enumerate(HUM_HZ):
        if fs_hz < LEAST_RATE_PER_HUM * hz or n_blocks == 0:
            continue
        turn = 2 * np.pi * hz / fs_hz
        angles = turn * np.arange(block)
        basis = (2 / block * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)
        parts = blocks @ basis
        phasors = (parts[..., 0] - 1j * parts[..., 1]) * np.exp(-1j * turn * block * np.arange(n_blocks))
        hum[index] = np.hypot(median(phasors.real), median(phasors.imag))
    return hum


def measure_wander(slow: np.ndarray, working_hz: float, n_windows: int) -> np.ndarray:
    """Range of the baseline over the three windows about each, mV, (n_leads, n_windows).

    slow : (n_leads, n), mV, at the working rate.
    """
    block = max(1, round(BASELINE_BLOCK_S * working_hz))
    middles = median(split(slow, max(1, slow.shape[1] // block)))
    width = max(1, round(BASELINE_SMOOTH_S * working_hz / block))
    course = uniform_filter1d(uniform_filter1d(middles, width, axis=1, mode="nearest"), width, axis=1, mode="nearest")
    windows = split(course, n_windows)
    high = maximum_filter1d(windows.max(axis=-1), WANDER_WINDOWS, axis=1, mode="nearest")
    low = minimum_filter1d(windows.min(axis=-1), WANDER_WINDOWS, axis=1, mode="nearest")
    return high - low
