"""From a recording's beats to groups of one shape, aligned, and the median beat of each.

Beats are compared over their QRS in all leads at once, by normalized correlation at the best shift. The group with the
most beats is the dominant one. Wander is taken out beat by beat, by the straight lines between the levels before the
QRS (IEC 60601-2-25 measures from there); no filter is run.
"""

from dataclasses import dataclass

import numpy as np

from cardiac.beats import average_blocks
from cardiac.order_statistics import median_of_few

GRID_HZ = 250.0  # of median beats, whatever the recording's rate
BEFORE, AFTER = 90, 170  # samples of the grid before and after the reference point: 360 and 680 ms
QRS_BEFORE, QRS_AFTER = 22, 28  # compared
SHIFT, STEP = 10, 2  # compared at shifts up to this, at every second
FINE_SHIFT = 3
LEVEL = (-22, -16)  # samples from the reference, where the level before the QRS is taken
ALIKE = 0.9  # correlation from which beats are of one shape (0.9 to 0.95 is usual)
MOST_GROUPS = 4
NOISE_STEP = 3  # every third sample tells how noisy the beats are
MOST_BEATS = 160


@dataclass(frozen=True)
class BeatGroup:
    """Beats of one shape.

    positions : samples of the recording, float (n_beats,), of the aligned beats' reference points.  indices : which of the
    recording's beats they are, (n_beats,).  beat : float32 (n_leads, BEFORE + AFTER + 1), mV, their median at GRID_HZ,
    the reference point at BEFORE.  noise : (n_leads,), mV, how far one beat lies from the median.
    """

    positions: np.ndarray
    indices: np.ndarray
    beat: np.ndarray
    noise: np.ndarray


def group_beats(signal: np.ndarray, fs_hz: float, beats: np.ndarray, most: int = MOST_GROUPS) -> list[BeatGroup]:
    """The groups, the one with most beats first, `most` of them; none without whole beats.

    signal : (n_leads, n_samples), mV, finite.  beats : R peaks, samples, in order, (n_beats,).
    """
    grid, step = to_grid(signal, fs_hz)
    at = np.round((beats + 0.5) / step - 0.5).astype(int)
    margin = QRS_BEFORE + SHIFT + FINE_SHIFT
    whole = np.flatnonzero((at >= margin) & (at < grid.shape[1] - QRS_AFTER - SHIFT - FINE_SHIFT))[:MOST_BEATS]
    if len(whole) == 0:
        return []
    members, shifts = _alike(grid, at[whole])
    return [_group(grid, at, whole[each], shift, step) for each, shift in zip(members[:most], shifts, strict=False)]


