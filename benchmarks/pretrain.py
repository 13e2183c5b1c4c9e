"""Pre-training without labels: the trunk learns to fill in hidden patches of single leads, from every signal there is.

    python -m benchmarks.pretrain        # into runs/ablations/pretrained, which the ablation "pre-trained ..." begins from

Three of four patches of a quarter second are hidden, as in ST-MEM (Na et al. 2024). The task's test records, which
have no labels, are among the signals.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from benchmarks.ablation_settings import PRETRAINED, settings_of
from benchmarks.ablations import open_data
from bundles import save_bundle
from cardiac.augment import augment, random_sections
from cardiac.errors import CardiacError
from cardiac.leads import LEADS
from cardiac.records import read_record
from cardiac.signals import SignalSpec, prepare_signal
from cardiac.windows import WindowPlan
from cards import Card, Stage
from learning.network import NetworkTraining
from models import build_model
from tasks.mi.labels import SITES
from utils import Config

STAGES = {"detect": ("mi",), "localize": SITES}
PATCH, HIDDEN, FLAT_MV = 25, 0.75, 0.02  # samples; share of the patches; added to a lead's deviation


class FillingIn(nn.Module):
    """The trunk and one linear layer that writes every frame's samples. (b, n_leads, n) -> (b, n_leads, n)."""

    def __init__(self, trunk: nn.Module, n_leads: int, frame: int, hidden_width: int) -> None:
        super().__init__()
        self.trunk, self.n_leads = trunk, n_leads
        self.write = nn.Conv1d(hidden_width, n_leads * frame, 1)

    def forward(self, signals: torch.Tensor) -> torch.Tensor:
        written = self.write(self.trunk.frames(signals))  # (b, n_leads * frame, n / frame)
        b, _, n_frames = written.shape
        samples = written.view(b, self.n_leads, -1, n_frames).transpose(2, 3).reshape(b, self.n_leads, -1)
        return samples[:, :, : signals.shape[2]]


def filling_loss(network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Mean squared error over what was hidden, every lead over its own deviation."""
    sections, hidden = batch
    deviation = sections.std(dim=2, keepdim=True) + FLAT_MV
    errors = (network(sections * ~hidden) - sections / deviation) ** 2
    return errors[hidden].mean()


def read_signals(config: Config) -> list[np.ndarray]:
    """Every signal of the training part, of its weak data sets and of the test part, prepared; (n_leads, n) each."""
    dataset = open_data(config["data"]["weak_datasets"])
    sources = [source for part in (dataset, *dataset.weak_datasets) for source in part.sources]
    sources += sorted((Path(os.environ.get("ECG_DATA", "data")) / "aiijc/test").glob("*.npy"))
    spec = spec_of(config)
    records = (read_record(source) for source in tqdm(sources, desc="reading", unit="record"))
    return [prepare_signal(record.signal, record.fs_hz, spec) for record in records]


def spec_of(config: Config) -> SignalSpec:
    """What the networks take, by the settings."""
    signal = config["signal"]
    return SignalSpec(signal["fs_hz"], (signal["low_hz"], signal["high_hz"]), scale=signal["scale"])


def main() -> int:
    """The command line. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=24, help="(%(default)s)")
    options = parser.parse_args()
    config = settings_of("base", 1)
    settings = config["train"] | {"epochs": options.epochs}
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(settings["seed"])
    arguments = config["network"] | {
        "n_leads": len(LEADS),
        "n_outputs": [1, 6],
        "windows": [config[stage]["window"] for stage in STAGES],
    }
    trunk = build_model(**arguments)
    network = FillingIn(trunk, len(LEADS), 4, arguments.get("hidden_width", 64))
    try:
        signals = read_signals(config)

        def draw(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
            sections = random_sections(signals, rows, settings["crop"], rng)
            sections = augment(sections, rng, settings["gain"], 0.0, 0.0)
            patches = rng.random((*sections.shape[:2], -(-settings["crop"] // PATCH))) < HIDDEN
            return sections, patches.repeat(PATCH, axis=2)[:, :, : settings["crop"]]

        rows = np.arange(len(signals))
        training = NetworkTraining(network, settings, "pretrained", rows, draw, filling_loss, PRETRAINED)
        trained = training.run()
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    summary = {"loss": training.history[-1]["train_loss"], "seconds": sum(each["seconds"] for each in training.history)}
    card = Card(
        name="pretrained",
        use="Weights that a training begins from.",
        signal=spec_of(config),
        section=config["signal"]["section"],
        network=arguments,
        members=1,
        stages={name: Stage(outputs, WindowPlan.of(config[name])) for name, outputs in STAGES.items()},
        training=summary,
    )
    save_bundle(PRETRAINED, [trained.trunk], card)
    print(
        f"{len(signals)} signals, {summary['seconds'] / 60:.1f} minutes, share of variance left {summary['loss']:.3f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
