"""Stretches that fibrillate, made of records that do not: to learn that beats which come early there are no S.

Of DS1 two records alone have atrial fibrillation (201, 203), too few to learn from: each, left out, was full of S. Made up
is what defines it: no P wave but f waves of 4.5 to 8 Hz, and intervals that are drawn each by itself. QRS and T, and so
what the ventricles do, stay the patient's own.
"""

import numpy as np

from tasks.beats.ectopic import Form
from tasks.beats.features import P_WAVE, stretch_features
from tasks.beats.labels import CLASSES
from tasks.beats.shapes import SPEC

MOST_BEATS, LEAST_NORMAL = 400, 50
BEFORE_QRS = slice(P_WAVE.start - 5, P_WAVE.stop + 2)  # where the P wave is taken away
F_HZ, F_MV = (4.5, 8.0), (0.01, 0.08)  # of f waves
MEAN_S, DEVIATION = (0.45, 0.95), (0.15, 0.28)  # of the intervals; deviation of their mean
RANGE_S = (0.3, 2.2)
EARLY_V = (0.55, 0.9)  # of the mean interval, at most, before V
N, S, V = (CLASSES.index(each) for each in "NSV")


def fibrillating_form(beats: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> Form | None:
    """Features and classes of such a stretch, made of some beats of a record, in order; None where it has few normal ones.

    beats : float32 (n, n_leads, width).  classes : (n,). S beats are left out: in fibrillation there are none.
    """
    first = int(rng.integers(0, max(1, len(classes) - MOST_BEATS)))
    own = slice(first, first + MOST_BEATS)
    if (classes[own] == N).sum() < LEAST_NORMAL:
        return None
    without_p = _f_waves(beats[own].copy(), classes[own] == N, rng)
    rr = _intervals(len(without_p) + 1, rng)
    kept = classes[own] != S
    told, rr = classes[own][kept], rr[: kept.sum() + 1]
    ventricular = told == V
    rr[:-1][ventricular] = np.minimum(rr[:-1][ventricular], rr.mean() * rng.uniform(*EARLY_V, ventricular.sum()))
    return stretch_features(without_p[kept], rr), told


def _f_waves(beats: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The beats with f waves in the place of the P wave that normal ones have, which fades in and out."""
    usual = np.median(beats[normal][:, :, BEFORE_QRS], axis=0)
    width = usual.shape[-1]
    fade = np.hanning(width + 2)[1:-1] ** 0.25
    n = len(beats)
    f_hz, phase = rng.uniform(*F_HZ, (n, 1)), rng.uniform(0, 2 * np.pi, (n, 1))
    waves = rng.uniform(*F_MV) * np.sin(2 * np.pi * f_hz * np.arange(width) / SPEC.fs_hz + phase)
    beats[:, :, BEFORE_QRS] += waves[:, None] - usual * fade
    return beats


def _intervals(n: int, rng: np.random.Generator) -> np.ndarray:
    """Intervals in s, each drawn by itself from a gamma distribution, (n,)."""
    mean, deviation = rng.uniform(*MEAN_S), rng.uniform(*DEVIATION)
    return rng.gamma(deviation**-2, mean * deviation**2, n).clip(*RANGE_S)
