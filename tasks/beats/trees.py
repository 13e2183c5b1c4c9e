"""How the trees learn beats, and how their operating points are chosen from what they say of records not learnt from."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardiac.trees import Trees
from learning.trees import fit_trees
from tasks.beats.classifier import to_probabilities
from tasks.beats.ectopic import Ectopic, fit_ectopic
from tasks.beats.examples import BOTH, Taught
from tasks.beats.labels import CLASSES
from tasks.beats.out_of_fold import count_decisions

LEAST_BEATS, USUAL_BEATS = 10, 50  # of a class in a record, where records are balanced
STEPS = np.arange(-1.0, 3.01, 0.25)  # added to the logarithms
GRID = np.array(sorted(itertools.product(STEPS, STEPS), key=lambda pair: abs(pair[0]) + abs(pair[1])))  # of S and V
LEAST = 1e-12
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
        for features, classes in record.fibrillating if settings["fibrillation_weight"] else ():
            own = _weights(classes, settings | {"one_normal_of": 1})
            parts.append((features, classes, own * settings["fibrillation_weight"]))
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


def ectopic_of(records: Sequence[Taught]) -> Ectopic | None:
    """What answers in ectopic stretches, taught by those that were made of these records."""
    return fit_ectopic([form for record in records for form in record.ectopic])


def say(trees: Trees, record: Taught, ectopic: Ectopic | None = None) -> tuple[np.ndarray, ...]:
    """Probabilities for each form of a record, (n, 5) each."""
    told = [to_probabilities(trees(form)) for form in record.forms]
    if ectopic is None:
        return tuple(told)
    return tuple(ectopic.joined(each, form) for each, form in zip(told, record.forms, strict=True))


def choose_offsets(probabilities: np.ndarray, classes: np.ndarray) -> dict[str, np.ndarray]:
    """Of each operating point the offsets (5,) with the best mean F over N, S and V, those of S and V chosen together."""
    logs = np.log(np.maximum(probabilities, LEAST))
    of_s, of_v = (logs[:, index] for index in CHOSEN)
    rest = np.delete(np.arange(len(CLASSES)), CHOSEN)
    other, best_other = rest[logs[:, rest].argmax(axis=1)], logs[:, rest].max(axis=1)
    scores: dict[str, list[float]] = {name: [] for name in BETA}
    for s, v in GRID:
        told = np.where(of_v + v > of_s + s, CHOSEN[1], CHOSEN[0])
        decided = np.where(np.maximum(of_s + s, of_v + v) > best_other, told, other)
        counts = count_decisions(classes, decided)
        for name, beta in BETA.items():
            scores[name].append(_mean_f(counts, beta))
    return {name: _offsets(GRID[int(np.argmax(each))]) for name, each in scores.items()}


def _offsets(chosen: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(CLASSES))
    offsets[[*CHOSEN]] = chosen
    return offsets


def _mean_f(counts: np.ndarray, beta: float) -> float:
    """Mean F over N, S and V, with sensitivity counted beta times as much as predictivity. counts : (6, 6)."""
    right, truth, told = np.diag(counts)[:3], counts.sum(axis=1)[:3], counts.sum(axis=0)[:3]
    return float(((1 + beta**2) * right / np.maximum(beta**2 * truth + told, 1)).mean())
