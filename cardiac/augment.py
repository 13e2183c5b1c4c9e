"""Changes to training sections that leave the diagnosis as it is."""

from collections.abc import Sequence

import numpy as np

N_LIMB = 6  # the first leads


def random_sections(
    signals: Sequence[np.ndarray], rows: np.ndarray, length: int, rng: np.random.Generator
) -> np.ndarray:
    """One section cut at random from each named recording.

    signals : each (n_leads, n_samples), of any length from one section up.  rows : (b,).
    Returns float32 (b, n_leads, length).
    """
    starts = [int(rng.integers(0, signals[row].shape[1] - length + 1)) for row in rows]
    return np.stack([signals[row][:, start : start + length] for row, start in zip(rows, starts, strict=True)])


def augment(sections: np.ndarray, rng: np.random.Generator, gain: float, noise: float, lead_drop: float) -> np.ndarray:
    """Sections with another gain, white noise, and in some a lead missing; a new array (b, n_leads, length).

    gain : half-width of the gain's uniform spread about 1.  noise : greatest deviation of the noise, in the signals'
    unit.  lead_drop : share of sections that lose one lead.
    """
    n_sections, n_leads, _ = sections.shape
    gains = rng.uniform(1 - gain, 1 + gain, (n_sections, 1, 1)).astype(np.float32)
    deviations = rng.uniform(0, noise, (n_sections, 1, 1)).astype(np.float32)
    changed = sections * gains + deviations * rng.standard_normal(sections.shape, dtype=np.float32)
    dropped = np.flatnonzero(rng.random(n_sections) < lead_drop)
    changed[dropped, rng.integers(0, n_leads, len(dropped))] = 0.0
    return changed


def lead_gains(deviations: np.ndarray, n_leads: int, rng: np.random.Generator) -> np.ndarray:
    """Random gains, float32 (b, n_leads, 1): one for the limb leads together, which hang together, one a chest lead.

    deviations : (b,), of the gains' logarithms.
    """
    steps = rng.standard_normal((len(deviations), n_leads)) * deviations[:, None]
    steps[:, :N_LIMB] = steps[:, :1]
    return np.exp(steps)[:, :, None].astype(np.float32)


def mix(
    sections: np.ndarray, targets: np.ndarray, weights: np.ndarray, rng: np.random.Generator, alpha: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mixup (Zhang et al. 2018): every section, its targets and their weights mixed with another's, the larger share
    its own. A target of weight 0 has no part in the mixed target.
    """
    if alpha <= 0:
        return sections, targets, weights
    share = rng.beta(alpha, alpha, (len(sections), 1)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = rng.permutation(len(sections))
    own_weights, other_weights = share * weights, (1 - share) * weights[other]
    mixed_weights = own_weights + other_weights
    mixed_targets = (own_weights * targets + other_weights * targets[other]) / np.maximum(mixed_weights, 1e-6)
    return share[:, :, None] * sections + (1 - share)[:, :, None] * sections[other], mixed_targets, mixed_weights


def add_noisy_copies(sections: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    """The batch and a copy of it under white noise, as the task's reference solution doubles its batches; 0: as it is."""
    if noise <= 0:
        return sections
    noisy = sections + noise * rng.standard_normal(sections.shape, dtype=np.float32)
    return np.concatenate([sections, noisy])
