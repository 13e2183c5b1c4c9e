"""How much noise each lead carries, in windows of a second: muscle noise, mains hum, wandering of the baseline."""

from functools import lru_cache
from math import ceil

import numpy as np

from cardiac.order_statistics import median
from cardiac.smoothing import moving_mean

HUM_HZ = (50.0, 60.0)
HUM_BLOCK_S = 0.1  # whole periods of both, so neither leaks into the other
LEAST_RATE_PER_HUM = 2.5  # samples a period that are needed to see a hum
LEADS_TOGETHER = 4  # so few that what is in between stays near the processor
MOST_PRODUCTS = 250_000  # of numbers in one product of matrices: more, and OpenBLAS starts threads for it
FINE_S = 0.02  # twice smoothed over this and taken away: what is left begins at some 20 Hz
MUSCLE_BLOCK_S = 0.04  # the middle of such blocks: QRS fill fewer than half of them
BASELINE_BLOCK_S = 0.2  # the middle of such blocks passes by QRS
BASELINE_SMOOTH_S = 0.4  # twice


def split(signal: np.ndarray, n_windows: int) -> np.ndarray:
    """Equal windows; the few samples that are left over are left out. (n_leads, n) -> (n_leads, n_windows, length)."""
    length = signal.shape[1] // n_windows
    return signal[:, : n_windows * length].reshape(len(signal), n_windows, length)


def measure_noise(signal: np.ndarray, fs_hz: float, n_windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Muscle noise (n_leads, n_windows) and amplitude of hum at 50 and 60 Hz (2, n_leads, n_windows), mV.

    Muscle noise: standard deviation above some 20 Hz in the middle one of blocks of 40 ms, so between the QRS, without
    the hum. Hum is NaN where the rate is too low to see it. signal : (n_leads, n_samples), mV.
    """
    fine = split(_fine(signal, 2 * round(FINE_S * fs_hz / 2) + 1), n_windows)
    hum = _hum(fine, fs_hz)
    block = max(2, round(MUSCLE_BLOCK_S * fs_hz))
    n_blocks = fine.shape[2] // block
    blocks = np.square(fine[..., : n_blocks * block]).reshape(*fine.shape[:2], n_blocks, block)
    power = median(blocks @ np.full(block, 1 / block, dtype=np.float32))
    power = power - np.nansum(np.square(hum), axis=0) / 2
    return np.sqrt(np.maximum(power, 0.0)), hum


def _fine(signal: np.ndarray, smoothing: int) -> np.ndarray:
    """What is left of the leads after their means over so many samples (odd), taken twice; reflected at the ends.

    A block of it is a product of two blocks of samples, which reach as far to either side, with a band of a matrix.
    """
    reach, (n_leads, n) = smoothing - 1, signal.shape
    block = 2 * reach
    n_products = ceil(n / block / max(1, MOST_PRODUCTS // (2 * block**2)))
    rows = ceil(n / block / n_products)  # blocks in each
    band = _without_means(smoothing)
    fine = np.empty((n_leads * n_products, rows, block), dtype=np.float32)
    for first in range(0, n_leads, LEADS_TOGETHER):
        some = signal[first : first + LEADS_TOGETHER]
        blocks = np.zeros((len(some), n_products * rows + 1, block), dtype=np.float32)
        samples = blocks.reshape(len(some), -1)
        samples[:, reach : reach + n] = some
        samples[:, :reach] = some[:, :reach][:, ::-1]
        samples[:, reach + n : 2 * reach + n] = some[:, n - reach :][:, ::-1]
        pairs = np.concatenate([blocks[:, :-1], blocks[:, 1:]], axis=2).reshape(-1, rows, 2 * block)
        np.matmul(pairs, band, out=fine[first * n_products : first * n_products + len(pairs)])
    return fine.reshape(n_leads, -1)[:, :n]


@lru_cache(maxsize=8)
def _without_means(smoothing: int) -> np.ndarray:
    """From two blocks of samples to the middle of both less its means, float32 (2 * block, block)."""
    once = np.full(smoothing, 1 / smoothing)
    weights = -np.convolve(once, once)  # 2 * smoothing - 1 of them
    weights[smoothing - 1] += 1.0
    block = len(weights) - 1
    band = np.zeros((2 * block, block), dtype=np.float32)
    for column in range(block):
        band[column : column + len(weights), column] = weights
    return band


def _hum(fine: np.ndarray, fs_hz: float) -> np.ndarray:
    """Middle of the phasors of blocks, which a QRS in one or two of ten blocks does not move."""
    n_leads, n_windows, length = fine.shape
    block = round(HUM_BLOCK_S * fs_hz)
    n_blocks = length // block
    seen = tuple(hz for hz in HUM_HZ if fs_hz >= LEAST_RATE_PER_HUM * hz)  # the lower ones
    hum = np.full((len(HUM_HZ), n_leads, n_windows), np.nan)
    if not seen or n_blocks == 0:
        return hum
    basis, turns = _phasors(seen, fs_hz, block, n_blocks)
    parts = fine[..., : n_blocks * block].reshape(n_leads, n_windows, n_blocks, block) @ basis
    phasors = parts.view(np.complex64) * turns  # (n_leads, n_windows, n_blocks, n_seen)
    middle = median(phasors.view(np.float32), axis=2)
    hum[: len(seen)] = np.abs(middle.view(np.complex64)).transpose(2, 0, 1)
    return hum


@lru_cache(maxsize=8)
def _phasors(seen_hz: tuple[float, ...], fs_hz: float, block: int, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """What makes phasors of a block's samples, real and imaginary part by frequency, float32 (block, 2 * n_seen), and
    what turns those of block after block to the phase of the first, complex (n_blocks, n_seen)."""
    turn = 2 * np.pi * np.array(seen_hz) / fs_hz
    waves = 2 / block * np.exp(-1j * turn * np.arange(block)[:, None])
    turns = np.exp(-1j * turn * block * np.arange(n_blocks)[:, None])
    return waves.view(float).astype(np.float32), turns.astype(np.complex64)


def measure_wander(slow: np.ndarray, working_hz: float, n_windows: int) -> np.ndarray:
    """Range of the baseline over the three windows about each, mV, (n_leads, n_windows).

    More windows find no more, and do not show where. slow : (n_leads, n), mV, at the working rate.
    """
    block = max(1, round(BASELINE_BLOCK_S * working_hz))
    middles = median(split(slow, max(1, slow.shape[1] // block)))
    width = max(1, round(BASELINE_SMOOTH_S * working_hz / block))
    course = moving_mean(moving_mean(middles, width), width)
    windows = split(course, n_windows)
    return _with_neighbours(windows.max(axis=-1), np.maximum) - _with_neighbours(windows.min(axis=-1), np.minimum)


def _with_neighbours(windows: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """The greatest or smallest of every window, the one before and the one after. (n_leads, n_windows)."""
    reached = windows.copy()
    extreme(reached[:, 1:], windows[:, :-1], out=reached[:, 1:])
    extreme(reached[:, :-1], windows[:, 1:], out=reached[:, :-1])
    return reached
