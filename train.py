"""Train a detector from labelled recordings: five folds by patient, calibration and thresholds out of fold, the bundle.

python train.py --data data/aiijc                     # the infarction detector, into runs/mi
python train.py --data data/aiijc --out DIR --resume  # go on where a stopped run left off
python train.py --set train.epochs=10 --seed 2        # change a setting
python train.py                                       # without data: a small demonstration on simulated records
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bundles import ROOT, Bundle, load_bundle, run_networks, save_bundle
from cardiac.errors import ConfigError, DatasetError, first_line
from cardiac.files import replace_file
from cardiac.leads import LEADS
from cardiac.metrics import PROTOCOL, Figures, as_plain
from cardiac.records import read_record
from cardiac.signals import SignalSpec, prepare_signal
from cardiac.windows import WindowPlan, pool_windows, window_spread, window_starts
from cards import Card, Stage
from learning.curves import write_curves
from learning.network import History, NetworkTraining, Report, begin_from, heads_loss, seed_of
from learning.run_folder import begin_run, code_revision, end_run, logged, open_run, side_by_side, stop_without_parent
from models import build_model
from tasks.mi.datasets import Dataset, read_companions, read_dataset
from tasks.mi.evaluate import evaluate, format_figures
from tasks.mi.examples import Lessons, draw_batch, middle_batch, taught_rows, teach
from tasks.mi.folds import assign_folds, companion_folds
from tasks.mi.labels import AUXILIARY, SITES
from tasks.mi.model_card import model_card
from tasks.mi.out_of_fold import OutOfFold, ranked, write_found
from tasks.mi.rules import fit_rule
from tasks.mi.settings import check_settings
from tasks.mi.simulate import simulate_dataset
from utils import Config, load_config, pick_device, run_command, seed_everything

STAGES = {"detect": ("mi",), "localize": SITES}


@dataclass(frozen=True)
class FitResult:
    """Where the bundle lies, its figures by group and name, and the seconds spent on training it."""

    out: Path
    figures: Figures
    training_s: float


@dataclass(frozen=True)
class Recipe:
    """What a run trains: the stages' windows, the network's arguments, the longest section it is run over at once.

    begun : the bundle whose weights are learnt on from, or None.
    """

    config: Config
    spec: SignalSpec
    plans: dict[str, WindowPlan]
    network: dict[str, Any]
    section: int
    begun: Bundle | None = None


def fit(
    config: Config,
    dataset: Dataset,
    out: Path,
    resume: bool = False,
    report: Report | None = None,
    bundle: bool = True,
    jobs: int = 1,
) -> FitResult:
    """Train in folds and on all records; write bundle, figures, curves and out-of-fold probabilities.

    report : called after every epoch with {"part", "epoch", "train_loss", "held_loss", "seconds"}, and after every fold
    with {"fold", "auc", "sites_auc"} of the records that it held out.  bundle : False
    trains the folds alone and writes what they say, which is all that settings are compared by.  jobs : trainings at
    once, each in a process of its own, whose epochs `report` does not hear of.
    Raises CardiacError for data or settings that do not fit; a stopped run goes on with `resume`.
    """
    if jobs < 1:
        raise ConfigError(f"{jobs} trainings at once cannot be: give --jobs of at least 1")
    if not dataset.sites.any() or dataset.infarction.all():
        raise DatasetError("records with an infarction at a site and records without one are needed: give more records")
    recipe = recipe_of(config)
    open_run(config, out, resume)
    revision = code_revision(ROOT)  # now: the files may change while the networks learn
    seed_everything(config["train"]["seed"])
    folds = assign_folds(
        dataset, config["data"]["n_folds"], config["train"]["seed"], ROOT / config["data"]["folds"], out
    )
    lessons, checksum = _read_lessons(dataset, recipe)
    if recipe.begun and recipe.begun.card.training.get("data_sha256") == checksum:
        raise ConfigError("train.begin_from: these weights learnt from these recordings: choose others, or fresh ones")
    begin_run(out, config, checksum)
    with logged(out):
        of_all = companion_folds(dataset, folds)
        if jobs > 1:
            side_by_side(train_share, (config, dataset, out, of_all, bundle), jobs)
        found, networks, histories = _cross_validate(recipe, dataset, lessons, of_all, out, report, bundle)
    figures = evaluate(dataset, found, config["decide"])
    begun = {"begun_from_sha256": recipe.begun.sha256} if recipe.begun else {}
    training = {"code_revision": revision, **begun, **_provenance(config, dataset, checksum, folds, histories)}
    _write_found(out, dataset, found, figures)
    if bundle:
        card = _card(recipe, dataset, found, out.name, training)
        save_bundle(out, networks, card)
        replace_file(out / "README.md", model_card(card, figures).encode())
        load_bundle(out, "torch")  # what was written can be read, or this says so now
    write_curves(histories, out / "curves.png")
    end_run(out)
    return FitResult(out, figures, training["training_s"])


def recipe_of(config: Config) -> Recipe:
    """What is to be trained. Raises ConfigError for settings that nothing could be trained by."""
    check_settings(config)
    told = config["signal"]
    spec = SignalSpec(told["fs_hz"], (told["low_hz"], told["high_hz"]), scale=told["scale"])
    plans = {name: WindowPlan.of(config[name]) for name in STAGES}
    crop, section = config["train"]["crop"], told["section"]
    widest = max(plan.window for plan in plans.values())
    if not widest <= crop <= section:
        raise ConfigError(f"train.crop is {crop}: give a number from {widest}, the longest window, to signal.section")
    network = {
        **config["network"],
        "n_leads": len(LEADS),
        "n_outputs": [len(outputs) for outputs in STAGES.values()],
        "windows": [plan.window for plan in plans.values()],
    }
    if config["network"]["name"] == "hybrid":
        network["n_auxiliary"] = len(AUXILIARY) if config["train"]["auxiliary_weight"] > 0 else 0
    try:  # over a blank section, so that what cannot work is said now
        run_networks([build_model(**network)], np.zeros((len(LEADS), crop), np.float32), [*plans.values()], section)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"network cannot be built for windows of {network['windows']} samples ({first_line(error)}): change it"
        ) from error
    begun = load_bundle(config["train"]["begin_from"], "torch") if config["train"]["begin_from"] else None
    if begun:
        begin_from(build_model(**network), begun)  # so that weights that do not fit are named now
    return Recipe(config, spec, plans, network, section, begun)


def _read_lessons(dataset: Dataset, recipe: Recipe) -> tuple[Lessons, str]:
    """What the data set and its companions teach, and a SHA-256 over names, truth and samples as they were read.

    Raises DatasetError for a record with fewer samples than a training section.
    """
    signals, digest, crop = [], hashlib.sha256(), recipe.config["train"]["crop"]
    for part in (dataset, *dataset.companions):
        truth = np.column_stack([part.infarction, part.sites])
        named = zip(part.sources, part.table["record_id"], truth, strict=True)
        for source, record_id, targets in tqdm(named, total=len(truth), desc=f"reading {part.layout}", unit="record"):
            record = read_record(source)
            digest.update(record_id.encode() + targets.tobytes() + record.signal.tobytes())
            signals.append(prepare_signal(record.signal, record.fs_hz, recipe.spec))
            if signals[-1].shape[1] < crop:
                raise DatasetError(f"{record_id}: has {signals[-1].shape[1]} samples of {crop} needed: take it out")
    return teach(dataset, signals, recipe.config["data"]), digest.hexdigest()


def training_of(recipe: Recipe, part: str, lessons: Lessons, rows: np.ndarray, out: Path) -> NetworkTraining:
    """The training of one network on random sections of these rows."""
    settings, plans = recipe.config["train"], [*recipe.plans.values()]
    seed = seed_of(settings["seed"], part, 0)
    torch.manual_seed(seed)
    network = build_model(**recipe.network)
    if recipe.begun:
        begin_from(network, recipe.begun)
    starts = [torch.from_numpy(window_starts(settings["crop"], plan)).to(pick_device()) for plan in plans]
    if hasattr(network, "set_scaling"):
        sections, _, _ = draw_batch(lessons, rows, np.random.default_rng(seed), {**settings, "mixup": 0.0})
        network.set_scaling(torch.from_numpy(sections), starts)
    weights = [recipe.config[name]["weight"] for name in STAGES] + [settings["auxiliary_weight"]]

    def loss(network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        sections, targets, counts = batch
        logits = network.learn(sections, starts)
        focus = (settings["focus_present"], settings["focus_absent"])
        return heads_loss(
            logits, targets, counts, weights, settings["label_smoothing"], settings["positive_weight"], focus
        )

    def draw(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        return draw_batch(lessons, rows, rng, settings)

    return NetworkTraining(network, settings, part, rows, draw, loss, out)


def _predict(recipe: Recipe, networks: list[nn.Module], signals: list[np.ndarray], part: str) -> np.ndarray:
    """Of each record pooled probabilities, mi and the six sites, as inference gives them, and the spread; (n, 8)."""
    plans, found = [*recipe.plans.values()], []
    for signal in tqdm(signals, desc=f"{part} held out", unit="record", leave=False):
        logits = run_networks(networks, signal, plans, recipe.section)
        pooled = [pool_windows(each, plan) for each, plan in zip(logits, plans, strict=True)]
        found.append(np.concatenate([*pooled, [window_spread(logits[0])]]))
    return np.stack(found)


def _parts(recipe: Recipe, folds: Iterable[int], bundle: bool) -> list[tuple[int | None, int]]:
    """Every training of a run as (fold that it does not see, member); the fold is None where all records teach."""
    members = range(recipe.config["train"]["members"])
    return [(fold, member) for fold in [*folds, *([None] if bundle else [])] for member in members]


def _train(
    recipe: Recipe, lessons: Lessons, folds: np.ndarray, part: tuple[int | None, int], out: Path, report: Report | None
) -> NetworkTraining:
    """One training of `_parts`, run to its end.

    folds : of the data set's records and then the companions', -1 for one that teaches in every fold.
    """
    fold, member = part
    settings, share = recipe.config["train"], recipe.config["data"]["record_share"]
    rows = taught_rows(lessons, folds, fold, share, settings["infarction_repeats"], settings["seed"])
    held = np.flatnonzero(folds[: lessons.n_records] == fold) if fold is not None else None
    name = ("all" if fold is None else f"fold{fold}") + (f"-{member}" if member else "")
    training = training_of(recipe, name, lessons, rows, out)
    training.run(None if held is None else middle_batch(lessons, held, settings["crop"]), report)
    return training


def train_share(
    config: Config, dataset: Dataset, out: Path, folds: np.ndarray, bundle: bool, place: int, jobs: int
) -> None:
    """In a process of its own: every `jobs`-th training from `place` on; what it learns lies in the run's folder."""
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    recipe = recipe_of(config)
    lessons, _ = _read_lessons(dataset, recipe)
    for part in _parts(recipe, np.unique(folds[: lessons.n_records]), bundle)[place::jobs]:
        _train(recipe, lessons, folds, part, out, stop_without_parent)


