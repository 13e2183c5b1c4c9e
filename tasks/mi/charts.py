"""The charts of the report, drawn from out-of-fold probabilities. Nothing here touches a file."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from cardiac.metrics import f1_score, wilson
from tasks.mi.cross_fit import CrossFitted
from tasks.mi.labels import NORM, SITES
from tasks.mi.rules import columns

INK, ACCENT, SOFT = "#1b1b1f", "#b3261e", "#9aa0a6"


@dataclass(frozen=True)
class Scored:
    """What the charts are drawn from: truth, raw and calibrated probabilities, and decisions, for every record.

    infarction, present : bool (n,).  sites : bool (n, 6).  raw, spread : (n,), before calibration.
    """

    infarction: np.ndarray
    sites: np.ndarray
    raw: np.ndarray
    spread: np.ndarray
    fitted: CrossFitted

    @property
    def mi(self) -> np.ndarray:
        return self.fitted.mi

    @property
    def present(self) -> np.ndarray:
        return self.fitted.present


def draw_all(scored: Scored) -> dict[str, Figure]:
    """Every chart by its title."""
    return {
        "ROC": draw_roc(scored),
        "Precision and recall": draw_precision_recall(scored),
        "Reliability": draw_reliability(scored),
        "F1 by threshold": draw_thresholds(scored),
        "F1 by share left undecided": draw_abstention(scored),
        "Sites: what true infarctions are called": draw_confusion(scored),
    }


def _axes(title: str, x: str, y: str, size: tuple[float, float] = (4.6, 4.0)) -> tuple[Figure, object]:
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw_roc(scored: Scored) -> Figure:
    """Sensitivity against false alarms, with the point that the thresholds chose."""
    figure, axes = _axes("ROC", "false alarms among records without infarction", "infarctions found")
    false, true, _ = roc_curve(scored.infarction, scored.raw)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    axes.plot(false, true, color=INK, linewidth=1.5)
    chosen = scored.present[~scored.infarction].mean(), scored.present[scored.infarction].mean()
    axes.plot(*chosen, "o", color=ACCENT, label="at the fitted thresholds")
    axes.legend(frameon=False, loc="lower right")
    return figure


def draw_precision_recall(scored: Scored) -> Figure:
    """Precision against recall, with the point that the thresholds chose."""
    figure, axes = _axes("Precision and recall", "infarctions found (recall)", "right among those called (precision)")
    precision, recall, _ = precision_recall_curve(scored.infarction, scored.raw)
    axes.plot(recall, precision, color=INK, linewidth=1.5)
    axes.axhline(scored.infarction.mean(), color=SOFT, linewidth=0.8, linestyle=":", label="always infarction")
    true_positives = scored.present & scored.infarction
    axes.plot(
        true_positives.sum() / scored.infarction.sum(), true_positives.sum() / max(scored.present.sum(), 1), "o", color=ACCENT,
        label="at the fitted thresholds",
    )  # fmt: skip
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower left")
    return figure


def draw_reliability(scored: Scored, n_bins: int = 10) -> Figure:
    """Share of infarctions among records of like probability, before and after calibration, with 95 % intervals."""
    figure, axes = _axes("Reliability", "probability said", "share that has an infarction")
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    for values, colour, label, shift in (
        (scored.raw, SOFT, "the networks'", -0.006),
        (scored.mi, ACCENT, "calibrated", 0.006),
    ):
        bins = np.minimum((values * n_bins).astype(int), n_bins - 1)
        for each in np.unique(bins):
            inside = bins == each
            n, share = inside.sum(), scored.infarction[inside].mean()
            low, high = wilson(int(scored.infarction[inside].sum()), int(n))
            at = values[inside].mean() + shift
            axes.plot([at, at], [low, high], color=colour, linewidth=1)
            axes.plot(
                at, share, "o", color=colour, markersize=3 + np.sqrt(n) / 6, label=label if each == bins.min() else None
            )
    axes.legend(frameon=False, loc="upper left")
    return figure


def draw_thresholds(scored: Scored) -> Figure:
    """F1, sensitivity and precision if one threshold held for all records, and where the fitted ones lie."""
    figure, axes = _axes("F1 by threshold", "threshold of the calibrated probability", "")
    tried, ones = np.linspace(0.02, 0.98, 97), np.ones(len(scored.mi))
    f1 = [f1_score(scored.mi >= each, scored.infarction, ones) for each in tried]
    sensitivity = [(scored.mi >= each)[scored.infarction].mean() for each in tried]
    precision = [scored.infarction[scored.mi >= each].mean() if (scored.mi >= each).any() else np.nan for each in tried]
    for values, colour, label in (
        (f1, ACCENT, "F1"),
        (sensitivity, INK, "sensitivity"),
        (precision, SOFT, "precision"),
    ):
        axes.plot(tried, values, color=colour, label=label)
    for each in np.unique(scored.fitted.mi_threshold):
        axes.axvline(each, color=ACCENT, linewidth=0.6, linestyle=":")
    axes.legend(frameon=False, loc="lower center")
    return figure


def certainty(scored: Scored, spread_weight: float = 0.0) -> np.ndarray:
    """How far a record lies from its threshold, in logits, less the windows' disagreement; the lowest are left first."""
    p, threshold = (np.clip(each, 1e-6, 1 - 1e-6) for each in (scored.mi, scored.fitted.mi_threshold))
    return np.abs(np.log(p / (1 - p)) - np.log(threshold / (1 - threshold))) - spread_weight * scored.spread


