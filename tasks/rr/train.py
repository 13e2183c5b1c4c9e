"""Train the detector of anomalies in RR intervals on the CardioSpike case, and score it by nested cross-validation.

    python -m tasks.rr.train --data data/cardiospike --out runs/rr --jobs 2     # a quarter of an hour on two cores
    python -m tasks.rr.train --set networks.epochs=0 --out runs/rr-trees         # trees alone: two minutes
    python -m tasks.rr.train --out runs/rr --resume                             # goes on where it was stopped
    python -m scale.tune --task rr --trials 20 --data data/cardiospike          # searches for better settings

Writes the bundle (see `detector`) and nested.npz, what is said of every study by what learnt nothing from it, from which
`tasks.rr.evaluate` prints every figure. The studies of checkpoints/rr/aside.csv are not read.
"""

import argparse
import hashlib
import io
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT
from cardiac.errors import ConfigError, first_line
from cardiac.files import replace_file
from learning.run_folder import code_revision, log, side_by_side, training_run
from learning.tracking import Tracker, add_track_argument, tracked
from tasks.rr.dataset import open_studies
from tasks.rr.detector import save_detector
from tasks.rr.joining import Joined
from tasks.rr.nested import EVERY, JOININGS, STAGES, Learnt, Nested, learn_share
from tasks.rr.scores import Answers, counts_of, f1_of
from tasks.rr.simulate import N_STUDIES, simulate_study
from tasks.rr.studies import Study
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs" / "rr.toml"
DEMO = ROOT / "configs" / "rr_demo.toml"
SPACE = ROOT / "configs" / "rr_search.toml"
EVALUATE = "tasks.rr.evaluate"
NESTED = "nested.npz"
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Told:
    """What is said of studies by what learnt nothing from them. By joining (of JOININGS, and EVERY), probabilities by record_id.

    folds : the outer fold of each study.  thresholds : by joining, of each outer fold, from its inner folds.
    """

    probabilities: dict[str, dict[str, np.ndarray]]
    folds: dict[str, int]
    thresholds: dict[str, dict[int, float]]

    def answers(self, name: str, studies: Sequence[Study]) -> Answers:
        """Of one joining, beside the truth of those of the studies that something is said of."""
        known = [each for each in studies if each.record_id in self.probabilities[name]]
        told = [self.probabilities[name][each.record_id] for each in known]
        thresholds = [self.thresholds[name][self.folds[each.record_id]] for each in known]
        decided = [own >= threshold for own, threshold in zip(told, thresholds, strict=True)]
        return Answers([each.record_id for each in known], [each.targets for each in known], told, decided)


def open_data(folder: Path | None, config: Config) -> list[Study]:
    """The labelled studies but those kept aside. Raises ConfigError."""
    return open_studies(folder)


def demonstration(config: Config) -> list[Study]:
    """Made-up studies, for where there are no real ones."""
    return [simulate_study(seed) for seed in range(N_STUDIES)]


def fit(
    config: Config,
    dataset: Sequence[Study],
    out: Path,
    resume: bool = False,
    report: Report | None = None,
    bundle: bool = True,
    jobs: int = 1,
) -> Told:
    """A whole run, written into `out`: what nested folds say of every study, and for a bundle the detector.

    report : called after every outer fold, see `scale.detectors`.  jobs : trainings at once, each in a process of its own.
    """
    check_settings(config)
    began = time.monotonic()
    with training_run(config, out, resume) as begin:
        begin(_checksum(dataset))
        revision, nested = code_revision(ROOT), Nested(dataset, config, out)
        folds: list[int | None] = [*range(config["data"]["n_folds"]), *([None] if bundle else [])]
        if jobs > 1:
            side_by_side(learn_share, (dataset, config, out, folds), jobs)
        with tqdm(total=len(nested.parts(folds)), desc="trainings", unit="training") as bar:
            told = _nested(nested, lambda _: bar.update(), report)
            replace_file(out / NESTED, told_content(told))
            if bundle:
                training = _about(config, dataset, told, revision)
                learnt = nested.learn(None, lambda _: bar.update())
                training["training_s"] = round(time.monotonic() - began)
                write_detector(out, learnt, training)
        log.info("whole after %.0f s", time.monotonic() - began)
    return told


def _nested(nested: Nested, after: Callable[[Any], None], report: Report | None) -> Told:
    """What is said of every study, fold by fold."""
    folds = {each.record_id: int(fold) for each, fold in zip(nested.studies, nested.outer, strict=True)}
    told = Told({name: {} for name in nested.joinings}, folds, {name: {} for name in nested.joinings})
    for fold in range(nested.config["data"]["n_folds"]):
        learnt = nested.learn(fold, after)
        for name, of_fold in nested.told_of(fold, learnt).items():
            told.probabilities[name] |= of_fold
            told.thresholds[name][fold] = learnt.joined[name].threshold
        scores = {f"f1_{name}": pooled_f1(told.answers(name, nested.studies)) for name in nested.joinings}
        scores = {"score": scores[f"f1_{best_name(nested.joinings)}"]} | scores
        log.info("fold %d %s", fold, scores)
        if report:
            report({"fold": fold, **scores, "so_far": scores})
    return told


def best_name(joinings: Mapping[str, Any]) -> str:
    """The joining that is shipped: of both stages, or of the one that there is."""
    return next(name for name in ("blend", "trees", "network") if name in joinings)


def pooled_f1(answers: Answers) -> float:
    """F1 over all intervals together."""
    pairs = zip(answers.targets, answers.decided, strict=True)
    return float(f1_of(*np.sum([counts_of(*pair) for pair in pairs], axis=0)))


