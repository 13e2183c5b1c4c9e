"""What is measured of a part of a recording before it is assessed: windows, beats, and how the leads go together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cardiac.beats import SLOPE_S, average_blocks, block_length
from cardiac.leads import LEADS
from cardiac.order_statistics import median
from cardiac.quality.artefacts import flat_and_clipped, spikes_and_pacing
from cardiac.quality.noise import measure_noise, measure_wander, split
from cardiac.quality.placement import AFTER_S, BEFORE_S, REST_S, within

WINDOW_S = 1.0
QRS_HALF_S = 0.05
BETWEEN = (0.4, 0.5, 0.6, 0.7)  # of the interval between beats: past the T wave, mostly before the next P
STANDS_OUT = 2.5  # steepness of a QRS over the quietest of these; of noise, hum and drift hardly ever


@dataclass(frozen=True)
class Measures:
    """A recording or a part of it. All amplitudes in mV.

    leads : names, (n_leads,).
    edges_s : (n_windows + 1,), where the windows begin and end.  flat : bool (n_leads, 2 * n_windows), halves of windows.
    clipped : bool (n_leads, n_windows).  muscle, wander : (n_leads, n_windows).  hum : (2, n_leads, n_windows), 50 and 60 Hz.
    products : (n_windows, n_leads, n_leads), mean products of the leads' slopes, mV².  heights : (n_leads, n_beats), of the QRS.
    hidden : bool (n_leads, n_beats), whether the beat does not stand out of what lies between the beats.
    spikes : (lead, sample).  pacing : samples, (n,), and sharp : bool (n_leads, n), in which leads.
    beat : (n_leads, n), the middle beat, from its level before the QRS.  at_s : (n,), from its R peak.  n_beats : of which
    it is made, all whole.
    """

    leads: tuple[str, ...]
    edges_s: np.ndarray
    flat: np.ndarray
    clipped: np.ndarray
    muscle: np.ndarray
    hum: np.ndarray
    wander: np.ndarray
    products: np.ndarray
    heights: np.ndarray
    hidden: np.ndarray
    spikes: tuple[tuple[int, int], ...]
    pacing: np.ndarray
    sharp: np.ndarray
    beat: np.ndarray
    at_s: np.ndarray
    n_beats: int

    @cached_property
    def flat_windows(self) -> np.ndarray:
        """Windows of which a half or both are flat, bool (n_leads, n_windows)."""
        return self.flat[:, ::2] | self.flat[:, 1::2]

    @cached_property
    def muscle_mv(self) -> np.ndarray:
        """Muscle noise of each lead's middle window, (n_leads,)."""
        return median(self.muscle)

    @cached_property
    def height_mv(self) -> np.ndarray:
        """Height of each lead's middle QRS, (n_leads,); there must be one."""
        return median(self.heights)


def measure(
    signal: np.ndarray, fs_hz: float, beats: np.ndarray, first: int, end: int, leads: tuple[str, ...] = LEADS
) -> Measures:
    """Measures of the samples from first to under end. signal : float32 (n_leads, n), mV.  beats : samples, (n_beats,)."""
    part = signal[:, first:end]
    n_windows = max(1, round(part.shape[1] / fs_hz / WINDOW_S))
    edges_s = (first + part.shape[1] // n_windows * np.arange(n_windows + 1)) / fs_hz
    edges_s[-1] = end / fs_hz
    here = beats[(beats >= first) & (beats < end)] - first
    block = block_length(fs_hz)
    slow, working_hz, near = average_blocks(part, block), fs_hz / block, here // block
    muscle, hum = measure_noise(part, fs_hz, n_windows)
    flat, clipped = flat_and_clipped(part, fs_hz, n_windows)
    at_spikes, impulses, sharp = spikes_and_pacing(part, fs_hz, muscle, here)
    slopes = _slopes(slow, working_hz)
    beat, at_s, n_beats = _middle_beat(slow, working_hz, near)
    return Measures(
        leads=leads,
        edges_s=edges_s,
        flat=flat,
        clipped=clipped,
        muscle=muscle,
        hum=hum,
        wander=measure_wander(slow, working_hz, n_windows),
        products=_slope_products(slopes, n_windows),
        heights=_heights(slow, working_hz, near),
        hidden=_hidden(slopes, working_hz, near),
        spikes=tuple((lead, first + sample) for lead, sample in at_spikes),
        pacing=first + impulses,
        sharp=sharp,
        beat=beat,
        at_s=at_s,
        n_beats=n_beats,
    )


def join(parts: Sequence[Measures]) -> Measures:
    """The measures of consecutive parts as those of one recording; the middle beat is the mean of the parts'."""
    if len(parts) == 1:
        return parts[0]

    def along(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts], axis=-1)

    counts = np.array([part.n_beats for part in parts])
    return Measures(
        leads=parts[0].leads,
        edges_s=np.concatenate([parts[0].edges_s[:1], *(part.edges_s[1:] for part in parts)]),
        flat=along("flat"),
        clipped=along("clipped"),
        muscle=along("muscle"),
        hum=along("hum"),
        wander=along("wander"),
        products=np.concatenate([part.products for part in parts]),
        heights=along("heights"),
        hidden=along("hidden"),
        spikes=tuple(each for part in parts for each in part.spikes),
        pacing=along("pacing"),
        sharp=along("sharp"),
        beat=np.average([part.beat for part in parts], axis=0, weights=np.maximum(counts, 1e-9)),
        at_s=parts[0].at_s,
        n_beats=int(counts.sum()),
    )


