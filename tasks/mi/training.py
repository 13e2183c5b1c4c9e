"""How the infarction detector is trained: its stages, network, examples, loss and score, as `cross_validate` asks for them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bundles import ROOT, Bundle, load_bundle, run_networks
from cardiac.errors import ConfigError, DatasetError, first_line
from cardiac.leads import LEADS
from cardiac.records import read_record
from cardiac.signals import SignalSpec, prepare_signal
from cardiac.windows import WindowPlan, pool_windows, window_spread, window_starts
from learning.network import heads_loss, init_from
from models import WindowNetwork, build_model
from tasks.mi.datasets import Dataset
from tasks.mi.examples import Batch, Examples, build_examples, draw_batch, middle_batch, training_rows
from tasks.mi.folds import dataset_folds, folds_with_weak
from tasks.mi.labels import AUXILIARY, SITES
from tasks.mi.out_of_fold import ranked
from tasks.mi.settings import check_settings
from utils import Config, pick_device

STAGES = {"detect": ("mi",), "localize": SITES}


@dataclass(frozen=True)
class Recipe:
    """What a run trains: the stages' windows, the network's arguments, the longest section it is run over at once.

    head_weights : how much each head's loss counts, by name: the stages and, where they are learnt, PTB-XL's codes.
    parent : the bundle whose weights are learnt on from, or None.
    """

    config: Config
    spec: SignalSpec
    plans: dict[str, WindowPlan]
    network: dict[str, Any]
    head_weights: dict[str, float]
    section: int
    parent: Bundle | None = None


def recipe_of(config: Config) -> Recipe:
    """What is to be trained. Raises ConfigError for settings that nothing could be trained by."""
    check_settings(config)
    signal = config["signal"]
    spec = SignalSpec(signal["fs_hz"], (signal["low_hz"], signal["high_hz"]), scale=signal["scale"])
    plans = {name: WindowPlan.of(config[name]) for name in STAGES}
    crop, section = config["train"]["crop"], signal["section"]
    widest = max(plan.window for plan in plans.values())
    if not widest <= crop <= section:
        raise ConfigError(f"train.crop is {crop}: give a number from {widest}, the longest window, to signal.section")
    head_weights = {name: config[name]["weight"] for name in STAGES}
    if config["train"]["auxiliary_weight"] > 0:
        head_weights["auxiliary"] = config["train"]["auxiliary_weight"]
    network = {
        **config["network"],
        "n_leads": len(LEADS),
        "n_outputs": [len(outputs) for outputs in STAGES.values()],
        "windows": [plan.window for plan in plans.values()],
        "n_auxiliary": len(AUXILIARY) if "auxiliary" in head_weights else 0,
    }
    try:  # over a blank section, so that what cannot work is reported now
        run_networks([build_model(**network)], np.zeros((len(LEADS), crop), np.float32), [*plans.values()], section)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"network cannot be built for windows of {network['windows']} samples ({first_line(error)}): change it"
        ) from error
    parent = load_bundle(config["train"]["init_from"], "torch") if config["train"]["init_from"] else None
    if parent:
        init_from(build_model(**network), parent)  # so that weights that do not fit are named now
    return Recipe(config, spec, plans, network, head_weights, section, parent)


def read_examples(dataset: Dataset, recipe: Recipe) -> tuple[Examples, str]:
    """The examples in the data set and its weak ones, and a SHA-256 over names, truth and samples as they were read.

    Raises DatasetError for a record with fewer samples than a training section.
    """
    signals, digest, crop = [], hashlib.sha256(), recipe.config["train"]["crop"]
    for part in (dataset, *dataset.weak_datasets):
        truth = np.column_stack([part.infarction, part.sites])
        named = zip(part.sources, part.table["record_id"], truth, strict=True)
        for source, record_id, targets in tqdm(named, total=len(truth), desc=f"reading {part.layout}", unit="record"):
            record = read_record(source)
            digest.update(record_id.encode() + targets.tobytes() + record.signal.tobytes())
            signals.append(prepare_signal(record.signal, record.fs_hz, recipe.spec))
            if signals[-1].shape[1] < crop:
                raise DatasetError(f"{record_id}: has {signals[-1].shape[1]} samples of {crop} needed: take it out")
    return build_examples(dataset, signals, recipe.config["data"]), digest.hexdigest()


@dataclass(frozen=True)
class InfarctionTraining:
    """A `learning.cross_validate.Training` of the infarction detector.

    folds : of the data set's own records, (n,).  data_sha256 : of all that is learnt from, as `read_examples` has it.
    """

    recipe: Recipe
    dataset: Dataset
    examples: Examples
    folds: np.ndarray
    data_sha256: str

    @property
    def settings(self) -> dict[str, Any]:
        return self.recipe.config["train"]

    @cached_property
    def _folds_of_all(self) -> np.ndarray:
        return folds_with_weak(self.dataset, self.folds)

    @cached_property
    def _starts(self) -> list[torch.Tensor]:
        """Of each stage, where the windows of a training section start."""
        plans, crop = self.recipe.plans.values(), self.settings["crop"]
        return [torch.from_numpy(window_starts(crop, plan)).to(pick_device()) for plan in plans]

    def rows(self, fold: int | None) -> np.ndarray:
        share, repeats = self.recipe.config["data"]["record_share"], self.settings["infarction_repeats"]
        return training_rows(self.examples, self._folds_of_all, fold, share, repeats, self.settings["seed"])

    def network(self, rows: np.ndarray, rng: np.random.Generator) -> WindowNetwork:
        network = build_model(**self.recipe.network)
        if self.recipe.parent:
            init_from(network, self.recipe.parent)
        if network.takes_scaling:
            sections, _, _ = draw_batch(self.examples, rows, rng, {**self.settings, "mixup": 0.0})
            network.set_scaling(torch.from_numpy(sections), self._starts)
        return network

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        return draw_batch(self.examples, rows, rng, self.settings)

    def held_out_batch(self, rows: np.ndarray) -> Batch:
        return middle_batch(self.examples, rows, self.settings["crop"])

    def loss(self, network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        sections, targets, counts = batch
        weights, n_learnt = [*self.recipe.head_weights.values()], sum(map(len, STAGES.values()))
        if "auxiliary" not in self.recipe.head_weights:  # PTB-XL's codes, the last targets, are not learnt
            targets, counts = targets[:, :n_learnt], counts[:, :n_learnt]
        logits = network.learn(sections, self._starts)
        return heads_loss(logits, targets, counts, weights, self.settings["label_smoothing"])

    def predict(self, networks: list[nn.Module], rows: np.ndarray) -> np.ndarray:
        """Of each record pooled probabilities, mi and the six sites, as inference gives them, and the spread; (n, 8)."""
        plans, predicted = [*self.recipe.plans.values()], []
        for row in tqdm(rows, desc="held out", unit="record", leave=False):
            logits = run_networks(networks, self.examples.signals[row], plans, self.recipe.section)
            pooled = [pool_windows(each, plan) for each, plan in zip(logits, plans, strict=True)]
            predicted.append(np.concatenate([*pooled, [window_spread(logits[0])]]))
        return np.stack(predicted)

    def score(self, predicted: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """The mean of the AUC of infarction and that of the sites among infarctions, or the first alone; and both."""
        aucs = ranked(predicted, self.dataset.infarction[rows], self.dataset.sites[rows])
        return {"score": float(np.nanmean([*aucs.values()])), **aucs}


def make_training(config: Config, dataset: Dataset, out: Path) -> InfarctionTraining:
    """The training that these settings ask for, its recordings read and its folds as they are known or drawn into `out`.

    Raises CardiacError for data or settings that do not fit.
    """
    if not dataset.sites.any() or dataset.infarction.all():
        raise DatasetError("records with an infarction at a site and records without one are needed: give more records")
    recipe = recipe_of(config)
    data, seed = config["data"], config["train"]["seed"]
    folds = dataset_folds(dataset, data["n_folds"], seed, ROOT / data["folds"], out)
    examples, checksum = read_examples(dataset, recipe)
    if recipe.parent and recipe.parent.card.training.get("data_sha256") == checksum:
        raise ConfigError("train.init_from: these weights learnt from these recordings: choose others, or fresh ones")
    return InfarctionTraining(recipe, dataset, examples, folds, checksum)
