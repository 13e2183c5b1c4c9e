"""Put trees beside a bundle's networks, which stay as they are: their decisions are fitted anew, out of fold.

python -m tasks.mi.add_trees --bundle runs/mi          # three minutes; `train.py` does the same after its networks
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bundles import ROOT, put_trees, read_card
from cardiac.errors import DatasetError
from cardiac.files import replace_file
from cardiac.metrics import Figures
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.elsewhere import read_elsewhere
from tasks.mi.evaluate import evaluate, format_figures, write_results
from tasks.mi.features import trees_entry
from tasks.mi.joining import fit_decisions
from tasks.mi.model_card import model_card
from tasks.mi.out_of_fold import read_out_of_fold
from tasks.mi.settings import decide_settings
from tasks.mi.trees import fit_trees
from utils import Config, load_config, run_command

DEFAULTS = ROOT / "configs/mi.toml"


def add_trees(folder: Path, dataset: Dataset, config: Config) -> Figures:
    """Fit trees out of fold on the bundle's own records, join them with its networks, and write the bundle; the figures.

    config : whose `trees` and `decide.trees_reach` are used. Raises DatasetError for another data set than the bundle's.
    """
    card, before = read_card(folder), read_out_of_fold(folder, dataset)
    settings = {**decide_settings(card), "trees_reach": config["decide"]["trees_reach"]}
    if len(dataset.infarction) != card.training.get("records"):
        raise DatasetError(f"{folder}: its networks learnt from {card.training.get('records')} records: give these")
    begun = time.monotonic()
    said, trees = fit_trees(dataset, before.fold, config["trees"])
    if trees is None:
        raise DatasetError("trees.n_trees is 0: give a number of trees")
    took_s = round(time.monotonic() - begun, 1)
    out_of_fold = replace(before, trees=said)
    decisions = fit_decisions(out_of_fold.pooled, said, dataset.infarction, dataset.sites, settings)
    trained = {
        **card.training,
        "config": {**card.training["config"], "trees": config["trees"], "decide": settings},
        "trees_s": took_s,
    }
    figures = evaluate(dataset, out_of_fold, settings)
    write_results(folder, dataset, out_of_fold, figures)
    put_trees(folder, replace(card, decisions=decisions.to_dict(), training=trained, trees=trees_entry()), trees)
    replace_file(folder / "README.md", model_card(read_card(folder), figures, read_elsewhere(folder)).encode())
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, 1 for data that does not fit, 2 for wrong settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("ECG_DATA", "data")) / "aiijc"
    parser.add_argument("--data", type=Path, default=default, help="the data set's folder (%(default)s)")
    parser.add_argument("--bundle", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--set", action="append", default=[], metavar="trees.key=value", help="change one setting")
    options = parser.parse_args(arguments)

    def add() -> int:
        config = load_config(DEFAULTS, options.set, DEFAULTS)
        print(format_figures(add_trees(options.bundle, read_dataset(options.data), config)))
        return 0

    return run_command(add, bad_data=1)


if __name__ == "__main__":
    sys.exit(main())
