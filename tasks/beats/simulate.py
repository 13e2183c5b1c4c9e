"""Made-up hearts whose early beats are known: what a training is shown where there are no recordings."""

import numpy as np

from cardiac.records import Record
from cardiac.simulate import gaussians
from tasks.beats.labels import CLASSES

FS_HZ = 250.0
N_HEARTS, N_BEATS = 9, 240
SHARE = 0.15  # of a heart's beats that are early, at most
# Of each class the seconds from a beat's position, the height in mV and the width in s of its P, QRS and T.
WAVES = {
    "N": ((-0.16, 0.14, 0.02), (0.0, 1.0, 0.012), (0.29, 0.25, 0.05)),
    "S": ((-0.14, 0.06, 0.02), (0.0, 0.97, 0.012), (0.28, 0.24, 0.05)),
    "V": ((0.0, 0.9, 0.03), (0.07, -0.4, 0.03), (0.33, -0.3, 0.06)),
    "F": ((-0.16, 0.14, 0.02), (0.0, 0.9, 0.018), (0.05, -0.2, 0.03), (0.31, 0.0, 0.06)),
}


def simulate_heart(seed: int, n_beats: int = N_BEATS) -> tuple[Record, np.ndarray, np.ndarray]:
    """A recording of two leads of a heart of its own, the samples of its beats and which of CLASSES each is, (n_beats,).

    S and V are early and a pause follows V; F come in time, and few. The same for the same seed.
    """
    rng = np.random.default_rng(seed)
    letters = _letters(rng, n_beats)
    at_s = 1.0 + np.cumsum(_intervals(rng, letters))
    n = round((at_s[-1] + 1.5) * FS_HZ)
    leads = np.array([1.0, -0.6])[:, None] * rng.uniform(0.7, 1.3, (2, 1))
    widths = rng.uniform(0.85, 1.15)
    whole = np.zeros(n)
    for letter, waves in WAVES.items():
        own = at_s[letters == letter]
        for index, (after_s, height, width_s) in enumerate(waves):
            height *= 1 + 0.1 * np.sin(index + seed)  # each heart in its own way
            whole += height * gaussians(own + after_s, np.full(len(own), width_s * widths), n, FS_HZ)
    signal = leads * whole + rng.normal(0, 0.08, (2, n))
    record = Record(f"sim_{seed:02d}", signal.astype(np.float32), FS_HZ, leads=("II", "V1"))
    return record, np.round(at_s * FS_HZ).astype(int), np.array([CLASSES.index(each) for each in letters])


def _letters(rng: np.random.Generator, n_beats: int) -> np.ndarray:
    """Which beat is which; the first four are N, and hearts differ in which early beats they have."""
    of_s, of_v = rng.uniform(0.03, SHARE, 2)
    letters = rng.choice([*WAVES], n_beats, p=[1 - of_s - of_v - 0.02, of_s, of_v, 0.02])
    letters[:4] = "N"
    return letters


def _intervals(rng: np.random.Generator, letters: np.ndarray) -> np.ndarray:
    """Seconds before each beat."""
    usual_s = rng.uniform(0.7, 1.0)
    early = np.isin(letters, ("S", "V"))
    after_v = np.concatenate([[False], letters[:-1] == "V"]) & ~early
    ratio = np.where(early, rng.uniform(0.7, 0.9, len(letters)), np.where(after_v, 1.35, 1.0))
    return usual_s * ratio * (1 + rng.normal(0, 0.06, len(letters)))
