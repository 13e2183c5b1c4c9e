"""Is a beat's T wave tall? What `scale.detectors` asks of a detector, and nothing else."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bundles import run_networks, save_bundle
from cardiac.folds import draw_folds
from cardiac.metrics import roc_auc
from cardiac.windows import WindowPlan, pool_windows
from cards import Card, Stage
from learning.cross_validate import Training, cross_validate
from learning.network import heads_loss
from learning.run_folder import training_run
from models import build_model
from tests.toy.dataset import SPEC, WIDTH, simulate_beats

DEFAULTS = DEMO = Path(__file__).with_name("toy.toml")
SPACE = Path(__file__).with_name("space.toml")
PLAN, STARTS = WindowPlan(WIDTH, WIDTH, "shift", "mean"), [torch.tensor([0])]


@dataclass
class ToyTraining(Training):
    settings: dict[str, Any]
    arguments: dict[str, Any]
    beats: np.ndarray
    tall: np.ndarray
    folds: np.ndarray

    def rows(self, fold):
        return np.flatnonzero(self.folds != (-1 if fold is None else fold))

    def network(self, rows, rng):
        return build_model(**self.arguments)

    def draw(self, rows, rng):
        return self.beats[rows], self.tall[rows].astype(np.float32)

    def loss(self, network, batch):
        return heads_loss(network.learn(batch[0], STARTS), batch[1], torch.ones_like(batch[1]), [1.0], 0.0)

    def predict(self, networks, rows):
        return pool_windows(run_networks(networks, self.beats[rows], [PLAN], WIDTH)[0], PLAN)

    def score(self, predicted, rows):
        return {"score": roc_auc(predicted[:, 0], self.tall[rows, 0], np.ones(len(rows)))}


def open_data(folder, config):
    return simulate_beats(config["data"]["n_patients"], config["train"]["seed"])


def demonstration(config):
    return open_data(None, config)


def make_training(config, dataset, out):
    beats, tall, patients = dataset
    folds = draw_folds(tall, patients, config["data"]["n_folds"], config["train"]["seed"])
    arguments = config["network"] | {"n_leads": 1, "n_outputs": [1], "windows": [WIDTH]}
    return ToyTraining(config["train"], arguments, beats, tall, folds)


def fit(config, dataset, out, resume=False, report=None, bundle=True, jobs=1):
    with training_run(config, out, resume) as begin:
        training = make_training(config, dataset, out)
        begin(hashlib.sha256(training.beats.tobytes()).hexdigest())
        done = cross_validate(training, out, report, jobs, bundle)
        if bundle:
            stages = {"beat": Stage(("tall",), PLAN)}
            card = Card(
                name="toy", use="A test.", signal=SPEC, section=WIDTH, network=training.arguments,
                members=len(done.networks), stages=stages, decisions={"threshold": 0.5},
            )  # fmt: skip
            save_bundle(out, done.networks, card)
    return done
