"""Beats: where the QRS complexes of a recording are, from all its leads together.

After Pan and Tompkins 1985 (IEEE TBME 32:230): a band about 12 Hz, rectified, smoothed over a QRS, a threshold that
follows the signal, a refractory time, and a second look where a beat seems to be missing. The leads are added up, each
by how far its QRS stand out, so that a lead that is noise alone has no say. In recordings of a minute and more, what
is faint beside the beat close to it is its P or T wave, and what is faint, unlike others and not missed in the rhythm is
an artefact.
"""

import itertools
from bisect import bisect

import numpy as np

from cardiac.order_statistics import median, of_ordered, percentiles
from cardiac.smoothing import moving_mean

WORKING_HZ = 100.0  # blocks of samples are averaged to this rate or up to twice it; QRS are found in it, not located
SLOPE_S = 0.02  # a difference over twice this: greatest at 12.5 Hz, nothing of 0, 25, 50 and 100 Hz
QRS_S = 0.08  # the slopes are added up over this
REFRACTORY_S = 0.17  # no second beat sooner: 350 a minute, so that a rate over 300 is still recognized
T_WAVE_S, T_WAVE_SHARE = 0.36, 0.5  # so soon after a beat and under this share of it, it is its T wave (Pan, Tompkins)
LEVEL_S, LEVELS = 2.0, 9  # the level follows the maxima of windows of this length, over so many of them
LEVEL_PERCENTILE = 75.0  # at 20 a minute a third of the windows hold no beat
THRESHOLD_SHARE, SEARCH_SHARE = 0.4, 0.2  # of the level; for a beat, and where one seems to be missing
MISSED_RATIO = 1.66  # of the middle interval: longer, and a beat is looked for in between (Pan, Tompkins)
# Level over background (lower quartile of a window): noise stays under this even in one lead, real and simulated hearts
# are over it, and so are narrow QRS at 320 a minute.
LEAST_RATIO, BACKGROUND_PERCENTILE = 4.0, 25.0
LEAD_RATIO = 3.45  # of 98th percentile to median of what Gaussian noise gives
QUIET_MV = 0.01  # slopes under this are no QRS
CHECKED_RATIO = 1.4  # the same where what is found so is compared with the beats about it
CHUNK_S = 60.0
LOCATE_S = 0.06  # the peak is looked for so far to either side
LOCATED_TOGETHER = 256
ABOUT = 30  # a beat is compared with so many before it and after it; where there are fewer beats, all stay
P_WAVE_S, P_WAVE_SHARE = 0.25, 0.7  # so soon before a beat and under this share of its slopes, it is its P wave
SHAPE_S, SHIFT_S = 0.1, 0.025  # slopes so far to either side of a beat are its shape, found again up to this far away
FAINT_SHARE = 0.5  # of the middle beat's slopes: in half of the leads or more under this
ALIKE, N_ALIKE = 0.75, 4  # correlation of the shapes; to be a beat, so many others must be like it
CLOSE_RATIO = 1.5  # of the middle interval: without the beat its neighbours would be no further apart
GAP_S = 6.0  # ten a minute: between beats further apart lie silence or lost beats, and no interval of a heart


def find_beats(signal: np.ndarray, fs_hz: float) -> np.ndarray:
    """R peaks (where the leads together are farthest from rest), samples in order, int (n_beats,).

    signal : (n_leads, n_samples), mV, finite; any number of leads and any length.  fs_hz : 100 and more.
    Empty where nothing stands out as QRS do: no signal, noise, or a heart without QRS.
    """
    signal = np.atleast_2d(np.asarray(signal))
    slopes, weights = _slopes(signal, fs_hz)
    working_hz = fs_hz / block_length(fs_hz)
    if len(slopes) < 2 * LEVEL_S * working_hz:
        return np.zeros(0, dtype=int)
    peaks = _pick(slopes, working_hz)
    beats = _locate(signal, fs_hz, np.round((peaks + 0.5) * block_length(fs_hz)).astype(int), weights)
    return _without_faint_ones(signal, fs_hz, beats) if len(beats) > 2 * ABOUT else beats


def heart_rate_bpm(beats: np.ndarray, fs_hz: float) -> float | None:
    """Beats per minute from the middle interval, gaps left out; None where no two beats follow each other.

    beats : samples in order, (n_beats,), of a recording of any length.
    """
    intervals = beats[1:] - beats[:-1]
    intervals = intervals[intervals <= GAP_S * fs_hz]
    return 60.0 * fs_hz / float(median(intervals)) if len(intervals) else None


