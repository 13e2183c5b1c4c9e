"""Synthetic 12-lead records of healthy hearts with known R peaks, to which a detector's own may add what it looks for.

A cardiac dipole turns through P, QRS and T as sums of Gaussians (McSharry et al. 2003, IEEE TBME 50:289; the vector
loops of Sameni et al. 2007, EURASIP J. Adv. Signal Process. 43407), is seen by eight leads through Dower's matrix
(Dower et al. 1980, Clin. Cardiol. 3:87), and the other four leads follow by Einthoven and Goldberger. For tests and
demonstrations: no shipped weights have seen one of these.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from cardiac.dipole import DOWER
from cardiac.leads import INDEPENDENT, twelve_leads
from cardiac.records import Record

# Gaussians of the vector loop: angle (rad, 0 at the R peak), height (mV), width (rad), for X (left), Y (down), Z (back).
LOOP = {
    "X": (
        (-1.09, -0.83, -0.19, -0.07, 0.00, 0.06, 0.22, 1.20, 1.42, 1.68, 2.90),
        (0.03, 0.08, -0.13, 0.85, 1.11, 0.75, 0.06, 0.10, 0.17, 0.39, 0.03),
        (0.0906, 0.1057, 0.0453, 0.0378, 0.0332, 0.0302, 0.0378, 0.6020, 0.3000, 0.1812, 0.5000),
    ),
    "Y": (
        (-1.10, -0.90, -0.76, -0.11, -0.01, 0.065, 0.80, 1.58, 2.90),
        (0.035, 0.015, -0.019, 0.32, 0.51, -0.32, 0.04, 0.08, 0.014),
        (0.07, 0.07, 0.04, 0.055, 0.037, 0.0604, 0.450, 0.3, 0.5),
    ),
    "Z": (
        (-1.10, -0.93, -0.70, -0.40, -0.15, 0.095, 1.05, 1.25, 1.55, 2.80),
        (-0.03, -0.14, -0.035, 0.045, -0.40, 0.46, -0.12, -0.20, -0.35, -0.035),
        (0.03, 0.12, 0.04, 0.40, 0.045, 0.05, 0.80, 0.40, 0.20, 0.40),
    ),
}
LOOP_RR_S = 1.0  # the beat that the angles stand for; QRS keeps its times, T moves with the square root of RR
QRS_RAD = (-0.3, 0.3)
# The loop is that of one person with tall P and T: over Dower's leads T would reach 1.4 mV in V3. Brought to the usual.
ATRIAL_SCALE, T_SCALE = 0.7, 0.6

# From generator, times of the R peaks (s) and RR intervals (s), both (n_beats,), number of samples and rate (Hz) to what
# a disease adds to the eight independent leads, mV, (8, n_samples).
Addition = Callable[[np.random.Generator, np.ndarray, np.ndarray, int, float], np.ndarray]


@dataclass(frozen=True)
class Simulated:
    """A record and its truth. r_peaks : samples, (n_beats,)."""

    record: Record
    r_peaks: np.ndarray


def simulate_record(
    seed: int,
    fs_hz: float = 500.0,
    duration_s: float = 10.0,
    noise: float = 1.0,
    add: Addition | None = None,
    kind: int = 0,
) -> Simulated:
    """A record of a healthy heart, or of one to which a disease is added; the same for the same arguments.

    noise : factor on wander, muscle and mains noise; 0 for a clean record.  kind : of another kind, another heart is
    drawn from the same seed. Samples are in steps of 1 µV.
    """
    rng = np.random.default_rng([seed, kind])
    n_samples = round(duration_s * fs_hz)
    beats_s, rr_s = _beats(rng, duration_s)
    breath = _breathing(rng, n_samples, fs_hz)
    dipole = _dipole(rng, beats_s, rr_s, n_samples, fs_hz)
    signal = (DOWER * _torso(rng)) @ (dipole * (1 + 0.05 * breath))
    if add is not None:
        signal = signal + add(rng, beats_s, rr_s, n_samples, fs_hz)
    signal = signal + noise * _noise(rng, n_samples, fs_hz, breath)
    signal[:2] = np.round(signal[:2], 3)  # so that the leads that follow from them agree to the microvolt
    twelve = np.round(twelve_leads(signal), 3).astype(np.float32)
    peaks = np.round(beats_s * fs_hz).astype(int)
    inside = (peaks >= 0) & (peaks < n_samples)
    return Simulated(Record(f"sim_{seed:05d}", twelve, float(fs_hz)), peaks[inside])


def _beats(rng: np.random.Generator, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times of the R peaks (s), from before the record to after it, and the RR interval that each one ends."""
    mean_s = 60.0 / rng.uniform(52, 98)
    n_beats = int(np.ceil(duration_s / mean_s * 1.5)) + 4
    at_s = np.arange(n_beats) * mean_s
    # Slow (Mayer) and respiratory variability, as McSharry's two-peaked spectrum has it.
    slow = rng.uniform(0.01, 0.03) * np.sin(2 * np.pi * 0.1 * at_s + rng.uniform(0, 2 * np.pi))
    respiratory = rng.uniform(0.01, 0.04) * np.sin(2 * np.pi * 0.25 * at_s + rng.uniform(0, 2 * np.pi))
    rr_s = mean_s * (1 + slow + respiratory + 0.005 * rng.standard_normal(n_beats))
    return np.cumsum(rr_s) - rr_s[0] - rng.uniform(0, 1) * mean_s, rr_s


