"""What each treatment of the imbalance is worth for the trees, one at a time: out of fold on DS1, offsets of other folds.

python -m tasks.beats.treatments --data data/mitdb   # a table, each row about a minute on one core
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cardiac.metrics import average_precision
from cardiac.trees import Trees
from tasks.beats.classifier import decide, to_probabilities
from tasks.beats.ec57 import class_scores
from tasks.beats.examples import BOTH, Taught, find_data, read_taught
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.out_of_fold import count_decisions
from tasks.beats.train import DEFAULTS, OutOfFold, cross_fit
from tasks.beats.trees import draw_folds
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
    "without stretches made to fibrillate": ["trees.fibrillation_weight=0.0"],
    "only recordings of both leads teach": ["trees.one_lead_weight=0.0"],
}


def rows(records: Sequence[Taught], name: str, config: Config) -> tuple[list[str], OutOfFold, dict[int, Trees]]:
    """Two rows of the table, without offsets and with those of best F1 on the other folds; and what they come from."""
    told = OutOfFold(records, draw_folds(records, config["data"]["n_folds"]))
    by_fold = cross_fit(records, told.folds, config["trees"], after=told.add)
    probabilities, classes = told.probabilities(BOTH), told.classes
    precision = [average_precision(probabilities[:, own], classes == own, np.ones(len(classes))) for own in (1, 2)]
    lines = []
    for offsets, decided in (("no", decide(probabilities, np.zeros(len(CLASSES)))), ("yes", told.decided("f1")[BOTH])):
        scores = class_scores(count_decisions(classes, decided))
        cells = [*(scores[each].f1 for each in CLASSES[:4]), scores["S"].sensitivity, scores["S"].predictivity]
        cells += precision
        lines.append(f"| {name} | {offsets} | " + " | ".join(f"{each:.3f}" for each in cells) + " |")
    return lines, told, by_fold


def ectopic_table(told: OutOfFold, by_fold: Mapping[int, Trees]) -> list[str]:
    """Trees alone and the regression beside them, in stretches made of the S beats of records that taught neither."""
    chosen = told.offsets("f1")
    totals = {"trees alone": [], "with the regression": []}
    for record in told.records:
        fold = told.folds[record.record_id]
        for features, classes in record.ectopic[:1]:
            alone = to_probabilities(by_fold[fold](features))
            regression = told.ectopic[fold]
            both = regression.joined(alone, features) if regression else alone
            for name, probabilities in zip(totals, (alone, both), strict=True):
                totals[name].append(count_decisions(classes, decide(probabilities, chosen[fold])))
    n = len(totals["trees alone"])
    if n == 0:
        return ["No record has S beats enough to make such stretches of."]
    lines = [f"| {n} stretches in which S outnumber the others | N beats | S beats | F1 N | F1 S |", "|---" * 5 + "|"]
    for name, counts in totals.items():
        scores = class_scores(sum(counts))
        cells = " | ".join(
            [*(str(scores[each].n_reference) for each in "NS"), *(f"{scores[each].f1:.3f}" for each in "NS")]
        )
        lines.append(f"| {name} | {cells} |")
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
            lines, told, by_fold = rows(records, name, load_config(DEFAULTS, [*options.set, *settings], DEFAULTS))
            print("\n".join(lines), flush=True)
            if not settings:
                ectopic = ectopic_table(told, by_fold)
        print("\n" + "\n".join(ectopic))
        return 0

    return run_command(run, bad_data=1)


if __name__ == "__main__":
    sys.exit(main())
