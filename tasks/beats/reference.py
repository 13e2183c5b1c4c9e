"""Which of a patient's beats look alike, and which of these groups is the normal one: by size and by rhythm."""

from dataclasses import dataclass

import numpy as np

from tasks.beats.shapes import BEFORE

QRS = slice(BEFORE - 12, BEFORE + 15)  # 96 ms before a beat's position to 120 ms after it
MOST_GROUPS = 12
ALIKE = 0.2  # of the energy of the group's mean may be in the difference to it
CANDIDATES = 256  # beats of which one is taken as the first of a group
LONG_ENOUGH = 0.85  # of the long intervals: from here on size alone decides between groups
LEAST_SHARE = 0.05  # of the stretch's beats are needed to be the normal group


@dataclass(frozen=True)
class Groups:
    """Beats of like shape.

    group : of each beat, int (n,), in order of size; the last one holds what is like no other.  means : float
    (n_groups, n_leads, width), of whole beats.  sizes : (n_groups,).  normal : which group is the patient's normal one.
    """

    group: np.ndarray
    means: np.ndarray
    sizes: np.ndarray
    normal: int


def group_beats(beats: np.ndarray, relative_rr: np.ndarray) -> Groups:
    """Groups of beats whose QRS are alike, and the normal one among them.

    beats : float32 (n > 0, n_leads, width).  relative_rr : of each beat the interval before it, of the recording's long
    ones (1: as long as those that nine of ten do not exceed); (n,).
    """
    scale = np.maximum(np.sqrt(np.median((beats[:, :, QRS] ** 2).mean(axis=2), axis=0)), 0.02)
    shapes = (beats[:, :, QRS] / scale[:, None]).reshape(len(beats), -1)
    group = _in_groups(shapes)
    sizes = np.bincount(group)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    group, sizes = rank[group], sizes[order]
    means = np.stack([beats[group == each].mean(axis=0) for each in range(len(sizes))])
    return Groups(group, means, sizes, _normal(group, sizes, relative_rr))


def _in_groups(shapes: np.ndarray) -> np.ndarray:
    """A group of each beat, int (n,): the largest first, of beats near its mean; what is left goes to the nearest."""
    group = np.full(len(shapes), -1)
    energy = (shapes**2).sum(axis=1)
    means: list[np.ndarray] = []
    while len(means) < MOST_GROUPS and (left := np.flatnonzero(group < 0)).size:
        candidates = left[:: max(1, len(left) // CANDIDATES)]
        near = _distances(shapes[left], energy[left], shapes[candidates]) < ALIKE
        mean = shapes[candidates[near.sum(axis=0).argmax()]]
        for _ in range(2):
            own = _distances(shapes[left], energy[left], mean[None])[:, 0] < ALIKE
            mean = shapes[left[own]].mean(axis=0) if own.any() else mean
        if not own.any():
            break
        group[left[own]] = len(means)
        means.append(mean)
    left = np.flatnonzero(group < 0)
    if len(left):
        group[left] = _distances(shapes[left], energy[left], np.stack(means)).argmin(axis=1) if means else 0
    return group


def _distances(shapes: np.ndarray, energy: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Energy of the differences, of the larger of both, (n, n_means)."""
    of_means = (means**2).sum(axis=1)
    apart = energy[:, None] + of_means - 2 * shapes @ means.T
    return apart / np.maximum(np.maximum(energy[:, None], of_means), 1e-9)


def _normal(group: np.ndarray, sizes: np.ndarray, relative_rr: np.ndarray) -> int:
    """The group with the longest intervals before its beats, among those that are large enough; size counts too."""
    scores = []
    for each, size in enumerate(sizes):
        if size < LEAST_SHARE * len(group):
            scores.append(-np.inf)
            continue
        rr = np.clip(relative_rr[group == each], 0.3, LONG_ENOUGH)
        scores.append(float(np.median(rr)) + 0.15 * np.log(size / len(group)))
    return int(np.argmax(scores)) if np.isfinite(scores).any() else 0
