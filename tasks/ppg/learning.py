"""How the stages learn: kernels and ridge, trees, and their joining."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cardiac.trees import Trees
from learning.trees import fit_trees
from tasks.ppg.classifier import MOST_AWAY, Joining, Ridge, steps_of
from tasks.ppg.kernels import Kernels
from tasks.ppg.pulses import pulse_features
from tasks.ppg.segments import to_rate

SHRINK = 1e-3  # of the joining's offsets, so that a kind of which there is little has none to speak of


@dataclass(frozen=True)
class Examples:
    """Segments as the stages see them. steps : of kernels' inputs.  measured : (n, n_pulse_features).  targets : int (n,)."""

    steps: tuple[np.ndarray, np.ndarray]
    measured: np.ndarray
    targets: np.ndarray
    n_kinds: int

    def take(self, rows: np.ndarray) -> "Examples":
        """Some of them."""
        steps = tuple(each[rows] for each in self.steps)
        return replace(self, steps=steps, measured=self.measured[rows], targets=self.targets[rows])


@dataclass(frozen=True)
class Stages:
    """What was learnt, not joined yet. kernels_ridge : the same ridge without the pulses, for the table of families."""

    kernels: tuple[Kernels, Kernels]
    ridge: Ridge
    trees: Trees
    kernels_ridge: Ridge

    def scores(self, examples: Examples) -> dict[str, np.ndarray]:
        """What each family says, (n, n_kinds) each."""
        shares = np.concatenate([own(each) for own, each in zip(self.kernels, examples.steps, strict=True)], axis=1)
        return {
            "kernels": self.kernels_ridge(shares, examples.measured[:, :0]),
            "trees": self.trees(examples.measured),
            "ridge": self.ridge(shares, examples.measured),
        }


def examples_of(filtered: np.ndarray, fs_hz: float, targets: np.ndarray, n_kinds: int) -> Examples:
    """Filtered segments, (n, n_samples), as the stages see them."""
    segments = to_rate(filtered, fs_hz)
    return Examples(tuple(steps_of(segments)), pulse_features(segments), targets, n_kinds)


def learn_stages(examples: Examples, config: Mapping[str, Any]) -> Stages:
    """All that is learnt of the examples, by the sections kernels and trees of a configuration."""
    from tasks.ppg.aeon_kernels import features_of, fit_kernels

    own = config["kernels"]
    fitted = [
        fit_kernels(each, own["n_kernels"], own["dilations"], own["seed"] + i) for i, each in enumerate(examples.steps)
    ]
    shares = np.concatenate(
        [features_of(each, steps) for (_, each), steps in zip(fitted, examples.steps, strict=True)], axis=1
    )
    middle, spread = np.median(examples.measured, axis=0).astype(float), examples.measured.std(axis=0).astype(float)
    spread = np.where(spread > 1e-9, spread, 1.0)
    pulses = np.clip((examples.measured - middle) / spread, -MOST_AWAY, MOST_AWAY).astype(np.float32)
    weights, _ = _ridge(np.concatenate([shares, pulses], axis=1), examples, own)
    kept = _largest(np.abs(weights[: shares.shape[1]]).max(axis=1), own["kept"])
    first = len(fitted[0][0])
    kernels = (fitted[0][0].take(kept[kept < first]), fitted[1][0].take(kept[kept >= first] - first))
    ridge = _plain(*_ridge(np.concatenate([shares[:, kept], pulses], axis=1), examples, own), middle, spread)
    alone = _plain(*_ridge(shares[:, kept], examples, own), middle[:0], spread[:0])
    return Stages(kernels, ridge, _trees(examples, config["trees"]), alone)


def _largest(values: np.ndarray, n: int) -> np.ndarray:
    """Where the n largest are, rising."""
    return np.sort(np.argsort(-values, kind="stable")[:n])


def _ridge(
    features: np.ndarray, examples: Examples, settings: Mapping[str, Any]
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Coefficients of standardised features, (n_features, n_kinds), and base, means and deviations that go with them."""
    from sklearn.linear_model import Ridge as Linear

    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 1e-6, sd, 1.0)
    signs = 2 * np.eye(examples.n_kinds, dtype=np.float32)[examples.targets] - 1
    weight = balance_weights(examples.targets, examples.n_kinds, settings["balance"])
    model = Linear(alpha=settings["alpha"], solver="cholesky").fit(
        (features - mean) / sd, signs, weight.astype(np.float32)
    )
    coefficients = np.atleast_2d(model.coef_).T.astype(float)
    return coefficients, (np.asarray(model.intercept_, float), mean.astype(float), sd.astype(float))


def _plain(coefficients: np.ndarray, about: tuple[np.ndarray, ...], middle: np.ndarray, spread: np.ndarray) -> Ridge:
    """The same ridge of features that are not standardised."""
    base, mean, sd = about
    weights = coefficients / sd[:, None]
    return Ridge(middle, spread, weights, base - mean @ weights)


def _trees(examples: Examples, settings: Mapping[str, Any]) -> Trees:
    rows, weights = (
        np.arange(len(examples.targets)),
        balance_weights(examples.targets, examples.n_kinds, settings["balance"]),
    )
    outputs = [(rows, examples.targets == kind) for kind in range(examples.n_kinds)]
    n = examples.n_kinds
    return fit_trees(examples.measured.astype(float), outputs, [settings] * n, weights=[weights] * n)


def balance_weights(targets: np.ndarray, n_kinds: int, balance: float) -> np.ndarray:
    """How much each example counts, float (n,): 1 on average where all kinds are alike."""
    counts = np.maximum(np.bincount(targets, minlength=n_kinds), 1)
    return ((len(targets) / n_kinds / counts) ** balance)[targets]


def fit_joining(of_trees: np.ndarray, of_ridge: np.ndarray, targets: np.ndarray) -> Joining:
    """The joining of greatest likelihood. (n, n_kinds) each, from what taught neither stage; int (n,)."""
    from scipy.optimize import minimize

    every = np.arange(len(targets))

    def loss(values: np.ndarray) -> float:
        told = Joining(values[0], values[1], values[2:])(of_trees, of_ridge)[every, targets]
        return float(-np.log(np.maximum(told, 1e-12)).mean() + SHRINK * (values[2:] ** 2).sum())

    start = np.array([0.5, 1.5, *np.zeros(of_trees.shape[1])])
    bounds = [(0.0, None)] * 2 + [(None, None)] * of_trees.shape[1]
    best = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    return Joining(float(best[0]), float(best[1]), best[2:])
