"""How good decisions on intervals are: over all intervals together, by study, and run by run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cardiac.metrics import bootstrap_weights

N_DRAWS, N_BINS = 1_000, 10
TOLERANCE = 2  # intervals about the ends of a run that experts marked, within which they differ among themselves
Metric = Callable[[np.ndarray], float]  # of how often each study counts, (n_studies,)


@dataclass(frozen=True)
class Answers:
    """What is said of studies, beside the truth: each a list of one array a study, probabilities float, the others bool."""

    record_ids: Sequence[str]
    targets: Sequence[np.ndarray]
    probabilities: Sequence[np.ndarray]
    decided: Sequence[np.ndarray]

    def without(self, record_id: str) -> "Answers":
        """The same without one study."""
        kept = [index for index, own in enumerate(self.record_ids) if own != record_id]
        parts = (self.record_ids, self.targets, self.probabilities, self.decided)
        return Answers(*([part[index] for index in kept] for part in parts))


@dataclass(frozen=True)
class Scores:
    """Figures with their 95 % intervals, (value, low, high), resampled by study. n_* : what they stand on.

    f1 : pooled over all intervals.  tolerant : the same where TOLERANCE intervals at the ends of a marked run do not count.
    event_f1 : of runs.  median : of the studies' own F1.  precision, sensitivity : pooled.  average_precision : pooled.
    calibration : expected calibration error.
    """

    n_studies: int
    n_intervals: int
    n_anomalies: int
    n_runs: int
    figures: dict[str, tuple[float, float, float]]


def counts_of(targets: np.ndarray, decided: np.ndarray) -> tuple[int, int, int]:
    """Right, wrongly called and missed intervals. bool (n,), (n,)."""
    return int((targets & decided).sum()), int((~targets & decided).sum()), int((targets & ~decided).sum())


def f1_of(right: float, wrong: float, missed: float) -> float:
    """F1; 0 where nothing is right."""
    return 2 * right / max(2 * right + wrong + missed, 1)


def runs_of(values: np.ndarray) -> np.ndarray:
    """First and last + 1 of every run of True, int (n_runs, 2)."""
    return np.flatnonzero(np.diff(values.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)


def event_counts(targets: np.ndarray, decided: np.ndarray) -> tuple[int, int, int, int]:
    """Runs found, runs marked, runs claimed that overlap a marked one, runs claimed. bool (n,), (n,)."""
    marked, claimed = runs_of(targets), runs_of(decided)
    found = sum(bool(decided[first:last].any()) for first, last in marked)
    right = sum(bool(targets[first:last].any()) for first, last in claimed)
    return found, len(marked), right, len(claimed)


def event_f1(found: float, marked: float, right: float, claimed: float) -> float:
    """Harmonic mean of the share of marked runs that are found and of claimed runs that are right."""
    recall, precision = found / max(marked, 1), right / max(claimed, 1)
    return 2 * recall * precision / max(recall + precision, 1e-12)


def tolerant_counts(targets: np.ndarray, decided: np.ndarray) -> tuple[int, int, int]:
    """As `counts_of`, without the intervals within TOLERANCE of the ends of a marked run."""
    ends = np.flatnonzero(np.diff(targets.astype(np.int8)))  # the last interval before a change
    near = np.zeros(len(targets), bool)
    for end in ends:
        near[max(0, end + 1 - TOLERANCE) : end + 1 + TOLERANCE] = True
    return counts_of(targets[~near], decided[~near])


def scores_of(answers: Answers, n_draws: int = N_DRAWS) -> Scores:
    """All figures of these answers."""
    pairs = [*zip(answers.targets, answers.decided, strict=True)]
    counts, tolerant, events = (
        np.array([of(*pair) for pair in pairs]) for of in (counts_of, tolerant_counts, event_counts)
    )
    own = np.array([f1_of(*each) for each in counts])
    draws = bootstrap_weights(np.arange(len(pairs)), n_draws)
    targets, told = np.concatenate(answers.targets), np.concatenate(answers.probabilities)
    study = np.repeat(np.arange(len(pairs)), [len(each) for each in answers.targets])
    by_draw: dict[str, Metric] = {
        "f1": lambda weights: f1_of(*(weights @ counts)),
        "precision": lambda weights: _share(*(weights @ counts)[:2]),
        "sensitivity": lambda weights: _share(*(weights @ counts)[[0, 2]]),
        "tolerant": lambda weights: f1_of(*(weights @ tolerant)),
        "event_f1": lambda weights: event_f1(*(weights @ events)),
        "median": lambda weights: float(np.median(np.repeat(own, weights.astype(int)))),
        "average_precision": _average_precision(told, targets, study),
        "calibration": _calibration_error(answers),
    }
    figures = {name: _with_interval(metric, draws) for name, metric in by_draw.items()}
    n_runs = int(events[:, 1].sum())
    return Scores(len(pairs), len(targets), int(targets.sum()), n_runs, figures)


def _average_precision(told: np.ndarray, targets: np.ndarray, study: np.ndarray) -> Metric:
    """`cardiac.metrics.average_precision` by the weights of studies, its order found once for all draws."""
    order = np.argsort(-told, kind="stable")
    ranked, right, owner = told[order], targets[order], study[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # equal ones count together

    def metric(weights: np.ndarray) -> float:
        each = weights[owner]
        found, all_of = np.cumsum(each * right)[last], np.cumsum(each)[last]
        gain = np.diff(found, prepend=0.0)
        return float((gain * found / np.maximum(all_of, 1e-12)).sum() / max(found[-1], 1e-12))

    return metric


def _calibration_error(answers: Answers) -> Metric:
    """`cardiac.metrics.calibration_error` by the weights of studies, from each study's sums."""
    off = np.zeros((len(answers.targets), N_BINS))
    for row, told, targets in zip(off, answers.probabilities, answers.targets, strict=True):
        bins = np.minimum((told * N_BINS).astype(int), N_BINS - 1)
        row += np.bincount(bins, told - targets, N_BINS)
    n = np.array([len(each) for each in answers.targets])
    return lambda weights: float(np.abs(weights @ off).sum() / max(weights @ n, 1e-12))


def _share(part: float, rest: float) -> float:
    return part / max(part + rest, 1)


def _with_interval(metric: Metric, draws: np.ndarray) -> tuple[float, float, float]:
    values = [metric(weights) for weights in draws]
    low, high = np.percentile(values, [2.5, 97.5]) if values else (np.nan, np.nan)
    return float(metric(np.ones(draws.shape[1]))), float(low), float(high)


@dataclass(frozen=True)
class Worst:
    """A study with what it adds to the mistakes. f1 : its own."""

    record_id: str
    n_intervals: int
    n_anomalies: int
    wrong: int
    missed: int
    f1: float


def worst_studies(answers: Answers, most: int = 10) -> list[Worst]:
    """The studies with the most mistakes, the most first."""
    rows = []
    for record_id, targets, decided in zip(answers.record_ids, answers.targets, answers.decided, strict=True):
        right, wrong, missed = counts_of(targets, decided)
        rows.append(Worst(record_id, len(targets), int(targets.sum()), wrong, missed, f1_of(right, wrong, missed)))
    return sorted(rows, key=lambda each: (-(each.wrong + each.missed), each.record_id))[:most]
