"""Likely gains for recordings whose leads were each scaled to unit variance."""

import numpy as np

# Median standard deviation of each lead in the band 0.5 to 45 Hz over the task's 1,681 training records, mV.
TYPICAL_MV = (
    0.12099999934434891,
    0.11999999731779099,
    0.09000000357627869,
    0.11299999803304672,
    0.08799999952316284,
    0.08699999749660492,
    0.14499999582767487,
    0.23399999737739563,
    0.2290000021457672,
    0.2240000069141388,
    0.1979999989271164,
    0.15700000524520874,
)


# The limb leads hang together (Einthoven, Goldberger): each row, times I, II, III, aVR, aVL, aVF, sums to nothing.
LIMB_RELATIONS = np.array([[1, -1, 1, 0, 0, 0], [0.5, 0.5, 0, 1, 0, 0], [-1, 0.5, 0, 0, 1, 0], [0.5, -1, 0, 0, 0, 1]])


def restore_gains(signal: np.ndarray) -> np.ndarray:
    """A signal whose leads were each scaled to unit variance, with likely gains: a guess, and only good to learn from.

    The limb leads' gains to each other follow from LIMB_RELATIONS (least squares); their common gain and the chest
    leads' are typical ones. signal : (12, n). Returns float32 (12, n), mV.
    """
    limb = np.asarray(signal[:6], dtype=np.float64)
    products = limb @ limb.T
    normal = sum(np.outer(row, row) * products for row in LIMB_RELATIONS)  # of gains g: |sum of row * g * lead|^2
    gains = np.linalg.eigh(normal)[1][:, 0]
    gains = np.clip(gains * np.sign(gains.sum()), 0.05, None)
    typical = np.array(TYPICAL_MV)
    gains *= np.exp(np.log(typical[:6]).mean() - np.log(gains).mean())
    return (signal * np.concatenate([gains, typical[6:]])[:, None]).astype(np.float32)
