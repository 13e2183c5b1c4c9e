"""Changes to training windows that leave the diagnosis as it is."""

from collections.abc import Sequence

import numpy as np


def random_windows(
    signals: Sequence[np.ndarray], rows: np.ndarray, window: int, rng: np.random.Generator
) -> np.ndarray:
    """One window cut at random from each named record.

    signals : each (n_leads, n_samples), of any length from one window up.  rows : (b,).
    Returns float32 (b, n_leads, window).
    """
    starts = [int(rng.integers(0, signals[row].shape[1] - window + 1)) for row in rows]
    return np.stack([signals[row][:, start : start + window] for row, start in zip(rows, starts, strict=True)])


def augment(
    windows: np.ndarray, rng: np.random.Generator, gain: float, noise_mv: float, lead_drop: float
) -> np.ndarray:
    """Windows with another gain, white noise, and in some a lead missing; a new array (b, n_leads, window).

    gain : half-width of the gain's uniform spread about 1.  noise_mv : greatest deviation of the noise.
    lead_drop : share of windows that lose one lead.
    """
    n_windows, n_leads, _ = windows.shape
    gains = rng.uniform(1 - gain, 1 + gain, (n_windows, 1, 1)).astype(np.float32)
    deviations = rng.uniform(0, noise_mv, (n_windows, 1, 1)).astype(np.float32)
    changed = windows * gains + deviations * rng.standard_normal(windows.shape, dtype=np.float32)
    dropped = np.flatnonzero(rng.random(n_windows) < lead_drop)
    changed[dropped, rng.integers(0, n_leads, len(dropped))] = 0.0
    return changed


def mix(
    windows: np.ndarray, targets: np.ndarray, rng: np.random.Generator, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mixup (Zhang et al. 2018): every window and its targets mixed with another's, the larger share its own."""
    if alpha <= 0:
        return windows, targets
    share = rng.beta(alpha, alpha, (len(windows), 1, 1)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = rng.permutation(len(windows))
    mixed_targets = share[:, 0] * targets + (1 - share[:, 0]) * targets[other]
    return share * windows + (1 - share) * windows[other], mixed_targets


def add_noisy_copies(
    windows: np.ndarray, targets: np.ndarray, rng: np.random.Generator, noise_mv: float
) -> tuple[np.ndarray, np.ndarray]:
    """The batch and a copy of it under white noise, as the task's reference solution doubles its batches; 0: as it is."""
    if noise_mv <= 0:
        return windows, targets
    noisy = windows + noise_mv * rng.standard_normal(windows.shape, dtype=np.float32)
    return np.concatenate([windows, noisy]), np.concatenate([targets, targets])
