"""From a shipped detector to one that a hospital's own records correct: the steps of a ladder, and how one is chosen.

Each step says of every record what models say that did not learn from it; the decisions on top are fitted on such outputs
alone. `nested` scores the whole procedure, choice included: for every fold the step is chosen, its models are trained and
its decisions fitted without a record of it, so no record's own label changes what is said about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from cardiac.calibration import Calibration
from cardiac.trees import Trees
from cardiac.windows import logit
from learning.trees import fit_trees
from tasks.mi.joining import Decisions, joint
from tasks.mi.labels import OUTPUTS
from tasks.mi.more_trees import scaled, together, without_output
from tasks.mi.recalibrate import recalibrate, refit_decisions, straight
from tasks.mi.trees import monotone

LeftOut = frozenset[int]  # folds
AS_SHIPPED = "as shipped"
NO_BOUND = 100.0  # of what trees may add to a logit, in a card, whose numbers are finite


@dataclass(frozen=True)
class Looks:
    """What is known of labelled records: the truth, and what the shipped bundle and its measurements say of each.

    patients : (n,).  infarction : bool (n,).  sites : bool (n, 6).  folds : int (n,), by patient.  pooled : of the shipped
    network, (n, 7).  features : (n, n_features), NaN rows where nothing could be measured.  trees : the shipped ones'
    logits, (n, 7), NaN where there are no features; None without trees.
    """

    patients: np.ndarray
    infarction: np.ndarray
    sites: np.ndarray
    folds: np.ndarray
    pooled: np.ndarray
    features: np.ndarray
    trees: np.ndarray | None = None

    @property
    def measured(self) -> np.ndarray:
        return ~np.isnan(self.features).any(axis=1)

    def outside(self, left_out: LeftOut) -> np.ndarray:
        """The records that may be learnt from where these folds are left out, bool (n,)."""
        return ~np.isin(self.folds, list(left_out))


@dataclass(frozen=True)
class Said:
    """What a step's models say of all records. pooled, trees : as in `Looks`.  before : the decisions that are moved."""

    pooled: np.ndarray
    trees: np.ndarray | None
    before: Decisions


class Step(Protocol):
    """A way of going on from the shipped bundle. name : by which the command line knows it."""

    name: str

    def said(self, left_out: LeftOut) -> Said:
        """What models say that learnt from the records of all folds but these."""
        ...


@dataclass(frozen=True)
class KeepModels:
    """Network and trees stay; calibration and thresholds alone are fitted anew."""

    looks: Looks
    shipped: Decisions
    name: str = "decisions"

    def said(self, left_out: LeftOut) -> Said:
        return Said(self.looks.pooled, self.looks.trees, self.shipped)


@dataclass(frozen=True)
class AddTrees:
    """Network and shipped trees stay; further trees learn what their joint logit of infarction leaves over.

    settings : the config's trees section. The sites stay as they are: for trees of their own their positives are too few.
    """

    looks: Looks
    shipped: Decisions
    settings: Mapping[str, Any]
    name: str = "trees"
    kept: dict[LeftOut, tuple[Trees, Said]] = field(default_factory=dict, repr=False)

    def said(self, left_out: LeftOut) -> Said:
        return self._fitted(left_out)[1]

    def bundle_trees(self, shipped: Trees | None) -> Trees:
        """The shipped trees with those that learnt from all records among them."""
        return together(shipped if self._goes_on else without_output(shipped, 0), self._fitted(frozenset())[0])

    @property
    def _goes_on(self) -> bool:
        """Whether the shipped bundle's trees have a say on infarction, to which others can be added."""
        return self.shipped.shares is not None and self.shipped.shares[0] < 1

    def _fitted(self, left_out: LeftOut) -> tuple[Trees, Said]:
        if left_out not in self.kept:
            self.kept[left_out] = self._fit(self.looks.outside(left_out) & self.looks.measured)
        return self.kept[left_out]

    def _fit(self, rows: np.ndarray) -> tuple[Trees, Said]:
        """Trees that start from the joint logit as these records recalibrate it, and what all then say together."""
        looks = self.looks
        before = straight(self.shipped.rule.calibrations[0])
        scores = joint(looks.pooled, looks.trees, self.shipped.shares, self.shipped.reach)[rows, 0]
        slope, _, offset = recalibrate(before, scores, looks.infarction[rows]).parameters
        targets, begin_at = [(np.flatnonzero(rows), looks.infarction[rows])], [slope * logit(scores) + offset]
        new = fit_trees(looks.features, targets, [self.settings], monotone()[:1], begin_at)
        new = scaled(new, 1 / (slope * (1 - self.shipped.shares[0]) if self._goes_on else slope))
        return new, self._join(new, before)

    def _join(self, new: Trees, before: Calibration) -> Said:
        """What the shipped trees say with the new ones among them, and how it is joined with the network.

        Old and new trees together move the network's logit no further than the shipped ones may. Where these have no say on
        infarction, the new ones stand beside the network with half of the joint logit each, which the calibration doubles, and
        without such a bound.
        """
        looks, shipped = self.looks, self.shipped
        said = np.zeros(looks.pooled.shape) if looks.trees is None else looks.trees.copy()
        said[:, 0] *= self._goes_on
        said[~looks.measured] = np.nan
        said[looks.measured, 0] += new(looks.features[looks.measured])[:, 0]
        slope, _, offset = before.parameters
        slope *= 1 if self._goes_on else 2
        calibrations = (Calibration("platt", (slope, slope, offset)), *shipped.rule.calibrations[1:])
        of_sites = (shipped.shares or (1.0,) * len(OUTPUTS))[1:]
        shares = (shipped.shares[0] if self._goes_on else 0.5, *of_sites)
        rule, reach = replace(shipped.rule, calibrations=calibrations), shipped.reach if self._goes_on else NO_BOUND
        return Said(looks.pooled, said, Decisions(rule, shares, shipped.alone or shipped.rule, reach))


