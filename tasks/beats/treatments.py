"""What each treatment of the imbalance is worth for the trees, one at a time: out of fold on DS1, offsets chosen there too.

python -m tasks.beats.treatments --data data/mitdb   # a table, each row about a minute on one core
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cardiac.metrics import average_precision
from tasks.beats.classifier import decide
from tasks.beats.ec57 import class_scores
from tasks.beats.examples import BOTH, Taught, find_data, read_taught
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.train import DEFAULTS, count_decisions, cross_fit, out_of_fold
from tasks.beats.trees import choose_offsets, draw_folds
from utils import Config, load_config, run_command

TREATMENTS = {
    "none": ["trees.record_balance=0.0"],
    "records balanced, 0.5": [],
    "records balanced, 1": ["trees.record_balance=1.0"],
    "S counts 3 times": ["trees.record_balance=0.0", "trees.weights=[1.0, 3.0, 1.0, 1.0, 1.0]"],
    "classes weighted by the root of their number": [
        "trees.record_balance=0.0",
        "trees.weights=[1.0, 6.9, 3.5, 10.5, 10.5]",
    ],
    "N sampled, one of 12, at weight 1": ["trees.one_normal_of=12", "trees.weights=[0.083, 1.0, 1.0, 1.0, 1.0]"],
    "only recordings of both leads teach": ["trees.one_lead_weight=0.0"],
}


def rows(records: Sequence[Taught], name: str, config: Config) -> list[str]:
    """Two rows of the table, without offsets and with those of best F1."""
    folds = draw_folds(records, config["data"]["n_folds"])
    told = out_of_fold(records, folds, cross_fit(records, folds, config["trees"]))
    probabilities = np.concatenate([each[BOTH] for each in told])
    classes = np.concatenate([each.classes for each in records])
    precision = [average_precision(probabilities[:, own], classes == own, np.ones(len(classes))) for own in (1, 2)]
    lines = []
    for offsets in (np.zeros(len(CLASSES)), choose_offsets(probabilities, classes)["f1"]):
        scores = class_scores(count_decisions(classes, decide(probabilities, offsets)))
        cells = [
            *(scores[each].f1 for each in CLASSES[:4]),
            scores["S"].sensitivity,
            scores["S"].predictivity,
            *precision,
        ]
        lines.append(
            f"| {name} | {'yes' if offsets.any() else 'no'} | " + " | ".join(f"{each:.3f}" for each in cells) + " |"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    options = parser.parse_args(arguments)

    def run() -> int:
        folder = find_data(options.data)
        records = [read_taught(folder, each) for each in tqdm(DS1, desc="reading mitdb", unit="record")]
        names = ["F1 N", "F1 S", "F1 V", "F1 F", "S sens.", "S pred.", "AP S", "AP V"]
        print("| treatment | offsets | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 2) + "|")
        for name, settings in TREATMENTS.items():
            lines = rows(records, name, load_config(DEFAULTS, [*options.set, *settings], DEFAULTS))
            print("\n".join(lines), flush=True)
        return 0

    return run_command(run, bad_data=1)


if __name__ == "__main__":
    sys.exit(main())
