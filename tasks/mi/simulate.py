"""Simulated records with an infarction at a known site, or none: `cardiac.simulate` with the signs added.

Infarctions add the accepted signs (Thygesen et al. 2018, Fourth Universal Definition) in the leads of their site. For
tests and demonstrations: no shipped weights have seen one of these.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from cardiac import simulate
from cardiac.leads import INDEPENDENT
from cardiac.simulate import LOOP_RR_S, gaussians, since_beat
from cardiac.windows import sigmoid
from tasks.mi.datasets import Dataset
from tasks.mi.labels import SITES

# How strongly each independent lead faces the injured wall; negative: it sees the wall from behind (reciprocal signs).
# III, aVL, aVF follow from I and II: inferior gives III 1.0, aVF 0.8, aVL -0.7.
FACING = {
    "septal": (0.0, 0.0, 1.0, 1.0, 0.3, 0.0, 0.0, 0.0),
    "anterior": (0.1, 0.0, 0.0, 0.5, 1.0, 1.0, 0.4, 0.0),
    "lateral": (0.7, 0.1, -0.2, -0.2, 0.0, 0.3, 0.9, 1.0),
    "anterolateral": (0.7, 0.1, 0.0, 0.3, 0.8, 1.0, 1.0, 0.9),
    "anteroseptal": (0.0, 0.0, 0.9, 1.0, 1.0, 0.7, 0.2, 0.0),
    "inferior": (-0.4, 0.6, -0.2, -0.3, -0.2, 0.0, 0.1, 0.1),
}


@dataclass(frozen=True)
class Simulated(simulate.Simulated):
    """A record and its truth. site : one of `labels.SITES`, or None for a healthy heart."""

    site: str | None = None


def simulate_record(
    seed: int, site: str | None = None, fs_hz: float = 500.0, duration_s: float = 10.0, noise: float = 1.0
) -> Simulated:
    """A record of a healthy heart, or of one with an infarction at a site; the same for the same arguments.

    noise : factor on wander, muscle and mains noise; 0 for a clean record.
    """
    if site is None:
        made = simulate.simulate_record(seed, fs_hz, duration_s, noise)
    else:
        kind = 1 + SITES.index(site)
        made = simulate.simulate_record(seed, fs_hz, duration_s, noise, partial(add_infarction, site), kind)
    return Simulated(made.record, made.r_peaks, site)


def simulate_dataset(n_records: int, seed: int) -> Dataset:
    """Half healthy hearts, half infarctions spread evenly over the six sites; every record another patient."""
    sites = [None if index % 2 == 0 else SITES[index // 2 % len(SITES)] for index in range(n_records)]
    simulated = [simulate_record(seed * 100_000 + index, site) for index, site in enumerate(sites)]
    targets = np.array([[site == name for name in SITES] for site in sites])
    table = pd.DataFrame({"record_id": [each.record.record_id for each in simulated], "patient_id": range(n_records)})
    table[["age", "sex", "ptbxl_infarction", "strat_fold"]] = np.nan
    table["noisy"] = False
    return Dataset(table, [each.record for each in simulated], targets.any(axis=1), targets, "simulated")


def add_infarction(
    site: str, rng: np.random.Generator, beats_s: np.ndarray, rr_s: np.ndarray, n_samples: int, fs_hz: float
) -> np.ndarray:
    """What an infarction adds to the eight leads, mV: Q or QS, lost R, ST elevation, T inversion; (8, n_samples).

    Its age runs from acute (0: ST high, T upright) to old (1: ST near the baseline, T inverted).
    """
    age = rng.uniform(0.25, 1.0)
    stretch = np.sqrt(rr_s / LOOP_RR_S)
    same = np.ones(len(beats_s))
    initial = gaussians(beats_s - 0.028, 0.013 * same, n_samples, fs_hz)
    main = gaussians(beats_s, 0.015 * same, n_samples, fs_hz)
    st_rise = sigmoid((0.09 - np.abs(since_beat(beats_s, n_samples, fs_hz) - 0.145)) / 0.012)
    t_wave = gaussians(beats_s + 0.255 * stretch, 0.045 * stretch, n_samples, fs_hz)
    facing = np.array(FACING[site])[:, None]
    chest = np.array([lead.startswith("V") for lead in INDEPENDENT])[:, None]
    q_depth = np.where(chest, rng.uniform(0.5, 0.75), rng.uniform(0.3, 0.5))
    r_loss = np.where(chest, rng.uniform(0.8, 1.2), rng.uniform(0.25, 0.4))
    st_mv = np.where(chest, 1.0, 0.6) * (0.06 + 0.28 * (1 - age))
    t_mv = np.where(chest, 1.0, 0.55) * (0.65 * age - 0.1)
    return facing * (st_mv * st_rise - q_depth * initial - r_loss * main - t_mv * t_wave)