@dataclass(frozen=True)
class Decided:
    """Calibrated probabilities of records and the thresholds that they are held against, both (n, 7)."""

    probabilities: np.ndarray
    thresholds: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """Infarctions found, bool (n,)."""
        return self.probabilities[:, 0] >= self.thresholds[:, 0]

    @property
    def over(self) -> np.ndarray:
        """Sites at or over their thresholds, bool (n, 6)."""
        return self.probabilities[:, 1:] >= self.thresholds[:, 1:]

    def losses(self, infarction: np.ndarray) -> np.ndarray:
        """Log loss of infarction, record by record, (n,)."""
        given = np.where(infarction, self.probabilities[:, 0], 1 - self.probabilities[:, 0])
        return -np.log(np.maximum(given, 1e-12))


def decide_all(decisions: Decisions, pooled: np.ndarray, trees: np.ndarray | None) -> Decided:
    """What decisions make of records. Shapes as in `Looks`."""
    _, probabilities, by_rule = decisions.settle_all(pooled, trees)
    thresholds = np.empty(pooled.shape)
    for rows, rule in by_rule:
        thresholds[rows] = [rule.thresholds.mi, *rule.thresholds.sites]
    return Decided(probabilities, thresholds)


def out_of_fold(step: Step, looks: Looks, left_out: LeftOut = frozenset()) -> Said:
    """What a step says of every record by models that saw neither its fold nor those left out, of which nothing is said."""
    pooled, trees, before = np.full(looks.pooled.shape, np.nan), None, None
    for fold in np.unique(looks.folds[looks.outside(left_out)]):
        own, said = looks.folds == fold, step.said(left_out | {int(fold)})
        pooled[own], before = said.pooled[own], said.before
        if said.trees is not None:
            trees = np.full(pooled.shape, np.nan) if trees is None else trees
            trees[own] = said.trees[own]
    return Said(pooled, trees, before)


def fit_step(said: Said, looks: Looks, rows: np.ndarray, settings: Mapping[str, Any]) -> Decisions:
    """The decisions on what was said of these records out of fold. rows : bool (n,)."""
    trees = None if said.trees is None else said.trees[rows]
    return refit_decisions(said.before, said.pooled[rows], trees, looks.infarction[rows], looks.sites[rows], settings)


def decided_out_of_fold(
    step: Step, looks: Looks, settings: Mapping[str, Any], left_out: LeftOut = frozenset()
) -> Decided:
    """A step's decisions on each record, fitted on the other folds; NaN in those left out."""
    said, outside = out_of_fold(step, looks, left_out), looks.outside(left_out)
    probabilities, thresholds = np.full((2, *looks.pooled.shape), np.nan)
    for fold in np.unique(looks.folds[outside]):
        own = looks.folds == fold
        decisions = fit_step(said, looks, outside & ~own, settings)
        of_fold = decide_all(decisions, said.pooled[own], None if said.trees is None else said.trees[own])
        probabilities[own], thresholds[own] = of_fold.probabilities, of_fold.thresholds
    return Decided(probabilities, thresholds)


def choose_step(
    steps: Sequence[Step],
    looks: Looks,
    shipped: Decisions,
    settings: Mapping[str, Any],
    left_out: LeftOut = frozenset(),
) -> tuple[Step | None, dict[str, float]]:
    """The step of least log loss of infarction out of fold, None for the bundle as it is shipped; and the loss of each.

    Nothing of the folds left out is looked at.
    """
    rows = looks.outside(left_out)
    decided = [decide_all(shipped, looks.pooled, looks.trees)]
    decided += [decided_out_of_fold(step, looks, settings, left_out) for step in steps]
    losses = [float(each.losses(looks.infarction)[rows].mean()) for each in decided]
    best = int(np.argmin(losses))  # of equal ones the first, which changes least
    names = (AS_SHIPPED, *(step.name for step in steps))
    return (None, *steps)[best], dict(zip(names, losses, strict=True))


def nested(
    steps: Sequence[Step], looks: Looks, shipped: Decisions, settings: Mapping[str, Any]
) -> tuple[Decided, list[str]]:
    """What the whole procedure says of each record without having seen its fold; and the step it took, fold by fold."""
    probabilities, thresholds = np.full((2, *looks.pooled.shape), np.nan)
    taken = []
    for fold in tqdm(np.unique(looks.folds), desc="choosing and scoring", unit="fold", disable=None, leave=False):
        left_out, own = frozenset({int(fold)}), looks.folds == fold
        step, _ = choose_step(steps, looks, shipped, settings, left_out)
        said = Said(looks.pooled, looks.trees, shipped) if step is None else step.said(left_out)
        decisions = shipped
        if step is not None:
            decisions = fit_step(out_of_fold(step, looks, left_out), looks, ~own, settings)
        decided = decide_all(decisions, said.pooled[own], None if said.trees is None else said.trees[own])
        probabilities[own], thresholds[own] = decided.probabilities, decided.thresholds
        taken.append(AS_SHIPPED if step is None else step.name)
    return Decided(probabilities, thresholds), taken