def _cross_validate(
    recipe: Recipe,
    dataset: Dataset,
    lessons: Lessons,
    folds: np.ndarray,
    out: Path,
    report: Report | None,
    bundle: bool,
) -> tuple[OutOfFold, list[nn.Module], dict[str, History]]:
    """Out-of-fold probabilities, the networks that learnt from all records (none without `bundle`), the histories."""
    own, histories = folds[: lessons.n_records], {}
    found, networks = np.full((len(own), 2 + len(SITES)), np.nan), {}
    for fold, member in _parts(recipe, np.unique(own), bundle):
        training = _train(recipe, lessons, folds, (fold, member), out, report)
        histories[training.part] = training.history
        networks.setdefault(fold, []).append(training.trained)
        if fold is not None and len(networks[fold]) == recipe.config["train"]["members"]:
            held = np.flatnonzero(own == fold)
            found[held] = _predict(recipe, networks.pop(fold), [lessons.signals[row] for row in held], f"fold{fold}")
            if report:
                report({"fold": int(fold), **ranked(found[held], dataset.infarction[held], dataset.sites[held])})
    return OutOfFold(own, found[:, 0], found[:, 1:-1], found[:, -1]), networks.get(None, []), histories


def _card(recipe: Recipe, dataset: Dataset, found: OutOfFold, name: str, training: Mapping[str, Any]) -> Card:
    """All that inference must know."""
    rule = fit_rule(found.pooled, dataset.infarction, dataset.sites, recipe.config["decide"])
    return Card(
        name=name,
        use="An aid for research and a second look at 12-lead ECGs; not a medical device.",
        signal=recipe.spec,
        section=recipe.section,
        network=recipe.network,
        members=recipe.config["train"]["members"],
        stages={name: Stage(STAGES[name], plan) for name, plan in recipe.plans.items()},
        decisions=rule.as_plain(),
        training=training,
    )


