"""Network and trees, one decision: a mean of their logits with shares fitted out of fold, and a rule for each case."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.calibration import fit_calibration
from cardiac.errors import ConfigError
from cardiac.metrics import log_loss
from cardiac.thresholds import MIN_POSITIVES
from cardiac.windows import logit, sigmoid
from cards import take
from tasks.mi.labels import OUTPUTS
from tasks.mi.rules import Rule, fit_rule

SHARES = np.linspace(0, 1, 11)  # of the network, that are tried


@dataclass(frozen=True)
class Decisions:
    """All that turns a record's pooled probabilities, and what the trees say, into a decision; the card's `decisions`.

    rule : of the joint probabilities, or of the network's where there are no trees.  shares : of the network in the joint logit
    of each output, (7,); None where there are no trees.  alone : the rule of the network's probabilities, for a record in
    which nothing could be measured; None where there are no trees.  reach : by how much the trees may move the logit of
    infarction at most: on a machine that they do not know they are bounded by it.
    """

    rule: Rule
    shares: tuple[float, ...] | None = None
    alone: Rule | None = None
    reach: float = math.inf

    def __post_init__(self) -> None:
        if (self.shares is None) != (self.alone is None):
            raise ConfigError("decisions.network_share and decisions.network_alone: one stands there without the other")
        if self.shares is not None and not (len(self.shares) == 7 and all(0 <= each <= 1 for each in self.shares)):
            raise ConfigError(
                f"decisions.network_share is {self.shares!r}: a number from 0 to 1 is needed for each output"
            )

    def settle(self, pooled: np.ndarray, trees: np.ndarray | None) -> tuple[Rule, np.ndarray]:
        """The rule of a record, and its calibrated probabilities, (7,).

        pooled : the network's probabilities, (7,).  trees : their logits, (7,); None where nothing could be measured.
        """
        rule = self.rule if self.alone is None or trees is not None else self.alone
        return rule, rule.calibrate(joint(pooled, trees, self.shares, self.reach))

    def settle_all(
        self, pooled: np.ndarray, trees: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, Rule]]]:
        """Of many records the joint scores and the calibrated probabilities, both (n, 7), and who is decided by which rule.

        pooled : (n, 7).  trees : (n, 7), NaN rows where nothing could be measured, or None. The last: bool (n,) and its rule.
        """
        scores, probabilities = joint(pooled, trees, self.shares, self.reach), np.empty(pooled.shape)
        measured = np.zeros(len(pooled), bool) if trees is None else ~np.isnan(trees).any(axis=1)
        by_rule = [(measured, self.rule), (~measured, self.alone or self.rule)]
        for rows, rule in by_rule:
            probabilities[rows] = rule.calibrate(scores[rows])
        return scores, probabilities, by_rule

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Decisions":
        """The decisions that a card writes. Raises ConfigError that names the key that is missing or wrong."""
        if "network_share" not in content and "network_alone" not in content:
            return cls(Rule.from_dict(content))
        shares = take(content, "network_share", dict, "decisions")
        by_output = tuple(take(shares, output, float, "decisions.network_share") for output in OUTPUTS)
        alone = Rule.from_dict(take(content, "network_alone", dict, "decisions"))
        return cls(Rule.from_dict(content), by_output, alone, take(content, "trees_reach", float, "decisions"))

    def to_dict(self) -> dict[str, Any]:
        """The decisions as plain data, as `from_dict` reads them."""
        if self.shares is None or self.alone is None:
            return self.rule.to_dict()
        shares = dict(zip(OUTPUTS, map(float, self.shares), strict=True))
        joined = {"network_share": shares, "trees_reach": float(self.reach), "network_alone": self.alone.to_dict()}
        return self.rule.to_dict() | joined


def joint(
    pooled: np.ndarray, trees: np.ndarray | None, shares: tuple[float, ...] | None, reach: float = math.inf
) -> np.ndarray:
    """Joint probabilities before calibration, (..., 7): the network's where there are no trees, or they say nothing (NaN).

    reach : as `Decisions` has it, of the first output.
    """
    if trees is None or shares is None:
        return pooled
    logits = logit(pooled)
    moved = (1 - np.asarray(shares)) * (trees - logits)
    moved[..., 0] = np.clip(moved[..., 0], -reach, reach)
    return np.where(np.isnan(trees), pooled, sigmoid(logits + moved))


def fit_decisions(
    pooled: np.ndarray, trees: np.ndarray | None, infarction: np.ndarray, sites: np.ndarray, settings: Mapping[str, Any]
) -> Decisions:
    """The decisions of these records, none of which networks or trees behind their outputs were taught.

    pooled : of the network, (n, 7).  trees : logits, (n, 7), NaN rows where nothing could be measured; None without trees.
    infarction : bool (n,).  sites : bool (n, 6).  settings : the config's decide section.
    """
    alone = fit_rule(pooled, infarction, sites, settings)
    if trees is None:
        return Decisions(alone)
    measured = ~np.isnan(trees).any(axis=1)
    own = pooled[measured], trees[measured], infarction[measured], sites[measured]
    reach = settings["trees_reach"]
    shares = fit_shares(*own, reach)
    rule = fit_rule(joint(*own[:2], shares, reach), *own[2:], settings)
    return Decisions(rule, shares, alone, reach)


def fit_shares(
    pooled: np.ndarray, trees: np.ndarray, infarction: np.ndarray, sites: np.ndarray, reach: float = math.inf
) -> tuple[float, ...]:
    """The network's share in each joint logit, (7,): of SHARES the one of least log loss, once that is calibrated.

    The sites, whose positives are few, have one share together, over true infarctions; one with too few positives for a threshold
    of its own is the network's alone. Shapes as in `fit_decisions`, no NaN.
    """
    mi = _least_loss([(pooled[:, 0], trees[:, 0], infarction)], reach)
    enough = sites[infarction].sum(axis=0) >= MIN_POSITIVES
    columns = [
        (pooled[infarction, 1 + site], trees[infarction, 1 + site], sites[infarction, site])
        for site in np.flatnonzero(enough)
    ]
    of_sites = _least_loss(columns) if columns else 1.0
    return (mi, *(of_sites if each else 1.0 for each in enough))


def _least_loss(columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]], reach: float = math.inf) -> float:
    """The share of least log loss, all columns (network's probability, trees' logit, truth) together."""

    def loss(share: float) -> float:
        total = 0.0
        for pooled, trees, truth in columns:
            mixed = joint(pooled[:, None], trees[:, None], (share,), reach)[:, 0]
            total += log_loss(fit_calibration("platt", mixed, truth)(mixed), truth, np.ones(len(truth)))
        return total

    return float(min(SHARES, key=loss))
