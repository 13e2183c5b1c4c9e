"""Train the classifier of pulse waves, and say of every segment what it is by what learnt nothing from its patient.

    python -m tasks.ppg.train --out runs/ppg                     # six rhythms, from data/ppg: ten minutes on two cores
    python -m tasks.ppg.train --data pulses.csv --fs-hz 200 --out runs/ppg-mi      # a table: sample columns and Label
    python -m tasks.ppg.train --out runs/ppg --resume            # goes on where it was stopped

Needs the environment of tasks/ppg/requirements.txt (`make ppg-train` sets it up); what it writes is used without. Writes the
bundle (see `bundle`) and out_of_fold.npz, from which `tasks.ppg.evaluate` prints every figure.
"""

import argparse
import hashlib
import io
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT
from cardiac.errors import ConfigError
from cardiac.files import replace_file
from cardiac.folds import check_folds, draw_folds
from cardiac.metrics import f1_scores
from learning.run_folder import STATE, code_revision, log, training_run
from tasks.ppg.bundle import save_bundle
from tasks.ppg.classifier import Classifier
from tasks.ppg.dataset import Segments, find_data, read_segments, require_labels
from tasks.ppg.filters import KINDS, filter_segments
from tasks.ppg.learning import Examples, examples_of, fit_joining, learn_stages
from tasks.ppg.out_of_fold import OutOfFold, write_out_of_fold
from tasks.ppg.segments import require_usable
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs" / "ppg.toml"
FOLD_SEED = 0


@dataclass(frozen=True)
class Folds:
    """outer : int (n,).  inner : by outer fold, int (n,), -1 within that fold."""

    outer: np.ndarray
    inner: dict[int, np.ndarray]


def fit(config: Config, segments: Segments, out: Path, resume: bool = False, filter_: str = "bandpass") -> OutOfFold:
    """A whole run, written into `out`: what is said out of fold, and the bundle of what all segments taught."""
    check_settings(config)
    began = time.monotonic()
    with training_run(config, out, resume) as begin:
        begin(_checksum(segments, filter_))
        revision = code_revision(ROOT)
        filtered = filter_segments(segments.values, segments.fs_hz, filter_)
        require_usable(filtered, [f"segment {index + 1}" for index in range(len(segments))])
        examples = examples_of(filtered, segments.fs_hz, segments.targets, len(segments.kinds))
        folds = draw_all_folds(segments, config["data"]["n_folds"], config["data"]["inner_folds"])
        told, stages = _out_of_fold(examples, segments, folds, config, out)
        learnt = learn_stages(examples, config)
        joining = fit_joining(stages["trees"], stages["ridge"], segments.targets)
        write_out_of_fold(out, told)
        training = _about(config, segments, told, revision) | {"training_s": round(time.monotonic() - began)}
        classifier = Classifier(learnt.kernels, learnt.ridge, learnt.trees, joining)
        save_bundle(out, classifier, segments.kinds, segments.window_s, filter_, training)
        log.info("whole after %.0f s", time.monotonic() - began)
    return told


def draw_all_folds(segments: Segments, n_folds: int, inner_folds: int) -> Folds:
    """Outer folds, and inner ones of what is outside each; no patient in two."""
    kinds = np.eye(len(segments.kinds), dtype=int)[segments.targets]
    outer, inner = draw_folds(kinds, segments.patients, n_folds, FOLD_SEED), {}
    check_folds(outer, segments.patients)
    for fold in range(n_folds):
        rest, own = outer != fold, np.full(len(segments), -1)
        own[rest] = draw_folds(kinds[rest], segments.patients[rest], inner_folds, FOLD_SEED)
        check_folds(own[rest], segments.patients[rest])
        inner[fold] = own
    return Folds(outer, inner)


def _parts(folds: Folds) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, rows that teach and rows that are answered for, of every training but the last; bool (n,) each."""
    for fold, inner in folds.inner.items():
        yield f"fold{fold}", folds.outer != fold, folds.outer == fold
        for number in range(int(inner.max()) + 1):
            yield f"fold{fold}_inner{number}", (inner >= 0) & (inner != number), inner == number


def _out_of_fold(
    examples: Examples, segments: Segments, folds: Folds, config: Config, out: Path
) -> tuple[OutOfFold, dict[str, np.ndarray]]:
    """What is said of every segment, and the outer folds' scores by family."""
    shape, parts = (len(segments), len(segments.kinds)), [*_parts(folds)]
    scores = {name: np.zeros(shape) for name in ("kernels", "trees", "ridge")}
    inner = {fold: {name: np.zeros(shape) for name in ("trees", "ridge")} for fold in folds.inner}
    for name, teaches, asked in tqdm(parts, desc="trainings", unit="training", disable=None):
        of_part = _scores_of(name, examples, teaches, asked, config, out)
        into = inner[int(name[4:].partition("_")[0])] if "inner" in name else scores
        for family in into:
            into[family][asked] = of_part[family]
    probabilities = np.zeros(shape)
    for fold, own in inner.items():
        rest, asked = folds.outer != fold, folds.outer == fold
        joining = fit_joining(own["trees"][rest], own["ridge"][rest], segments.targets[rest])
        probabilities[asked] = joining(scores["trees"][asked], scores["ridge"][asked])
    patients = np.unique(segments.patients, return_inverse=True)[1]
    said = {name: each.argmax(axis=1) for name, each in scores.items()}
    return OutOfFold(probabilities.astype(np.float32), segments.targets, patients, folds.outer, said), scores


