"""How well P, QRS and T are delineated, against what cardiologists drew into LUDB's recordings, as tables.

    python -m benchmarks.delineation                            # our own delineator out of fold: lead by lead, and global
    python -m benchmarks.delineation --beside results/neurokit.npz   # ... and another one's waves by the same rule
    python -m benchmarks.delineation --pictures results/ludb    # the worst ten records, drawn

What stands in the file is made in an environment of its own (requirements-delineation.txt):

    python -m benchmarks.delineation neurokit --out results/neurokit.npz

Ours is taught by LUDB: each record is delineated by the network of the fold that it is in, which was not taught by it.
Found and drawn match within 150 ms in the same lead, one to one, the nearest first. Errors are found minus drawn. Global
are the earliest quartile of the leads' onsets, the latest of their ends, the median of their peaks; of NeuroKit2, which
has none, its leads' are put together in this way. Bar: two standard deviations of the CSE working party's referees, who
looked at all leads together. The first table says what is reached lead by lead with the drawn global fiducials themselves.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.waves.ludb import (
    FS_HZ,
    LEADS,
    N_SAMPLES,
    Waves,
    join_waves,
    make_waves,
    read_groups,
    read_truth,
    with_overall,
)

if TYPE_CHECKING:
    from cardiac.measurements.wave_network import WaveNetwork
    from cardiac.records import Record

ROOT = Path(__file__).resolve().parent.parent
FOLDS = ROOT / "checkpoints/waves/folds.npz"
# Onset, peak and end of P, QRS and T in the delineator's names; it has no onset of T, and one R peak for all leads.
OURS = (("p_onset", "p_peak", "p_end"), ("qrs_onset", None, "qrs_end"), (None, "t_peak", "t_end"))
TABLES = {"lead by lead": tuple(range(len(LEADS))), "global": (-1,)}


def waves_from_beats(beats: np.ndarray, names: Sequence[str], r_peaks: np.ndarray, lead: int) -> Waves:
    """The waves of a lead from a delineator's table of beats. beats : (n_beats, n_fiducials), samples or NaN.

    names : of its columns.  r_peaks : (n_beats,), of all leads together.
    """
    samples, kinds = [], []
    for kind, wanted in enumerate(OURS):
        columns = [beats[:, names.index(name)] if name in names else np.full(len(beats), np.nan) for name in wanted]
        samples.append(np.stack(columns, axis=1))
        kinds.append(np.full(len(beats), kind))
    has_qrs = ~np.isnan(samples[1]).all(axis=1)
    samples[1][has_qrs, 1] = r_peaks[has_qrs]
    stacked = np.concatenate(samples)
    there = ~np.isnan(stacked).all(axis=1)
    return make_waves(np.full(there.sum(), lead), np.concatenate(kinds)[there], stacked[there])


def in_every_lead(waves: Waves) -> Waves:
    """The waves of all leads together, as if each lead had them."""
    overall = waves.of_lead(-1)
    n = len(overall.leads)
    return join_waves(
        [Waves(np.full(n, lead), overall.kinds, overall.samples, overall.known) for lead in range(len(LEADS))]
    )


def read_signal(folder: Path, record_id: str) -> "Record":
    """A recording as the program reads it, every sample where its annotations have it.

    Raises ValueError where it is not.
    """
    from cardiac.records import read_record

    record = read_record(folder / f"{record_id}.hea")
    if record.signal.shape[1] != N_SAMPLES or [lead.lower() for lead in record.leads] != list(LEADS):
        raise ValueError(f"{record_id}: was not read sample by sample, lead by lead: its annotations do not fit it")
    return record


def own_waves(folder: Path, record_id: str, network: "WaveNetwork") -> Waves:
    """What our own delineator finds with a network, lead by lead and global. Its R peaks are of all leads together."""
    from cardiac.measurements.delineation import FIDUCIALS, delineate

    found = delineate(read_signal(folder, record_id), network)
    by_lead = [waves_from_beats(found.by_lead[:, lead], FIDUCIALS, found.beats, lead) for lead in range(len(LEADS))]
    return join_waves([*by_lead, waves_from_beats(found.overall, FIDUCIALS, found.beats, -1)])


def write_waves(path: Path, by_record: dict[str, Waves]) -> None:
    """Waves of recordings as an .npz file: a table a record, rows lead, kind, onset, peak, end."""
    tables = {name: np.column_stack([each.leads, each.kinds, each.samples]) for name, each in by_record.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **tables)


def read_waves(path: Path) -> dict[str, Waves]:
    """What `write_waves` wrote."""
    with np.load(path, allow_pickle=False) as tables:
        return {name: make_waves(tables[name][:, 0], tables[name][:, 1], tables[name][:, 2:]) for name in tables}


def neurokit_waves(folder: Path, record_id: str, method: str, drawn: Waves | None = None) -> Waves:
    """What NeuroKit2 finds, as its documentation has it done: a lead cleaned, its R peaks, then its waves.

    Global ones are its leads' put together as the truth's are. A lead in which it finds fewer than four R peaks is left
    without waves, as it breaks off there.  drawn : the R peaks are these waves', instead of those that it finds.
    """
    import neurokit2 as nk
    import wfdb

    signal = wfdb.rdrecord(str(folder / record_id)).p_signal.T  # (n_leads, n_samples), mV
    by_lead = []
    for lead, trace in enumerate(signal):
        cleaned = nk.ecg_clean(trace, sampling_rate=FS_HZ)
        if drawn is None:
            peaks = nk.ecg_peaks(cleaned, sampling_rate=FS_HZ)[1]["ECG_R_Peaks"]
        else:
            peaks = drawn.of_lead(lead).fiducial(1, 1)[0].astype(int)
        if len(peaks) < 4:
            continue
        _, found = nk.ecg_delineate(cleaned, peaks, sampling_rate=FS_HZ, method=method)
        found["ECG_R_Peaks"] = peaks
        for kind, letter in enumerate("PRT"):
            columns = [found[f"ECG_{letter}_{part}"] for part in ("Onsets", "Peaks", "Offsets")]
            samples = np.full((len(peaks), 3), np.nan)
            for part, column in enumerate(columns):  # what would lie before the first sample is left out of a column
                samples[len(peaks) - len(column) :, part] = column
            samples = samples[~np.isnan(samples).all(axis=1)]
            by_lead.append(make_waves(np.full(len(samples), lead), np.full(len(samples), kind), samples))
    return with_overall(join_waves(by_lead))


def print_tables(
    name: str,
    drawn: dict[str, Waves],
    found: dict[str, Waves],
    groups: dict[str, list[str]],
    tables: Sequence[str] = tuple(TABLES),
) -> None:
    """Tables of one delineator: lead by lead and global, of all records and of each group."""
    from benchmarks.delineation_scores import compare, score_table

    for label in tables:
        counts = {record: compare(drawn[record], found[record], TABLES[label]).counts for record in drawn}
        for group, records in groups.items():
            chosen = [counts[record] for record in records if record in counts]
            if chosen:
                head = f"{name}, {label}, {group}, {len(chosen)} records"
                print("\n".join(score_table(head, np.stack(chosen))), end="\n\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("delineator", nargs="?", default="own", choices=("own", "neurokit"), help="whose waves (own)")
    parser.add_argument("--data", type=Path, default=ROOT / "data/ludb", help="folder with the recordings (data/ludb)")
    parser.add_argument("--folds", type=Path, default=FOLDS, help="our networks by fold (checkpoints/waves/folds.npz)")
    parser.add_argument("--method", default="dwt", choices=("dwt", "prominence"), help="NeuroKit2's method (dwt)")
    parser.add_argument("--drawn-peaks", action="store_true", help="give NeuroKit2 the R peaks that were drawn")
    parser.add_argument("--out", type=Path, help="write the waves into this .npz file instead of printing tables")
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="score the waves in these files, too")
    parser.add_argument("--only-beside", action="store_true", help="leave our own delineator out")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the records with the largest errors")
    parser.add_argument("--n", type=int, default=10, help="how many pictures (10)")
    parser.add_argument("--fiducial", help="largest errors of this one alone: 'T end', say")
    return parser


def find_waves(arguments: argparse.Namespace, records: list[str]) -> dict[str, Waves]:
    """What the chosen delineator finds in each record; ours with the network that was not taught by the record."""
    found, networks = {}, {}
    if arguments.delineator == "own":
        from tasks.waves.train import read_fold_networks

        networks = read_fold_networks(arguments.folds)
    for number, record in enumerate(records, start=1):
        if arguments.delineator == "own":
            found[record] = own_waves(arguments.data, record, networks[record])
        else:
            drawn = read_truth(arguments.data, record) if arguments.drawn_peaks else None
            found[record] = neurokit_waves(arguments.data, record, arguments.method, drawn)
        if sys.stderr.isatty():
            print(f"\r{number} of {len(records)} records", end="", file=sys.stderr)
    return found


def main() -> None:
    """Print the tables, or write what a delineator finds."""
    arguments = _parser().parse_args()
    groups = read_groups(arguments.data)
    if arguments.out is not None:
        write_waves(arguments.out, find_waves(arguments, groups["all"]))
        return
    scored = {} if arguments.only_beside else {arguments.delineator: find_waves(arguments, groups["all"])}
    scored |= {path.stem: read_waves(path) for path in arguments.beside}
    drawn = {record: read_truth(arguments.data, record) for record in groups["all"]}
    for label, leads in TABLES.items():
        n = sum((~each.known[np.isin(each.leads, leads)]).sum() for each in drawn.values())
        print(f"{label}: {n} fiducials of waves that are there were not drawn")
    print()
    everywhere = {record: in_every_lead(each) for record, each in drawn.items()}
    print_tables("drawn global ones in every lead", drawn, everywhere, {"all": groups["all"]}, ("lead by lead",))
    for name, found in scored.items():
        print_tables(name, drawn, found, groups)
    if arguments.pictures is not None and scored:
        from benchmarks.delineation_pictures import draw_worst

        name, found = next(iter(scored.items()))
        draw_worst(arguments.pictures, arguments.data, name, drawn, found, arguments.n, arguments.fiducial)


if __name__ == "__main__":
    main()
