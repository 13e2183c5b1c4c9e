"""Train a network that tells beats apart, on the records of DS1: in folds of whole records, and on all of them.

    python -m tasks.beats.train_net --model residual --data data/mitdb --out runs/beats-residual
    python -m scale.tune --task tasks.beats.train_net --set model.name=residual --trials 20 --data data/mitdb

Models: residual, picture, context. Writes a bundle (see `net_bundle`), out_of_fold.npz (what each beat is by a network
that did not see its record), folds.csv and plots/. Stopped, it goes on with --resume. The second line searches for better
settings.
"""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT
from cardiac.errors import ConfigError
from cardiac.files import png, replace_file
from cardiac.folds import draw_folds, write_folds
from learning.cross_validate import CrossValidated, cross_validate
from learning.curves import draw_curves, write_curves
from learning.network import Report
from learning.run_folder import STATE, code_revision, training_run
from learning.tracking import Tracker, add_track_argument, tracked
from tasks.beats.examples import find_data
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.net_bundle import CARD, NetCard, write_bundle
from tasks.beats.net_decisions import PREFER, cross_fitted, decide, fit_offsets, scores_of
from tasks.beats.net_examples import N_OUTPUTS, Beats, gather_beats, read_beats
from tasks.beats.net_training import BeatTraining
from tasks.beats.simulate import N_HEARTS, simulate_heart
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs" / "beats_net.toml"
DEMO = ROOT / "configs" / "beats_net_demo.toml"
SPACE = ROOT / "configs" / "beats_net_search.toml"
MODELS = ("residual", "picture", "context")
SAMPLINGS = ("natural", "balanced")
OUT_OF_FOLD, PLOTS, ACCURACY, FOLDS = "out_of_fold.npz", "plots", "accuracy.json", "folds.csv"
CURVES = ("train_loss", "held_loss", "train_accuracy", "held_accuracy")
LEAST = 10  # beats of a class, by which a record counts as one that has it


@dataclass(frozen=True)
class Reports:
    """What a training reports of its epochs and folds, passed on with accuracies and with the scores of all folds so far.

    path : where accuracies by epoch are kept, in the run's folder, so that a resumed run has all.
    """

    training: BeatTraining
    path: Path
    report: Report | None = None

    def __call__(self, told: dict[str, Any]) -> None:
        taken = {kind: self.training.accuracies.pop(kind, []) for kind in ("train", "held")}
        accuracies = {kind: float(np.mean(each)) if each else None for kind, each in taken.items()}
        if "epoch" in told:
            kept = self.read()
            before = [each for each in kept.get(told["part"], []) if each["epoch"] < told["epoch"]]
            epoch = {"epoch": told["epoch"]} | {f"{kind}_loss": each for kind, each in accuracies.items()}
            replace_file(self.path, json.dumps(kept | {told["part"]: [*before, epoch]}).encode())
            told = told | {f"{kind}_accuracy": each for kind, each in accuracies.items()}
        if "fold" in told:
            told = told | {"so_far": self.training.scores_so_far()}
        if self.report:
            self.report(told)

    def read(self) -> dict[str, list[dict[str, Any]]]:
        """By training its epochs, in the form of `learning.curves`, accuracies in the place of losses."""
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}


def check_settings(config: Config) -> None:
    """Raise ConfigError for settings by which nothing could be trained."""
    name = config["model"]["name"]
    if name not in MODELS:
        raise ConfigError(f"model.name is {name!r}: use one of {', '.join(MODELS)}")
    if config["data"]["n_folds"] < 2:
        raise ConfigError(f"data.n_folds is {config['data']['n_folds']}: give at least 2")
    if config["data"]["sampling"] not in SAMPLINGS:
        raise ConfigError(f"data.sampling is {config['data']['sampling']!r}: use one of {', '.join(SAMPLINGS)}")


