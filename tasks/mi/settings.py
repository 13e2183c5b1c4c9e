"""What the settings of a training may be."""

import math
from collections.abc import Mapping
from typing import Any

from cardiac.calibration import METHODS
from cardiac.errors import ConfigError, DatasetError
from cards import Card

PRECISIONS = ("auto", "float32", "bfloat16")
# Settings that must lie within bounds, both included; NaN lies in none.
BOUNDS: dict[str, tuple[float, float]] = {
    "data.n_folds": (2, 1_000),
    "data.min_likelihood": (0, 100),
    "data.record_share": (0.01, 1),
    "data.weak_present": (0, 1),
    "data.weak_absent": (0, 1),
    "detect.weight": (0, 1_000),
    "localize.weight": (0, 1_000),
    "decide.shrink": (0, 1),
    "decide.site_shrink": (0, 1),
    "decide.trees_reach": (0, 100),
    "decide.npv": (0, 1),
    "decide.ppv": (0, 1),
    "train.seed": (0, 2**32 - 1),
    "train.members": (1, 100),
    "train.epochs": (1, 100_000),
    "train.infarction_repeats": (1, 100),
    "train.batch_size": (1, 100_000),
    "train.auxiliary_weight": (0, 1_000),
    "train.learning_rate": (1e-12, 10),
    "train.weight_decay": (0, 10),
    "train.clip_norm": (1e-9, 1e9),
    "train.average_decay": (0, 0.99999),
    "train.label_smoothing": (0, 0.99),
    "train.mixup": (0, 100),
    "train.gain": (0, 1),
    "train.unknown_gain": (0, 10),
    "train.noise": (0, 100),
    "train.lead_drop": (0, 1),
    "train.noisy_copies": (0, 100),
}
CHOICES = {"train.precision": PRECISIONS, "decide.calibration": METHODS, "decide.site_calibration": METHODS}


def check_settings(config: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a number out of its bounds and a word that is not known. Raises ConfigError, which names the setting."""
    for name, (low, high) in BOUNDS.items():
        section, key = name.split(".")
        if not low <= config[section][key] <= high:
            raise ConfigError(f"{name} is {config[section][key]}: give a number from {low:g} to {high:g}")
    for name, known in CHOICES.items():
        section, key = name.split(".")
        if config[section][key] not in known:
            raise ConfigError(f"{name} is {config[section][key]!r}: use one of {', '.join(known)}")


def decide_settings(card: Card) -> Mapping[str, Any]:
    """The decide section that a bundle's decisions were fitted by. Raises DatasetError where its card does not hold it."""
    settings: Any = card.training
    for key in ("config", "decide"):
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    if not isinstance(settings, Mapping):
        raise DatasetError(f"{card.name}: does not say how its decisions were fitted: give a bundle that was trained")
    return {"trees_reach": math.inf, **settings}  # earlier versions had no trees
