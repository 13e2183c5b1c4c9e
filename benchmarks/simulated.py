"""How the shipped detector reads the simulated records of public_data, whose truth is known, as a table.

    python -m benchmarks.simulated

The detector has never been trained on a simulated record, so this checks it against textbook signs, not against people.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bundles import ROOT
from cardiac.metrics import Figure, bootstrap_weights, f1_score, format_rows, with_interval
from inference import Detector, predict_folder
from tasks.mi import BUNDLE
from tasks.mi.findings import Finding
from tasks.mi.labels import COLUMNS, NORM, RECORD_COLUMN, SITES


def score(findings: dict[str, Finding], truth: pd.DataFrame) -> dict[str, Figure]:
    """F1 of infarction and of each site over all records, with intervals. truth : the seven columns by record."""
    names = list(truth.index)
    claimed = np.array(
        [[findings[name].mi.present, *(site in findings[name].sites for site in SITES)] for name in names]
    )
    true = np.column_stack([truth[COLUMNS[NORM]] == 0, *(truth[COLUMNS[site]] == 1 for site in SITES)])
    weights = bootstrap_weights(np.arange(len(names)))
    figures = {}
    for column, name in enumerate(("infarction", *SITES)):
        measure = partial(f1_score, claimed[:, column], true[:, column])
        figures[f"F1, {name}"] = with_interval(measure, weights, true[:, column])
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    detector = Detector.load(parser.parse_args().bundle)
    truth = pd.read_csv(ROOT / "public_data/truth.csv").set_index(RECORD_COLUMN)
    outcomes = predict_folder([ROOT / "public_data/test"], detector)
    figures = score({outcome.record_id: outcome.finding for outcome in outcomes}, truth)
    print("\n".join(format_rows("simulated records", figures)))


if __name__ == "__main__":
    main()
