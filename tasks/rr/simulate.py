"""Made-up studies: a rhythm that breathes, spikes that are marked, and intervals in which a beat was missed or made twice."""

import numpy as np

from tasks.rr.studies import Study

N_STUDIES = 12
LENGTHS = (80, 260)
RESOLUTION_MS = 4.0  # as the case's recorder has it
BREATH = 5.0  # intervals


def simulate_study(seed: int, n: int | None = None) -> Study:
    """A study with one to four spikes, by its seed; not real. n : intervals, else drawn."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(*LENGTHS))
    level, calm = rng.uniform(520, 900), rng.uniform(0.003, 0.02)
    breathing = np.sin(2 * np.pi * np.arange(n) / BREATH + rng.uniform(0, 6))
    intervals = level * (1 + calm * breathing + calm * rng.standard_normal(n) / 2)
    targets = np.zeros(n, bool)
    for place in rng.choice(
        np.arange(8, max(n - 8, 9), 20), size=min(int(rng.integers(1, 5)), max(1, n // 25)), replace=False
    ):
        height = level * rng.uniform(0.08, 0.16)
        intervals[place] += height
        intervals[place + 1 : place + 2] -= height * rng.uniform(0.7, 1.1)
        targets[place - int(rng.integers(3, 6)) : place + 2 + int(rng.integers(2, 5))] = True
    for place in np.flatnonzero((rng.random(n) < 0.02) & ~targets):
        intervals[place] *= rng.choice([0.3, 0.5, 2.0])
    intervals = np.maximum(RESOLUTION_MS * np.round(intervals / RESOLUTION_MS), RESOLUTION_MS)
    return Study(f"simulated-{seed}", np.cumsum(intervals).astype(int), intervals.astype(int), targets)
