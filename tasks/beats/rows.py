"""The field's row form of beats, 187 samples at 125 Hz from 0 to 1: made from recordings, and told apart.

    python -m tasks.beats.rows --data data/mitdb --records 101 106 --out rows.csv   # or .parquet
    python -m tasks.beats.rows --data data/mitdb --records 101 --peaks annotated --out rows.csv
    python -m tasks.beats.rows --predict rows.csv --out classes.csv                 # or .parquet, or a beat's .npy

`row_recipe` says how rows are made (Kachuee et al. 2018), `row_files` what is read, `row_model` by what rows are told apart.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError, DatasetError
from cardiac.files import open_folder, rows_file
from cardiac.records import read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.classifier import PREFER
from tasks.beats.examples import find_data
from tasks.beats.labels import CLASSES
from tasks.beats.row_files import read_rows, write_rows
from tasks.beats.row_model import SHIPPED, load_row_classifier
from tasks.beats.row_recipe import Rows, annotated_rows, paper_rows
from utils import run_command

__all__ = ["main", "make_rows", "predict_rows", "read_rows"]
PEAKS = {"paper": paper_rows, "annotated": annotated_rows}


def make_rows(data: Path, record_ids: Sequence[str], out: Path, peaks: str = "paper") -> Rows:
    """Rows of recordings one after another, written to a .csv or .parquet. peaks : one of PEAKS.

    Raises DatasetError where the folder or a recording is missing or the ending is another, RecordError for one that
    cannot be read.
    """
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise DatasetError(f"{out.name}: rows are written as .csv or .parquet: choose one of these endings")
    missing = [each for each in record_ids if not (data / f"{each}.hea").is_file()]
    if missing:
        raise DatasetError(f"{data}: holds no record {missing[0]}: give the MIT-BIH database's folder with --data")
    parts = []
    for record_id in record_ids:
        path = data / f"{record_id}.hea"
        beats = read_annotations(path)
        parts.append(PEAKS[peaks](read_record(path, leads=None), beats))
        print(f"{record_id}: {len(parts[-1])} rows of {len(beats.positions)} annotated beats ({_counts(parts[-1])})")
    rows = Rows(np.concatenate([each.values for each in parts]), np.concatenate([each.targets for each in parts]))
    write_rows(rows, out)
    print(f"{out}: {len(rows)} rows ({_counts(rows)})")
    return rows


def _counts(rows: Rows) -> str:
    counts = np.bincount(rows.targets, minlength=len(CLASSES))
    return ", ".join(f"{name} {count}" for name, count in zip(CLASSES, counts, strict=True) if count) or "none"


def predict_rows(source: Path, bundle: Path = SHIPPED, prefer: str = "f1") -> tuple[np.ndarray, np.ndarray, Rows]:
    """Classes (n,), probabilities (n, 5) and the rows themselves. Raises as `read_rows` and `load_row_classifier` do."""
    classifier, rows = load_row_classifier(bundle, prefer), read_rows(source)
    probabilities = classifier.of_rows(rows.values)
    return classifier.decide(probabilities), probabilities, rows


def _predict(source: Path, out: Path | None, bundle: Path, prefer: str) -> None:
    classes, probabilities, rows = predict_rows(source, bundle, prefer)
    if out is not None:
        with rows_file(out, ["row", "beat", *CLASSES]) as write:
            for index, (own, shares) in enumerate(zip(classes.tolist(), probabilities, strict=True)):
                told = {name: f"{share:.5f}" for name, share in zip(CLASSES, shares, strict=True)}
                write({"row": index, "beat": CLASSES[own], **told})
    elif len(rows) == 1:
        told = ", ".join(f"{name} {share:.3f}" for name, share in zip(CLASSES, probabilities[0], strict=True))
        print(f"{CLASSES[classes[0]]} ({told})")
    print(f"{source.name}: {len(rows)} rows ({_counts(Rows(rows.values, classes))})")
    if rows.targets is not None:
        print(f"{(classes == rows.targets).mean():.2%} as the targets have it ({_counts(rows)})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--records", nargs="+", default=[], metavar="NAME", help="recordings that rows are made of")
    parser.add_argument(
        "--peaks", choices=[*PEAKS], default="paper", help="where rows begin: R by the paper, or annotated"
    )
    parser.add_argument("--predict", type=Path, metavar="FILE", help="rows to tell apart: .csv, .parquet or .npy")
    parser.add_argument("--out", type=Path, help="the file to write: rows, or with --predict their classes as .csv")
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the row classifier")
    parser.add_argument("--prefer", choices=PREFER, default="f1")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)

    def command() -> int:
        if bool(options.records) == bool(options.predict):
            raise ConfigError("nothing to do: give either --records, to make rows, or --predict, to tell rows apart")
        if options.records and options.out is None:
            raise ConfigError("rows have nowhere to go: give --out rows.csv or rows.parquet")
        if options.out is not None:
            open_folder(options.out.parent)
        if options.records:
            make_rows(find_data(options.data), options.records, options.out, options.peaks)
        else:
            _predict(options.predict, options.out, options.bundle, options.prefer)
        return 0

    return run_command(command, bad_data=1, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
