"""From probabilities to classes: what is added to each class's logarithm, chosen out of fold."""

import numpy as np

from tasks.beats.ec57 import class_scores
from tasks.beats.labels import CLASSES
from tasks.beats.out_of_fold import count_decisions, decide_across, offsets_across

PREFER = {"f1": 1.0, "recall": 2.0}  # which F measure the operating point is best in: under 2 recall counts more
GRID = np.arange(-4.0, 4.01, 0.25)
ROUNDS = 2
LEAST = 1e-6
CHOSEN = (2, 1)  # V, then S: F stands in too few records for an offset to be chosen


def decide(probabilities: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Which of CLASSES each beat is, int (n,). probabilities : (n, k).  offsets : added to their logarithms, (k,)."""
    return (np.log(np.maximum(probabilities, LEAST)) + offsets).argmax(axis=1)


def fit_offsets(probabilities: np.ndarray, classes: np.ndarray, prefer: str) -> np.ndarray:
    """Offsets with the greatest mean F measure over N S V F, one class after another; N's and F's are 0. Returns (k,).

    probabilities : out of fold, (n, k).  classes : (n,).
    """
    logs, offsets = np.log(np.maximum(probabilities, LEAST)), np.zeros(probabilities.shape[1])
    for _ in range(ROUNDS):
        for column in CHOSEN:
            rest = logs + offsets
            rest[:, column] = -np.inf
            others, best_other = rest.argmax(axis=1), rest.max(axis=1)
            found = [
                _mean_f(np.where(logs[:, column] + offset > best_other, column, others), classes, PREFER[prefer])
                for offset in GRID
            ]
            offsets[column] = round(float(GRID[int(np.argmax(found))]), 2)
    return offsets


def _mean_f(found: np.ndarray, classes: np.ndarray, beta: float) -> float:
    counts = np.bincount(classes * len(CLASSES) + found, minlength=len(CLASSES) ** 2).reshape(len(CLASSES), -1)
    right, truth, told = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f = (1 + beta**2) * right / np.maximum(beta**2 * truth + told, 1)
    return float(f[:4].mean())


def scores_of(found: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """F1 of N S V F and their mean ("macro", over those that there are), and accuracy; of beats whose class is stated."""
    scores = class_scores(count_decisions(classes, found))
    f1 = {name: scores[name].f1 for name in CLASSES[:4]}
    there = [f1[name] for name in f1 if scores[name].n_reference]
    return {**f1, "macro": float(np.mean(there)) if there else 0.0, "accuracy": float((found == classes).mean())}


def cross_fitted(probabilities: np.ndarray, classes: np.ndarray, folds: np.ndarray, prefer: str) -> np.ndarray:
    """Classes of beats by offsets that were chosen on the other folds, int (n,)."""
    chosen = offsets_across(probabilities, classes, folds, lambda *others: fit_offsets(*others, prefer))
    return decide_across(probabilities, folds, chosen, decide)
