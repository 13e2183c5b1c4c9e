"""How much the two halves of one recording differ in what is measured: the limits of what counts as a change are above it.

    python -m benchmarks.halves --data data/ptb-xl      # a minute

Every record of 10 s is measured in its first and in its last 5 s, in which a heart has not changed; half as many beats are in
each as in a whole recording, so two whole ones differ by less for what is noise.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cardiac.beats import find_beats
from cardiac.errors import RecordError
from cardiac.measurements.measure import Measurements, measure_record
from cardiac.quality.assess import Quality
from cardiac.records import Record, read_record
from tasks.mi.changes import LIMITS, changes
from tasks.mi.sign_states import R_LEADS

SEED, PERCENTS = 0, (50, 95, 99)


def halves(record: Record) -> tuple[Measurements, Measurements]:
    """What is measured of the first and of the last half."""
    n = record.signal.shape[1] // 2
    parts = (np.ascontiguousarray(each) for each in (record.signal[:, :n], record.signal[:, -n:]))
    return tuple(measure_record(replace(record, signal=each), _quality(each, record.fs_hz)) for each in parts)


def _quality(signal: np.ndarray, fs_hz: float) -> Quality:
    return Quality((), find_beats(signal, fs_hz), None)


def differences(one: Measurements, other: Measurements) -> Iterator[tuple[str, np.ndarray]]:
    """Of each measurement that has a limit, by how much it differs, in every lead where it is a lead's."""
    for name in LIMITS:
        if name == "r_mv":
            rows = [one.leads.index(lead) for lead in R_LEADS]
            yield name, _highest_r(other)[rows] - _highest_r(one)[rows]
        elif name in one.table:
            yield name, other.table[name] - one.table[name]
        elif one.values[name] is not None and other.values[name] is not None:
            apart = other.values[name] - one.values[name]
            yield name, np.array([(apart + 180) % 360 - 180 if name.endswith("_deg") else apart])


def _highest_r(measured: Measurements) -> np.ndarray:
    return np.nan_to_num(np.fmax(measured.table["r_mv"], measured.table["r2_mv"]))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/ptb-xl"), help="folder of WFDB records (%(default)s)")
    parser.add_argument("--records", type=int, default=500, help="how many, by chance (%(default)s)")
    options = parser.parse_args(arguments)
    paths = sorted(options.data.rglob("*.hea"))
    if not paths:
        print(f"{options.data}: holds no WFDB record: give a folder of them with --data", file=sys.stderr)
        return 2
    found: dict[str, list[np.ndarray]] = {name: [] for name in LIMITS}
    said: Counter[str] = Counter()
    n_pairs = n_changed = 0
    for place in np.random.default_rng(SEED).permutation(len(paths))[: options.records]:
        try:
            pair = halves(read_record(paths[place]))
        except RecordError:
            continue
        for name, apart in differences(*pair):
            found[name].append(np.abs(apart[np.isfinite(apart)]))
        if all(each.group for each in pair):
            messages = [each.message for each in changes(*(each.to_dict() for each in pair))]
            said.update(messages)
            n_pairs, n_changed = n_pairs + 1, n_changed + any(each != "q_not_compared" for each in messages)
    print("| measurement | compared | " + " | ".join(f"{each} %" for each in PERCENTS) + " | limit |\n|" + "---|" * 6)
    for name, parts in found.items():
        apart = np.concatenate(parts)
        digits = 3 if name.endswith("_mv") else 1
        levels = " | ".join(f"{each:.{digits}f}" for each in np.percentile(apart, PERCENTS))
        print(f"| `{name}` | {len(apart):,} | {levels} | {LIMITS[name]} |")
    print(f"\n{n_changed} of {n_pairs} pairs of halves have a change: {dict(said.most_common())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
