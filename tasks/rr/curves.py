"""Two charts of what was said of studies that taught nothing: precision by sensitivity, and how true the probabilities are."""

import numpy as np

from cardiac.files import png
from tasks.rr.scores import Answers, counts_of

N_BINS = 10


def precision_and_recall(told: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At every threshold, the highest first. float (n,), bool (n,) -> (n,), (n,)."""
    right = np.cumsum(targets[np.argsort(-told, kind="stable")])
    return right / np.arange(1, len(right) + 1), right / max(right[-1], 1)


def draw_curves(answers: Answers) -> bytes:
    """Both charts as PNG, with the point at which decisions were taken."""
    from matplotlib.figure import Figure

    told, targets = np.concatenate(answers.probabilities), np.concatenate(answers.targets)
    right, wrong, missed = counts_of(targets, np.concatenate(answers.decided))
    figure = Figure(figsize=(9, 4.2), layout="constrained", dpi=110)
    chart, beside = figure.subplots(1, 2)
    precision, recall = precision_and_recall(told, targets)
    chart.plot(recall, precision, color="C0")
    chart.plot(right / max(right + missed, 1), right / max(right + wrong, 1), "o", color="C3")
    chart.annotate("as decided", (right / max(right + missed, 1), right / max(right + wrong, 1)), (-70, -18),
                   textcoords="offset points", color="C3")  # fmt: skip
    chart.axhline(targets.mean(), color="0.6", linewidth=0.8, linestyle=":")
    chart.annotate("every interval called", (0.02, targets.mean()), (0, 4), textcoords="offset points", color="0.4")
    chart.set(xlabel="sensitivity", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    bins = np.minimum((told * N_BINS).astype(int), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    known = counts > 0
    mean_told = np.bincount(bins, told, N_BINS)[known] / counts[known]
    marked = np.bincount(bins, targets, N_BINS)[known] / counts[known]
    beside.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    beside.plot(mean_told, marked, "o-", color="C0")
    beside.set(xlabel="probability that is said", ylabel="share that experts marked", xlim=(0, 1), ylim=(0, 1))
    figure.suptitle(
        f"{len(answers.record_ids)} studies, {len(told):,} intervals, {targets.sum():,} marked: nested folds",
        fontsize=10,
    )
    return png(figure)
