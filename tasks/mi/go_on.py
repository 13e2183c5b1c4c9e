"""The step in which a bundle's network learns on from new records: one training for every set of folds left out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from cardiac.errors import ConfigError, DatasetError
from cards import Card
from learning.cross_validate import network_training
from tasks.mi.examples import build_examples
from tasks.mi.joining import Decisions
from tasks.mi.labels import OUTPUTS
from tasks.mi.ladder import LeftOut, Looks, Said
from tasks.mi.looks import Prepared
from tasks.mi.training import InfarctionTraining, recipe_of
from utils import Config


@dataclass(frozen=True)
class GoOn:
    """The network learns on, the shipped trees stay beside it. out : the run's folder, which keeps every epoch.

    A training without two folds serves both: five folds are sixteen trainings, that of all records among them.
    """

    looks: Looks
    shipped: Decisions
    training: InfarctionTraining
    out: Path
    name: str = "network"
    kept: dict[LeftOut, np.ndarray] = field(default_factory=dict, repr=False)

    def said(self, left_out: LeftOut) -> Said:
        """As of every step; of records that the network learnt from nothing is said."""
        if left_out not in self.kept:
            rows = np.flatnonzero(~self.looks.outside(left_out))
            pooled = np.full(self.looks.pooled.shape, np.nan)
            pooled[rows] = self.training.predict([self.network(left_out)], rows)[:, : len(OUTPUTS)]
            self.kept[left_out] = pooled
        return Said(self.kept[left_out], self.looks.trees, self.shipped)

    def network(self, left_out: LeftOut) -> nn.Module:
        """The network that learnt from all folds but these, trained where its epochs do not lie in the run's folder."""
        rows = np.flatnonzero(self.looks.outside(left_out))
        repeats = self.training.settings["infarction_repeats"]
        rows = np.concatenate([rows, np.tile(rows[self.looks.infarction[rows]], repeats - 1)])
        name = "-".join(["without", *map(str, sorted(left_out))]) if left_out else "all"
        return network_training(self.training, name, rows, self.out).run()


def make_go_on(config: Config, prepared: Prepared, shipped: Decisions, out: Path) -> GoOn:
    """The step for these records. Raises DatasetError for a record shorter than a training section."""
    recipe = recipe_of(config)
    crop = config["train"]["crop"]
    for name, signal in zip(prepared.dataset.table["record_id"], prepared.signals, strict=True):
        if signal.shape[1] < crop:
            raise DatasetError(
                f"{name}: has {signal.shape[1]} samples of {crop} that a network learns from: take it out, or leave the "
                "networks as they are (--up-to trees)"
            )
    examples = build_examples(prepared.dataset, prepared.signals, config["data"])
    training = InfarctionTraining(recipe, prepared.dataset, examples, prepared.looks.folds, prepared.sha256)
    return GoOn(prepared.looks, shipped, training, out)


def as_parent(config: Config, card: Card) -> Config:
    """The settings with signal, network and windows of the bundle that is gone on from.

    Raises ConfigError where its card does not say them.
    """
    trained: Any = card.training.get("config")
    own = ("signal", "network", "detect", "localize")
    if not isinstance(trained, dict) or not all(isinstance(trained.get(section), dict) for section in own):
        raise ConfigError(f"train.init_from: the card of {card.name!r} does not say how it was trained: choose another")
    return config | {section: trained[section] for section in own}