def _breathing(rng: np.random.Generator, n_samples: int, fs_hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * rng.uniform(0.2, 0.3) * np.arange(n_samples) / fs_hz + rng.uniform(0, 2 * np.pi))


def _torso(rng: np.random.Generator) -> np.ndarray:
    """How this person's chest differs from Dower's, as a factor for each lead, (8, 1)."""
    factors = rng.uniform(0.85, 1.15, (len(INDEPENDENT), 1))
    factors[1:2] = factors[0:1]  # I and II share their electrodes
    return factors * rng.uniform(0.65, 1.05)


def _dipole(
    rng: np.random.Generator, beats_s: np.ndarray, rr_s: np.ndarray, n_samples: int, fs_hz: float
) -> np.ndarray:
    """The heart vector, mV, (3, n_samples), turned a little from the mean person's."""
    heights = {axis: np.array(LOOP[axis][1]) * rng.normal(1, 0.08, len(LOOP[axis][1])) for axis in LOOP}
    vector = np.zeros((3, n_samples))
    for row, axis in enumerate(LOOP):
        angles, _, widths = (np.array(column) for column in LOOP[axis])
        for angle, height, width in zip(angles, heights[axis], widths, strict=True):
            scale = ATRIAL_SCALE if angle < QRS_RAD[0] else T_SCALE if angle > QRS_RAD[1] else 1.0
            vector[row] += _bumps(beats_s, rr_s, n_samples, fs_hz, angle, width, height * scale)
    return _rotation(rng.normal(0, np.radians(8), 3)) @ vector


def _bumps(
    beats_s: np.ndarray, rr_s: np.ndarray, n_samples: int, fs_hz: float, angle: float, width: float, height: float
) -> np.ndarray:
    """One Gaussian of the loop in every beat, (n_samples,)."""
    seconds = LOOP_RR_S / (2 * np.pi)
    stretch = np.sqrt(rr_s / LOOP_RR_S) if angle > QRS_RAD[1] else np.ones(len(rr_s))
    return gaussians(beats_s + angle * seconds * stretch, width * seconds * stretch, n_samples, fs_hz) * height


def gaussians(centres_s: np.ndarray, widths_s: np.ndarray, n_samples: int, fs_hz: float) -> np.ndarray:
    """Sum of Gaussians of height 1, each drawn over four of its widths to either side, (n_samples,)."""
    total = np.zeros(n_samples)
    for centre_s, width_s in zip(centres_s, widths_s, strict=True):
        first = max(int((centre_s - 4 * width_s) * fs_hz), 0)
        last = min(int((centre_s + 4 * width_s) * fs_hz) + 2, n_samples)
        if first < last:
            total[first:last] += np.exp(-0.5 * ((np.arange(first, last) / fs_hz - centre_s) / width_s) ** 2)
    return total


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Turn about X, then Y, then Z by these angles (rad), (3, 3)."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[first, second], [first, second]] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    return turn


def since_beat(beats_s: np.ndarray, n_samples: int, fs_hz: float) -> np.ndarray:
    """Seconds from the last R peak to every sample, (n_samples,)."""
    at_s = np.arange(n_samples) / fs_hz
    return at_s - beats_s[np.maximum(np.searchsorted(beats_s, at_s, side="right") - 1, 0)]


def _noise(rng: np.random.Generator, n_samples: int, fs_hz: float, breath: np.ndarray) -> np.ndarray:
    """Wander, muscle and mains noise of the eight leads, mV, (8, n_samples)."""
    at_s = np.arange(n_samples) / fs_hz
    n_leads = len(INDEPENDENT)
    wander = rng.uniform(0, 0.05, (n_leads, 1)) * breath
    for _ in range(3):
        phase = rng.uniform(0, 2 * np.pi, (n_leads, 1))
        wander = wander + rng.uniform(0, 0.04, (n_leads, 1)) * np.sin(2 * np.pi * rng.uniform(0.05, 0.5) * at_s + phase)
    band = butter(2, (20, min(150, 0.45 * fs_hz)), btype="bandpass", fs=fs_hz, output="sos")
    muscle = rng.uniform(0.004, 0.018) * sosfilt(band, rng.standard_normal((n_leads, n_samples)), axis=1)
    mains = rng.uniform(0, 0.006, (n_leads, 1)) * np.sin(2 * np.pi * 50 * at_s + rng.uniform(0, 2 * np.pi))
    return wander + muscle + mains
