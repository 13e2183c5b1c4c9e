"""Artificial ECGs whose waves begin, end and reach where they are told to, as the calibration ECGs of IEC 60601-2-25 do."""

from dataclasses import dataclass

import numpy as np

from cardiac.leads import INDEPENDENT, twelve_leads
from cardiac.records import Record

# Of I, II, V1 to V6: P, Q, R, S, T, mV.
HEIGHTS = np.array(
    [
        [0.08, -0.05, 0.60, -0.10, 0.20],
        [0.12, -0.08, 1.00, -0.15, 0.28],
        [0.05, 0.00, 0.20, -0.90, -0.05],
        [0.06, 0.00, 0.35, -1.20, 0.45],
        [0.06, 0.00, 0.60, -0.80, 0.50],
        [0.06, -0.04, 1.10, -0.40, 0.40],
        [0.06, -0.07, 1.30, -0.20, 0.30],
        [0.05, -0.08, 1.00, -0.08, 0.22],
    ]
)


@dataclass(frozen=True)
class Truth:
    """Milliseconds. p_ms, pr_ms, qt_ms; q_ms, r_ms, s_ms are the parts of the QRS."""

    rate_bpm: float = 60.0
    p_ms: float = 110.0
    pr_ms: float = 160.0
    q_ms: float = 20.0
    r_ms: float = 44.0
    s_ms: float = 30.0
    qt_ms: float = 400.0
    t_ms: float = 180.0

    @property
    def qrs_ms(self) -> float:
        return self.q_ms + self.r_ms + self.s_ms


def make_record(
    truth: Truth = Truth(), fs_hz: float = 500.0, duration_s: float = 10.0, heights: np.ndarray = HEIGHTS,
    noise_mv: float = 0.003, seed: int = 0, jitter_s: float = 0.01,
) -> Record:  # fmt: skip
    """A 12-lead record of beats that are all alike, in steps of 1 uV."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * fs_hz)
    at_s = np.arange(n) / fs_hz
    rr_s = 60 / truth.rate_bpm
    onsets_s = np.arange(0.35, duration_s + rr_s, rr_s)
    onsets_s = onsets_s + rng.uniform(-jitter_s, jitter_s, len(onsets_s))
    waves = np.zeros((5, n))
    for onset_s in onsets_s:
        since = (at_s - onset_s) * 1000
        begin = 0.0
        waves[0] += hump(since + truth.pr_ms, truth.p_ms)
        for row, length in enumerate((truth.q_ms, truth.r_ms, truth.s_ms), start=1):
            waves[row] += triangle(since - begin, length)
            begin += length
        waves[4] += hump(since - (truth.qt_ms - truth.t_ms), truth.t_ms)
    signal = heights @ waves + noise_mv * rng.standard_normal((len(INDEPENDENT), n))
    signal = signal + 0.05 * np.sin(2 * np.pi * 0.2 * at_s + rng.uniform(0, 6, (len(INDEPENDENT), 1)))
    return Record("made", np.round(twelve_leads(np.round(signal, 3)), 3).astype(np.float32), fs_hz)


def hump(since_ms: np.ndarray, length_ms: float) -> np.ndarray:
    """A raised cosine from 0 to its length, of height 1."""
    inside = (since_ms >= 0) & (since_ms <= length_ms)
    return np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * since_ms / length_ms), 0.0)


def triangle(since_ms: np.ndarray, length_ms: float) -> np.ndarray:
    """A triangle from 0 to its length, of height 1."""
    return np.maximum(1 - np.abs(2 * since_ms / length_ms - 1), 0.0) * (since_ms >= 0)
