"""Beats that were found against those of the reference, as ANSI/AAMI EC 57 compares them: knows no file and no model."""

from dataclasses import dataclass

import numpy as np

from tasks.beats.labels import CLASSES

WINDOW_S = 0.15
NONE = len(CLASSES)  # in the place of a class: no beat


@dataclass(frozen=True)
class Matched:
    """pairs : (k, 2), of reference beats and found ones.  missed : reference beats without one.  extra : found ones without."""

    pairs: np.ndarray
    missed: np.ndarray
    extra: np.ndarray


def match_beats(reference: np.ndarray, found: np.ndarray, window: float) -> Matched:
    """Which found beat is which reference beat: no more than `window` samples apart, each in one pair, the nearer one.

    reference, found : samples in order, (n,) and (m,). As WFDB's `bxb` does it.
    """
    pairs, missed, extra = [], [], []
    i = j = 0
    truth, told = reference.tolist(), found.tolist()
    while i < len(truth) and j < len(told):
        apart = abs(told[j] - truth[i])
        if apart > window:
            if told[j] < truth[i]:
                extra.append(j)
                j += 1
            else:
                missed.append(i)
                i += 1
        elif j + 1 < len(told) and abs(told[j + 1] - truth[i]) < apart:
            extra.append(j)
            j += 1
        elif i + 1 < len(truth) and abs(told[j] - truth[i + 1]) < apart:
            missed.append(i)
            i += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    missed.extend(range(i, len(truth)))
    extra.extend(range(j, len(told)))
    return Matched(np.array(pairs, int).reshape(-1, 2), np.array(missed, int), np.array(extra, int))


def outside(positions: np.ndarray, spans: tuple[tuple[int, int], ...], margin: float) -> np.ndarray:
    """Whether each beat lies outside of all spans, and by more than a margin, bool (n,)."""
    inside = np.zeros(len(positions), bool)
    for first, last in spans:
        inside |= (positions >= first - margin) & (positions <= last + margin)
    return ~inside


def confusion(matched: Matched, reference: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How often each class of the reference (rows) was found as which (columns), int (6, 6); the last of both: no beat.

    reference, found : which of CLASSES, (n,) and (m,).
    """
    counts = np.zeros((NONE + 1, NONE + 1), int)
    np.add.at(counts, (reference[matched.pairs[:, 0]], found[matched.pairs[:, 1]]), 1)
    np.add.at(counts[:, NONE], reference[matched.missed], 1)
    np.add.at(counts[NONE], found[matched.extra], 1)
    return counts


@dataclass(frozen=True)
class ClassScore:
    """Of one class; NaN where there is nothing to divide by. F1 is 0 where the class was never found right."""

    sensitivity: float
    predictivity: float
    f1: float
    n_reference: int
    n_found: int


def class_scores(counts: np.ndarray, spared: bool = False) -> dict[str, ClassScore]:
    """Sensitivity, predictivity and F1 of each of CLASSES. counts : as `confusion` gives them.

    spared : as EC 57 (4.3.3.2) and de Chazal 2004 have it, F and Q that are called V, and Q that are called S, are no false
    alarms.
    """
    scores = {}
    for index, name in enumerate(CLASSES):
        right, told = counts[index, index], counts[:, index].sum()
        if spared:
            told -= sum(counts[CLASSES.index(each), index] for each in {"V": "FQ", "S": "Q"}.get(name, ""))
        truth = counts[index].sum()
        scores[name] = ClassScore(
            _share(right, truth), _share(right, told), _share(2 * right, truth + told), int(truth), int(told)
        )
    return scores


def macro_f1(counts: np.ndarray) -> float:
    """Mean F1 over N, S, V and F."""
    scores = class_scores(counts)
    return float(np.nanmean([scores[name].f1 for name in CLASSES[:4]]))


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")