def join_beats(before: np.ndarray, after: np.ndarray, fs_hz: float) -> np.ndarray:
    """The beats of two stretches that overlap: beats of both that nearly coincide are one. Samples, in order."""
    if len(before) == 0:
        return after
    return np.concatenate([before, after[after - before[-1] >= REFRACTORY_S * fs_hz]])


def beatless_stretches(beats: np.ndarray, n_samples: int, fs_hz: float) -> list[tuple[float, float]]:
    """Where for longer than GAP_S no beat is found, as (first, last) second: before, between or after the beats."""
    edges = np.concatenate([[0], beats, [n_samples]]) / fs_hz
    return [(float(first), float(last)) for first, last in itertools.pairwise(edges) if last - first > GAP_S]


def block_length(fs_hz: float) -> int:
    """How many samples are averaged into one at the working rate."""
    return max(1, int(fs_hz // WORKING_HZ))


def average_blocks(signal: np.ndarray, length: int) -> np.ndarray:
    """Means of blocks of samples; what is left over at the end is left out. (n_leads, n) -> (n_leads, n // length)."""
    n_blocks = signal.shape[1] // length
    if length == 1:
        return np.asarray(signal, dtype=np.float32)
    blocks = signal[:, : n_blocks * length].reshape(len(signal), n_blocks, length)
    return blocks @ np.full(length, 1 / length, dtype=np.float32)


def _slopes(signal: np.ndarray, fs_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """How steep the leads are together, (n_working,), and each lead's mean weight per mV, (n_leads,)."""
    block = block_length(fs_hz)
    working_hz = fs_hz / block
    lag = max(1, round(SLOPE_S * working_hz))
    step = round(CHUNK_S * working_hz)
    n_working = signal.shape[1] // block
    total, weights = np.zeros(n_working), []
    n_chunks = max(1, round(n_working / step))
    for first, end in itertools.pairwise(part_edges(n_working, n_chunks)):
        left, right = max(first - 4 * lag, 0), min(end + 4 * lag, n_working)
        slow = average_blocks(signal[:, left * block : right * block], block)
        steep = np.zeros(slow.shape, dtype=np.float32)
        np.abs(slow[:, 2 * lag :] - slow[:, : -2 * lag], out=steep[:, lag:-lag])
        steep = moving_mean(steep, max(1, round(QRS_S * working_hz)))
        middle, high = percentiles(steep, (50, 98))
        stands_out = np.clip(high / np.maximum(middle, 1e-6) / LEAD_RATIO - 0.5, 0.05, 3.0)
        weight = np.where(high > QUIET_MV, stands_out / np.maximum(high, QUIET_MV), 0.0)
        capped = np.minimum(steep, 2 * high[:, None].astype(np.float32))  # no artefact on one lead speaks for all
        total[first:end] = (weight.astype(np.float32) @ capped)[first - left : end - left]
        weights.append(weight)
    return total, np.mean(weights, axis=0)


def part_edges(n: int, n_parts: int) -> list[int]:
    """Where so many equal parts of n samples begin, and where the last one ends: `numpy.linspace`, rounded down."""
    return [*(int(part * (n / n_parts)) for part in range(n_parts)), n]


def _pick(slopes: np.ndarray, working_hz: float) -> np.ndarray:
    """Indices of the QRS at the working rate."""
    level = _level(slopes, working_hz)
    candidates = _peaks(slopes, SEARCH_SHARE * level.min(), max(1, round(REFRACTORY_S * working_hz)))
    candidates = candidates[slopes[candidates] >= SEARCH_SHARE * level[candidates]]
    peaks = candidates[slopes[candidates] >= THRESHOLD_SHARE * level[candidates]].tolist()
    peaks = _without_t_waves(peaks, slopes, working_hz)
    if len(peaks) > 2:
        peaks = _second_look(peaks, candidates, working_hz)
        peaks = _without_t_waves(peaks, slopes, working_hz)
    return np.array(peaks, dtype=int)


def _peaks(slopes: np.ndarray, least: float, distance: int) -> np.ndarray:
    """`scipy.signal.find_peaks(slopes, least, distance=distance)`: of peaks that lie nearer the higher one is kept.

    Lower ones than the least neither count nor, being lower, take the place of others.
    """
    steps = slopes[1:] - slopes[:-1]
    moves = np.flatnonzero(steps)  # a flat top is a single peak, in its middle
    rises = steps[moves] > 0
    tops = np.flatnonzero(rises[:-1] & ~rises[1:])
    peaks = (moves[tops] + 1 + moves[tops + 1]) // 2
    peaks = peaks[slopes[peaks] >= least]
    kept: list[int] = []
    for peak in peaks[np.argsort(slopes[peaks])[::-1]].tolist():
        at = bisect(kept, peak)
        if (at == 0 or peak - kept[at - 1] >= distance) and (at == len(kept) or kept[at] - peak >= distance):
            kept.insert(at, peak)
    return np.array(kept, dtype=int)


def _level(slopes: np.ndarray, working_hz: float) -> np.ndarray:
    """What QRS reach about every moment; infinite where nothing stands out of the background."""
    n_windows = max(2, round(len(slopes) / (LEVEL_S * working_hz)))
    edges = part_edges(len(slopes), n_windows)
    ordered = [np.sort(slopes[first:end]) for first, end in itertools.pairwise(edges)]
    maxima = np.array([window[-1] for window in ordered])
    background = np.array([of_ordered(window, (BACKGROUND_PERCENTILE,))[0] for window in ordered])
    width = min(LEVELS, n_windows)
    levels = []
    for first in range(n_windows - width + 1):
        (here,) = percentiles(maxima[first : first + width], (LEVEL_PERCENTILE,))
        stands_out = here > max(LEAST_RATIO * median(background[first : first + width]), 1e-9)
        levels.append(here if stands_out else np.inf)
    about = [min(max(window - LEVELS // 2, 0), n_windows - width) for window in range(n_windows)]
    return np.repeat(np.array(levels)[about], [len(window) for window in ordered])


def _without_t_waves(peaks: list[int], slopes: np.ndarray, working_hz: float) -> list[int]:
    kept: list[int] = []
    heights: list[float] = []
    for peak, height in zip(peaks, slopes[peaks].tolist(), strict=True):
        soon = bool(kept) and peak - kept[-1] < T_WAVE_S * working_hz
        if not (soon and height < T_WAVE_SHARE * heights[-1]):
            kept.append(peak)
            heights.append(height)
    return kept


def _second_look(peaks: list[int], candidates: np.ndarray, working_hz: float) -> list[int]:
    """Lower peaks too, where the interval is much longer than the middle one."""
    longest = (CHECKED_RATIO if len(peaks) > 2 * ABOUT else MISSED_RATIO) * float(median(np.diff(peaks)))
    picked = list(peaks)
    for before, after in itertools.pairwise(peaks):
        if after - before > longest:
            clear = T_WAVE_S * working_hz
            between = candidates[(candidates > before + clear) & (candidates < after - REFRACTORY_S * working_hz)]
            picked.extend(int(peak) for peak in between)
    return sorted(picked)


def _locate(signal: np.ndarray, fs_hz: float, near: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The samples where the leads together are farthest from their level about the QRS."""
    reach = max(1, round(LOCATE_S * fs_hz))
    offsets = np.arange(-reach, reach + 1)
    smoothing = max(1, round(0.008 * fs_hz))
    located = []
    for first in range(0, len(near), LOCATED_TOGETHER):
        some = near[first : first + LOCATED_TOGETHER]
        samples = np.clip(some[:, None] + offsets, 0, signal.shape[1] - 1)
        about = np.take(signal, samples, axis=1)  # (n_leads, beats, around)
        about -= (about[..., :1] + about[..., -1:]) / 2
        height = weights.astype(np.float32) @ np.abs(about, out=about).reshape(len(signal), -1)
        height = height.reshape(samples.shape)
        height = moving_mean(height, smoothing)
        located.append(samples[np.arange(len(some)), height.argmax(axis=1)])
    if not located:
        return np.zeros(0, dtype=int)
    beats = np.sort(np.concatenate(located))
    return beats[np.diff(beats, prepend=-1) > 0]


def _without_faint_ones(signal: np.ndarray, fs_hz: float, beats: np.ndarray) -> np.ndarray:
    """The beats, more than 2 * ABOUT, but those that are P and T waves or artefacts beside all the others."""
    from scipy.ndimage import median_filter  # slow to import, and a recording of ten seconds has not so many beats

    shapes = _shapes(signal, fs_hz, beats)  # (n_beats, n_leads, around)
    energy = np.linalg.norm(shapes, axis=2)
    kept = ~_beside_stronger(energy, beats / fs_hz)
    beats, shapes, energy = beats[kept], shapes[kept], energy[kept]
    middle = np.maximum(median_filter(energy, (2 * ABOUT + 1, 1)), 1e-6)
    faint = np.sort(energy / middle, axis=1)[:, (len(signal) - 1) // 2] < FAINT_SHARE
    return _without_artefacts(beats, shapes / middle[..., None], faint, round(SHIFT_S * fs_hz / block_length(fs_hz)))


def _beside_stronger(energy: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Which are the P wave of the next one or the T wave of the one before, in most leads: bool (n_beats,).

    energy : (n_beats, n_leads).  times_s : (n_beats,). Of two leads both must say so: an artefact is in one of them.
    """
    apart, before, after = times_s[1:] - times_s[:-1], np.maximum(energy[:-1], 1e-9), np.maximum(energy[1:], 1e-9)
    place = energy.shape[1] // 2
    beside = np.zeros(len(energy), dtype=bool)
    beside[:-1] = (apart < P_WAVE_S) & (np.sort(before / after, axis=1)[:, place] < P_WAVE_SHARE)
    beside[1:] |= (apart < T_WAVE_S) & (np.sort(after / before, axis=1)[:, place] < T_WAVE_SHARE)
    return beside


def _without_artefacts(beats: np.ndarray, shapes: np.ndarray, faint: np.ndarray, most_shift: int) -> np.ndarray:
    """The beats but those that are faint, unlike others, and not missed in the rhythm; the least like others go first.

    An artefact in one of two leads, however large, is faint in the other. Beats of a rare shape are few but strong, or
    leave a gap.  faint : bool (n_beats,).  most_shift : samples of the shapes.
    """
    from scipy.ndimage import median_filter

    likeness = {place: _likeness(shapes, place, most_shift) for place in (np.flatnonzero(faint[1:-1]) + 1).tolist()}
    closest = CLOSE_RATIO * median_filter(beats[1:] - beats[:-1], 2 * ABOUT + 1)
    kept = beats.tolist()
    for place in sorted(likeness, key=likeness.__getitem__):
        at = bisect(kept, beats[place]) - 1
        if likeness[place] < ALIKE and kept[at + 1] - kept[at - 1] < closest[place]:
            del kept[at]
    return np.array(kept, dtype=int)


def _shapes(signal: np.ndarray, fs_hz: float, beats: np.ndarray) -> np.ndarray:
    """Slopes about each beat at the working rate, float32 (n_beats, n_leads, around)."""
    block = block_length(fs_hz)
    lag = max(1, round(SLOPE_S * fs_hz / block))
    reach = round((SHAPE_S + SHIFT_S) * fs_hz / block) + lag
    offsets = np.arange(-reach * block, (reach + 1) * block) - block // 2
    shapes = []
    for first in range(0, len(beats), LOCATED_TOGETHER):
        samples = np.clip(beats[first : first + LOCATED_TOGETHER, None] + offsets, 0, signal.shape[1] - 1)
        about = average_blocks(np.take(signal, samples, axis=1).reshape(len(signal), -1), block)
        about = about.reshape(len(signal), len(samples), -1)
        shapes.append((about[..., 2 * lag :] - about[..., : -2 * lag]).transpose(1, 0, 2))
    return np.concatenate(shapes)


def _likeness(shapes: np.ndarray, place: int, most_shift: int) -> float:
    """Correlation of a beat's shape, a little earlier or later, with that of the N_ALIKE-th most alike of those about it."""
    first = max(min(place - ABOUT, len(shapes) - 2 * ABOUT - 1), 0)
    others = np.delete(shapes[first : first + 2 * ABOUT + 1], place - first, axis=0)
    others = others[..., most_shift : shapes.shape[2] - most_shift].reshape(len(others), -1)
    width = shapes.shape[2] - 2 * most_shift
    shifted = np.stack([shapes[place, :, shift : shift + width].ravel() for shift in range(2 * most_shift + 1)])
    length = np.linalg.norm(others, axis=1)[:, None] * np.linalg.norm(shifted, axis=1)
    alike = (others @ shifted.T / np.maximum(length, 1e-9)).max(axis=1)
    return float(np.sort(alike)[-min(N_ALIKE, len(alike))])
