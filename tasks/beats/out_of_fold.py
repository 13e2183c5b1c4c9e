"""What beats are by a classifier that did not see their record, decided by operating points that did not either."""

from collections.abc import Callable, Mapping

import numpy as np

from tasks.beats.ec57 import NONE, class_scores
from tasks.beats.labels import CLASSES

Choose = Callable[[np.ndarray, np.ndarray], np.ndarray]  # probabilities (n, k) and classes (n,) -> offsets (k,)
SEARCHED = CLASSES[:3]  # F1 of N, S and V decides between settings: of F nearly all are of one record


def offsets_across(
    probabilities: np.ndarray, classes: np.ndarray, folds: np.ndarray, choose: Choose
) -> dict[int, np.ndarray]:
    """For each fold the offsets that were chosen on the others; none where it is alone.

    probabilities : out of fold, (n, k).  classes, folds : of each beat, int (n,).
    """
    known = [int(fold) for fold in np.unique(folds)]
    if len(known) < 2:
        return {fold: np.zeros(probabilities.shape[1]) for fold in known}
    return {fold: choose(probabilities[folds != fold], classes[folds != fold]) for fold in known}


def count_decisions(classes: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """How often each class (rows) was decided as which (columns), int (6, 6), as `ec57.confusion` has it."""
    counts = np.zeros((NONE + 1, NONE + 1), int)
    np.add.at(counts, (classes, decided), 1)
    return counts


def f1_of(classes: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    """F1 of N, S, V and F; NaN where a class neither is there nor was decided."""
    scores = class_scores(count_decisions(classes, decided))
    return {name: scores[name].f1 for name in CLASSES[:4]}


def search_scores(f1: Mapping[str, float]) -> dict[str, float]:
    """What a search compares settings by: the mean F1 of SEARCHED as "score", and F1 by class. f1 : as `f1_of`."""
    return {"score": float(np.nanmean([f1[name] for name in SEARCHED]))} | {f"f1_{key}": f1[key] for key in f1}


def decide_across(
    probabilities: np.ndarray,
    folds: np.ndarray,
    offsets: Mapping[int, np.ndarray],
    decide: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Which of CLASSES each beat is, int (n,), by its fold's offsets. decide : (probabilities, offsets) -> classes."""
    decided = np.empty(len(probabilities), int)
    for fold, own in offsets.items():
        decided[folds == fold] = decide(probabilities[folds == fold], own)
    return decided
