"""Train the classifier of beats on DS1 of the MIT-BIH database (Moody and Mark 2001, IEEE EMB Magazine 20:45).

    python -m tasks.beats.train --data data/mitdb --out runs/beats   # some minutes on one core
    python -m tasks.beats.train --set trees.n_leaves=8               # one setting changed; see configs/beats.toml
    python -m tasks.beats.train --out runs/beats --resume            # goes on after the last whole fold
    python -m scale.tune --task beats --trials 20 --data data/mitdb  # searches for better settings

Writes trees.npz and classifier.json, a bundle; folds.npz, trees for each fold that did not learn from it, for
`tasks.beats.evaluate`; plots/; and prints the figures of the folds, whose offsets other folds chose. DS2 is not read.
"""

import argparse
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT
from cardiac.errors import CardiacError, ConfigError
from cardiac.files import replace_file
from cardiac.trees import Trees
from learning.run_folder import STATE, code_revision, log, training_run
from learning.tracking import Tracker, add_track_argument, tracked
from tasks.beats.classifier import CARD, PREFER, decide, save_classifier
from tasks.beats.ectopic import Ectopic
from tasks.beats.examples import BOTH, FORMS, Taught, find_data, read_taught
from tasks.beats.features import beat_features
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.out_of_fold import decide_across, f1_of, offsets_across, search_scores
from tasks.beats.simulate import N_HEARTS, simulate_heart
from tasks.beats.tree_plots import Curves, tree_curves, write_tree_plots
from tasks.beats.trees import choose_offsets, draw_folds, ectopic_of, say
from tasks.beats.trees import fit as learn
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs" / "beats.toml"
DEMO = ROOT / "configs" / "beats_demo.toml"
SPACE = ROOT / "configs" / "beats_search.toml"
EVALUATE = "tasks.beats.evaluate"
FOLDS, PLOTS = "folds.npz", "plots"


@dataclass(frozen=True)
class Fitted:
    """What came of a training: F1 of N, S, V and F out of fold by lead form and operating point, and curves by fold."""

    figures: dict[str, dict[str, dict[str, float]]]
    curves: Curves


@dataclass(frozen=True)
class Learnt:
    """What did not learn from a record: trees, what answers in ectopic stretches, and offsets by operating point."""

    trees: Trees
    ectopic: Ectopic | None
    offsets: dict[str, np.ndarray]


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of records by trees that did not learn from them, fold by fold as the trees become ready.

    told : of each record so far its forms' probabilities, (n, 5) each.  report : see `scale.detectors`.
    """

    records: Sequence[Taught]
    folds: Mapping[str, int]
    report: Callable[[dict[str, Any]], None] | None = None
    told: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def add(self, fold: int, trees: Trees) -> None:
        """Look at a fold's records by its trees, and report the scores of all so far."""
        for each in self.records:
            if self.folds[each.record_id] == fold:
                self.told[each.record_id] = say(trees, each, self.ectopic[fold])
        scores = search_scores(f1_of(self.classes, self.decided("f1")[BOTH]))
        log.info("fold %d %s", fold, scores)
        if self.report:
            self.report({"fold": fold, "so_far": scores})

    @cached_property
    def ectopic(self) -> dict[int, Ectopic | None]:
        """Of each fold what answers in ectopic stretches, taught by the records of the others."""
        return {
            fold: ectopic_of([each for each in self.records if self.folds[each.record_id] != fold])
            for fold in set(self.folds.values())
        }

    @property
    def _known(self) -> list[Taught]:
        return [each for each in self.records if each.record_id in self.told]

    @property
    def classes(self) -> np.ndarray:
        """Of all beats so far, (n,)."""
        return np.concatenate([each.classes for each in self._known])

    def probabilities(self, form: int) -> np.ndarray:
        """Of all beats so far in one of FORMS, (n, 5)."""
        return np.concatenate([self.told[each.record_id][form] for each in self._known])

    @property
    def _fold_of_beat(self) -> np.ndarray:
        return np.concatenate([np.full(len(each.classes), self.folds[each.record_id]) for each in self._known])

    def offsets(self, prefer: str) -> dict[int, np.ndarray]:
        """For each fold so far the offsets, (5,), that were chosen on the others, by both leads."""
        return offsets_across(
            self.probabilities(BOTH),
            self.classes,
            self._fold_of_beat,
            lambda *others: choose_offsets(*others)[prefer],
        )

    def decided(self, prefer: str) -> list[np.ndarray]:
        """In each of FORMS which of CLASSES each beat so far is, (n,), by `offsets`."""
        chosen, folds = self.offsets(prefer), self._fold_of_beat
        return [decide_across(self.probabilities(form), folds, chosen, decide) for form in range(len(FORMS))]


