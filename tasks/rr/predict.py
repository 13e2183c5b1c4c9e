"""Find anomalies in RR intervals: spikes of the rhythm, as the CardioSpike case marks them.

    python -m tasks.rr.predict study.csv                        # results/rr: intervals.csv, runs.csv, rr.json, plots/
    python -m tasks.rr.predict data/cardiospike/test.csv --out DIR --no-plots
    python -m tasks.rr.predict holter.edf --every               # a recording of any format: from beat to beat

Tables have columns id, time and x (RR intervals in ms), in any order, or the names that other programs give them (rr_ms,
rr_s, "RR-interval [ms]"); or one interval a line. Experts marked at most five places in a study, however long it was, and so
does the detector; --every calls every place that looks like one.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from bundles import RUNTIMES
from cardiac import NOTICE
from cardiac.errors import CardiacError, RecordError, extra, one_record
from cardiac.files import open_folder, replace_file
from cardiac.records import FS_RANGE_HZ, read_record
from cardiac.sources import Listing, Recording, list_recordings, passed_over_line
from tasks.rr.detector import SHIPPED, Detector, load_detector
from tasks.rr.documents import Documents, open_documents
from tasks.rr.findings import RRFinding, find_anomalies
from tasks.rr.recordings import study_of
from tasks.rr.studies import Study
from tasks.rr.tables import holds_intervals, read_studies
from utils import run_command

TOGETHER = 65_536  # intervals that are answered at once
AT_BUDGET = 0.999  # of the budget: a study below it has lost nothing by it
MOST_PLOTS = 30  # studies that are drawn where nobody says which
RENAMED = "another file has a study {name!r} too: this one is called after its file as well"
OVER_BUDGET = "more places look like anomalies ({n} intervals) than experts mark in one study: --every shows them all"


def studies_in(recording: Recording) -> list[Study]:
    """The studies of a table, or the one of a recording. Raises RecordError."""
    with one_record(recording.record_id):
        if holds_intervals(Path(recording.path), bare=recording.fs_hz is None):
            return read_studies(Path(recording.path), recording.record_id)
        return [study_of(read_record(recording.path, recording.fs_hz, recording.record_id, leads=None))]


def predict_studies(studies: Sequence[Study], detector: Detector, every: bool = False) -> Iterator[RRFinding]:
    """Findings in order, some studies at once. every : call every place that looks like an anomaly, however many there are."""
    whole = detector.without_budget
    for some in _together(studies):
        findings = find_anomalies(some, whole if every else detector)
        if every:
            yield from findings
            continue
        most = AT_BUDGET * detector.joined.most
        bound = [own for own, each in zip(some, findings, strict=True) if each.probabilities.sum() >= most]
        counts = {each.record_id: int(each.anomalies.sum()) for each in find_anomalies(bound, whole)}
        for finding in findings:
            n = counts.get(finding.record_id, 0)
            note = (OVER_BUDGET.format(n=n),) if n > 2 * max(int(finding.anomalies.sum()), 1) else ()
            yield replace(finding, notes=(*finding.notes, *note))


def _list(paths: Sequence[Path], stack: ExitStack, fs_hz: float | None) -> Listing:
    """What lies in files and folders: of a folder also short tables of intervals, which are passed over as recordings."""
    tables = {
        each: each.relative_to(folder).as_posix()
        for folder in paths
        if folder.is_dir()
        for each in sorted(folder.rglob("*"))
        if holds_intervals(each, bare=False)
    }
    listing = list_recordings([*paths, *tables], stack, fs_hz)
    listing.passed_over = [name for name in listing.passed_over if name not in tables.values()]
    filled = {str(folder) for folder in paths if any(folder in each.parents for each in tables)}
    listing.empty = [each for each in listing.empty if each[0] not in filled]
    return listing


def _together(studies: Iterable[Study]) -> Iterator[list[Study]]:
    some, size = [], 0
    for study in studies:
        some.append(study)
        size += len(study.intervals_ms)
        if size >= TOGETHER:
            yield some
            some, size = [], 0
    if some:
        yield some


def predict_and_write(options: argparse.Namespace) -> int:
    """Do what the command line asks; 1 where a file could not be read, 130 when stopped, else 0."""
    with ExitStack() as stack:
        listing = _list(options.paths, stack, options.fs)
        if not listing.recordings and not listing.refused:  # what an earlier run has written stays
            print(*(sentence for _, sentence in listing.unread), sep="\n", file=sys.stderr)
            return 1 if listing.missing else 2
        out = open_folder(options.out)
        detector = load_detector(options.bundle, options.runtime)
        plots = None if options.plots is False else open_folder(out / "plots")
        bundle = {"name": options.bundle.name, "sha256": detector.sha256, "every": options.every}
        with open_documents(out, bundle) as documents:
            status = _write_all(listing, detector, documents, plots, options)
        print(*documents.lines, sep="\n")
    if listing.passed_over:
        print(passed_over_line(listing.passed_over))
    print(f"\nThe intervals are in {out}.\n{NOTICE}")
    return status


def _write_all(
    listing: Listing, detector: Detector, documents: Documents, plots: Path | None, options: argparse.Namespace
) -> int:
    """Write studies as they are answered, and keep nothing of them but lines; the status so far."""
    status, n_drawn, taken = 0, 0, set()
    try:
        for recording in tqdm(listing.recordings, desc="files", unit="file", disable=None):
            try:
                studies = _named_apart(studies_in(recording), recording.record_id, taken)
                for finding in predict_studies(studies, detector, options.every):
                    documents.add(finding, recording.record_id)
                    if plots and (options.plots or n_drawn < MOST_PLOTS):
                        status = max(status, _draw(finding, plots))
                        n_drawn += 1
            except RecordError as error:
                told = listing.with_full_path(error, Path(recording.path), recording.record_id)
                status = max(status, _refuse(documents, recording.record_id, told))
        for name, sentence in listing.unread:
            status = max(status, _refuse(documents, name, RecordError(sentence)))
    except KeyboardInterrupt:
        print("Stopped: what was found so far is written.", file=sys.stderr)
        return 130
    if plots and n_drawn == MOST_PLOTS and options.plots is None:
        print(f"The first {MOST_PLOTS} studies are drawn; --plots draws all.")
    return status


def _named_apart(studies: Sequence[Study], source: str, taken: set[str]) -> list[Study]:
    """The studies; one whose name an earlier file's has is called after its own file too, and a note says so.

    taken : the names so far, to which these are added.
    """
    named = []
    for study in studies:
        name, n = study.record_id, 1
        while name in taken:
            name, n = f"{source}/{study.record_id}" + (f" ({n})" if n > 1 else ""), n + 1
        taken.add(name)
        note = (RENAMED.format(name=study.record_id),) if name != study.record_id else ()
        named.append(replace(study, record_id=name, notes=(*study.notes, *note)))
    return named


def _refuse(documents: Documents, name: str, error: CardiacError) -> int:
    print(f"not read: {error}", file=sys.stderr)
    documents.add_error(name, error)
    return 1


def _draw(finding: RRFinding, folder: Path) -> int:
    """Draw a study; 2 where that is not possible, which is said and keeps nobody from the tables."""
    try:
        extra("matplotlib", "requirements.txt")
        from tasks.rr.pictures import draw_study, file_stem  # matplotlib is slow to import, and only pictures need it

        replace_file(folder / f"{file_stem(finding.record_id)}.png", draw_study(finding))
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a file could not be read, 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.rr.predict",
        description=f"{__doc__}\n{NOTICE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="FILE", help="a table or a recording, or a folder of them"
    )
    parser.add_argument("--out", type=Path, default=Path("results/rr"), help="folder for what is written (%(default)s)")
    parser.add_argument(
        "--every", action="store_true", help="call every place that looks like an anomaly, however many"
    )
    parser.add_argument(
        "--plots",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=f"draw every study (the first {MOST_PLOTS})",
    )
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the detector (%(default)s)")
    parser.add_argument("--runtime", choices=RUNTIMES, help="what runs the networks")
    parser.add_argument("--fs", "--fs-hz", type=float, metavar="HZ", help="sampling rate of recordings that state none")
    options = parser.parse_args(arguments)
    if options.fs is not None and not FS_RANGE_HZ[0] <= options.fs <= FS_RANGE_HZ[1]:
        parser.error(f"--fs must lie between {FS_RANGE_HZ[0]:g} and {FS_RANGE_HZ[1]:g}")
    sys.stdout.reconfigure(errors="replace")  # a terminal without Cyrillic prints a mark in its place
    return run_command(lambda: predict_and_write(options), written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
