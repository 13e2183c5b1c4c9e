"""Median beats of LUDB's recordings with where their waves were drawn: what the delineator's network learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cardiac.beats import find_beats
from cardiac.measurements.delineation import middle_intervals
from cardiac.measurements.median_beat import AFTER, BEFORE, GRID_HZ, BeatGroup, group_beats
from cardiac.measurements.wave_network import FIDUCIALS, QRS
from cardiac.records import Record
from tasks.waves.ludb import KINDS, Waves

WIDTH = BEFORE + AFTER + 1
OF_WAVE = {"p": ("p_onset", "p_peak", "p_end"), "N": ("qrs_onset", None, "qrs_end"), "t": (None, "t_peak", "t_end")}
SEARCHED_S = {"p": (-0.40, 0.0), "N": (-0.12, 0.12), "t": (0.05, 0.68)}  # from the reference point to the wave's peak
UNDRAWN_S = {
    "p": (-0.4, 0.0),
    "N": (0.0, 0.0),
    "t": (0.0, 0.5),
}  # a wave so near the edge of what was drawn is not missed
FEW_BEATS, FEW_BEATS_COUNT = 3, 0.4  # how much a beat counts that is the median of fewer


@dataclass(frozen=True)
class Examples:
    """Median beats. beats : float32 (n, n_leads, WIDTH), mV.  rr_s : (n, 2), intervals before and after.
    places : (n, n_leads, 7), s from the reference point; NaN where the lead shows no such wave.  known : bool, of the same
    shape: whether that was drawn.  counts : (n,).  record_ids : (n,).
    """

    beats: np.ndarray
    rr_s: np.ndarray
    places: np.ndarray
    known: np.ndarray
    counts: np.ndarray
    record_ids: np.ndarray


def build_examples(records: Sequence[Record], truths: Sequence[Waves]) -> Examples:
    """A median beat for every group of alike beats, and the median over its beats of where the waves were drawn."""
    rows = []
    for record, truth in zip(records, truths, strict=True):
        beats = find_beats(record.signal, record.fs_hz)
        for group in group_beats(record.signal, record.fs_hz, beats):
            rr_s = np.nan_to_num(middle_intervals(group, beats, record.fs_hz), nan=1.0)
            places, known = _drawn(group, truth, record.fs_hz)
            count = 1.0 if len(group.indices) >= FEW_BEATS else FEW_BEATS_COUNT
            rows.append((group.beat.astype(np.float32), rr_s, places, known, count, record.record_id))
    return Examples(*(np.array(column) for column in zip(*rows, strict=True)))


def _drawn(group: BeatGroup, truth: Waves, fs_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a group's fiducials were drawn in each lead, and whether anything was. Both (n_leads, 7)."""
    n_leads = len(group.beat)
    places, known = np.full((n_leads, len(FIDUCIALS)), np.nan), np.zeros((n_leads, len(FIDUCIALS)), dtype=bool)
    for lead in range(n_leads):
        waves = truth.of_lead(lead)
        if len(waves.kinds) == 0:
            continue
        edges = waves.samples[:, 1].min() / fs_hz, waves.samples[:, 1].max() / fs_hz
        qrs = waves.samples[waves.kinds == KINDS["N"], 1] / fs_hz
        for kind, names in OF_WAVE.items():
            own = _relative(group.positions / fs_hz, waves, qrs, edges, kind, fs_hz)
            for part, name in enumerate(names):
                if name is None or len(own) == 0:
                    continue
                column = FIDUCIALS.index(name)
                known[lead, column] = True
                if np.isfinite(own[:, part]).sum() >= len(own) / 2:
                    places[lead, column] = np.nanmedian(own[:, part])
    return places, known


def _relative(
    beats_s: np.ndarray, waves: Waves, qrs_s: np.ndarray, edges_s: tuple[float, float], kind: str, fs_hz: float
) -> np.ndarray:
    """Onset, peak and end of one kind of wave in each beat whose QRS was drawn, from the beat's reference point.

    NaN where the beat shows none; beats whose wave may lie where nothing was drawn are left out. (n, 3).
    """
    there = waves.kinds == KINDS[kind]
    drawn = np.where(waves.known[there], waves.samples[there], np.nan) / fs_hz  # (k, 3)
    peaks = waves.samples[there, 1] / fs_hz
    rows = []
    for beat in beats_s:
        if len(qrs_s) == 0 or np.abs(qrs_s - beat).min() >= SEARCHED_S["N"][1]:
            continue
        near = np.flatnonzero((peaks > beat + SEARCHED_S[kind][0]) & (peaks < beat + SEARCHED_S[kind][1]))
        if len(near):
            nearest = near[-1] if kind == "p" else near[0] if kind == "t" else near[np.abs(peaks[near] - beat).argmin()]
            rows.append(drawn[nearest] - beat)
        elif beat + UNDRAWN_S[kind][0] >= edges_s[0] and beat + UNDRAWN_S[kind][1] <= edges_s[1]:
            rows.append(np.full(3, np.nan))
    return np.array(rows).reshape(-1, 3)


def change_beats(
    beats: np.ndarray, rr_s: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beats changed at random as other hearts and machines would: rate, reference point, smoothing, gain, sign, wander, noise.

    beats : (b, n_leads, WIDTH).  rr_s : (b, 2).  places : (b, n_leads, 7).  Returns the three, changed.
    """
    changed = [_changed(*each, rng) for each in zip(beats, rr_s, places, strict=True)]
    return tuple(np.stack(each) for each in zip(*changed, strict=True))


def _changed(
    beat: np.ndarray, rr_s: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    grid = np.arange(WIDTH) - BEFORE
    stretch, shift = np.exp(rng.uniform(-0.18, 0.18)), rng.uniform(-5, 5)
    width = int(rng.choice([1, 1, 3, 5]))
    if width > 1:
        padded = np.pad(beat, ((0, 0), (width // 2, width // 2)), mode="edge")
        beat = np.stack([np.convolve(row, np.full(width, 1 / width), "valid") for row in padded])
    source = np.clip((grid + shift) / stretch + BEFORE, 0, WIDTH - 1.001)
    below, share = source.astype(int), source - source.astype(int)
    moved = beat[:, below] * (1 - share) + beat[:, below + 1] * share
    n_leads = len(beat)
    sign = np.where(rng.random((n_leads, 1)) < 0.1, -1.0, 1.0)
    moved = moved * np.exp(rng.uniform(-0.4, 0.4, (n_leads, 1))) * sign
    height = np.ptp(moved[:, QRS], axis=1, keepdims=True)
    level, slope, bend = (rng.normal(0, scale, (n_leads, 1)) for scale in (0.02, 0.02, 0.01))
    wander = level + slope * grid / 100 + bend * (grid / 100) ** 2
    noise = rng.choice([0.0, 0.003, 0.01]) * rng.standard_normal(moved.shape)
    changed = moved + height * (wander + noise)
    return changed.astype(np.float32), rr_s * stretch, places * stretch - shift / GRID_HZ
