"""How well beats are found on the MIT-BIH recordings, by the program and by others, in one table.

    python -m tasks.beats.found --data data/mitdb                       # ours with two leads and one, and wfdb's xqrs
    python -m tasks.beats.found --beside results/sleepecg.npz           # ... and what stands in this file
    python -m tasks.beats.found sleepecg --out results/sleepecg.npz     # made in its environment (requirements-beats.txt)

All 48 records whole, paced ones too. A beat is found where one of the finder's lies within 150 ms, one to one (EC 57);
ventricular flutter, in which nobody has marked any, is left out. Sensitivity is the share of the reference's beats that
are found, predictivity the share of the found ones that are beats, over all beats together; intervals by record. With one
lead it is the first of the file.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError
from cardiac.metrics import bootstrap_weights
from tasks.beats.annotations import Annotations, read_annotations
from tasks.beats.ec57 import WINDOW_S, match_beats, outside

ROOT = Path(__file__).resolve().parents[2]
WORST = 4  # records that are named
HEAD = "| | sensitivity | predictivity | beats | missed | extra | most missed | most extra |\n|---|---|---|---|---|---|---|---|"


def find_ours(path: Path, n_leads: int | None = None) -> np.ndarray:
    """Beats by the core from all leads of a recording, or from its first ones. Samples, int (n,)."""
    from cardiac.beats import find_beats
    from cardiac.records import read_record

    record = read_record(path, leads=None)
    return find_beats(np.asarray(record.signal[:, :])[:n_leads], record.fs_hz)


def find_xqrs(path: Path) -> np.ndarray:
    """Beats by wfdb's xqrs, as it comes, from the first lead."""
    from wfdb.processing import xqrs_detect

    signal, fs_hz = _first_lead(path)
    return np.asarray(xqrs_detect(signal, fs_hz, verbose=False), dtype=int)


def find_sleepecg(path: Path) -> np.ndarray:
    """Beats by sleepecg, as it comes, from the first lead."""
    from sleepecg import detect_heartbeats

    return np.asarray(detect_heartbeats(*_first_lead(path)), dtype=int)


def _first_lead(path: Path) -> tuple[np.ndarray, float]:
    import wfdb

    record = wfdb.rdrecord(str(path.with_suffix("")), channels=[0])
    return record.p_signal[:, 0], record.fs


FINDERS: dict[str, Callable[[Path], np.ndarray]] = {
    "ours, two leads": find_ours,
    "ours, one lead": lambda path: find_ours(path, 1),
    "xqrs": find_xqrs,
}


def count_beats(reference: Annotations, found: np.ndarray, fs_hz: float) -> tuple[int, int, int]:
    """How many beats were found, missed and made up, outside of ventricular flutter. found : samples in order, (n,)."""
    window = WINDOW_S * fs_hz
    found = found[outside(found, reference.flutter, window)]
    matched = match_beats(reference.positions[outside(reference.positions, reference.flutter, 0)], found, window)
    return len(matched.pairs), len(matched.missed), len(matched.extra)


def table_row(name: str, records: list[str], counts: np.ndarray, draws: np.ndarray) -> str:
    """A line of the table. counts : found, missed and extra of each record, int (n, 3).  draws : (n_draws, n)."""
    found, missed, extra = counts.sum(axis=0)
    shares = [_share(counts, draws, against) for against in (1, 2)]
    worst = [_worst(records, counts[:, column]) for column in (1, 2)]
    return f"| {' | '.join([name, *shares, str(found + missed), str(missed), str(extra), *worst])} |"


def _share(counts: np.ndarray, draws: np.ndarray, against: int) -> str:
    """Found of found and those of another column, with its interval."""
    weighted = np.concatenate([np.ones((1, len(counts))), draws]) @ counts
    shares = weighted[:, 0] / np.maximum(weighted[:, 0] + weighted[:, against], 1)
    low, high = np.percentile(shares[1:], (2.5, 97.5))
    return f"{shares[0]:.4f} ({low:.4f} to {high:.4f})"


def _worst(records: list[str], counts: np.ndarray) -> str:
    order = np.argsort(-counts, kind="stable")[:WORST]
    return ", ".join(f"{records[row]} {counts[row]}" for row in order if counts[row])


def find_all(data: Path, find: Callable[[Path], np.ndarray]) -> dict[str, np.ndarray]:
    """What a finder finds in each recording of a folder. Raises RecordError where there is none."""
    paths = sorted(data.glob("*.hea"))
    if not paths:
        raise RecordError(f"{data}: has no recordings (*.hea): --data names the folder of the MIT-BIH database")
    return {path.stem: find(path) for path in paths}


def print_table(data: Path, by_name: dict[str, dict[str, np.ndarray]]) -> None:
    """One line a finder, of all recordings that it was run on."""
    print(HEAD)
    for name, by_record in by_name.items():
        records = list(by_record)
        counts = np.array([_counts(data / record, found) for record, found in by_record.items()])
        print(table_row(name, records, counts, bootstrap_weights(np.array(records))))


def _counts(path: Path, found: np.ndarray) -> tuple[int, int, int]:
    import wfdb

    return count_beats(read_annotations(path), np.sort(found), wfdb.rdheader(str(path)).fs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finder", nargs="?", choices=("sleepecg",), help="write what this one finds, and no table")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "data/mitdb", help="folder with the recordings (data/mitdb)"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results/sleepecg.npz", help="its file (results/sleepecg.npz)"
    )
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="score the beats in these files, too")
    return parser


def main() -> None:
    """Print the table, or write what another finder finds."""
    arguments = _parser().parse_args()
    if arguments.finder:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(arguments.out, **find_all(arguments.data, find_sleepecg))
        return
    by_name = {name: find_all(arguments.data, find) for name, find in FINDERS.items()}
    for path in arguments.beside:
        with np.load(path, allow_pickle=False) as kept:
            by_name[path.stem] = dict(kept)
    print_table(arguments.data, by_name)


if __name__ == "__main__":
    main()