def open_data(folder: Path | None, config: Config) -> Beats:
    """The beats of DS1; the records that test are not read. Raises DatasetError, RecordError."""
    return read_beats(find_data(folder), DS1)


def demonstration(config: Config) -> Beats:
    """Beats of made-up hearts, for where there are no recordings."""
    made = (simulate_heart(seed) for seed in range(N_HEARTS))
    return gather_beats((record.record_id, record, positions, classes) for record, positions, classes in made)


def make_training(config: Config, dataset: Beats, out: Path) -> BeatTraining:
    """What is trained: each record in a fold, those with S, V or F spread over the folds, which are written into `out`."""
    names = list(dict.fromkeys(dataset.record_ids))
    of_record = dataset.record_of_beat
    has = [np.bincount(dataset.classes[of_record == each], minlength=N_OUTPUTS)[1:N_OUTPUTS] >= LEAST for each in names]
    folds = draw_folds(np.array(has), np.array(names), config["data"]["n_folds"], config["train"]["seed"])
    write_folds(names, folds, out / FOLDS)
    return BeatTraining(config, config["model"]["name"], dataset, dict(zip(names, map(int, folds), strict=True)))


def fit(
    config: Config, dataset: Beats, out: Path, resume: bool = False, report: Report | None = None, bundle: bool = True
) -> dict[str, Any]:
    """A whole run, written into `out`: out-of-fold scores by decision, and for a bundle the network of all records.

    report : called after every epoch and every fold, see `learning.cross_validate` and `scale.detectors`.
    """
    if (out / CARD).is_file() and not (out / STATE).is_dir():
        raise ConfigError(f"{out} holds a finished bundle: choose another --out, or delete it first")
    check_settings(config)
    with training_run(config, out, resume) as begin:
        revision = code_revision(ROOT)  # now: the files may change while the networks learn
        training = make_training(config, dataset, out)
        begin(dataset.sha256)
        reports = Reports(training, out / ACCURACY, report)
        done = cross_validate(training, out, reports, bundle=bundle)
        probabilities, folds = out_of_fold(training, done)
        replace_file(out / OUT_OF_FOLD, _as_npz(dataset, probabilities, folds))
        draw_plots(done, reports, out / PLOTS)
        scores = all_scores(probabilities, dataset.classes, folds)
        if bundle:
            write_bundle(out, done.networks[0], _card(config, training, done, probabilities, scores, revision))
    return scores


def out_of_fold(training: BeatTraining, done: CrossValidated) -> tuple[np.ndarray, np.ndarray]:
    """Of all beats, in order: probabilities (n, N_OUTPUTS) by networks that did not see their record; folds (n,)."""
    rows = np.arange(len(training.folds))
    probabilities, which = training.by_beat(done.predicted, rows)
    ordered = np.empty_like(probabilities)
    ordered[which] = probabilities
    return ordered, np.array([training.fold_of_record[each] for each in training.beats.record_of_beat])


