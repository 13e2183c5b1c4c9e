"""Read 12-lead ECGs and say whether there is an infarction, and where.

    python inference.py public_data                        # a folder: table, results/submission.csv, results/findings.json
    python inference.py a.npy b.hea c.dcm d.zip --plots    # files of many kinds, with a picture of each on ECG paper
    python inference.py a.npy --plots --evidence           # and which leads and moments carried each finding
    python inference.py public_data --measurements         # intervals, axes and waves of each record as a table
    python inference.py a.npy --json                       # the findings on standard output, and nothing written

From Python:

    from inference import Detector
    finding = Detector.load().predict(signal, fs_hz=500, leads=["I", "II", ...])   # signal (12, n) in mV
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bundles import RUNTIMES, Bundle, load_bundle
from cardiac import NOTICE
from cardiac.assessment import Assessment, assess_record
from cardiac.errors import CardiacError, ConfigError, naming
from cardiac.files import documents_array, open_folder
from cardiac.leads import LEADS
from cardiac.long_signals import prepare, prepare_together
from cardiac.measurements.measure import Measurements, measure_record
from cardiac.messages import Message
from cardiac.pipeline import MOST_JOBS, Outcome, predict_listing
from cardiac.quality.assess import assess_quality
from cardiac.records import FS_RANGE_HZ, Note, Record, read_record, record_from_array
from cardiac.signals import SignalSpec
from cardiac.sources import Listing, list_recordings, passed_over_line
from cardiac.windows import WindowPlan, pool_windows, window_spread
from cards import unusable
from runtimes import run_sections
from tasks.mi import BUNDLE
from tasks.mi.features import check_trees, features_of
from tasks.mi.findings import Brief, Finding, decide
from tasks.mi.finished import FINDINGS, MEASUREMENTS, Finished, finish_outcome, written_files
from tasks.mi.joining import Decisions
from tasks.mi.labels import SITES
from tasks.mi.rules import Rule
from tasks.mi.submission import find_template, findings_table, write_submission
from utils import run_command

if TYPE_CHECKING:
    import pandas as pd

    from tasks.mi.evidence import BesideNetwork, Evidence

LONGEST_EXPLAINED_S, EXPLAINED_S = 60.0, 10.0
ALONE = "its beats could not be measured, or are paced: the network alone decided, without the trees"
SUBMISSION = "submission.csv"


def predict_record(source: str | Path | Record, detector: "Detector", fs_hz: float | None = None) -> Finding:
    """From a file, or a Record already read, to its Finding: the whole way.

    fs_hz : rate of a file that states none.
    Raises RecordError where no decision must be made.
    """
    record = read_record(source, fs_hz)  # leads in order, mV
    assessment = detector.assess(record)  # good enough to be decided on; its beats measured
    with naming(record.record_id):
        signal = prepare(record.signal, record.fs_hz, detector.spec)  # (12, n) at the networks' rate and in their band
        logits = detector.logits(signal)  # windows cut and run: of each stage (networks, windows, outputs)
        rule, probabilities = detector.join(logits, assessment.measurements)  # (7,), with the trees, calibrated
        finding = decide(record, probabilities, window_spread(logits[0]), rule, assessment)
        return detector.remark(finding, rule)


@dataclass(frozen=True)
class Detector:
    """A bundle made ready: how signals are prepared, the stages' windows, the trees, what decides."""

    bundle: Bundle
    decisions: Decisions

    @classmethod
    def load(cls, folder: str | Path = BUNDLE, runtime: str | None = None) -> "Detector":
        """The detector in a bundle's folder, by default the shipped one, run by one of RUNTIMES.

        Without a name that is ONNX Runtime where the bundle has a graph for it. Raises BundleError.
        """
        bundle = load_bundle(folder, runtime)
        card = bundle.card
        try:
            outputs = [output for stage in card.stages.values() for output in stage.outputs]
            if outputs != ["mi", *SITES]:
                raise ConfigError(f"the outputs {outputs} are not mi and the six sites in order")
            if card.signal.leads != LEADS or card.signal.unit != "mV":
                raise ConfigError(f"signal.leads are not {', '.join(LEADS)}, or signal.unit is not mV")
            check_trees(card.trees)
            return cls(bundle, Decisions.from_dict(card.decisions))
        except ConfigError as error:
            raise unusable(folder, error) from error

    @property
    def spec(self) -> SignalSpec:
        """What the networks take."""
        return self.bundle.card.signal

    @property
    def plans(self) -> list[WindowPlan]:
        """The windows of each stage."""
        return self.bundle.card.plans

    @property
    def decided_by(self) -> dict[str, str]:
        """Name and checksum of the bundle, as they stand in findings.json."""
        return {"name": self.bundle.card.name, "sha256": self.bundle.sha256}

    def predict(self, signal: np.ndarray, fs_hz: float, leads: Sequence[str] | None = None) -> Finding:
        """The Finding for samples in memory.

        signal : (12, n_samples), mV, of at least one window (1.6 s).  fs_hz : its sampling rate.  leads : names of its
        rows in any order; without them the order of `leads.LEADS`.
        Raises RecordError.
        """
        return predict_record(record_from_array(signal, fs_hz, leads), self)

    def assess(self, record: Record) -> Assessment:
        """The quality of a tracing that may be decided on, and its measurements. Raises RecordRejected for any other."""
        with naming(record.record_id):
            return assess_record(record, sought=Message("an infarction"))

    def logits(self, signals: np.ndarray) -> list[np.ndarray]:
        """Logits of each stage's windows of prepared signals, as `runtimes.run_sections` gives them."""
        return run_sections(self.bundle.forward, signals, self.plans, self.bundle.card.section)

    def join(self, logits: Sequence[np.ndarray], measurements: Measurements) -> tuple[Rule, np.ndarray]:
        """A record's rule and calibrated probabilities, (7,), from its windows' logits by stage and what is measured of it."""
        return self.decisions.settle(self._pool(logits), self.ask_trees(measurements))

    def _pool(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """The pooled probabilities of a record's windows, (7,), or of several records', (b, 7)."""
        return np.concatenate([pool_windows(*each) for each in zip(logits, self.plans, strict=True)], axis=-1)

    def remark(self, finding: Finding, rule: Rule) -> Finding:
        """The finding, which says so where the trees had nothing to look at."""
        if rule is not self.decisions.alone:
            return finding
        return replace(finding, notes=(*finding.notes, Note("info", Message(ALONE))))

    def ask_trees(self, measurements: Measurements) -> np.ndarray | None:
        """The trees' logits for what is measured of a record, (7,); None where there are no trees, or nothing to look at."""
        features = features_of(measurements) if self.bundle.trees else None
        return None if features is None else self.bundle.trees(features)[0]

    def predict_batch(
        self,
        records: Sequence[Record],
        assessments: Sequence[Assessment],
        trees: Sequence[np.ndarray | None] | None = None,
    ) -> list[Finding]:
        """As `predict_record` for records of one rate and one length, which the networks read together.

        trees : of each record what `ask_trees` gave, where it is at hand.
        """
        with naming(records[0].record_id):
            signals = prepare_together([record.signal for record in records], records[0].fs_hz, self.spec)  # (b, 12, n)
            logits = self.logits(signals)  # of each stage (b, networks, windows, outputs)
        asked = trees or [self.ask_trees(assessment.measurements) for assessment in assessments]
        beside = np.array([np.full(1 + len(SITES), np.nan) if each is None else each for each in asked])  # (b, 7)
        _, probabilities, by_rule = self.decisions.settle_all(self._pool(logits), beside)
        findings = []
        for index, (record, assessment) in enumerate(zip(records, assessments, strict=True)):
            rule = next(rule for rows, rule in by_rule if rows[index])
            with naming(record.record_id):
                finding = decide(record, probabilities[index], window_spread(logits[0][index]), rule, assessment)
                findings.append(self.remark(finding, rule))
        return findings

    def explain(self, record: Record, finding: Finding, assessment: Assessment | None = None) -> "dict[str, Evidence]":
        """Which leads, moments and measurements carried the finding: for `mi`, and for every site that was found.

        Of a recording longer than a minute those ten seconds are explained that the windows name first, and what was measured
        of the recording.  assessment : of the record, where it is at hand; else it is made again.
        """
        from tasks.mi.evidence import gather_evidence, telling_part  # of no use to those who ask for findings alone

        signal, fs_hz, first = prepare(record.signal, record.fs_hz, self.spec), self.spec.fs_hz, 0
        if signal.shape[1] > LONGEST_EXPLAINED_S * fs_hz:
            first = telling_part(self.logits(signal)[0], self.plans[0], round(EXPLAINED_S * fs_hz))
            signal = signal[:, first : first + round(EXPLAINED_S * fs_hz)]
        outputs = ("mi", *finding.sites)
        gathered = gather_evidence(
            signal, self.logits, self.plans, fs_hz, outputs, self.beside_network(record, assessment)
        )
        return {name: replace(each, starts_s=each.starts_s + first / fs_hz) for name, each in gathered.items()}

    def beside_network(self, record: Record, assessment: Assessment | None = None) -> "BesideNetwork | None":
        """The trees and what they see of a record; None where there are none, or nothing can be measured."""
        from tasks.mi.evidence import BesideNetwork

        if not self.bundle.trees:
            return None
        measurements = assessment.measurements if assessment else measure_record(record, assess_quality(record))
        features = features_of(measurements)
        if features is None:
            return None
        decisions = self.decisions
        return BesideNetwork(self.bundle.trees, decisions.shares, decisions.reach, measurements, features)


def explain_record(record: Record, finding: Finding, detector: Detector) -> "dict[str, Evidence]":
    """Which leads and moments carried the finding, as `Detector.explain` gives them."""
    return detector.explain(record, finding)


def predict_folder(
    paths: Sequence[str | Path], detector: Detector, fs_hz: float | None = None, evidence: bool = False
) -> Iterator[Outcome]:
    """An Outcome for every recording in files, folders and archives, one by one; a bad one stops none of the others.

    A path that is not there, or in which no recording lies, is an Outcome with its error too.
    """
    with ExitStack() as stack:
        yield from predict_listing(list_recordings(paths, stack, fs_hz), detector, evidence)


def predict_and_write(options: argparse.Namespace) -> int:
    """Do what the command line asks; 1 where a record could not be read, 130 when stopped, else 0."""
    with ExitStack() as stack:
        listing = list_recordings(options.paths, stack, options.fs_hz)
        if not listing.recordings and not listing.refused:  # what an earlier run has written stays
            print(*(sentence for _, sentence in listing.unread), sep="\n", file=sys.stderr)
            return 1 if listing.missing else 2
        names = [each.record_id for each in listing.recordings] + [Path(name).stem for name, _ in listing.unread]
        if options.json:
            return _print_findings(listing, options, len(names))
        template = find_template(listing.folders, options.template, names)
        out = _open_output(options.out, options.measurements)
        pictures = open_folder(out / "plots") if options.plots else None
        detector = Detector.load(options.bundle, options.runtime)
        finish = partial(
            finish_outcome, decided_by=detector.decided_by, measurements=options.measurements, pictures=pictures
        )
        finished = predict_listing(listing, detector, options.evidence, finish=finish, jobs=_jobs(options, detector))
        with written_files(out, options.measurements) as write:
            briefs, errors, status = _write_findings(finished, write, len(names))
        _write_table(briefs, out / SUBMISSION, template)
    _complain(errors)
    if listing.passed_over:
        print(passed_over_line(listing.passed_over))
    return status or int(bool(errors))


def _print_findings(listing: Listing, options: argparse.Namespace, n_named: int) -> int:
    """The documents of findings.json on standard output, and nothing written."""
    detector = Detector.load(options.bundle, options.runtime)
    finish = partial(finish_outcome, decided_by=detector.decided_by)
    finished = predict_listing(listing, detector, options.evidence, finish=finish, jobs=_jobs(options, detector))
    with documents_array(sys.stdout.write) as write:
        _, errors, status = _write_findings(finished, lambda each: write(each.document), n_named)
    _complain(errors)
    if listing.passed_over:
        print(passed_over_line(listing.passed_over), file=sys.stderr)
    return status or int(bool(errors))


def _jobs(options: argparse.Namespace, detector: Detector) -> int | None:
    return options.jobs if detector.bundle.runtime == "onnx" else 1  # torch's threads do not survive a fork


def _complain(errors: Sequence[str]) -> None:
    print(*(f"not read: {error}\n" for error in errors), sep="", end="", file=sys.stderr, flush=True)


def _open_output(folder: Path, measurements: bool) -> Path:
    out = open_folder(folder)
    for name in (FINDINGS, SUBMISSION, *([MEASUREMENTS] if measurements else [])):
        if (out / name).is_dir():
            raise CardiacError(
                f"{out / name}: is a folder, and a file of this name is to be written: choose another --out"
            )
    return out


def _write_findings(
    finished: Iterator[Finished], write: Callable[[Finished], None], n_named: int
) -> tuple[list[Brief], list[str], int]:
    """Write documents as they come; briefs and sentences for the end, and the status so far."""
    briefs, errors, status = [], [], 0
    try:
        for each in finished:
            write(each)
            status = max(status, each.status)
            print(*(f"{sentence}\n" for sentence in each.complaints), sep="", end="", file=sys.stderr)
            if each.brief is None:
                errors.append(each.error)
            else:
                briefs.append(each.brief)  # and nothing else of it is kept: memory stays flat
    except KeyboardInterrupt:
        print(f"Stopped after {len(briefs) + len(errors)} of {n_named} records: writing these.", file=sys.stderr)
        status = 130
    return briefs, errors, status


def _write_table(briefs: Sequence[Brief], path: Path, template: "pd.DataFrame | None") -> None:
    """submission.csv and the table, which is printed even where the disk is full."""
    try:
        n_rows = write_submission(briefs, path, template)
    finally:
        sys.stdout.writelines(findings_table(briefs))
    n_present = sum(each.mi.present for each in briefs)
    read, rows = (f"{n} {word if n == 1 else word + 's'}" for n, word in ((len(briefs), "record"), (n_rows, "row")))
    print(f"\n{read} read, {n_present} with an infarction; {rows} in {path}.")
    print(NOTICE)
    if template is not None and n_rows < len(briefs):
        print(f"{len(briefs) - n_rows} findings are not asked for by the form: see findings.json", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a record could not be read, 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a recording, or a folder or an archive of them"
    )
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for what is written (%(default)s)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument(
        "--runtime", choices=RUNTIMES, help="what runs the networks (onnx where the bundle has a graph, else torch)"
    )
    parser.add_argument("--template", type=Path, help="submission form whose order of rows and columns is kept")
    parser.add_argument("--fs-hz", type=float, help="sampling rate of files that state none (500)")
    parser.add_argument("--plots", action="store_true", help="draw each record on ECG paper into OUT/plots")
    parser.add_argument("--evidence", action="store_true", help="say which leads and moments carried each finding")
    parser.add_argument(
        "--measurements",
        action="store_true",
        help="write intervals, axes and waves of each record to OUT/measurements.csv",
    )
    parser.add_argument("--json", action="store_true", help="print findings as JSON, and write nothing")
    parser.add_argument("--jobs", type=int, help=f"processes that read (one a core, at most {MOST_JOBS})")
    options = parser.parse_args(arguments)
    if options.jobs is not None and options.jobs < 1:
        parser.error("--jobs must be 1 or more")
    if options.fs_hz is not None and not FS_RANGE_HZ[0] <= options.fs_hz <= FS_RANGE_HZ[1]:
        parser.error(f"--fs-hz must lie between {FS_RANGE_HZ[0]:g} and {FS_RANGE_HZ[1]:g}")
    if options.json and (options.plots or options.measurements or options.template):
        parser.error("--json writes nothing: leave out --plots, --measurements and --template")
    sys.stdout.reconfigure(errors="replace")  # a terminal without Cyrillic prints a mark in its place
    return run_command(lambda: predict_and_write(options), written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
