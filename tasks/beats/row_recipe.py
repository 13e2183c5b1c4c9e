"""Beats as the field's rows: 187 samples at 125 Hz between 0 and 1, from R on, zeros behind (Kachuee et al. 2018).

Kachuee, Fazeli and Sarrafzadeh, "ECG Heartbeat Classification: A Deep Transferable Representation" (arXiv 1805.00794), say:
lead II at 125 Hz, no filter; windows of 10 s; in each the amplitudes normalised to 0 ... 1; local maxima by the zero
crossings of the first derivative; those above 0.9 are candidates for R; T is the median of the RR intervals; from each R
a part of 1.2 T, padded with zeros to a fixed length. Where they leave a choice, ours is:

- lead: II or MLII where the recording has it, else its first one;
- windows follow each other without overlap, and what is left at the end is a shorter one;
- of candidates within 200 ms of each other the higher one is R: a notch is no beat;
- a window with fewer than two R has no T and gives no rows, a flat one (under 0.01 mV) neither;
- a part runs on over its window's end, still normalised as that window is, and what leaves 0 ... 1 there is cut to it;
- the fixed length is the published table's 187 samples; of T over 1.25 s the end is cut off;
- the target is the class of the annotated beat within 150 ms, as EC 57 pairs them; an R without one gives no row, nor
  does one in ventricular flutter.

What is lower than 0.9 of its window's highest beat is lost: of DS1's 51,021 beats this way keeps 28,648, of its 3,788 V
beats 1,025. The published table has 109,446 rows, which is one fewer for each of the 48 recordings than there are annotated
beats: it cannot have been made so, and must have taken R from the annotations. `annotated_rows` does that: every annotated
beat gives a row, T is the median of the distances from its window's beats to the next ones, and the rest is as above.
"""

from dataclasses import dataclass

import numpy as np

from cardiac.long_signals import prepare
from cardiac.records import Record
from cardiac.signals import SignalSpec
from tasks.beats.annotations import Annotations
from tasks.beats.ec57 import WINDOW_S, match_beats, outside

FS_HZ, WIDTH, WINDOW = 125.0, 187, 1250
SPEC = SignalSpec(FS_HZ, (0.0, 0.0), leads=())
HEIGHT, LENGTH, APART, FLAT_MV = 0.9, 1.2, 25, 0.01
LEADS = ("II", "MLII")
PERIOD = 125.0  # samples, of a recording with a single beat


@dataclass(frozen=True)
class Rows:
    """values : float32 (n, WIDTH), 0 ... 1.  targets : which of CLASSES, int (n,), or None where nobody has said."""

    values: np.ndarray
    targets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)


def lead_of(record: Record) -> int:
    """Which lead the rows are of."""
    return next((index for index, name in enumerate(record.leads) if name in LEADS), 0)


def row_signal(record: Record) -> np.ndarray:
    """That lead at 125 Hz, (n,), mV."""
    prepared, lead = prepare(record.signal, record.fs_hz, SPEC), lead_of(record)
    pieces = [prepared[:, at : at + 60 * WINDOW][lead] for at in range(0, prepared.shape[1], 60 * WINDOW)]
    return np.concatenate(pieces)


def find_peaks(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R as the paper finds it, and the T of its window, in samples. (n,) -> int (m,), float (m,)."""
    positions, periods = [], []
    low, high = window_ranges(signal)
    for window, at in enumerate(range(0, len(signal), WINDOW)):
        part = signal[at : at + WINDOW]
        if high[window] - low[window] < FLAT_MV:
            continue
        rising = np.diff(part) > 0
        tops = np.flatnonzero(rising[:-1] & ~rising[1:]) + 1
        heights = (part[tops] - low[window]) / (high[window] - low[window])
        found = _apart(tops[heights > HEIGHT], heights[heights > HEIGHT])
        if len(found) >= 2:
            positions.append(found + at)
            periods.append(np.full(len(found), np.median(np.diff(found))))
    none = np.empty(0)
    return np.concatenate([none, *positions]).astype(int), np.concatenate([none, *periods])


def _apart(tops: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Without those that lie close to a higher one, in order. (m,), (m,) -> (k,)."""
    kept: list[int] = []
    for top in tops[np.argsort(-heights, kind="stable")].tolist():
        if all(abs(top - each) >= APART for each in kept):
            kept.append(top)
    return np.sort(np.array(kept, int))


def window_ranges(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of each window, (n_windows,) each."""
    starts = np.arange(0, len(signal), WINDOW)
    return np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)


def periods_at(positions: np.ndarray) -> np.ndarray:
    """T of each beat's window, float (n,): the median distance of its beats to the next one (of the last: to the one before)."""
    if len(positions) < 2:
        return np.full(len(positions), PERIOD)
    intervals = np.diff(positions)
    intervals = np.append(intervals, intervals[-1]).astype(float)
    windows, window = np.unique(positions // WINDOW, return_inverse=True)
    return np.array([np.median(intervals[window == each]) for each in range(len(windows))])[window]


def cut_rows(signal: np.ndarray, positions: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """1.2 T from each position on, between 0 and 1 in its window, zeros behind. Returns float32 (n, WIDTH)."""
    low, high = window_ranges(signal)
    window = positions // WINDOW
    places = positions[:, None] + np.arange(WIDTH)
    values = signal[np.minimum(places, len(signal) - 1)] - low[window, None]
    values /= np.maximum(high - low, FLAT_MV)[window, None]
    length = np.clip(np.round(LENGTH * periods), 1, WIDTH)[:, None]
    within = (np.arange(WIDTH) < length) & (places < len(signal))
    return np.where(within, np.clip(values, 0, 1), 0).astype(np.float32)


def rows_at(record: Record, positions: np.ndarray) -> np.ndarray:
    """A row for each position, float32 (n, WIDTH). positions : samples of the recording, in order, int (n,)."""
    signal = row_signal(record)
    places = np.round(np.asarray(positions) * (FS_HZ / record.fs_hz)).astype(int)
    places = np.minimum(places, len(signal) - 1)
    return cut_rows(signal, places, periods_at(places))


def annotated_rows(record: Record, beats: Annotations) -> Rows:
    """A row for every annotated beat outside of flutter."""
    kept = outside(beats.positions, beats.flutter, WINDOW_S * record.fs_hz)
    return Rows(rows_at(record, beats.positions)[kept], beats.classes[kept])


def paper_rows(record: Record, beats: Annotations) -> Rows:
    """A row for every R that the paper's way finds and an annotated beat stands at."""
    signal = row_signal(record)
    positions, periods = find_peaks(signal)
    scale, window = record.fs_hz / FS_HZ, WINDOW_S * record.fs_hz
    pairs = match_beats(beats.positions, positions * scale, window).pairs
    pairs = pairs[outside(beats.positions[pairs[:, 0]], beats.flutter, window)]
    found = pairs[:, 1]
    return Rows(cut_rows(signal, positions[found], periods[found]), beats.classes[pairs[:, 0]])
