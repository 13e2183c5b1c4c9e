"""What each choice about the trees beside the network is worth: out of fold, and on other hospitals' machines.

    python -m benchmarks.trees          # the table of docs/trees.md; some ten minutes on one core

Every row changes one thing of what ships and is fitted out of fold on the committed folds, joined with the shipped network's
out-of-fold outputs, decided by thresholds of the other folds. Away are the 316 records of `benchmarks.elsewhere` without
infarction, ischaemia or injury, and its 28 infarctions: looked at for every row, they are a validation set.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.elsewhere import Case, read_accepted, read_cases
from cardiac import metrics
from cardiac.measurements.measure import Measurements, measure_record
from cardiac.quality.assess import assess_quality
from cardiac.records import read_record
from cardiac.windows import pool_windows
from inference import Detector
from tasks.mi import BUNDLE
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.evaluate import cross_fit_all, macro_figures
from tasks.mi.features import FEATURES, features_of
from tasks.mi.joining import fit_decisions
from tasks.mi.labels import OUTPUTS
from tasks.mi.out_of_fold import OutOfFold, read_out_of_fold
from tasks.mi.settings import decide_settings
from tasks.mi.trees import train_trees
from utils import run_command

Learn = Callable[
    [np.ndarray, Dataset, np.ndarray], Callable[[np.ndarray], np.ndarray]
]  # features, data, rows -> logits of
TEXTBOOK = ("q", "q_ms", "q_share", "qs", "r", "first_r", "r_share", "lowest", "t_share")


@dataclass(frozen=True)
class Bench:
    """All that the rows share. away : of the accepted cases their truth, the network's pooled outputs, and their features."""

    dataset: Dataset
    network: OutOfFold
    settings: dict[str, Any]
    trees: dict[str, Any]
    features: dict[bool, np.ndarray]
    away_truth: np.ndarray
    away_pooled: np.ndarray
    away_features: dict[bool, np.ndarray]


def open_bench(data: Path) -> Bench:
    """Read and measure everything once; minutes."""
    dataset, detector = read_dataset(data / "aiijc"), Detector.load(BUNDLE)
    card = detector.bundle.card
    measured = [_measured(source) for source in tqdm(dataset.sources, desc="measuring", unit="record", disable=None)]
    truth, pooled, away = _away(read_cases(data), detector)
    network = replace(read_out_of_fold(BUNDLE, dataset), trees=None)
    trees = card.training["config"]["trees"]
    tables = ({size: _table(each, size) for size in (True, False)} for each in (measured, away))
    own, others = tables
    return Bench(dataset, network, dict(decide_settings(card)), trees, own, truth, pooled, others)


def _measured(source: Any) -> Measurements:
    record = read_record(source)
    return measure_record(record, assess_quality(record))


def _table(measured: Sequence[Measurements], by_size: bool) -> np.ndarray:
    nothing = np.full(len(FEATURES), np.nan)
    rows = [features_of(each, by_size) for each in measured]
    return np.array([nothing if row is None else row for row in rows])


def _away(cases: Sequence[Case], detector: Detector) -> tuple[np.ndarray, np.ndarray, list[Measurements]]:
    """Truth (n,) of the accepted cases that are infarctions or clear of all that resembles one, and what is known of them."""
    truth, pooled, measured = [], [], []
    known = [each for each in cases if each.infarction is not None]
    for case, _, assessment, logits in read_accepted(known, detector):
        if assessment is None:
            continue
        pooled.append(
            np.concatenate([pool_windows(each, plan) for each, plan in zip(logits, detector.plans, strict=True)])
        )
        truth.append(case.infarction)
        measured.append(assessment.measurements)
    return np.array(truth), np.array(pooled), measured


def shipped(settings: dict[str, Any]) -> Learn:
    """Trees as they ship, by these settings."""
    return lambda features, dataset, rows: train_trees(features, dataset, rows, settings)


