"""Figures over kinds, from counts of patients, with 95 % intervals by draws of patients."""

from dataclasses import dataclass

import numpy as np

N_DRAWS = 1_000
Interval = tuple[float, float, float]  # value, and the 2.5th and 97.5th percentile of the draws


@dataclass(frozen=True)
class Scores:
    """counts : segments, (n_kinds, n_kinds), rows what they are, columns what was said.  The last three : of each kind."""

    counts: np.ndarray
    macro_f1: Interval
    accuracy: Interval
    mean_sensitivity: Interval
    sensitivity: list[Interval]
    precision: list[Interval]
    f1: list[Interval]


def scores_of(said: np.ndarray, targets: np.ndarray, patients: np.ndarray, n_kinds: int, seed: int = 0) -> Scores:
    """int (n,) each. A kind that is never there, or never said, has an F1 of 0."""
    _, patient = np.unique(patients, return_inverse=True)
    by_patient = np.zeros((patient.max() + 1, n_kinds, n_kinds))
    np.add.at(by_patient, (patient, targets, said), 1.0)
    drawn = np.random.default_rng(seed).integers(0, len(by_patient), (N_DRAWS, len(by_patient)))
    times = np.stack([np.bincount(each, minlength=len(by_patient)) for each in drawn])
    whole = by_patient.sum(axis=0)
    values = _figures(np.concatenate([whole[None], np.tensordot(times, by_patient, axes=1)]))
    alone = {name: _interval(each) for name, each in values.items() if each.ndim == 1}
    of_kinds = {name: [_interval(own) for own in each.T] for name, each in values.items() if each.ndim == 2}
    return Scores(whole.astype(int), **alone, **of_kinds)


def _figures(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Of every table of counts, (n, n_kinds, n_kinds), its figures: (n,), or (n, n_kinds) of each kind."""
    hits, there, said = counts.diagonal(axis1=1, axis2=2), counts.sum(axis=2), counts.sum(axis=1)
    f1 = 2 * hits / np.maximum(there + said, 1)
    sensitivity = hits / np.maximum(there, 1)
    return {
        "macro_f1": f1.mean(axis=1),
        "accuracy": hits.sum(axis=1) / np.maximum(there.sum(axis=1), 1),
        "mean_sensitivity": sensitivity.mean(axis=1),
        "sensitivity": sensitivity,
        "precision": hits / np.maximum(said, 1),
        "f1": f1,
    }


def _interval(values: np.ndarray) -> Interval:
    """The first value, and where the middle 95 % of the others end."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return float(values[0]), float(low), float(high)
