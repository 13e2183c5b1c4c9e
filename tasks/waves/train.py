"""Train the core's delineator on LUDB's hand-drawn waves (Kalyakulina et al. 2020, IEEE Access 8:186181).

    python -m tasks.waves.train --data data/ludb --out runs/waves   # some ten minutes on two cores
    python -m benchmarks.delineation --folds runs/waves/folds.npz   # out of fold: what a record's fold was not taught by

Writes waves.npz (taught by all records: what `cardiac/measurements/waves.npz` is) and folds.npz (a network for each fold,
and the folds). Stopped, it goes on with --resume.
"""

import argparse
import hashlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bundles import ROOT
from cardiac.errors import DatasetError
from cardiac.files import replace_file
from cardiac.folds import assign_folds
from cardiac.measurements.wave_network import FIDUCIALS, N_TIMES, TIMES_S, WaveNetwork, channels
from cardiac.records import read_record
from learning.cross_validate import CrossValidated, Training, cross_validate
from learning.network import Batch
from learning.run_folder import training_run
from tasks.waves.examples import Examples, build_examples, change_beats
from tasks.waves.ludb import read_truth, record_names
from tasks.waves.network import TrainedWaveNetwork, plain_network
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs" / "waves.toml"
NETWORK, FOLDS = "waves.npz", "folds.npz"
FEWER_LEADS = (1, 2, 3, 6, 8)
LEAST_MASS = 0.2  # of the target: a fiducial that lies outside the beat counts as absent