def by_sklearn(make: Callable[[], Any], kept: Sequence[int] | None = None) -> Learn:
    """Logits of scikit-learn's models, one an output. kept : the features that they see."""
    columns = list(range(len(FEATURES))) if kept is None else [*kept]

    def learn(features: np.ndarray, dataset: Dataset, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        rows = rows & ~np.isnan(features).any(axis=1)
        models = []
        for output in range(len(OUTPUTS)):
            own = rows if output == 0 else rows & dataset.infarction
            truth = dataset.infarction if output == 0 else dataset.sites[:, output - 1]
            few = truth[own].sum() < 3
            models.append(None if few else make().fit(features[own][:, columns], truth[own]))

        def logits(asked: np.ndarray) -> np.ndarray:
            said = np.full((len(asked), len(OUTPUTS)), -6.0)
            for output, model in enumerate(models):
                if model is not None:
                    p = np.clip(model.predict_proba(asked[:, columns])[:, 1], 2e-3, 1 - 2e-3)
                    said[:, output] = np.log(p / (1 - p))
            return said

        return logits

    return learn


def only(settings: dict[str, Any], names: Sequence[str]) -> Learn:
    """Trees as they ship over a part of the features: the others are all the same to them."""
    kept = np.array([name in names or name.split("_", 1)[-1] in names for name in FEATURES])

    def learn(features: np.ndarray, dataset: Dataset, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        trees = train_trees(np.where(kept, features, 0.0), dataset, rows, settings)
        return lambda asked: trees(np.where(kept, asked, 0.0))

    return learn


def rows_of(bench: Bench) -> dict[str, tuple[Learn | None, bool, dict[str, Any]]]:
    """By name how trees learn (None: no trees), whether by the record's own size, and what is decided otherwise."""
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier  # slow to import

    own = bench.trees
    hist = partial(
        HistGradientBoostingClassifier, max_iter=250, learning_rate=0.04, max_leaf_nodes=12, min_samples_leaf=15,
        l2_regularization=5.0, max_features=0.15, early_stopping=False, random_state=1,
    )  # fmt: skip
    extra = partial(
        ExtraTreesClassifier,
        300,
        max_features=0.15,
        min_samples_leaf=3,
        class_weight="balanced",
        random_state=1,
        n_jobs=1,
    )
    return {
        "the network alone": (None, True, {}),
        "as shipped": (shipped(own), True, {}),
        "trees move infarction without a bound": (shipped(own), True, {"trees_reach": 1e9}),
        "bound of 1": (shipped(own), True, {"trees_reach": 1.0}),
        "bound of 2": (shipped(own), True, {"trees_reach": 2.0}),
        "amplitudes in mV, not by the record's own size": (shipped(own), False, {}),
        "no directions": (shipped({**own, "monotone": False}), True, {}),
        "neither size, directions nor bound": (shipped({**own, "monotone": False}), False, {"trees_reach": 1e9}),
        "textbook features alone": (only(own, TEXTBOOK), True, {}),
        "the sites' leaves as large as infarction's": (
            shipped({**own, "site_leaves": own["n_leaves"], "site_min_records": own["min_records"]}), True, {},
        ),
        "one model in place of three": (shipped({**own, "seeds": 1}), True, {}),
        "HistGradientBoosting": (by_sklearn(hist), True, {}),
        "ExtraTrees": (by_sklearn(extra), True, {}),
    }  # fmt: skip


def row_line(name: str, bench: Bench, learn: Learn | None, by_size: bool, changed: dict[str, Any], base: dict) -> str:
    """A row of the table; the first one, the network alone, is what AUC and F1 are held against."""
    settings, dataset = {**bench.settings, **changed}, bench.dataset
    features, away = bench.features[by_size], bench.away_features[by_size]
    said, said_away = _said(bench, learn, features, away) if learn else (None, None)
    fitted = cross_fit_all(dataset, replace(bench.network, trees=said), settings)
    figures = macro_figures(dataset, fitted)
    base.setdefault("figures", figures)
    ones, weights = np.ones(len(dataset.infarction)), metrics.bootstrap_weights(dataset.patients)
    cells = []
    for figure, measure in figures.items():
        cell = f"{measure(ones):.3f}"
        if learn and figure in ("AUC", "F1"):
            less = base["figures"][figure]
            difference = metrics.with_interval(
                lambda own, m=measure, n=less: m(own) - n(own), weights, dataset.infarction
            )
            cell += f" <br> {difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
        cells.append(cell)
    decisions = fit_decisions(bench.network.pooled, said, dataset.infarction, dataset.sites, settings)
    present = np.array([_is_found(decisions, bench, index, said_away) for index in range(len(bench.away_truth))])
    alarms, found = int((present & ~bench.away_truth).sum()), int((present & bench.away_truth).sum())
    return f"| {name} | " + " | ".join(cells) + f" | {alarms} | {found} |"


def _said(bench: Bench, learn: Learn, features: np.ndarray, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits of the trees out of fold, (n, 7), and away, (m, 7); NaN where nothing was measured."""
    folds, said, said_away = bench.network.fold, np.full((len(features), 7), np.nan), np.full((len(away), 7), np.nan)
    measured, measured_away = ~np.isnan(features).any(axis=1), ~np.isnan(away).any(axis=1)
    for fold in np.unique(folds):
        held_out = (folds == fold) & measured
        said[held_out] = learn(features, bench.dataset, folds != fold)(features[held_out])
    said_away[measured_away] = learn(features, bench.dataset, measured)(away[measured_away])
    return said, said_away


def _is_found(decisions: Any, bench: Bench, index: int, said: np.ndarray | None) -> bool:
    own = None if said is None or np.isnan(said[index]).any() else said[index]
    rule, probabilities = decisions.settle(bench.away_pooled[index], own)
    return bool(probabilities[0] >= rule.thresholds.mi)


def main() -> int:
    """Print the table. 0, or 1 with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ECG_DATA", "data")), help="(%(default)s)")
    options = parser.parse_args()

    def work() -> int:
        bench, base = open_bench(options.data), {}
        negatives, positives = int((~bench.away_truth).sum()), int(bench.away_truth.sum())
        heads = [*macro_figures(bench.dataset, cross_fit_all(bench.dataset, bench.network, bench.settings))]
        print("| | " + " | ".join(heads) + f" | false alarms away, of {negatives} | found away, of {positives} |")
        print("|---" * (len(heads) + 3) + "|")
        for name, (learn, by_size, changed) in rows_of(bench).items():
            print(row_line(name, bench, learn, by_size, changed, base), flush=True)
        return 0

    return run_command(work, bad_data=1)


if __name__ == "__main__":
    sys.exit(main())