def abstention_curve(scored: Scored, order: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """F1 of the decided when the first `share` of `order` is left undecided, (n_shares,)."""
    kept = [order[round(share * len(order)) :] for share in shares]
    return np.array([f1_score(scored.present[each], scored.infarction[each], np.ones(len(each))) for each in kept])


def draw_abstention(scored: Scored) -> Figure:
    """F1 of the decided against the share left undecided: by probability, by the windows' spread, and at random."""
    figure, axes = _axes("F1 by share left undecided", "share of records left undecided", "F1 of the others")
    shares = np.linspace(0, 0.5, 51)
    ways = {
        "farthest from its threshold": (np.argsort(certainty(scored)), ACCENT, "-"),
        "the same, less the windows' spread": (np.argsort(certainty(scored, 5.0)), INK, "--"),
        "the windows' spread alone": (np.argsort(-scored.spread), SOFT, "-"),
        "at random": (np.random.default_rng(0).permutation(len(scored.mi)), SOFT, ":"),
    }
    for label, (order, colour, style) in ways.items():
        axes.plot(shares, abstention_curve(scored, order, shares), color=colour, linestyle=style, label=label)
    sure = ~scored.fitted.uncertain
    reached = f1_score(scored.present[sure], scored.infarction[sure], np.ones(sure.sum()))
    axes.plot(1 - sure.mean(), reached, "o", color=ACCENT, label="the band of doubt")
    axes.legend(frameon=False, fontsize=8)
    return figure


def draw_confusion(scored: Scored) -> Figure:
    """Of the infarctions at each site, the share that was called each column, end to end."""
    figure, axes = _axes("What true infarctions are called", "called", "true site", (6.4, 4.4))
    truth = columns(scored.infarction, scored.sites)
    counts = truth.T.astype(int) @ scored.fitted.columns
    shares = counts / np.maximum(truth.sum(axis=0), 1)[:, None]
    names = [*SITES, NORM]
    axes.imshow(shares, cmap="Reds", vmin=0, vmax=1)
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            colour = "white" if share > 0.6 else INK
            axes.text(
                column, row, f"{share:.2f}\n{counts[row, column]}", ha="center", va="center", color=colour, fontsize=7
            )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), [f"{name} ({n})" for name, n in zip(names, truth.sum(axis=0), strict=True)])
    return figure