def cross_fit(
    records: Sequence[Taught],
    folds: Mapping[str, int],
    settings: Mapping[str, Any],
    kept: Path | None = None,
    after: Callable[[int, Trees], None] = lambda fold, trees: None,
) -> dict[int, Trees]:
    """Of each fold trees that learnt from the records of the others.

    kept : a folder in which a fold's trees are kept once they are learnt, and found again.  after : is given every fold.
    """
    by_fold = {}
    for fold in tqdm(sorted(set(folds.values())), desc="folds", unit="fold"):
        others = [each for each in records if folds[each.record_id] != fold]
        by_fold[fold] = _learnt(others, settings, kept and kept / f"fold{fold}.npz")
        after(fold, by_fold[fold])
    return by_fold


def _learnt(records: Sequence[Taught], settings: Mapping[str, Any], path: Path | None) -> Trees:
    """Trees that learnt from these records, or that lie there already. Raises CardiacError for a damaged file."""
    if path is None or not path.is_file():
        trees = learn(records, settings)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, trees.to_bytes())
        return trees
    try:
        return Trees.from_bytes(path.read_bytes())
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise CardiacError(f"{path}: cannot be read: delete it to train this fold again") from error


def open_data(folder: Path | None, config: Config, record_ids: Sequence[str] = DS1) -> list[Taught]:
    """The records of DS1 as they teach; those that test are not read. Raises DatasetError, RecordError."""
    data = find_data(folder)
    return [read_taught(data, each) for each in tqdm(record_ids, desc="reading mitdb", unit="record")]


def demonstration(config: Config) -> list[Taught]:
    """Made-up hearts, for where there are no recordings."""
    taught = []
    for seed in range(N_HEARTS):
        record, positions, classes = simulate_heart(seed)
        alone = [
            replace(record, signal=record.signal[at : at + 1], leads=(lead,)) for at, lead in enumerate(record.leads)
        ]
        forms = tuple(beat_features(each, positions) for each in (record, *alone))
        taught.append(Taught(record.record_id, forms, classes))
    return taught


def fit(
    config: Config,
    dataset: Sequence[Taught],
    out: Path,
    resume: bool = False,
    report: Callable[[dict[str, Any]], None] | None = None,
    bundle: bool = True,
) -> Fitted:
    """A whole run, written into `out`: trees by fold and what they say, and for a bundle those of all records.

    report : called after every fold, see `scale.detectors`.  bundle : False for the folds alone, without pictures.
    Raises CardiacError for settings or a folder that cannot be used; a stopped run goes on with `resume`.
    """
    check_settings(config)
    if (out / CARD).is_file() and not (out / STATE).is_dir():
        raise ConfigError(f"{out} holds a finished bundle: choose another --out, or delete it first")
    with training_run(config, out, resume) as begin:
        about = {"code_revision": code_revision(ROOT), "beats_sha256": _checksum(dataset), "settings": config}
        begin(about["beats_sha256"])
        folds = draw_folds(dataset, config["data"]["n_folds"])
        told = OutOfFold(dataset, folds, report)
        by_fold = cross_fit(dataset, folds, config["trees"], out / STATE, told.add)
        replace_file(out / FOLDS, folds_content(by_fold, told))
        decided = {prefer: told.decided(prefer) for prefer in PREFER}
        fitted = Fitted(figures_of(told.classes, decided), {})
        if bundle:
            fitted = replace(fitted, curves=tree_curves(dataset, folds, by_fold, config["trees"]["seeds"]))
            of_both = told.probabilities(BOTH), told.classes
            write_tree_plots(fitted.curves, *of_both, {key: each[BOTH] for key, each in decided.items()}, out / PLOTS)
            trained = _learnt(dataset, config["trees"], out / STATE / "all.npz")
            about |= {
                "records": [each.record_id for each in dataset],
                "folds": folds,
                "out_of_fold_f1": _rounded(fitted.figures),
            }
            save_classifier(out, trained, choose_offsets(*of_both), about, ectopic_of(dataset))
    return fitted