def _scores_of(
    name: str, examples: Examples, teaches: np.ndarray, asked: np.ndarray, config: Config, out: Path
) -> Mapping[str, np.ndarray]:
    """The scores of one training on what did not teach it; read where an earlier run has made it."""
    path = out / STATE / f"{name}.npz"
    if not path.is_file():
        began = time.monotonic()
        scores = learn_stages(examples.take(teaches), config).scores(examples.take(asked))
        content = io.BytesIO()
        np.savez(content, **scores)
        path.parent.mkdir(exist_ok=True)
        replace_file(path, content.getvalue())
        log.info("%s: %.0f s", name, time.monotonic() - began)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def macro_f1(said: np.ndarray, targets: np.ndarray, n_kinds: int) -> float:
    """Mean F1 of all kinds. int (n,) each."""
    kinds = np.arange(n_kinds)
    return float(f1_scores(said[:, None] == kinds, targets[:, None] == kinds, np.ones(len(targets))).mean())


def _about(config: Config, segments: Segments, told: OutOfFold, revision: str) -> dict[str, Any]:
    """What the card says of the training."""
    n_kinds = len(segments.kinds)
    return {
        "n_segments": len(segments),
        "n_patients": len(np.unique(segments.patients)) if segments.by_patient else None,
        "folds_by": "patient" if segments.by_patient else "segment: the table names no patients",
        "fs_hz": segments.fs_hz,
        "n_of_kinds": np.bincount(segments.targets, minlength=n_kinds).tolist(),
        "data_sha256": _checksum(segments, ""),
        "settings": {key: dict(section) for key, section in config.items()},
        "out_of_fold_macro_f1": round(macro_f1(told.probabilities.argmax(axis=1), told.targets, n_kinds), 4),
        "code": revision,
    }


def check_settings(config: Config) -> None:
    """Raise ConfigError for settings by which nothing could be trained."""
    for section, key, least in (
        ("data", "n_folds", 2),
        ("data", "inner_folds", 2),
        ("kernels", "n_kernels", 84),
        ("kernels", "dilations", 1),
        ("kernels", "kept", 1),
        ("trees", "n_trees", 1),
        ("trees", "seeds", 1),
    ):
        if config[section][key] < least:
            raise ConfigError(f"{section}.{key} is {config[section][key]}: give {least} or more")
    if config["kernels"]["alpha"] <= 0:
        raise ConfigError(f"kernels.alpha is {config['kernels']['alpha']}: give more than 0")


def _checksum(segments: Segments, filter_: str) -> str:
    digest = hashlib.sha256(filter_.encode() + f"{segments.fs_hz:g}".encode())
    for each in (segments.values, segments.targets, segments.patients):
        digest.update(np.ascontiguousarray(each).tobytes())
    return digest.hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a table or the arrays; else $ECG_DATA/ppg, data/ppg")
    parser.add_argument("--fs-hz", type=float, metavar="HZ", help="sampling rate of a table")
    parser.add_argument("--filter", choices=KINDS, default=KINDS[0], help="causal filter (%(default)s)")
    parser.add_argument("--config", type=Path, default=DEFAULTS, help="settings (%(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("runs/ppg"), help="folder of the run (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    options = parser.parse_args(arguments)

    def command() -> int:
        path = find_data(options.data)
        config = load_config(options.config, options.set, DEFAULTS)
        segments = require_labels(read_segments(path, options.fs_hz), path)
        if not segments.by_patient:
            print(
                f"{path.name} names no patients: folds are drawn by segment, and figures will flatter", file=sys.stderr
            )
        told = fit(config, segments, options.out, options.resume, options.filter)
        f1 = macro_f1(told.probabilities.argmax(axis=1), told.targets, len(segments.kinds))
        print(f"Macro-F1 out of fold {f1:.3f}. The bundle is in {options.out}; every figure: ")
        print(f"python -m tasks.ppg.evaluate --bundle {options.out}")
        return 0

    return run_command(command, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
