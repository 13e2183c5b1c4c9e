"""Changes to training sections that leave the diagnosis as it is."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from cardiac.dipole import DOWER
from cardiac.leads import twelve_leads

N_LIMB = 6  # the first leads
OF_DIPOLE = twelve_leads(DOWER)  # (12, 3)


def random_sections(
    signals: Sequence[np.ndarray], rows: np.ndarray, length: int, rng: np.random.Generator, warp: float = 0.0
) -> np.ndarray:
    """One section cut at random from each named recording.

    signals : each (n_leads, n_samples), of any length from one section up.  rows : (b,).  warp : half-width of the
    uniform spread of the speed at which a section is read, about 1; as far as the recording is long enough.
    Returns float32 (b, n_leads, length).
    """
    if warp > 0:
        return np.stack([_warped(signals[row], length, rng.uniform(1 - warp, 1 + warp), rng) for row in rows])
    starts = [int(rng.integers(0, signals[row].shape[1] - length + 1)) for row in rows]
    return np.stack([signals[row][:, start : start + length] for row, start in zip(rows, starts, strict=True)])


def _warped(signal: np.ndarray, length: int, speed: float, rng: np.random.Generator) -> np.ndarray:
    """A section at a random place, read at another speed by linear interpolation. (n_leads, n) -> (n_leads, length)."""
    speed = min(speed, (signal.shape[1] - 1) / (length - 1))
    places = rng.uniform(0, signal.shape[1] - 1 - speed * (length - 1)) + speed * np.arange(length)
    before = np.minimum(places.astype(int), signal.shape[1] - 2)
    share = (places - before).astype(np.float32)
    return (1 - share) * signal[:, before] + share * signal[:, before + 1]


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


def turn_heart(sections: np.ndarray, rng: np.random.Generator, degrees: float) -> np.ndarray:
    """Sections as of a heart turned in the chest: the part of the leads that one dipole explains is turned.

    By Dower's matrix and its inverse, as in Gopal et al. 2021 (3KG); what no dipole explains stays as it is.
    sections : (b, n_leads, length), the standard twelve leads.  degrees : deviation of the turn about each axis; 0: none.
    """
    if degrees <= 0:
        return sections
    turns = Rotation.from_rotvec(rng.normal(0, degrees, (len(sections), 3)), degrees=True).as_matrix()  # (b, 3, 3)
    moved = OF_DIPOLE @ (turns - np.eye(3)) @ np.linalg.pinv(OF_DIPOLE)  # (b, n_leads, n_leads)
    return sections + moved.astype(np.float32) @ sections


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