def figures_of(
    classes: np.ndarray, decided: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, dict[str, dict[str, float]]]:
    """F1 of N, S, V and F by lead form and operating point. decided : as `OutOfFold.decided`, by operating point."""
    return {
        name: {prefer: f1_of(classes, each[form]) for prefer, each in decided.items()}
        for form, name in enumerate(FORMS)
    }


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    """As a card has them: no number in place of NaN."""
    return {
        key: _rounded(each) if isinstance(each, Mapping) else None if np.isnan(each) else round(each, 4)
        for key, each in figures.items()
    }


def check_settings(config: Config) -> None:
    """Raise ConfigError for settings by which nothing could be trained."""
    if config["data"]["n_folds"] < 2:
        raise ConfigError(f"data.n_folds is {config['data']['n_folds']}: give at least 2")
    weights = config["trees"]["weights"]
    if len(weights) != len(CLASSES) or not all(isinstance(each, float | int) and each > 0 for each in weights):
        raise ConfigError(f"trees.weights is {weights}: give five numbers over 0, of {' '.join(CLASSES)}")
    for key in ("n_trees", "seeds", "one_normal_of", "min_records"):
        if config["trees"][key] < 1:
            raise ConfigError(f"trees.{key} is {config['trees'][key]}: give at least 1")


def _checksum(records: Sequence[Taught]) -> str:
    digest = hashlib.sha256()
    for record in records:
        digest.update(record.record_id.encode() + record.classes.tobytes() + record.forms[0].tobytes())
    return digest.hexdigest()


def folds_content(by_fold: Mapping[int, Trees], told: OutOfFold) -> bytes:
    """The content of folds.npz."""
    content, chosen = io.BytesIO(), {prefer: told.offsets(prefer) for prefer in PREFER}
    about = {
        fold: {
            "ectopic": told.ectopic[fold] and told.ectopic[fold].to_dict(),
            "offsets": {prefer: each[fold].tolist() for prefer, each in chosen.items()},
        }
        for fold in by_fold
    }
    arrays = {f"fold{fold}": np.frombuffer(trees.to_bytes(), np.uint8) for fold, trees in by_fold.items()}
    names, folds = np.array([*told.folds]), np.array([*told.folds.values()])
    np.savez(content, record_ids=names, folds=folds, about=np.array(json.dumps(about)), **arrays)
    return content.getvalue()


def read_folds(path: Path) -> dict[str, Learnt]:
    """For every record what did not learn from it."""
    with np.load(path, allow_pickle=False) as file:
        learnt = {}
        for fold, about in json.loads(str(file["about"])).items():
            learnt[int(fold)] = Learnt(
                Trees.from_bytes(file[f"fold{fold}"].tobytes()),
                about["ectopic"] and Ectopic.from_dict(about["ectopic"]),
                {prefer: np.array(each) for prefer, each in about["offsets"].items()},
            )
        return {str(name): learnt[int(fold)] for name, fold in zip(file["record_ids"], file["folds"], strict=True)}


def table(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """F1 by lead form and operating point, Markdown."""
    lines = ["| leads | prefers | " + " | ".join(f"F1 {name}" for name in CLASSES[:4]) + " |", "|---" * 6 + "|"]
    for form, by_point in figures.items():
        for name, f1 in by_point.items():
            lines.append(f"| {form} | {name} | " + " | ".join(f"{f1[own]:.3f}" for own in CLASSES[:4]) + " |")
    return "\n".join(lines)


def note(tracker: Tracker, fitted: Fitted, out: Path) -> None:
    """Keep a training's figures, curves and pictures."""
    tracker.log_metrics({"f1": fitted.figures})
    for part, history in fitted.curves.items():
        for each in history:
            tracker.log_metrics({part: {key: value for key, value in each.items() if key != "epoch"}}, each["epoch"])
    for picture in sorted((out / PLOTS).glob("*.png")):
        tracker.log_picture(picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument(
        "--config", type=Path, default=DEFAULTS, help="settings, as a search writes (configs/beats.toml)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("runs/beats"), help="folder for the bundle (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    add_track_argument(parser)
    options = parser.parse_args(arguments)

    def run() -> int:
        config = load_config(options.config, options.set, DEFAULTS)
        check_settings(config)
        with tracked(options.track, "beats", config) as tracker:
            fitted = fit(config, open_data(options.data, config), options.out, options.resume)
            note(tracker, fitted, options.out)
        print(f"F1 out of fold, offsets chosen on the other folds:\n\n{table(fitted.figures)}")
        return 0

    stopped = "Stopped after the last whole fold: the same command with --resume goes on."
    return run_command(run, bad_data=1, stopped=stopped, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
