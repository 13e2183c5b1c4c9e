"""Train the classifier of beats on DS1 of the MIT-BIH database (Moody and Mark 2001, IEEE EMB Magazine 20:45).

    python -m tasks.beats.train --data data/mitdb --out runs/beats   # some minutes on one core
    python -m tasks.beats.train --set trees.n_leaves=8               # one setting changed; see configs/beats.toml

Writes trees.npz and classifier.json, a bundle; folds.npz, trees for each fold that did not learn from it, for
`tasks.beats.evaluate`; and prints the figures of the folds. DS2 is not read.
"""

import argparse
import hashlib
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT
from cardiac.errors import ConfigError
from cardiac.files import open_folder, replace_file
from cardiac.trees import Trees
from tasks.beats.classifier import decide, save_classifier
from tasks.beats.ec57 import NONE, class_scores
from tasks.beats.examples import BOTH, FORMS, Taught, find_data, read_taught
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.trees import choose_offsets, draw_folds, fit, say
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs" / "beats.toml"
FOLDS = "folds.npz"


def cross_fit(records: Sequence[Taught], folds: Mapping[str, int], settings: Mapping[str, Any]) -> dict[int, Trees]:
    """Of each fold trees that learnt from the records of the others."""
    return {
        fold: fit([each for each in records if folds[each.record_id] != fold], settings)
        for fold in tqdm(sorted(set(folds.values())), desc="folds", unit="fold")
    }


def out_of_fold(
    records: Sequence[Taught], folds: Mapping[str, int], trees: Mapping[int, Trees]
) -> list[tuple[np.ndarray, ...]]:
    """Of each record the probabilities for its forms, by trees that did not learn from it."""
    return [say(trees[folds[each.record_id]], each) for each in records]


def train(config: Config, data: Path, out: Path, record_ids: Sequence[str] = DS1) -> list[str]:
    """A whole run, written into `out`; the lines of its table. Raises CardiacError."""
    check_settings(config)
    open_folder(out)
    records = [read_taught(data, each) for each in tqdm(record_ids, desc="reading mitdb", unit="record")]
    folds = draw_folds(records, config["data"]["n_folds"])
    by_fold = cross_fit(records, folds, config["trees"])
    told = out_of_fold(records, folds, by_fold)
    classes = np.concatenate([each.classes for each in records])
    offsets = choose_offsets(np.concatenate([each[BOTH] for each in told]), classes)
    trained = fit(records, config["trees"])
    replace_file(out / FOLDS, folds_content(by_fold, folds))
    about = {"records": list(record_ids), "folds": folds, "settings": config, "beats_sha256": _checksum(records)}
    save_classifier(out, trained, offsets, about)
    forms = {name: np.concatenate([each[form] for each in told]) for form, name in enumerate(FORMS)}
    return _table(forms, classes, offsets)


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


def folds_content(by_fold: Mapping[int, Trees], folds: Mapping[str, int]) -> bytes:
    """The content of folds.npz."""
    content = io.BytesIO()
    arrays = {f"fold{fold}": np.frombuffer(trees.to_bytes(), np.uint8) for fold, trees in by_fold.items()}
    np.savez(content, record_ids=np.array([*folds]), folds=np.array([*folds.values()]), **arrays)
    return content.getvalue()


def read_folds(path: Path) -> dict[str, Trees]:
    """For every record the trees that did not learn from it."""
    with np.load(path, allow_pickle=False) as file:
        trees = {int(fold): Trees.from_bytes(file[f"fold{fold}"].tobytes()) for fold in np.unique(file["folds"])}
        return {str(name): trees[int(fold)] for name, fold in zip(file["record_ids"], file["folds"], strict=True)}


def _table(told: Mapping[str, np.ndarray], classes: np.ndarray, offsets: Mapping[str, np.ndarray]) -> list[str]:
    lines = ["| leads | prefers | " + " | ".join(f"F1 {name}" for name in CLASSES[:4]) + " |", "|---" * 6 + "|"]
    for form, probabilities in told.items():
        for name, each in offsets.items():
            scores = class_scores(count_decisions(classes, decide(probabilities, each)))
            lines.append(f"| {form} | {name} | " + " | ".join(f"{scores[own].f1:.3f}" for own in CLASSES[:4]) + " |")
    return lines


def count_decisions(classes: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """How often each class (rows) was decided as which (columns), int (6, 6), as `ec57.confusion` has it."""
    counts = np.zeros((NONE + 1, NONE + 1), int)
    np.add.at(counts, (classes, decided), 1)
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("runs/beats"), help="folder for the bundle (%(default)s)")
    options = parser.parse_args(arguments)

    def run() -> int:
        config = load_config(DEFAULTS, options.set, DEFAULTS)
        for line in train(config, find_data(options.data), options.out):
            print(line)
        return 0

    return run_command(run, bad_data=1, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
