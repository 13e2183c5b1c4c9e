"""How the trees come to what they say, as pictures: loss and accuracy by their number, precision and recall out of fold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.files import png, replace_file
from cardiac.trees import Trees
from tasks.beats.classifier import to_probabilities
from tasks.beats.ec57 import class_scores
from tasks.beats.examples import BOTH, Taught
from tasks.beats.labels import CLASSES
from tasks.beats.out_of_fold import count_decisions

STEPS = 10  # numbers of trees at which loss and accuracy are drawn
MOST_BEATS = 3000  # of those learnt from and of those held out: curves need no more
SHOWN = ("S", "V")
Curves = dict[str, list[dict[str, Any]]]  # as `learning.curves` takes them, numbers of trees in the place of epochs


def tree_curves(
    records: Sequence[Taught], folds: Mapping[str, int], by_fold: Mapping[int, Trees], seeds: int
) -> Curves:
    """Loss and accuracy by the number of trees of each class, of each fold's trees; of both leads, beats as they come.

    seeds : of how many models each class's trees are the mean. An epoch is {"epoch", "train_loss", "held_loss",
    "train_accuracy", "held_accuracy"}; the loss is the mean negative logarithm of the right class's probability.
    """
    curves = {}
    for fold, trees in by_fold.items():
        learnt, held = (
            _beats([each for each in records if (folds[each.record_id] == fold) == out]) for out in (False, True)
        )
        numbers, parts = _parts(trees, seeds)
        of_both = {"train": _staged(parts, *learnt), "held": _staged(parts, *held)}
        curves[f"fold{fold}"] = [
            {"epoch": number} | {f"{kind}_{name}": told[name][at] for kind, told in of_both.items() for name in told}
            for at, number in enumerate(numbers)
        ]
    return curves


def _beats(records: Sequence[Taught]) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, n_features) and classes (n,) of some beats of all records, evenly taken."""
    features = np.concatenate([each.forms[BOTH] for each in records])
    classes = np.concatenate([each.classes for each in records])
    every = -(-len(classes) // MOST_BEATS)
    return features[::every], classes[::every]


def _parts(trees: Trees, seeds: int) -> tuple[list[int], list[Trees]]:
    """Numbers of trees of each class, and the trees in parts that add up to these."""
    counts = np.bincount(trees.output, minlength=len(trees.base))
    of_model = np.maximum(-(-counts // seeds), 1)  # models of a class lie one behind another
    first = np.searchsorted(trees.output, np.arange(len(counts)))
    number = (np.arange(len(trees.output)) - first[trees.output]) % of_model[trees.output]
    ends = np.unique(np.linspace(0, of_model.max(), STEPS + 1).astype(int))
    parts = [_some(trees, (number >= low) & (number < high)) for low, high in pairwise(ends)]
    return [int(each) for each in ends[1:]], [replace(parts[0], base=trees.base), *parts[1:]]


def _some(trees: Trees, own: np.ndarray) -> Trees:
    """Those trees alone, their sums from nothing."""
    arrays = ("output", "feature", "threshold", "left", "right", "value", "count")
    return replace(trees, **{name: getattr(trees, name)[own] for name in arrays}, base=np.zeros(len(trees.base)))


def _staged(parts: Sequence[Trees], features: np.ndarray, classes: np.ndarray) -> dict[str, list[float]]:
    """Loss and accuracy with one part, with two and so on."""
    logits = np.zeros((len(features), len(CLASSES)))
    told: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for part in parts:
        logits = logits + part(features)
        probabilities = to_probabilities(logits)
        right = probabilities[np.arange(len(classes)), classes]
        told["loss"].append(float(-np.log(np.maximum(right, 1e-12)).mean()))
        told["accuracy"].append(float((probabilities.argmax(axis=1) == classes).mean()))
    return told


def precision_recall(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at every threshold, from the highest on, (n_thresholds,) each. (n,), bool (n,)."""
    order = np.argsort(-probabilities, kind="stable")
    right = np.cumsum(truth[order])
    last = np.append(np.diff(probabilities[order]) != 0, True)  # beats of one probability are called together
    return right[last] / max(truth.sum(), 1), (right / np.arange(1, len(order) + 1))[last]


def write_tree_plots(
    curves: Curves, probabilities: np.ndarray, classes: np.ndarray, decided: Mapping[str, np.ndarray], folder: Path
) -> list[Path]:
    """loss.png, accuracy.png and precision_recall.png.

    probabilities : out of fold, (n, 5).  decided : of each operating point the classes, (n,), by offsets of other folds.
    """
    from learning.curves import draw_curves

    folder.mkdir(parents=True, exist_ok=True)
    figures = {"precision_recall": _draw_precision_recall(probabilities, classes, decided)}
    for name in ("loss", "accuracy"):
        shown = {
            part: [
                {"epoch": each["epoch"]} | {f"{kind}_loss": each[f"{kind}_{name}"] for kind in ("train", "held")}
                for each in history
            ]
            for part, history in curves.items()
        }
        figures[name] = draw_curves(shown)
        figures[name].axes[0].set(xlabel="trees of each class", ylabel=f"{name} (dotted: records held out)")
    for name, figure in figures.items():
        replace_file(folder / f"{name}.png", png(figure))
    return sorted(folder / f"{name}.png" for name in figures)


def _draw_precision_recall(probabilities: np.ndarray, classes: np.ndarray, decided: Mapping[str, np.ndarray]) -> Any:
    """Of S and V each threshold, and where the operating points lie."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    scores = {name: class_scores(count_decisions(classes, each)) for name, each in decided.items()}
    for index, label in enumerate(SHOWN):
        of_class = CLASSES.index(label)
        truth = classes == of_class
        recall, precision = precision_recall(probabilities[:, of_class], truth)
        axes.plot(recall, precision, color=f"C{index}", label=f"{label}, {int(truth.sum())} beats")
        for name, mark in zip(scores, "os", strict=False):
            point = scores[name][label]
            axes.plot([point.sensitivity], [point.predictivity], mark, color=f"C{index}", label=f"{label}, {name}")
    axes.set(xlabel="recall (sensitivity)", ylabel="precision (predictivity)", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"Out of fold, {len(classes)} beats", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