@dataclass(frozen=True)
class WaveTraining(Training):
    """A `learning.cross_validate.Training` of the delineator: a row is a median beat, a fold is of whole records.

    fold_networks : by fold, kept as each fold is predicted.
    """

    config: Config
    examples: Examples
    folds: np.ndarray
    fold_networks: dict[int, WaveNetwork] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return self.config["train"]

    def rows(self, fold: int | None) -> np.ndarray:
        return np.flatnonzero(self.folds != (-1 if fold is None else fold))

    def network(self, rows: np.ndarray, rng: np.random.Generator) -> nn.Module:
        return TrainedWaveNetwork(**self.config["waves"])

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        each = self.examples
        beats, rr_s, places = change_beats(each.beats[rows], each.rr_s[rows], each.places[rows], rng)
        leads = np.arange(beats.shape[1])
        if rng.random() < self.settings["fewer_leads"]:
            leads = rng.choice(leads, min(len(leads), rng.choice(FEWER_LEADS)), replace=False)
        return self._batch(beats[:, leads], rr_s, places[:, leads], each.known[rows][:, leads], each.counts[rows])

    def held_out_batch(self, rows: np.ndarray) -> Batch:
        each = self.examples
        return self._batch(each.beats[rows], each.rr_s[rows], each.places[rows], each.known[rows], each.counts[rows])

    def _batch(
        self, beats: np.ndarray, rr_s: np.ndarray, places: np.ndarray, known: np.ndarray, counts: np.ndarray
    ) -> Batch:
        made = np.stack([channels(beat, tuple(rr)) for beat, rr in zip(beats, rr_s, strict=True)])
        return made, _targets(places, self.settings["target_ms"]), (known * counts[:, None, None]).astype(np.float32)

    def loss(self, network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        made, targets, counts = batch
        losses = -(targets * network(made).log_softmax(dim=-1)).sum(dim=-1)
        return (losses * counts).sum() / counts.sum().clamp_min(1)

    def predict(self, networks: list[nn.Module], rows: np.ndarray) -> np.ndarray:
        """Places of the fiducials by lead, s, (len(rows), n_leads, 7), absent or not."""
        plain, each = plain_network(networks[0]), self.examples
        self.fold_networks[int(self.folds[rows[0]])] = plain
        return np.stack([plain(each.beats[row], tuple(each.rr_s[row]))[0] for row in rows])

    def score(self, predicted: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """Standard deviations of the errors, ms, and minus their mean."""
        errors = 1000 * (predicted - self.examples.places[rows])
        deviations = np.nanstd(errors, axis=(0, 1))
        named = {f"{name}_sd_ms": float(each) for name, each in zip(FIDUCIALS, deviations, strict=True)}
        return {"score": -float(deviations.mean()), **named}


def _targets(places: np.ndarray, width_ms: float) -> np.ndarray:
    """What each fiducial's probabilities are to be, over time and of its absence: (..., 7) -> float32 (..., 7, N_TIMES + 1)."""
    from_place = (TIMES_S - places[..., None]) * 1000 / width_ms
    over_time = np.nan_to_num(np.exp(-0.5 * from_place**2))
    mass = over_time.sum(axis=-1, keepdims=True)
    absent = np.isnan(places) | (mass[..., 0] < LEAST_MASS)
    targets = np.zeros((*places.shape, N_TIMES + 1), dtype=np.float32)
    targets[..., :-1] = np.where(absent[..., None], 0, over_time / np.maximum(mass, 1e-9))
    targets[..., -1] = absent
    return targets


def open_data(folder: Path | None, config: Config) -> Path | None:
    """LUDB's folder: the one that is given, $ECG_DATA/ludb or data/ludb; None where there is none."""
    folders = [folder] if folder else [Path(os.environ.get("ECG_DATA", "data")) / "ludb", ROOT / "data" / "ludb"]
    return next((each for each in folders if each.is_dir()), None)


def make_training(config: Config, dataset: Path, out: Path) -> WaveTraining:
    """What is trained: LUDB's recordings read, each record in the fold that the folds file has for it."""
    names = record_names(dataset)
    records = [read_record(dataset / f"{name}.hea") for name in tqdm(names, desc="reading ludb", unit="record")]
    examples = build_examples(records, [read_truth(dataset, name) for name in names])
    data = config["data"]
    no_targets = np.zeros((len(names), 1), dtype=bool)
    import pandas as pd  # slow to import

    known = [ROOT / data["folds"]]
    of_record = assign_folds(
        pd.Series(names),
        no_targets,
        np.array(names),
        data["n_folds"],
        config["train"]["seed"],
        known,
        out / "folds.csv",
    )
    by_name = dict(zip(names, of_record, strict=True))
    return WaveTraining(config, examples, np.array([by_name[name] for name in examples.record_ids]))


def fit(config: Config, dataset: Path, out: Path, resume: bool = False, jobs: int = 1) -> CrossValidated:
    """A whole run: the networks of the folds and that of all records, written into `out`."""
    with training_run(config, out, resume) as begin:
        out.mkdir(parents=True, exist_ok=True)
        training = make_training(config, dataset, out)
        begin(hashlib.sha256(training.examples.beats.tobytes() + training.examples.places.tobytes()).hexdigest())
        done = cross_validate(training, out, jobs=jobs)
        replace_file(out / NETWORK, _as_npz(plain_network(done.networks[0]).weights))
        by_fold = {
            f"fold{fold}/{name}": array
            for fold, each in training.fold_networks.items()
            for name, array in each.weights.items()
        }
        record_ids, first = np.unique(training.examples.record_ids, return_index=True)
        replace_file(out / FOLDS, _as_npz(by_fold | {"record_ids": record_ids, "folds": training.folds[first]}))
    return done


def _as_npz(arrays: dict[str, np.ndarray]) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def read_fold_networks(path: Path) -> dict[str, WaveNetwork]:
    """For every record the network that was not taught by it, from a folds.npz."""
    with np.load(path, allow_pickle=False) as file:
        names, folds = file["record_ids"], file["folds"]
        networks = {
            fold: WaveNetwork({key.split("/")[1]: file[key] for key in file.files if key.startswith(f"fold{fold}/")})
            for fold in np.unique(folds)
        }
    return {str(name): networks[fold] for name, fold in zip(names, folds, strict=True)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="LUDB's folder; else $ECG_DATA/ludb, data/ludb")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("runs/waves"), help="folder for the run (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, each in a process (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    options = parser.parse_args(arguments)

    def train() -> int:
        config = load_config(DEFAULTS, options.set, DEFAULTS)
        dataset = open_data(options.data, config)
        if dataset is None:
            raise DatasetError("LUDB is not there: give its folder with --data")
        done = fit(config, dataset, options.out, options.resume, options.jobs)
        for fold, scores in sorted(done.scores.items()):
            print(f"fold {fold}: " + ", ".join(f"{name} {value:.1f}" for name, value in scores.items()))
        print(f"\n{NETWORK} and {FOLDS} in {options.out}; the epochs took {done.training_s / 60:.1f} minutes in all.")
        return 0

    stopped = "Stopped after the last whole epoch: the same command with --resume goes on."
    return run_command(train, bad_data=1, stopped=stopped, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
