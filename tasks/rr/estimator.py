"""The detector as a scikit-learn estimator, for those who have labelled intervals of their own.

    >>> detector = SpikeClassifier(epochs=0)                    # trees alone
    >>> detector.fit(intervals_ms[:, None], marked, groups=study)
    >>> detector.predict_proba(other_ms[:, None], groups=other_study)[:, 1]

Rows are the intervals of studies in their order, so that a row's answer depends on the rows beside it.
"""

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from bundles import ROOT
from tasks.rr.features import interval_features
from tasks.rr.nested import EVERY, JOININGS, Nested
from tasks.rr.studies import Study
from utils import load_config

CONFIG = ROOT / "configs" / "rr.toml"
LEAST_ROWS = 8  # of the only study there is, so that it can be cut into inner folds


class SpikeClassifier(ClassifierMixin, BaseEstimator):
    """Boosted trees and networks, joined on inner folds of whole studies, which choose the threshold as well.

    X : (n, k), the first column RR intervals in ms, others whatever the trees may use too.  y : two classes, (n,); the
    greater one is the anomaly.  groups : whose each row is, (n,), each study's rows together; without it all rows are one
    study. n_trees, learning_rate, inner_folds, seed : see configs/rr.toml.  epochs : of the networks, 0: trees alone.
    threshold : "f1", that of the greatest F1 out of fold, or a number.  budget : whether no study can have more
    anomalies than the most that any study that taught had.
    """

    def __init__(
        self,
        n_trees: int = 800,
        learning_rate: float = 0.1,
        epochs: int = 25,
        inner_folds: int = 4,
        threshold: float | str = "f1",
        budget: bool = False,
        seed: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.inner_folds = inner_folds
        self.threshold = threshold
        self.budget = budget
        self.seed = seed

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "SpikeClassifier":  # noqa: N803
        """Learn from labelled intervals. Raises ValueError for what cannot be learnt from."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=LEAST_ROWS)  # noqa: N806
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            n = len(self.classes_)
            raise ValueError(f"Only binary classification is supported. y has {n} class{'es' * (n != 1)}: give two")
        studies, rows = _studies(X, y == self.classes_[1], groups, self.inner_folds)
        with tempfile.TemporaryDirectory() as folder:
            learnt = _OfTable(studies, self._config(), Path(folder), rows).learn(None)
        self.trees_, self.networks_ = learnt.trees, learnt.networks
        names = [name for name in JOININGS if name in learnt.joined]
        self.stages_ = JOININGS[names[-1]]
        self.joined_ = learnt.joined[names[-1] if self.budget else EVERY]
        self.threshold_ = self.joined_.threshold if self.threshold == "f1" else float(self.threshold)
        return self

    def _config(self) -> Any:
        settings = [
            f"data.inner_folds={self.inner_folds}",
            f"data.seed={self.seed}",
            f"trees.n_trees={self.n_trees}",
            f"trees.learning_rate={self.learning_rate}",
            f"trees.seed={self.seed + 1}",
            f"networks.epochs={self.epochs}",
        ]
        return load_config(CONFIG, settings, CONFIG)

    def predict_proba(self, X: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:  # noqa: N803
        """How likely each interval is of either class, (n, 2)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)  # noqa: N806
        studies, rows = _studies(X, np.zeros(len(X), bool), groups, 1)
        asked = _OfTable(studies, {}, Path(), rows)
        logits = asked.logits(np.arange(len(studies)), self.trees_, self.networks_)
        told = np.concatenate([self.joined_.probabilities(each[:, self.stages_]) for each in logits])
        return np.column_stack([1 - told, told])

    def predict(self, X: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:  # noqa: N803
        """The class of each interval, (n,)."""
        told = self.predict_proba(X, groups)[:, 1]
        return self.classes_[(told >= self.threshold_).astype(int)]


class _OfTable(Nested):
    """Studies whose trees are told the columns of a table too."""

    def __init__(self, studies: list[Study], config: Any, out: Path, rows: list[np.ndarray]) -> None:
        super().__init__(studies, config, out)
        object.__setattr__(self, "rows", rows)

    @cached_property
    def features(self) -> list[np.ndarray]:
        return [
            np.column_stack([interval_features(each.intervals_ms), rows])
            for each, rows in zip(self.studies, self.rows, strict=True)
        ]


def _studies(
    table: np.ndarray, targets: np.ndarray, groups: np.ndarray | None, least: int
) -> tuple[list[Study], list[np.ndarray]]:
    """Rows as studies, and each one's table. least : how many studies there must be; one that is alone is cut.

    Raises ValueError.
    """
    if groups is None:
        starts = (
            np.linspace(0, len(table), min(least, len(table) // 2) + 1).astype(int)[:-1]
            if least > 1
            else np.zeros(1, int)
        )
    else:
        groups = np.asarray(groups)
        if groups.shape != (len(table),):
            raise ValueError(f"groups has the shape {groups.shape}, X has {len(table)} rows: give each row its study")
        starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
        if len(starts) != len(np.unique(groups)):
            raise ValueError("the rows of a study are not together: sort them by study")
        if len(starts) < least:
            raise ValueError(f"{len(starts)} studies are fewer than the {least} inner folds: give more, or fewer folds")
    ends = np.append(starts[1:], len(table))
    studies, rows = [], []
    for index, (first, last) in enumerate(zip(starts, ends, strict=True)):
        intervals = table[first:last, 0]
        studies.append(Study(str(index), np.cumsum(intervals), intervals, targets[first:last]))
        rows.append(table[first:last].astype(np.float32))
    return studies, rows