def all_scores(probabilities: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> dict[str, dict[str, float]]:
    """By the way of deciding: the likeliest class, and offsets that were chosen on the other folds."""
    found = {"likeliest": decide(probabilities, np.zeros(N_OUTPUTS))}
    found |= {prefer: cross_fitted(probabilities, classes, folds, prefer) for prefer in PREFER}
    return {name: scores_of(each, classes) for name, each in found.items()}


def _as_npz(beats: Beats, probabilities: np.ndarray, folds: np.ndarray) -> bytes:
    content, filled = io.BytesIO(), np.zeros((len(probabilities), len(CLASSES)))
    filled[:, :N_OUTPUTS] = probabilities
    np.savez_compressed(
        content,
        record_ids=beats.record_of_beat,
        positions=beats.positions,
        classes=beats.classes,
        probabilities=filled,
        folds=folds,
    )
    return content.getvalue()


def draw_plots(done: CrossValidated, reports: Reports, folder: Path) -> None:
    """Loss and accuracy by epoch, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    write_curves(done.histories, folder / "loss.png")
    figure = draw_curves(reports.read())
    figure.axes[0].set_ylabel("accuracy (dotted: held out, other mixture of classes)")
    replace_file(folder / "accuracy.png", png(figure))


def _card(
    config: Config,
    training: BeatTraining,
    done: CrossValidated,
    probabilities: np.ndarray,
    scores: dict[str, dict[str, float]],
    revision: str,
) -> NetCard:
    rounded = {name: {key: round(each, 4) for key, each in found.items()} for name, found in scores.items()}
    return NetCard(
        name=training.name,
        network={"name": training.name} | training.arguments,
        outputs=CLASSES[:N_OUTPUTS],
        blocks=training.blocks,
        decisions=_decisions(probabilities, training.beats.classes, scores),
        training={
            "records": sorted(training.fold_of_record),
            "settings": config["data"] | training.settings,
            "data_sha256": training.beats.sha256,
            "code_revision": revision,
            "out_of_fold_f1": rounded,
        }
        | done.machine(),
    )


def _decisions(
    probabilities: np.ndarray, classes: np.ndarray, scores: dict[str, dict[str, float]]
) -> dict[str, list[float]]:
    """Offsets by what is preferred; for F1 none, where those chosen on other folds made it no better."""
    offsets = {prefer: fit_offsets(probabilities, classes, prefer).tolist() for prefer in PREFER}
    helped = scores["f1"]["macro"] > scores["likeliest"]["macro"]
    return offsets if helped else offsets | {"f1": [0.0] * N_OUTPUTS}


def table(rows: dict[str, dict[str, float]]) -> str:
    """F1 of each class and their mean, as a table in Markdown."""
    columns = (*CLASSES[:N_OUTPUTS], "macro", "accuracy")
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{row[each]:.3f}' for each in columns)} |" for name, row in rows.items()]
    return "\n".join(lines)


@dataclass(frozen=True)
class Noted:
    """A report that keeps each epoch's losses and accuracies, and the scores of all folds so far."""

    tracker: Tracker

    def __call__(self, told: dict[str, Any]) -> None:
        if "epoch" in told:
            curves = {key: told[key] for key in CURVES}
            self.tracker.log_metrics({told["part"]: curves}, told["epoch"])
        if "fold" in told:
            self.tracker.log_metrics({"so_far": told["so_far"]}, told["fold"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, help="which network: the same as --set model.name=NAME")
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument(
        "--config", type=Path, default=DEFAULTS, help="settings, as a search writes (configs/beats_net.toml)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, help="folder for the run (runs/beats-MODEL)")
    parser.add_argument("--folds-only", action="store_true", help="no network of all records, no bundle")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    add_track_argument(parser)
    options = parser.parse_args(arguments)

    def train() -> int:
        config = load_config(options.config, [*options.set, *_model(options.model)], DEFAULTS)
        check_settings(config)
        model = config["model"]["name"]
        out = options.out or Path("runs") / f"beats-{model}"
        with tracked(options.track, f"beats {model}", config) as tracker:
            beats = open_data(options.data, config)
            scores = fit(config, beats, out, options.resume, Noted(tracker), not options.folds_only)
            tracker.log_metrics({"f1": scores})
            for picture in sorted((out / PLOTS).glob("*.png")):
                tracker.log_picture(picture)
        n_records = len(set(beats.record_ids))
        print(f"F1 out of fold, {n_records} records of DS1, {len(beats.classes)} beats, {model}:\n\n{table(scores)}")
        return 0

    stopped = "Stopped after the last whole epoch: the same command with --resume goes on."
    return run_command(train, bad_data=1, stopped=stopped, written_to="--out")


def _model(name: str | None) -> list[str]:
    return [] if name is None else [f"model.name={name}"]


if __name__ == "__main__":
    sys.exit(main())
