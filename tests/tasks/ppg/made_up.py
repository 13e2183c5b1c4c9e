"""Pulse waves whose beats are known."""

import numpy as np


def pulses_at(times_s, fs_hz=100.0, length_s=10.0, heights=None):
    """A wave with a pulse at each time, float (n_samples,): a Gaussian that falls more slowly than it rises."""
    since = np.arange(round(length_s * fs_hz))[:, None] / fs_hz - np.asarray(times_s)[None]
    width = np.where(since < 0, 0.09, 0.16)
    return (np.exp(-0.5 * (since / width) ** 2) * (1.0 if heights is None else np.asarray(heights))).sum(axis=1)


def every(interval_s, length_s=10.0, first_s=0.35):
    """Times of a rhythm without variation."""
    return np.arange(first_s, length_s, interval_s)