def _slopes(slow: np.ndarray, working_hz: float) -> np.ndarray:
    """What lies on one side of a sample less what lies on the other. (n_leads, n) -> (n_leads, n - 2 * _lag)."""
    lag = _lag(working_hz)
    return slow[:, 2 * lag :] - slow[:, : -2 * lag]


def _lag(working_hz: float) -> int:
    return max(1, round(SLOPE_S * working_hz))


def _slope_products(slopes: np.ndarray, n_windows: int) -> np.ndarray:
    windows = split(slopes, n_windows).transpose(1, 0, 2)
    return windows @ windows.transpose(0, 2, 1) / windows.shape[2]


def _about(samples: np.ndarray, working_hz: float, n: int) -> np.ndarray:
    """Those within reach of a QRS about each of the samples, of n that there are. (...) -> (..., around)."""
    reach = max(1, round(QRS_HALF_S * working_hz))
    return np.minimum(np.maximum(samples[..., None] + np.arange(-reach, reach + 1), 0), n - 1)


def _heights(slow: np.ndarray, working_hz: float, near: np.ndarray) -> np.ndarray:
    about = np.take(slow, _about(near, working_hz, slow.shape[1]), axis=1)
    return about.max(axis=-1) - about.min(axis=-1)


def _hidden(slopes: np.ndarray, working_hz: float, near: np.ndarray) -> np.ndarray:
    """Beats that do not stand out of what lies on either side of them; none with fewer than two. (n_leads, n_beats)."""
    n_beats, lag = len(near), _lag(working_hz)
    if n_beats < 2:
        return np.zeros((len(slopes), n_beats), dtype=bool)
    steep = np.zeros((len(slopes), slopes.shape[1] + 2 * lag), dtype=slopes.dtype)
    np.abs(slopes, out=steep[:, lag:-lag])
    between = near[:-1] + (near[1:] - near[:-1]) * np.array(BETWEEN)[:, None]  # (4, n_beats - 1)
    samples = np.concatenate([near, between.astype(int).ravel()])
    steepest = np.take(steep, _about(samples, working_hz, steep.shape[1]), axis=1).max(axis=-1)
    quietest = steepest[:, n_beats:].reshape(len(steep), len(BETWEEN), -1).min(axis=1)
    beside = np.concatenate([quietest[:, :1], (quietest[:, 1:] + quietest[:, :-1]) / 2, quietest[:, -1:]], axis=1)
    return steepest[:, :n_beats] <= STANDS_OUT * beside


def _middle_beat(slow: np.ndarray, working_hz: float, near: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Median over the beats that lie wholly inside; of their samples' times; and how many they are."""
    offsets = np.arange(-round(BEFORE_S * working_hz), round(AFTER_S * working_hz) + 1)
    at_s = offsets / working_hz
    whole = near[(near + offsets[0] >= 0) & (near + offsets[-1] < slow.shape[1])]
    if len(whole) == 0:
        return np.zeros((len(slow), len(offsets))), at_s, 0
    beats = np.take(slow, offsets[:, None] + whole, axis=1)  # (n_leads, n, n_beats)
    beats -= median(beats[:, within(at_s, *REST_S)], axis=1)[:, None]  # the baseline wanders from beat to beat
    return median(beats).astype(float), at_s, len(whole)