def _provenance(
    config: Config, dataset: Dataset, checksum: str, folds: np.ndarray, histories: Mapping[str, History]
) -> dict[str, Any]:
    """Where the weights come from: data, folds, settings, machine, time."""
    return {
        "layout": dataset.layout,
        "records": len(dataset.infarction),
        "infarctions": int(dataset.infarction.sum()),
        "companions": {each.layout: len(each.infarction) for each in dataset.companions},
        "data_sha256": checksum,
        "folds_sha256": hashlib.sha256(folds.astype("<i8").tobytes()).hexdigest(),
        "config": config,
        "torch": torch.__version__,
        "device": str(pick_device()),
        "threads": torch.get_num_threads(),
        "training_s": round(sum(epoch["seconds"] for history in histories.values() for epoch in history), 1),
    }


def _write_found(out: Path, dataset: Dataset, found: OutOfFold, figures: Figures) -> None:
    """metrics.json and out_of_fold.csv."""
    columns = {"record_id": dataset.table["record_id"], "fold": found.fold, "mi": found.mi}
    columns |= dict(zip(SITES, found.sites.T, strict=True)) | {"spread": found.spread}
    write_found(columns, out / "out_of_fold.csv")
    metrics = {"protocol": PROTOCOL, "figures": as_plain(figures)}
    replace_file(out / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())


