"""Train a detector from labelled recordings: five folds by patient, calibration and thresholds out of fold, the bundle.

python train.py --data data/aiijc                     # the infarction detector, into runs/mi
python train.py --data data/aiijc --out DIR --resume  # go on where a stopped run left off
python train.py --set train.epochs=10 --seed 2        # change a setting
python train.py --labels labels.csv --data recordings # go on from the shipped detector with your own labels, by steps
python train.py                                       # without data: a small demonstration on simulated records
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bundles import ROOT, load_bundle, save_bundle
from cardiac.errors import ConfigError
from cardiac.files import replace_file
from cardiac.metrics import Figures
from cardiac.sources import list_recordings
from cardiac.trees import Trees
from cards import Card, Stage
from learning.cross_validate import CrossValidated, cross_validate
from learning.curves import write_curves
from learning.network import Report
from learning.run_folder import code_revision, training_run
from tasks.mi.datasets import Dataset, read_dataset, read_labels, read_weak_datasets
from tasks.mi.evaluate import evaluate, format_figures, write_results
from tasks.mi.features import trees_entry
from tasks.mi.joining import Decisions, fit_decisions
from tasks.mi.model_card import model_card
from tasks.mi.out_of_fold import OutOfFold
from tasks.mi.second_looks import STEPS, learn_from_labels
from tasks.mi.settings import check_settings as check_settings  # scale.detectors asks for it here
from tasks.mi.simulate import simulate_dataset
from tasks.mi.training import STAGES, InfarctionTraining, Recipe, make_training
from tasks.mi.trees import fit_trees
from utils import Config, load_config, run_command, seed_everything

DEFAULTS = ROOT / "configs/mi.toml"  # every setting there is
DEMO = ROOT / "configs/demo.toml"  # what `demonstration` is trained by
SECOND_LOOKS = (
    ROOT / "configs/second_looks.toml"
)  # what changes where a bundle is gone on from with a hospital's labels
SPACE = ROOT / "scale/search.toml"  # what a search may choose
EVALUATE = "tasks.mi.evaluate"


@dataclass(frozen=True)
class FitResult:
    """Where the bundle lies, its figures by group and name, and the seconds spent on training it."""

    out: Path
    figures: Figures
    training_s: float


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

    report, jobs : of `cross_validate`, whose scores of a fold are "score", "auc" and "sites_auc".  bundle : False
    trains the folds alone and writes what they say, which is all that settings are compared by.
    Raises CardiacError for data or settings that do not fit; a stopped run goes on with `resume`.
    """
    if jobs < 1:
        raise ConfigError(f"{jobs} trainings at once cannot be: give --jobs of at least 1")
    with training_run(config, out, resume) as begin:
        revision = code_revision(ROOT)  # now: the files may change while the networks learn
        seed_everything(config["train"]["seed"])
        training = make_training(config, dataset, out)
        begin(training.data_sha256)
        done = cross_validate(training, out, report, jobs, bundle, partial(make_training, config, dataset, out))
        said, trees = fit_trees(dataset, training.folds, config["trees"])
        out_of_fold = OutOfFold(
            training.folds, done.predicted[:, 0], done.predicted[:, 1:-1], done.predicted[:, -1], said
        )
        figures = evaluate(dataset, out_of_fold, config["decide"])
        write_results(out, dataset, out_of_fold, figures)
        if bundle:
            truth = dataset.infarction, dataset.sites
            decisions = fit_decisions(out_of_fold.pooled, said, *truth, config["decide"])
            card = _card(training.recipe, decisions, trees, out.name, _provenance(training, done, revision))
            save_bundle(out, done.networks, card, trees)
            replace_file(out / "README.md", model_card(card, figures).encode())
            load_bundle(out, "torch")  # what was written can be read, or this says so now
        write_curves(done.histories, out / "curves.png")
    return FitResult(out, figures, done.training_s)


def _card(recipe: Recipe, decisions: Decisions, trees: Trees | None, name: str, training: Mapping[str, Any]) -> Card:
    """All that inference must know."""
    return Card(
        name=name,
        use="An aid for research and a second look at 12-lead ECGs; not a medical device.",
        signal=recipe.spec,
        section=recipe.section,
        network=recipe.network,
        members=recipe.config["train"]["members"],
        stages={name: Stage(STAGES[name], plan) for name, plan in recipe.plans.items()},
        decisions=decisions.to_dict(),
        training=training,
        trees=None if trees is None else trees_entry(),
    )


