"""How the trees learn beats, and how their operating points are chosen from what they say of records not learnt from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardiac.trees import Trees
from learning.trees import fit_trees
from tasks.beats.classifier import decide, to_probabilities
from tasks.beats.examples import BOTH, Taught
from tasks.beats.labels import CLASSES

LEAST_BEATS, USUAL_BEATS = 10, 50  # of a class in a record, where records are balanced
OFFSETS = np.arange(-2.5, 2.51, 0.25)
CHOSEN = (CLASSES.index("S"), CLASSES.index("V"))  # F and Q stand in too few records for an offset to be chosen
BETA = {"f1": 1.0, "recall": 2.0}


def draw_folds(records: Sequence[Taught], n_folds: int) -> dict[str, int]:
    """A fold for each record, those with most S dealt out first, so that no fold has them all."""
    supraventricular = CLASSES.index("S")
    order = sorted(records, key=lambda each: (-(each.classes == supraventricular).sum(), each.record_id))
    return {each.record_id: index % n_folds for index, each in enumerate(order)}


def fit(records: Sequence[Taught], settings: Mapping[str, Any]) -> Trees:
    """A sum of trees for each class against the others."""
    features, classes, weights = examples(records, settings)
    rows = np.arange(len(classes))
    targets = [(rows, classes == each) for each in range(len(CLASSES))]
    return fit_trees(features, targets, [settings] * len(CLASSES), weights=[weights] * len(CLASSES))


def examples(records: Sequence[Taught], settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, n_features), classes and weights (n,): of N one beat in so many, which counts for them all."""
    parts = []
    for record in records:
        normal = record.classes == CLASSES.index("N")
        rows = np.concatenate([np.flatnonzero(normal)[:: settings["one_normal_of"]], np.flatnonzero(~normal)])
        weights = _weights(record.classes, settings)[rows]
        for form, features in enumerate(record.forms):
            share = 1.0 if form == BOTH else settings["one_lead_weight"]
            if share:
                parts.append((features[rows], record.classes[rows], weights * share))
    features, classes, weights = (np.concatenate(each) for each in zip(*parts, strict=True))
    return features, classes, weights * class_weights(settings)[classes]


def _weights(classes: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """How much each beat of a record counts, (n,): of a class other than N the less, the more of it the record has."""
    counts = np.maximum(np.bincount(classes, minlength=len(CLASSES)), LEAST_BEATS)
    weights = (USUAL_BEATS / counts) ** settings["record_balance"]
    weights[CLASSES.index("N")] = settings["one_normal_of"]
    return weights[classes]


def class_weights(settings: Mapping[str, Any]) -> np.ndarray:
    """How much a beat of each class counts, (5,)."""
    return np.array([settings["weights"][index] for index in range(len(CLASSES))], float)


def say(trees: Trees, record: Taught) -> tuple[np.ndarray, ...]:
    """Probabilities for each form of a record, (n, 5) each."""
    return tuple(to_probabilities(trees(form)) for form in record.forms)


def choose_offsets(probabilities: np.ndarray, classes: np.ndarray) -> dict[str, np.ndarray]:
    """Of each operating point the offsets (5,) with the best mean F over N, S and V, one class at a time."""
    return {name: _choose(probabilities, classes, beta) for name, beta in BETA.items()}


def _choose(probabilities: np.ndarray, classes: np.ndarray, beta: float) -> np.ndarray:
    offsets = np.zeros(len(CLASSES))
    best = _mean_f(decide(probabilities, offsets), classes, beta)
    for _ in range(2):
        for index in CHOSEN:
            for value in OFFSETS:
                trial = offsets.copy()
                trial[index] = value
                score = _mean_f(decide(probabilities, trial), classes, beta)
                if score > best + 1e-9:
                    best, offsets = score, trial
    return offsets


def _mean_f(decided: np.ndarray, classes: np.ndarray, beta: float) -> float:
    """Mean F over N, S and V, with sensitivity counted beta times as much as predictivity."""
    scores = []
    for index in range(3):
        own, called = classes == index, decided == index
        whole = beta**2 * own.sum() + called.sum()
        scores.append((1 + beta**2) * (own & called).sum() / whole if whole else 0.0)
    return float(np.mean(scores))