def write_detector(out: Path, learnt: Learnt, training: Mapping[str, Any]) -> None:
    """The bundle of what all studies taught."""
    name, networks = best_name(learnt.joined), None
    if learnt.networks:
        from tasks.rr.net_bundle import write_networks

        arguments = learnt.networks[0].arguments
        networks = write_networks(out, [each.network for each in learnt.networks], arguments)
    joined = {key: _of_all_stages(learnt.joined[key], JOININGS[name]) for key in (name, EVERY)}
    save_detector(out, learnt.trees, networks, joined[name], joined[EVERY], training)


def _of_all_stages(joined: Joined, stages: tuple[int, ...]) -> Joined:
    """A joining that is asked of all stages, of which some have no weight."""
    weights = np.zeros(len(STAGES))
    weights[[*stages]] = joined.weights
    return replace(joined, weights=tuple(map(float, weights)))


def _about(config: Config, studies: Sequence[Study], told: Told, revision: str) -> dict[str, Any]:
    """What the card says of the training."""
    return {
        "data": "CardioSpike train.csv, without checkpoints/rr/aside.csv",
        "data_sha256": _checksum(studies),
        "n_studies": len(studies),
        "n_intervals": int(sum(len(each.targets) for each in studies)),
        "n_anomalies": int(sum(each.targets.sum() for each in studies)),
        "settings": {key: dict(section) for key, section in config.items()},
        "nested_f1": {name: round(pooled_f1(told.answers(name, studies)), 4) for name in told.probabilities},
        "code": revision,
    }


def check_settings(config: Config) -> None:
    """Raise ConfigError for settings by which nothing could be trained."""
    for key in ("n_folds", "inner_folds"):
        if config["data"][key] < 2:
            raise ConfigError(f"data.{key} is {config['data'][key]}: give at least 2")
    if config["trees"]["n_trees"] < 1 and config["networks"]["epochs"] < 1:
        raise ConfigError("trees.n_trees and networks.epochs are both 0: give one of them more")
    for section, key in (("trees", "n_trees"), ("networks", "epochs")):
        if config[section][key] < 0:
            raise ConfigError(f"{section}.{key} is {config[section][key]}: give 0 or more")


def _checksum(studies: Sequence[Study]) -> str:
    digest = hashlib.sha256()
    for each in studies:
        digest.update(each.record_id.encode() + b"\0" + each.intervals_ms.tobytes() + each.targets.tobytes())
    return digest.hexdigest()


def told_content(told: Told) -> bytes:
    """The content of nested.npz."""
    content, names = io.BytesIO(), list(told.folds)
    arrays: dict[str, Any] = {"record_ids": np.array(names), "folds": np.array([told.folds[each] for each in names])}
    for name, of_studies in told.probabilities.items():
        arrays[f"{name}_lengths"] = np.array([len(of_studies[each]) for each in names])
        arrays[f"{name}_probabilities"] = np.concatenate([of_studies[each] for each in names]).astype(np.float32)
        arrays[f"{name}_thresholds"] = np.array([told.thresholds[name][each] for each in sorted(told.thresholds[name])])
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def read_told(path: Path) -> Told:
    """What `told_content` wrote. Raises ConfigError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, folds = [str(each) for each in file["record_ids"]], file["folds"]
            told: dict[str, dict[str, np.ndarray]] = {}
            thresholds: dict[str, dict[int, float]] = {}
            for name in [each for each in (*JOININGS, EVERY) if f"{each}_lengths" in file]:
                parts = np.split(file[f"{name}_probabilities"], np.cumsum(file[f"{name}_lengths"])[:-1])
                told[name] = dict(zip(names, parts, strict=True))
                thresholds[name] = {fold: float(each) for fold, each in enumerate(file[f"{name}_thresholds"])}
    except Exception as error:  # NumPy raises whatever a damaged archive makes it run into
        raise ConfigError(f"{path}: cannot be read ({first_line(error)}): train again") from error
    return Told(told, {name: int(fold) for name, fold in zip(names, folds, strict=True)}, thresholds)


def note(tracker: Tracker, told: Told, studies: Sequence[Study]) -> None:
    """Keep a training's figures."""
    tracker.log_metrics({"nested_f1": {name: pooled_f1(told.answers(name, studies)) for name in told.probabilities}})


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 2 for wrong settings or data that is not there, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the case's folder; else $ECG_DATA/cardiospike, data/cardiospike")
    parser.add_argument("--config", type=Path, default=DEFAULTS, help="settings, as a search writes (configs/rr.toml)")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("runs/rr"), help="folder for the bundle (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once (%(default)s)")
    add_track_argument(parser)
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")

    def run() -> int:
        config = load_config(options.config, options.set, DEFAULTS)
        check_settings(config)
        studies, began = open_data(options.data, config), time.monotonic()
        with tracked(options.track, "rr", config) as tracker:
            told = fit(config, studies, options.out, options.resume, jobs=options.jobs)
            note(tracker, told, studies)
        print(f"Trained in {(time.monotonic() - began) / 60:.1f} minutes. Nested F1 over all intervals together:")
        for name in told.probabilities:
            print(f"  {name:8} {pooled_f1(told.answers(name, studies)):.3f}")
        print(f"Every figure: python -m {EVALUATE} --bundle {options.out}")
        return 0

    stopped = "Stopped: the same command with --resume goes on."
    return run_command(run, stopped=stopped, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
