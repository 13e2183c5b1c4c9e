"""Say of segments of pulse waves of which kind they are.

    python -m tasks.ppg.predict segments.csv --fs-hz 100            # results/ppg/segments.csv, and a summary
    python -m tasks.ppg.predict data/ppg/ppg_arrhythmia.npz --out DIR
    python -m tasks.ppg.predict pulses.csv --fs-hz 200 --bundle runs/ppg-mi

A table has a column a sample and a row a segment; columns of row numbers, Label and patient are passed over. Segments must be as
long as those that the bundle was trained on.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cardiac import NOTICE
from cardiac.errors import CardiacError, DatasetError
from cardiac.files import harmless, open_folder, rows_file
from tasks.ppg.bundle import SHIPPED
from tasks.ppg.dataset import read_segments
from tasks.ppg.filters import filter_segments
from tasks.ppg.stream import Reader, load
from utils import run_command

TABLE, MOST_OFF_S = "segments.csv", 0.02


def predict_file(path: Path, reader: Reader, fs_hz: float | None = None) -> list[dict[str, Any]]:
    """What the reader says of every segment of a file, in order. Raises DatasetError, ConfigError."""
    segments = read_segments(path, fs_hz)
    if abs(segments.window_s - reader.window_s) > MOST_OFF_S:
        long_s = f"segments are {segments.window_s:g} s long, and this classifier reads {reader.window_s:g} s"
        raise DatasetError(f"{path.name}: {long_s}: cut them so, or give the right --fs-hz or --bundle")
    filtered = filter_segments(segments.values, segments.fs_hz, reader.bundle.filter)
    return reader.read([each[None] for each in filtered], segments.fs_hz)


def answer_row(file: str, number: int, answer: Mapping[str, Any], kinds: Sequence[str]) -> dict[str, Any]:
    """A row of segments.csv."""
    told = answer.get("probabilities", {})
    row = {"file": harmless(file), "segment": number, "kind": answer.get("label"), "refused": answer.get("refused")}
    row["probability"] = f"{told[answer['label']]:.4f}" if told else None
    return row | {kind: f"{told[kind]:.4f}" if told else None for kind in kinds}


def summary_line(file: str, answers: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> str:
    """A file in one line, for people."""
    counts = Counter(each.get("label") for each in answers)
    parts = [f"{kind} {counts[kind]}" for kind in kinds if counts[kind]]
    parts += [f"refused {counts[None]}"] if counts[None] else []
    return f"{file}: {len(answers)} segment{'s' * (len(answers) != 1)}; " + ", ".join(parts)


def _predict(options: argparse.Namespace) -> int:
    reader, status, lines = load(options.bundle), 0, []
    kinds = reader.outputs
    answered: list[tuple[str, list[dict[str, Any]]]] = []
    for path in options.paths:
        try:
            answered.append((path.name, predict_file(path, reader, options.fs_hz)))
        except CardiacError as error:
            print(error, file=sys.stderr)
            status = 1
    if not answered:
        return status
    out = open_folder(options.out)
    with rows_file(out / TABLE, ("file", "segment", "kind", "probability", *kinds, "refused")) as write:
        for name, answers in answered:
            for number, answer in enumerate(answers, 1):
                write(answer_row(name, number, answer, kinds))
            lines.append(summary_line(name, answers, kinds))
    print(*lines, f"\nThe table is {out / TABLE}.\n{NOTICE}", sep="\n")
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a file could not be read; 2 for what cannot be carried out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="CSV tables or .npz arrays")
    parser.add_argument("--fs-hz", type=float, metavar="HZ", help="sampling rate of tables")
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/ppg"), help="folder to write to (%(default)s)")
    options = parser.parse_args(arguments)
    return run_command(lambda: _predict(options), written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
