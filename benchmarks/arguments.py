"""Arguments that benchmarks share."""

import argparse
import os
from pathlib import Path

from tasks.mi import BUNDLE


def add_data_and_bundle(parser: argparse.ArgumentParser) -> None:
    """The data set's folder, `data`, and the detector's, `bundle`."""
    default = Path(os.environ.get("ECG_DATA", "data")) / "aiijc"
    parser.add_argument("--data", type=Path, default=default, help="the data set's folder (%(default)s)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