def _provenance(training: InfarctionTraining, done: CrossValidated, revision: str) -> dict[str, Any]:
    """Where the weights come from: code, data, folds, settings, machine, time."""
    dataset, parent = training.dataset, training.recipe.parent
    return {
        "code_revision": revision,
        **({"parent_sha256": parent.sha256} if parent else {}),
        "layout": dataset.layout,
        "records": len(dataset.infarction),
        "infarctions": int(dataset.infarction.sum()),
        "companions": {each.layout: len(each.infarction) for each in dataset.weak_datasets},
        "data_sha256": training.data_sha256,
        "folds_sha256": hashlib.sha256(training.folds.astype("<i8").tobytes()).hexdigest(),
        "config": training.recipe.config,
        **done.machine(),
    }


def open_data(folder: Path | None, config: Config) -> Dataset | None:
    """The data set that was asked for, or the one that lies where docs/training.md puts it; None where there is none.

    Weak data sets are looked for beside it; a printed line names each that is missing, as the networks are the worse for it.
    """
    folders = [folder] if folder else [Path(os.environ.get("ECG_DATA", "data")) / "aiijc", Path("data/aiijc")]
    chosen = next((each for each in folders if folder or each.is_dir()), None)
    if chosen is None:
        return None
    dataset = read_dataset(chosen, config["data"]["min_likelihood"])
    if dataset.layout != "task":
        return dataset
    beside = [chosen.resolve().parent / name for name in config["data"]["weak_datasets"]]
    for each in beside:
        if not each.is_dir():
            print(f"{each.name} is not beside {chosen}: training without these records, which makes it worse.")
    return read_weak_datasets(dataset, [each for each in beside if each.is_dir()])


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
    parser.add_argument("--labels", type=Path, help="a table of labels as the site exports it (docs/second_looks.md)")
    parser.add_argument("--up-to", choices=STEPS, help="with --labels: the last step that is tried (network)")
    parser.add_argument("--anyway", action="store_true", help="with --labels: write a bundle that is not better too")
    options = parser.parse_args(arguments)
    if options.labels is None and (options.anyway or options.up_to):
        parser.error("--anyway and --up-to go with --labels: add it, or leave them out")
    if options.labels is not None and options.jobs != 1:
        parser.error("--jobs does not go with --labels: leave it out")
    stopped = "Stopped after the last whole epoch: the same command with --resume goes on."
    work = _learn_and_report if options.labels else _train_and_report
    return run_command(lambda: work(options), bad_data=1, stopped=stopped, written_to="--out")


def _settings(options: argparse.Namespace) -> list[str]:
    return options.set + ([] if options.seed is None else [f"train.seed={options.seed}"])


def _learn_and_report(options: argparse.Namespace) -> int:
    """Go on from a bundle with labels of one's own."""
    config = load_config(options.config or SECOND_LOOKS, _settings(options), DEFAULTS)
    with ExitStack() as stack:
        listing = list_recordings([options.data or options.labels.parent], stack)
        dataset, sentences = read_labels(options.labels, listing)
        print(*sentences, sep="\n")
        out = options.out or Path("runs") / SECOND_LOOKS.stem
        learn_from_labels(config, dataset, out, options.up_to or STEPS[-1], options.resume, options.anyway)
    return 0


def _train_and_report(options: argparse.Namespace) -> int:
    settings = _settings(options)
    path = options.config or DEFAULTS
    config = load_config(path, settings, DEFAULTS)
    dataset = open_data(options.data, config)
    if dataset is None:
        path = options.config or DEMO
        config = load_config(path, settings, DEFAULTS)
        dataset = demonstration(config)
        print("No recordings found: training a demonstration on SIMULATED records, of no use on real ones.")
    result = fit(config, dataset, options.out or Path("runs") / path.stem, options.resume, jobs=options.jobs)
    print(format_figures(result.figures))
    print(f"\nBundle in {result.out}; its networks' epochs took {result.training_s / 60:.1f} minutes in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
