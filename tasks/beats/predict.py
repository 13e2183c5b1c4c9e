"""Find every heartbeat of recordings and say which it is: N, S, V, F or Q (ANSI/AAMI EC 57).

    python -m tasks.beats.predict holter.edf                      # results/beats: beats.csv, beats.json, holter.beats
    python -m tasks.beats.predict data/mitdb --out DIR --plots    # a folder, with a picture of each recording
    python -m tasks.beats.predict a.npy --fs 360 --prefer recall  # a file that states no rate; more S and V are found

One lead or two are looked at; of more the best two. The annotation files are read by WFDB's programs (`rdann -r a -a beats`).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bundles import RUNTIMES
from cardiac import NOTICE
from cardiac.errors import CardiacError, extra, naming
from cardiac.files import open_folder
from cardiac.pipeline import Outcome, predict_listing
from cardiac.quality.assess import Quality, assess_quality
from cardiac.records import FS_RANGE_HZ, Record, read_record
from cardiac.sources import list_recordings, passed_over_line
from tasks.beats.classifier import PREFER, SHIPPED, Classifier, load_classifier
from tasks.beats.documents import Documents, file_stem, open_documents
from tasks.beats.findings import BeatsFinding, find_classes
from tasks.beats.leads import choose_leads
from utils import run_command

SOUGHT = "the class of a beat"  # for the sentences that name it


@dataclass(frozen=True)
class Chosen:
    """The leads of a record that are looked at, and how good they are."""

    record: Record
    quality: Quality


@dataclass(frozen=True)
class Detector:
    """A classifier made ready for `cardiac.pipeline`."""

    classifier: Classifier

    def assess(self, record: Record) -> Chosen:
        """The record's one or two leads, with their quality and beats. Raises RecordError."""
        with naming(record.record_id):
            chosen = choose_leads(record)
            return Chosen(chosen, assess_quality(chosen, SOUGHT))

    def predict_batch(self, records: Sequence[Record], assessments: Sequence[Chosen]) -> list[BeatsFinding]:
        """The findings on records that were assessed, one by one."""
        findings = []
        for each in assessments:
            with naming(each.record.record_id):
                findings.append(find_classes(each.record, each.quality, self.classifier))
        return findings


def predict_record(source: str | Path | Record, classifier: Classifier, fs_hz: float | None = None) -> BeatsFinding:
    """From a file, or a Record already read, to its beats: the whole way.

    fs_hz : rate of a file that states none.
    Raises RecordError for what cannot be read; a recording without beats is a finding that says so.
    """
    record = read_record(source, fs_hz, leads=None)  # every voltage channel, mV
    detector = Detector(classifier)
    chosen = detector.assess(record)  # its best one or two leads; where their beats are
    (finding,) = detector.predict_batch([record], [chosen])  # what each beat is
    return finding


def predict_and_write(options: argparse.Namespace) -> int:
    """Do what the command line asks; 1 where a recording could not be read, 130 when stopped, else 0."""
    with ExitStack() as stack:
        listing = list_recordings(options.paths, stack, options.fs)
        if not listing.recordings and not listing.refused:  # what an earlier run has written stays
            print(*(sentence for _, sentence in listing.unread), sep="\n", file=sys.stderr)
            return 1 if listing.missing else 2
        out = open_folder(options.out)
        pictures = open_folder(out / "plots") if options.plots else None
        classifier = load_classifier(options.bundle, options.prefer, options.runtime)
        outcomes = predict_listing(listing, Detector(classifier), leads=None)
        decided_by = {"name": options.bundle.name, "sha256": classifier.sha256, "prefer": classifier.prefer}
        with open_documents(out, decided_by) as documents:
            status = _write_all(outcomes, documents, pictures)
        print(*documents.lines, sep="\n")
    if listing.passed_over:
        print(passed_over_line(listing.passed_over))
    print(f"\nThe beats are in {out}.\n{NOTICE}")
    return status


def _write_all(outcomes: Iterator[Outcome], documents: Documents, pictures: Path | None) -> int:
    """Write the recordings as they come, and keep nothing of them but lines; the status so far."""
    status = 0
    try:
        for outcome in outcomes:
            if outcome.finding is None:
                print(f"not read: {outcome.error}", file=sys.stderr)
                documents.add_error(outcome.record_id, outcome.error)
                status = max(status, 1)
                continue
            try:
                documents.add(outcome.finding)
                if pictures:
                    _draw(outcome, pictures)
            except CardiacError as error:
                print(error, file=sys.stderr)
                status = 2
    except KeyboardInterrupt:
        print("Stopped: what was found so far is written.", file=sys.stderr)
        return 130
    return status


def _draw(outcome: Outcome, folder: Path) -> None:
    extra("matplotlib", "requirements.txt")
    from tasks.beats.pictures import write_picture  # matplotlib is slow to import, and only pictures need it

    write_picture(outcome.assessment.record, outcome.finding, folder / f"{file_stem(outcome.record_id)}.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a recording could not be read, 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.beats.predict",
        description=f"{__doc__}\n{NOTICE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="RECORD", help="a recording, or a folder or an archive of them"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results/beats"), help="folder for what is written (%(default)s)"
    )
    parser.add_argument(
        "--prefer",
        choices=PREFER,
        default="f1",
        help="few false alarms and few misses alike, or few misses (%(default)s)",
    )
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--runtime", choices=RUNTIMES, help="what runs a network, where the classifier is one")
    parser.add_argument("--fs", "--fs-hz", type=float, metavar="HZ", help="sampling rate of files that state none")
    parser.add_argument("--plots", action="store_true", help="draw each recording into OUT/plots")
    options = parser.parse_args(arguments)
    if options.fs is not None and not FS_RANGE_HZ[0] <= options.fs <= FS_RANGE_HZ[1]:
        parser.error(f"--fs must lie between {FS_RANGE_HZ[0]:g} and {FS_RANGE_HZ[1]:g}")
    sys.stdout.reconfigure(errors="replace")  # a terminal without Cyrillic prints a mark in its place
    return run_command(lambda: predict_and_write(options), written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
