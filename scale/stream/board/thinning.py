"""Tracings with few enough points for a screen, no peak of which is lost."""

import numpy as np

MOST_HZ = 125.0  # values a second and lead that go to a browser


def thin(samples: np.ndarray, fs_hz: float) -> tuple[np.ndarray, float]:
    """The least and the greatest sample of every bin, in the order in which they came, and how many values a second.

    samples : (n_leads, n).  Returns float32 (n_leads, m), m / n * fs_hz at most `MOST_HZ`, or the samples themselves
    where they are no more. The peaks keep their heights and move by less than a bin, 18 ms at 500 Hz.
    """
    n_leads, n = samples.shape
    if fs_hz <= MOST_HZ:
        return np.asarray(samples, np.float32), fs_hz
    bins = max(int(n / fs_hz * MOST_HZ / 2), 1)
    width = -(-n // bins)
    bins = -(-n // width)
    padded = np.pad(samples, ((0, 0), (0, bins * width - n)), mode="edge").reshape(n_leads, bins, width)
    least, greatest = padded.min(axis=2), padded.max(axis=2)
    falls = padded.argmax(axis=2) < padded.argmin(axis=2)
    pairs = np.stack([np.where(falls, greatest, least), np.where(falls, least, greatest)], axis=2)
    return pairs.reshape(n_leads, 2 * bins).astype(np.float32), 2 * bins * fs_hz / n
