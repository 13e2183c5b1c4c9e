"""Train a detector from labelled recordings: five folds by patient, thresholds out of fold, then the bundle.

python train.py --data data/aiijc                     # the infarction detector, into runs/mi
python train.py --data data/aiijc --out DIR --resume  # go on where a stopped run left off
python train.py --set detect.epochs=10 --seed 2       # change a setting
python train.py                                       # without data: a small demonstration on simulated records
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from cardiac.augment import add_noisy_copies, augment, mix, random_windows
from cardiac.datasets import Dataset, read_dataset, read_folds
from cardiac.decisions import fit_thresholds
from cardiac.errors import CardiacError, ConfigError, DatasetError, first_line
from cardiac.evaluate import PROTOCOL, Figures, OutOfFold, as_plain, evaluate, format_figures
from cardiac.folds import check_folds, draw_folds
from cardiac.labels import LEADS, SITES
from cardiac.records import read_record
from cardiac.reports import replace_file, write_curves
from cardiac.signals import SignalSpec, prepare_signal
from cardiac.simulate import simulate_dataset
from cardiac.windows import WindowPlan, cut_windows, pool_windows
from learning import Batch, History, NetworkTraining, Report, begin_run, end_run, logged, open_run, seed_of
from models import build_model
from utils import ROOT, Config, load_bundle, load_config, pick_device, run_network, save_bundle, seed_everything

# Settings that must lie within bounds, both included; NaN lies in none.
BOUNDS: dict[str, tuple[float, float]] = {
    "data.n_folds": (2, 1_000),
    "data.min_likelihood": (0, 100),
    "train.seed": (0, 2**32 - 1),
    "train.batch_size": (1, 100_000),
    "train.learning_rate": (1e-12, 10),
    "train.weight_decay": (0, 10),
    "train.clip_norm": (1e-9, 1e9),
    "train.average_decay": (0, 0.99999),
    "train.label_smoothing": (0, 0.99),
    "train.mixup": (0, 100),
    "train.gain": (0, 1),
    "train.noise_mv": (0, 100),
    "train.lead_drop": (0, 1),
    "train.noisy_copies": (0, 100),
}
BOUNDS |= {
    f"{stage}.{key}": bounds
    for stage in ("detect", "localize")
    for key, bounds in {
        "epochs": (1, 100_000),
        "windows_per_record": (1, 10_000),
        "positive_weight": (1e-6, 1e6),
    }.items()
}
OUTPUTS = {"detect": ("mi",), "localize": SITES}


@dataclass(frozen=True)
class FitResult:
    """Where the bundle lies, its figures by group and name, and the seconds spent on training it."""

    out: Path
    figures: Figures
    training_s: float


@dataclass(frozen=True)
class Stage:
    """One of the two networks' tasks: which rows of the data set teach it what.

    settings : the config's section.  plan : its windows.  network : arguments of `build_model`.
    targets : float32 (n, n_outputs).  rows : indices of the records that it is trained on.
    """

    name: str
    settings: Mapping[str, Any]
    plan: WindowPlan
    network: Mapping[str, Any]
    targets: np.ndarray
    rows: np.ndarray


def fit(config: Config, dataset: Dataset, out: Path, resume: bool = False, report: Report | None = None) -> FitResult:
    """Train both stages in folds and on all records; write bundle, figures, curves and out-of-fold probabilities.

    report : called after every epoch with {"part", "epoch", "train_loss", "held_loss", "seconds"}.
    Raises CardiacError for data or settings that do not fit; a stopped run goes on with `resume`.
    """
    if not dataset.sites.any() or dataset.infarction.all():
        raise DatasetError("records with an infarction at a site and records without one are needed: give more records")
    spec = SignalSpec(config["signal"]["fs_hz"], (config["signal"]["low_hz"], config["signal"]["high_hz"]))
    stages = _stages(config, dataset)
    open_run(config, out, resume)
    revision = _code_revision()  # now: the files may change while the networks learn
    seed_everything(config["train"]["seed"])
    folds = _assign_folds(config, dataset, out)
    _check_taught(stages, folds)
    signals, checksum = _prepare_all(dataset, spec, max(stage.plan.window for stage in stages))
    begin_run(out, config, checksum)
    probabilities, networks, histories = {}, {}, {}
    with logged(out):
        for stage in stages:
            trained = _cross_validate(config, stage, signals, folds, out, report)
            probabilities[stage.name], networks[stage.name], history = trained
            histories |= history
    out_of_fold = OutOfFold(folds, probabilities["detect"][:, 0], probabilities["localize"])
    figures = evaluate(dataset, out_of_fold)
    training = {"code_revision": revision, **_provenance(config, dataset, checksum, folds, histories)}
    card = _card(stages, dataset, out_of_fold, spec, out.name) | {"training": training}
    _write_run(out, networks, card, figures, dataset, out_of_fold, histories)
    return FitResult(out, figures, training["training_s"])


def _stages(config: Config, dataset: Dataset) -> list[Stage]:
    """Both stages. Raises ConfigError for settings that nothing could be trained by."""
    for name, (low, high) in BOUNDS.items():
        section, key = name.split(".")
        if not low <= config[section][key] <= high:
            raise ConfigError(f"{name} is {config[section][key]}: give a number from {low:g} to {high:g}")
    stages = []
    truth = {"detect": dataset.infarction[:, None], "localize": dataset.sites}
    rows = {"detect": np.arange(len(dataset.infarction)), "localize": np.flatnonzero(dataset.sites.any(axis=1))}
    for name, outputs in OUTPUTS.items():
        network = {**config[f"{name}_network"], "n_leads": len(LEADS), "n_outputs": len(outputs)}
        plan = WindowPlan.of(config[name])
        _try_network(f"{name}_network", network, plan.window)
        stages.append(Stage(name, config[name], plan, network, truth[name].astype(np.float32), rows[name]))
    return stages


def _try_network(section: str, network: Mapping[str, Any], window: int) -> None:
    """Build it and run it over a blank window, so that what cannot work is said now."""
    try:
        run_network(build_model(**network), np.zeros((1, len(LEADS), window), np.float32))
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"{section} cannot be built for windows of {window} samples ({first_line(error)}): change it"
        ) from error


def _prepare_all(dataset: Dataset, spec: SignalSpec, longest: int) -> tuple[list[np.ndarray], str]:
    """Prepared signals in the data set's order, and a SHA-256 over names, truth and samples as they were read.

    Raises DatasetError for a record with fewer samples than the longest window.
    """
    signals, digest = [], hashlib.sha256()
    truth = np.column_stack([dataset.infarction, dataset.sites])
    named = zip(dataset.sources, dataset.table["record_id"], truth, strict=True)
    for source, record_id, targets in tqdm(named, total=len(truth), desc="reading", unit="record"):
        record = read_record(source)
        digest.update(record_id.encode() + targets.tobytes() + record.signal.tobytes())
        signals.append(prepare_signal(record.signal, record.fs_hz, spec))
        if signals[-1].shape[1] < longest:
            raise DatasetError(
                f"{record_id}: has {signals[-1].shape[1]} samples and a window needs {longest}: take it out"
            )
    return signals, digest.hexdigest()


def _assign_folds(config: Config, dataset: Dataset, out: Path) -> np.ndarray:
    """Folds of the records: PTB-XL's strat_fold, the folds file where it knows them all, or newly drawn into `out`."""
    n_folds = config["data"]["n_folds"]
    ids, shipped, drawn = dataset.table["record_id"], ROOT / config["data"]["folds"], out / "folds.csv"
    if dataset.layout == "ptb-xl":
        folds = ((dataset.table["strat_fold"].to_numpy(int) - 1) * n_folds // 10).astype(int)
    else:
        known = [read_folds(path).reindex(ids) for path in (drawn, shipped) if path.is_file()]
        complete = [series for series in known if series.notna().all()]
        if complete:
            folds = complete[0].to_numpy(int)
            if folds.max() + 1 != n_folds:
                raise ConfigError(
                    f"the folds of these records are {folds.max() + 1} and data.n_folds is {n_folds}: set it so"
                )
        else:
            targets = np.column_stack([dataset.infarction, dataset.sites])
            folds = draw_folds(targets, dataset.patients, n_folds, config["train"]["seed"])
            table = pd.DataFrame({"record_id": ids, "fold": folds}).sort_values("record_id")
            replace_file(drawn, table.to_csv(index=False).encode())
    check_folds(folds, dataset.patients)
    return folds


def _check_taught(stages: list[Stage], folds: np.ndarray) -> None:
    """Refuse folds that leave a training nothing to learn from."""
    for stage in stages:
        for fold in np.unique(folds):
            taught = stage.targets[stage.rows[folds[stage.rows] != fold]]
            if not taught.any():
                raise DatasetError(f"without fold {fold} there is no infarction left to learn from: give more records")


def _training(
    config: Config, stage: Stage, part: str, signals: list[np.ndarray], rows: np.ndarray, out: Path
) -> NetworkTraining:
    """The training of one network on random windows of these rows."""
    settings, window = config["train"], stage.settings["window"]
    seed = seed_of(settings["seed"], part, 0)
    torch.manual_seed(seed)
    network = build_model(**stage.network)
    taken = np.repeat(rows, stage.settings["windows_per_record"])
    if hasattr(network, "set_scaling"):
        network.set_scaling(torch.from_numpy(random_windows(signals, taken, window, np.random.default_rng(seed))))

    def draw(rows: np.ndarray, rng: np.random.Generator) -> Batch:
        windows = random_windows(signals, rows, window, rng)
        windows = augment(windows, rng, settings["gain"], settings["noise_mv"], settings["lead_drop"])
        windows, targets = mix(windows, stage.targets[rows], rng, settings["mixup"])
        return add_noisy_copies(windows, targets, rng, settings["noisy_copies"])

    chosen = stage.settings
    return NetworkTraining(network, settings, part, taken, draw, chosen["epochs"], chosen["positive_weight"], out)


def _middles(stage: Stage, signals: list[np.ndarray], rows: np.ndarray) -> Batch:
    """One window from the middle of each record, with its targets."""
    window = stage.settings["window"]
    starts = [(signals[row].shape[1] - window) // 2 for row in rows]
    windows = [signals[row][:, start : start + window] for row, start in zip(rows, starts, strict=True)]
    return np.stack(windows), stage.targets[rows]


def _predict(network: nn.Module, stage: Stage, signals: list[np.ndarray], part: str) -> np.ndarray:
    """Pooled probabilities of records, (n, n_outputs), as inference gives them."""
    pooled = []
    for signal in tqdm(signals, desc=f"{part} held out", unit="record", leave=False):
        windows, _ = cut_windows(signal, stage.plan)
        pooled.append(pool_windows(run_network(network, windows), stage.plan))
    return np.stack(pooled)


def _cross_validate(
    config: Config, stage: Stage, signals: list[np.ndarray], folds: np.ndarray, out: Path, report: Report | None
) -> tuple[np.ndarray, nn.Module, dict[str, History]]:
    """Out-of-fold probabilities (n, n_outputs), the network trained on all records, and every training's history."""
    pooled = np.full((len(signals), len(OUTPUTS[stage.name])), np.nan)
    histories = {}
    for fold in np.unique(folds):
        held = np.flatnonzero(folds == fold)
        rows = stage.rows[folds[stage.rows] != fold]
        training = _training(config, stage, f"{stage.name}-fold{fold}", signals, rows, out)
        watched = np.intersect1d(held, stage.rows)
        network = training.run(_middles(stage, signals, watched) if len(watched) else None, report)
        histories[training.part] = training.history
        pooled[held] = _predict(network, stage, [signals[row] for row in held], training.part)
    training = _training(config, stage, f"{stage.name}-all", signals, stage.rows, out)
    network = training.run(report=report)
    return pooled, network, histories | {training.part: training.history}


def _card(stages: list[Stage], dataset: Dataset, found: OutOfFold, spec: SignalSpec, name: str) -> dict[str, Any]:
    """All that inference must know, as plain data."""
    sites = fit_thresholds(found.sites[dataset.infarction], dataset.sites[dataset.infarction])
    by_site = dict(zip(SITES, map(float, sites), strict=True))
    mi = float(fit_thresholds(found.mi[:, None], dataset.infarction[:, None])[0])
    return {
        "name": name,
        "use": "An aid for research and a second look at 12-lead ECGs; not a medical device.",
        "signal": {"fs_hz": spec.fs_hz, "band_hz": list(spec.band_hz), "leads": list(spec.leads), "unit": spec.unit},
        "stages": {
            stage.name: {"network": dict(stage.network), "outputs": list(OUTPUTS[stage.name])} | asdict(stage.plan)
            for stage in stages
        },
        "thresholds": {"mi": mi, "sites": by_site, "site_scale": by_site},
    }


def _code_revision() -> str:
    """The commit of this code, with "-dirty" where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return "unknown"
    return told.stdout.strip() or "unknown"


def _provenance(
    config: Config, dataset: Dataset, checksum: str, folds: np.ndarray, histories: Mapping[str, History]
) -> dict[str, Any]:
    """Where the weights come from: data, folds, settings, machine, time."""
    return {
        "layout": dataset.layout,
        "records": len(dataset.infarction),
        "infarctions": int(dataset.infarction.sum()),
        "data_sha256": checksum,
        "folds_sha256": hashlib.sha256(folds.astype("<i8").tobytes()).hexdigest(),
        "config": config,
        "torch": torch.__version__,
        "device": str(pick_device()),
        "threads": torch.get_num_threads(),
        "training_s": round(sum(epoch["seconds"] for history in histories.values() for epoch in history), 1),
    }


def _write_run(
    out: Path,
    networks: Mapping[str, nn.Module],
    card: Mapping[str, Any],
    figures: Figures,
    dataset: Dataset,
    found: OutOfFold,
    histories: Mapping[str, History],
) -> None:
    """Bundle, metrics.json, out_of_fold.csv and curves.png; then the epochs' states go, for the run is whole."""
    columns = {"record_id": dataset.table["record_id"], "fold": found.fold, "mi": found.mi}
    table = pd.DataFrame(columns | dict(zip(SITES, found.sites.T, strict=True))).sort_values("record_id")
    replace_file(out / "out_of_fold.csv", table.to_csv(index=False, float_format="%.5f").encode())
    metrics = {"protocol": PROTOCOL, "figures": as_plain(figures)}
    replace_file(out / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
    write_curves(histories, out / "curves.png")
    save_bundle(out, networks, card)
    load_bundle(out)  # what was written can be read, or this says so now
    end_run(out)


def _open_data(folder: Path | None, config: Config) -> Dataset | None:
    """The data set that was asked for, or that lies where the README puts it; None where there is none."""
    if folder is not None:
        return read_dataset(folder, config["data"]["min_likelihood"])
    for place in (Path(os.environ.get("ECG_DATA", "data")) / "aiijc", Path("data/aiijc")):
        if place.is_dir():
            return read_dataset(place, config["data"]["min_likelihood"])
    return None


def main(arguments: list[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the data set's folder; else $ECG_DATA/aiijc, data/aiijc, simulated")
    parser.add_argument("--config", type=Path, help="settings (configs/mi.toml)")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, help="folder for the run and its bundle (runs/NAME OF THE CONFIG)")
    parser.add_argument("--seed", type=int, help="the same as --set train.seed=N")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    options = parser.parse_args(arguments)
    settings = options.set + ([] if options.seed is None else [f"train.seed={options.seed}"])
    defaults = ROOT / "configs/mi.toml"
    path = options.config or defaults
    try:
        config = load_config(path, settings, defaults)
        dataset = _open_data(options.data, config)
        if dataset is None:
            path = options.config or ROOT / "configs/demo.toml"
            config = load_config(path, settings, defaults)
            dataset = simulate_dataset(n_records=120, seed=config["train"]["seed"])
            print("No recordings found: training a demonstration on SIMULATED records, of no use on real ones.")
        result = fit(config, dataset, options.out or Path("runs") / path.stem, options.resume)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped after the last whole epoch: the same command with --resume goes on.", file=sys.stderr)
        return 130
    print(format_figures(result.figures))
    print(f"\nBundle in {result.out}; training took {result.training_s / 60:.1f} minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
