"""Networks and trees together, out of fold on DS1: is the mean of their log-probabilities better than each?

    python -m tasks.beats.net_blend --nets runs/beats-context/out_of_fold.npz --trees runs/beats/folds.npz --data data/mitdb

Every beat is looked at by what did not learn from its record. Offsets are chosen on the other folds (of the first network).
Writes the trees' probabilities beside their folds, so that they need not be measured again.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax
from tqdm import tqdm

from cardiac.errors import DatasetError, first_line
from cardiac.files import replace_file
from cardiac.records import read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.classifier import to_probabilities
from tasks.beats.examples import find_data
from tasks.beats.features import beat_features
from tasks.beats.labels import CLASSES
from tasks.beats.net_decisions import LEAST, cross_fitted, decide, scores_of
from tasks.beats.train_net import table
from utils import run_command

OF_TREES = "trees_out_of_fold.npz"


@dataclass(frozen=True)
class OutOfFold:
    """Beats of records, in order: whose they are, their classes, folds, and probabilities of CLASSES, (n, 5)."""

    record_ids: np.ndarray
    classes: np.ndarray
    folds: np.ndarray
    probabilities: np.ndarray


def read_out_of_fold(path: Path) -> OutOfFold:
    """What `train_net` writes. Raises DatasetError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return OutOfFold(*(file[name] for name in ("record_ids", "classes", "folds", "probabilities")))
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"{path}: no out-of-fold probabilities ({first_line(error)}): train the network first"
        ) from error


def trees_out_of_fold(path: Path, data: Path, record_ids: Sequence[str]) -> np.ndarray:
    """Probabilities of all beats of these records, (n, 5), by trees that did not learn from them."""
    kept = path.with_name(OF_TREES)
    if not kept.is_file():
        from tasks.beats.train import read_folds

        learnt, parts = read_folds(path), []
        for each in tqdm(record_ids, desc="trees", unit="record"):
            own, features = learnt[each], _features(data / f"{each}.hea")
            told = to_probabilities(own.trees(features))
            parts.append(own.ectopic.joined(told, features) if own.ectopic else told)
        content = io.BytesIO()
        np.savez_compressed(content, probabilities=np.concatenate(parts))
        replace_file(kept, content.getvalue())
    with np.load(kept, allow_pickle=False) as file:
        return file["probabilities"]


def _features(path: Path) -> np.ndarray:
    return beat_features(read_record(path, leads=None), read_annotations(path).positions)


def blend(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Means of the logarithms, as probabilities again. Each (n, k) -> (n, k)."""
    logs = np.mean([np.log(np.maximum(each, LEAST)) for each in probabilities], axis=0)
    return softmax(logs, axis=1)


def compare(told: dict[str, np.ndarray], first: OutOfFold) -> dict[str, dict[str, float]]:
    """F1 of each, and of all together where there are several: the likeliest class, and with a threshold."""
    together = told | ({"together": blend(list(told.values()))} if len(told) > 1 else {})
    rows = {}
    for name, probabilities in together.items():
        four = probabilities[:, : len(CLASSES) - 1]
        rows[name] = scores_of(decide(four, np.zeros(four.shape[1])), first.classes)
        rows[f"{name}, threshold"] = scores_of(cross_fitted(four, first.classes, first.folds, "f1"), first.classes)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for files that cannot be used, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=Path, nargs="+", required=True, help="out_of_fold.npz of networks")
    parser.add_argument("--trees", type=Path, help="folds.npz of the trees")
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    options = parser.parse_args(arguments)

    def run() -> int:
        nets = {path.parent.name: read_out_of_fold(path) for path in options.nets}
        first = next(iter(nets.values()))
        if any(not np.array_equal(each.record_ids, first.record_ids) for each in nets.values()):
            raise DatasetError("the networks were trained on other records: give those of the same ones")
        told = {name: each.probabilities for name, each in nets.items()}
        if options.trees:
            ids = list(dict.fromkeys(first.record_ids.tolist()))
            told["trees"] = trees_out_of_fold(options.trees, find_data(options.data), ids)
        print(f"F1 out of fold, {len(first.classes)} beats of DS1:\n\n{table(compare(told, first))}")
        return 0

    return run_command(run, bad_data=1, written_to="--trees")


if __name__ == "__main__":
    sys.exit(main())