def to_grid(signal: np.ndarray, fs_hz: float) -> tuple[np.ndarray, float]:
    """The signal at GRID_HZ, and how many of its samples are one there: means of blocks, and lines between them."""
    block = max(1, int(fs_hz // GRID_HZ))
    slow = np.ascontiguousarray(average_blocks(np.asarray(signal, dtype=np.float32), block))
    step = fs_hz / GRID_HZ
    if step == block:
        return slow, step
    at = (np.arange(int(signal.shape[1] / step)) + 0.5) * step / block - 0.5
    return _interpolate(slow, at), step


def _interpolate(signal: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic (Catmull and Rom) interpolation at fractional samples. (n_leads, n) -> (n_leads, len(at))."""
    below = np.floor(at).astype(int)
    u = (at - below).astype(np.float32)
    weights = (
        u * (-0.5 + u * (1 - 0.5 * u)),
        1 + u * u * (1.5 * u - 2.5),
        u * (0.5 + u * (2 - 1.5 * u)),
        u * u * (0.5 * u - 0.5),
    )
    last = signal.shape[1] - 1
    return sum(weight * signal[:, np.clip(below + k - 1, 0, last)] for k, weight in enumerate(weights))


def _around(grid: np.ndarray, at: np.ndarray, before: int, after: int, step: int = 1) -> np.ndarray:
    """Every `step`-th sample from `before` the places to `after` them, (len(at), n_leads, n)."""
    n_leads, n = grid.shape
    width = (before + after) // step + 1
    of_lead, of_sample = grid.strides
    shape, strides = (n_leads, n - (width - 1) * step, width), (of_lead, of_sample, step * of_sample)
    return np.ascontiguousarray(np.ndarray(shape, grid.dtype, grid, 0, strides)[:, at - before].transpose(1, 0, 2))


def _alike(grid: np.ndarray, at: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Which beats are of one shape, the largest group first, and by how much each is to be shifted to lie on its seed."""
    n_beats, lags = len(at), np.arange(-SHIFT, SHIFT + 1, STEP)
    segments = _around(grid, (at[:, None] + lags).ravel(), QRS_BEFORE, QRS_AFTER, STEP)
    segments -= segments.mean(axis=-1, keepdims=True)
    flat = segments.reshape(n_beats * len(lags), -1)
    flat /= np.sqrt(np.einsum("ij,ij->i", flat, flat) + 1e-9)[:, None]
    shifted = flat.reshape(n_beats, len(lags), -1).transpose(1, 0, 2)  # (lags, n, features)
    of_lags = shifted[len(lags) // 2] @ shifted.transpose(0, 2, 1)
    correlation = of_lags.transpose(1, 2, 0)  # of seed i with beat j shifted
    best = of_lags.max(axis=0)
    left, members, shifts = np.ones(n_beats, dtype=bool), [], []
    while left.any() and len(members) < MOST_GROUPS:
        similar = (best >= ALIKE) & left & left[:, None]
        seed = int(np.argmax(similar.sum(axis=1) + np.where(similar, best, 0).sum(axis=1) / (n_beats + 1)))
        group = np.flatnonzero(similar[seed]) if similar[seed].any() else np.flatnonzero(left)[:1]
        members.append(group)
        shifts.append(lags[correlation[seed, group].argmax(axis=1)])
        left[group] = False
    return members, shifts


def _group(grid: np.ndarray, at: np.ndarray, indices: np.ndarray, shifts: np.ndarray, step: float) -> BeatGroup:
    """The group's beats aligned once more, to their mean, and the median of whole, level beats."""
    positions = at[indices] + shifts
    if len(indices) > 1:
        positions = positions + _fine_shifts(grid, positions)
    beats = _level_beats(grid, at, indices, positions)
    beat = median_of_few(beats)
    noise = np.full(len(grid), np.nan)
    if len(beats) > 1:
        apart = np.abs(beats[:, :, ::NOISE_STEP] - beat[:, ::NOISE_STEP])
        noise = np.einsum("nlt->l", apart) / (apart.shape[0] * apart.shape[2])
    return BeatGroup((positions + 0.5) * step - 0.5, indices, beat, noise)


def _fine_shifts(grid: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """How each beat is to be shifted to lie best on the group's mean. (n_beats,)."""
    reach = FINE_SHIFT
    positions = np.clip(positions, QRS_BEFORE + reach, grid.shape[1] - QRS_AFTER - reach - 1)
    lags = np.arange(-reach, reach + 1)
    lagged = _around(grid, (positions[:, None] + lags).ravel(), QRS_BEFORE, QRS_AFTER)
    lagged = lagged.reshape(len(positions), len(lags), len(grid), -1)
    template = lagged[:, reach].mean(axis=0)
    template -= template.mean(axis=1, keepdims=True)
    return (lagged.reshape(len(positions), len(lags), -1) @ template.ravel()).argmax(axis=1) - reach


def _level_beats(grid: np.ndarray, at: np.ndarray, indices: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The beats with the lines between the levels before the QRS taken away, (n_beats, n_leads, BEFORE + AFTER + 1).

    What lies outside the recording is as the sample at its edge.
    """
    everywhere = at.copy()
    everywhere[indices] = positions
    everywhere = np.minimum(np.maximum(everywhere, 0), grid.shape[1] - 1)
    edged = np.concatenate([np.repeat(grid[:, :1], BEFORE, 1), grid, np.repeat(grid[:, -1:], AFTER, 1)], axis=1)
    levels = _around(edged, everywhere + BEFORE, -LEVEL[0], LEVEL[1] - 1).mean(axis=2).T  # (n_leads, all beats)
    edged -= level_lines(everywhere + BEFORE + (LEVEL[0] + LEVEL[1] - 1) / 2, levels, edged.shape[1])
    return _around(edged, everywhere[indices] + BEFORE, BEFORE, AFTER)


def level_lines(centres: np.ndarray, levels: np.ndarray, n: int) -> np.ndarray:
    """Levels at every sample, by straight lines between the beats' own; before the first and after the last they stay.

    centres : of the levels, in order, (n_beats,).  levels : (n_leads, n_beats).  Returns (n_leads, n).
    """
    centres = np.maximum.accumulate(centres)
    edges = np.minimum(np.maximum(np.ceil(centres).astype(int), 0), n)
    counts = np.diff(edges, prepend=0, append=n)  # samples before the first centre, between each two, after the last
    begin = np.concatenate([levels[:, :1], levels], axis=1)
    slope = np.zeros(begin.shape)
    slope[:, 1:-1] = np.diff(levels, axis=1) / np.maximum(np.diff(centres), 1)
    since = np.arange(n) - np.repeat(np.concatenate([[0.0], centres]), counts)
    return np.repeat(begin, counts, axis=1) + np.repeat(slope.astype(np.float32), counts, axis=1) * since.astype(
        np.float32
    )