def open_data(folder: Path | None, config: Config) -> Dataset | None:
    """The data set that was asked for, or that lies where the README puts it; None where there is none.

    Companions are looked for beside it; one that is missing is said, for the networks are the worse for it.
    """
    places = [folder] if folder else [Path(os.environ.get("ECG_DATA", "data")) / "aiijc", Path("data/aiijc")]
    place = next((place for place in places if folder or place.is_dir()), None)
    if place is None:
        return None
    dataset = read_dataset(place, config["data"]["min_likelihood"])
    if dataset.layout != "task":
        return dataset
    beside = [place.resolve().parent / name for name in config["data"]["companions"]]
    for each in beside:
        if not each.is_dir():
            print(f"{each.name} is not beside {place}: training without these records, which makes it worse.")
    return read_companions(dataset, [each for each in beside if each.is_dir()])


def demonstration(config: Config) -> Dataset:
    """Simulated records, for where there are no others."""
    return simulate_dataset(n_records=120, seed=config["train"]["seed"])


def main(arguments: list[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the data set's folder; else $ECG_DATA/aiijc, data/aiijc, simulated")
    parser.add_argument("--config", type=Path, help="settings (configs/mi.toml)")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, help="folder for the run and its bundle (runs/NAME OF THE CONFIG)")
    parser.add_argument("--seed", type=int, help="the same as --set train.seed=N")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, each in a process (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    options = parser.parse_args(arguments)
    stopped = "Stopped after the last whole epoch: the same command with --resume goes on."
    return run_command(lambda: _train_as_told(options), bad_data=1, stopped=stopped, written_to="--out")


def _train_as_told(options: argparse.Namespace) -> int:
    settings = options.set + ([] if options.seed is None else [f"train.seed={options.seed}"])
    defaults = ROOT / "configs/mi.toml"
    path = options.config or defaults
    config = load_config(path, settings, defaults)
    dataset = open_data(options.data, config)
    if dataset is None:
        path = options.config or ROOT / "configs/demo.toml"
        config = load_config(path, settings, defaults)
        dataset = demonstration(config)
        print("No recordings found: training a demonstration on SIMULATED records, of no use on real ones.")
    result = fit(config, dataset, options.out or Path("runs") / path.stem, options.resume, jobs=options.jobs)
    print(format_figures(result.figures))
    print(f"\nBundle in {result.out}; its networks' epochs took {result.training_s / 60:.1f} minutes in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
