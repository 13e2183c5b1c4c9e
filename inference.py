"""Read 12-lead ECGs and say whether there is an infarction, and where.

    python inference.py public_data                        # a folder: table, results/submission.csv, results/findings.json
    python inference.py a.npy b.hea c.dcm d.zip --plots    # files of many kinds, with a picture of each on ECG paper
    python inference.py a.npy --plots --evidence           # and which leads and moments carried each finding

From Python:

    from inference import Detector
    finding = Detector.load().predict(signal, fs_hz=500, leads=["I", "II", ...])   # signal (12, n) in mV
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT, RUNTIMES, Bundle, has_graph, load_graph, run_sections
from cardiac import NOTICE
from cardiac.errors import (
    BundleError,
    CardiacError,
    ConfigError,
    RecordError,
    extra,
    first_line,
    naming,
    one_record,
)
from cardiac.files import documents_file, open_folder
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal, prepare, prepare_together
from cardiac.pipeline import ahead, workers
from cardiac.quality.assess import Quality, assess_quality, require_usable
from cardiac.records import FS_RANGE_HZ, Record, read_record, record_from_array
from cardiac.signals import SignalSpec
from cardiac.sources import Listing, Recording, list_recordings, passed_over_line, size_on_disk
from cardiac.windows import WindowPlan, pool_windows, window_spread
from tasks.mi.documents import error_document, finding_document
from tasks.mi.evidence import Evidence, gather_evidence, telling_part
from tasks.mi.findings import Brief, Finding, decide
from tasks.mi.labels import SITES
from tasks.mi.rules import Rule
from tasks.mi.submission import find_template, findings_table, write_submission

DEFAULT_BUNDLE = ROOT / "checkpoints/mi/hybrid"
LONGEST_EXPLAINED_S, EXPLAINED_S = 60.0, 10.0
FINDINGS, SUBMISSION = "findings.json", "submission.csv"
TOGETHER, TOGETHER_SAMPLES = 16, 320_000  # records that the networks read at once, and their samples: more is no faster
AHEAD, AHEAD_BYTES = 32, 64 * 2**20  # files that are read before their findings are asked for


@dataclass(frozen=True)
class Detector:
    """A bundle made ready: how signals are prepared, the stages' windows, the rule that decides."""

    bundle: Bundle
    spec: SignalSpec
    section: int
    stages: Mapping[str, WindowPlan]
    rule: Rule

    @classmethod
    def load(cls, folder: str | Path = DEFAULT_BUNDLE, runtime: str | None = None) -> "Detector":
        """The detector in a bundle's folder, by default the shipped one, run by one of RUNTIMES.

        Without a name that is ONNX Runtime where the bundle has a graph for it. Raises BundleError.
        """
        bundle = _load_bundle(folder, runtime or ("onnx" if has_graph(folder) else "torch"))
        try:
            detector = cls(bundle, *_read_card(bundle.card))
            blank = np.zeros((len(detector.spec.leads), detector.section), np.float32)
            for name, logits in zip(detector.stages, detector.run(blank), strict=True):
                if logits.shape[2] != len(bundle.card["stages"][name]["outputs"]):
                    raise ConfigError(f"the network of {name} has {logits.shape[2]} outputs")
        except (ConfigError, KeyError, TypeError, AttributeError, ValueError, RuntimeError, RecordError) as error:
            raise BundleError(
                f"{folder}: card.json cannot be used ({first_line(error)}): copy the bundle again"
            ) from error
        return detector

    def run(self, signals: np.ndarray) -> list[np.ndarray]:
        """Logits of each stage's windows of prepared signals, as `bundles.run_sections` gives them."""
        return run_sections(self.bundle.run, signals, [*self.stages.values()], self.section)

    def predict(self, signal: np.ndarray, fs_hz: float, leads: Sequence[str] | None = None) -> Finding:
        """The Finding for samples in memory.

        signal : (12, n_samples), mV, of at least one window (1.6 s).  fs_hz : its sampling rate.  leads : names of its
        rows in any order; without them the order of `labels.LEADS`.
        Raises RecordError.
        """
        return predict_record(record_from_array(signal, fs_hz, leads), self)


def _load_bundle(folder: str | Path, runtime: str) -> Bundle:
    if runtime == "onnx":
        return load_graph(folder)
    extra("torch", "requirements.txt", BundleError)
    from utils import load_bundle  # torch is slow to import and large to install

    return load_bundle(folder)


def _read_card(card: Mapping[str, Any]) -> tuple[SignalSpec, int, dict[str, WindowPlan], Rule]:
    """What the card says of signals, windows and decisions. Raises ConfigError, KeyError or TypeError."""
    content = card["signal"]
    spec = SignalSpec(
        content["fs_hz"], tuple(content["band_hz"]), tuple(content["leads"]), content["unit"], content["scale"]
    )
    if spec.leads != LEADS or spec.unit != "mV":
        raise ConfigError(f"networks take {', '.join(LEADS)} in mV, not {', '.join(spec.leads)} in {spec.unit}")
    stages = {name: WindowPlan.of(stage) for name, stage in card["stages"].items()}
    outputs = [output for stage in card["stages"].values() for output in stage["outputs"]]
    if outputs != ["mi", *SITES]:
        raise ConfigError(f"the outputs {outputs} are not mi and the six sites in order")
    if [plan.window for plan in stages.values()] != list(card["network"]["windows"]):
        raise ConfigError(f"the stages' windows are not those of the network, {card['network']['windows']}")
    return spec, content["section"], stages, Rule.of(card["decisions"])


def predict_record(source: str | Path | Record, detector: Detector, fs_hz: float | None = None) -> Finding:
    """From a file, or a Record already read, to its Finding: the whole way.

    fs_hz : rate of a file that states none.
    Raises RecordError where no decision must be made.
    """
    record = read_record(source, fs_hz)  # leads in order, mV
    return conclude([record], [judge(record)], detector)[0]


def judge(record: Record) -> Quality:
    """The quality of a tracing that may be decided on. Raises RecordRejected for any other."""
    with naming(record.record_id):
        return require_usable(assess_quality(record, sought="an infarction"))


def conclude(records: Sequence[Record], qualities: Sequence[Quality], detector: Detector) -> list[Finding]:
    """The Findings of records of one rate and one length, which the networks read together. Raises RecordError."""
    with naming(records[0].record_id):
        signals = prepare_together([record.signal for record in records], records[0].fs_hz, detector.spec)  # (b, 12, n)
        logits = detector.run(signals)  # of each stage's windows (b, networks, windows, outputs)
    findings = []
    for record, quality, *own in zip(records, qualities, *logits, strict=True):
        with naming(record.record_id):
            pooled = [pool_windows(*each) for each in zip(own, detector.stages.values(), strict=True)]
            probabilities = detector.rule.calibrate(np.concatenate(pooled))  # (7,)
            findings.append(decide(record, probabilities, window_spread(own[0]), detector.rule, quality))
    return findings


def explain_record(record: Record, finding: Finding, detector: Detector) -> dict[str, Evidence]:
    """Which leads and moments carried the finding: for `mi`, and for every site that was found.

    Of a recording longer than a minute those ten seconds are explained that the windows name first.
    """
    signal, fs_hz = prepare(record.signal, record.fs_hz, detector.spec), detector.spec.fs_hz
    plans, first = [*detector.stages.values()], 0
    if signal.shape[1] > LONGEST_EXPLAINED_S * fs_hz:
        first = telling_part(detector.run(signal)[0], plans[0], round(EXPLAINED_S * fs_hz))
        signal = signal[:, first : first + round(EXPLAINED_S * fs_hz)]
    gathered = gather_evidence(signal, detector.run, plans, fs_hz, ("mi", *finding.sites))
    return {name: replace(each, starts_s=each.starts_s + first / fs_hz) for name, each in gathered.items()}


@dataclass(frozen=True)
class Outcome:
    """What came of one file: a finding, and its evidence where asked for, or the error that stands in its place.

    Where the evidence alone could not be gathered, there are both.
    """

    record_id: str
    path: Path
    record: Record | None = None
    finding: Finding | None = None
    evidence: Mapping[str, Evidence] | None = None
    error: RecordError | None = None
    quality: Quality | None = None


def predict_folder(
    paths: Sequence[str | Path], detector: Detector, fs_hz: float | None = None, evidence: bool = False
) -> Iterator[Outcome]:
    """An Outcome for every recording in files, folders and archives, one by one; a bad one stops none of the others.

    A path that is not there, or in which no recording lies, is an Outcome with its error too.
    """
    with ExitStack() as stack:
        yield from _predict_listed(list_recordings(paths, stack, fs_hz), detector, evidence)


def _predict_listed(listing: Listing, detector: Detector, evidence: bool) -> Iterator[Outcome]:
    """An Outcome for all that was listed; of what lies in an archive, errors tell the whole way."""
    for outcome in predict_all(listing.recordings, detector, evidence):
        error = outcome.error and listing.tell_way(outcome.error, outcome.path, outcome.record_id)
        yield outcome if error is outcome.error else replace(outcome, error=error)
    for name, sentence in listing.unread:
        yield Outcome(name, Path(name), error=RecordError(sentence))


def predict_all(recordings: Sequence[Recording], detector: Detector, evidence: bool = False) -> Iterator[Outcome]:
    """An Outcome for every recording, in order: one thread reads and judges, another runs the networks."""
    bar = tqdm(total=len(recordings), desc="records", unit="record", disable=None)
    with bar, workers(1, 1, 2) as (reader, network, explainer):
        sizes = (lambda each: size_on_disk(each.path), AHEAD_BYTES)
        read = ahead(reader, _read, recordings, AHEAD, *sizes)
        batches = ahead(network, lambda each: _conclude_each(each, detector), _alike(read), 2)
        outcomes = chain.from_iterable(batches)
        if evidence:
            outcomes = ahead(explainer, lambda each: _explain(each, detector), outcomes, 2)
        for outcome in outcomes:
            bar.update()
            yield outcome


def _explain(outcome: Outcome, detector: Detector) -> Outcome:
    if outcome.finding is None:
        return outcome
    try:
        with one_record(outcome.record_id, "explaining"):
            return replace(outcome, evidence=explain_record(outcome.record, outcome.finding, detector))
    except RecordError as error:
        return replace(outcome, error=error)


def _read(recording: Recording) -> Outcome:
    """A record with its quality, and no finding yet; or the error."""
    path, name = recording.path, recording.record_id
    try:
        with one_record(name):
            record = read_record(path, recording.fs_hz, name)
            return Outcome(name, path, record, quality=judge(record))
    except RecordError as error:
        return Outcome(name, path, error=error)


def _alike(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Neighbours of one rate and length, as many as the networks read at once; errors go along."""
    batch, kind, most = [], None, TOGETHER
    for outcome in outcomes:
        record = outcome.record
        own = (record.fs_hz, record.signal.shape[1]) if record else kind
        if record:
            is_long = isinstance(record.signal, LongSignal)
            most = 1 if is_long else max(1, min(TOGETHER, TOGETHER_SAMPLES // record.signal.shape[1]))
        if len(batch) >= most or (kind and own != kind):
            yield batch
            batch, kind = [], None
        batch.append(outcome)
        kind = own
    if batch:
        yield batch


def _conclude_each(batch: Sequence[Outcome], detector: Detector) -> list[Outcome]:
    """The outcomes with findings; where the networks fail over some, each is asked for by itself."""
    good = [outcome for outcome in batch if outcome.record]
    if not good:
        return [*batch]
    try:
        with one_record(good[0].record_id):
            findings = iter(conclude([each.record for each in good], [each.quality for each in good], detector))
    except RecordError as error:
        if len(batch) == 1:
            return [Outcome(batch[0].record_id, batch[0].path, error=error)]
        return [outcome for each in batch for outcome in _conclude_each([each], detector)]
    return [replace(each, finding=next(findings)) if each.record else each for each in batch]


def _tell(told: Sequence[Brief], out: Path, template: Any) -> None:
    """submission.csv and the table, which is printed even where the disk is full."""
    try:
        n_rows = write_submission(told, out / SUBMISSION, template)
    finally:
        print(findings_table(told))
    n_found = sum(each.mi.present for each in told)
    print(f"\n{len(told)} records read, {n_found} with an infarction; {n_rows} rows in {out / SUBMISSION}.")
    print(NOTICE)
    if template is not None and n_rows < len(told):
        print(f"{len(told) - n_rows} findings are not asked for by the form: see findings.json", file=sys.stderr)


def _draw(outcome: Outcome, folder: Path) -> int:
    """Draw one record; 0, or 2 with a sentence where its picture cannot be written, which stops none of the others."""
    name = outcome.record_id.replace("%", "%25").replace("/", "%2F")  # so that no two names meet in one file
    try:
        extra("matplotlib", "requirements.txt")
        from tasks.mi.pictures import write_ecg  # matplotlib is slow to import, and only pictures need it

        write_ecg(outcome.record, outcome.finding, folder / f"{name}.png", outcome.evidence)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks; 1 where a record could not be read, 130 when stopped, else 0."""
    with ExitStack() as stack:
        listing = list_recordings(options.paths, stack, options.fs_hz)
        if not listing.recordings and not listing.refused:  # what an earlier run has written stays
            print(*(sentence for _, sentence in listing.unread), sep="\n", file=sys.stderr)
            return 1 if listing.missing else 2
        names = [each.record_id for each in listing.recordings] + [Path(name).stem for name, _ in listing.unread]
        template = find_template(listing.folders, options.template, names)
        out = open_folder(options.out)
        for name in (FINDINGS, SUBMISSION):
            if (out / name).is_dir():
                raise CardiacError(f"{out / name}: is a folder where a file is to be written: choose another --out")
        pictures = open_folder(out / "plots") if options.plots else None
        detector = Detector.load(options.bundle, options.runtime)
        outcomes = _predict_listed(listing, detector, options.evidence)
        told, errors, status = _write_all(outcomes, detector, out, pictures, len(names))
        _tell(told, out, template)
    print(*(f"not read: {error}\n" for error in errors), sep="", end="", file=sys.stderr, flush=True)
    if listing.passed_over:
        print(passed_over_line(listing.passed_over))
    return status or int(bool(errors))


def _write_all(
    outcomes: Iterator[Outcome], detector: Detector, out: Path, pictures: Path | None, n_named: int
) -> tuple[list[Brief], list[RecordError], int]:
    """Write findings.json and the pictures as the outcomes come; what is told at the end, and the status so far."""
    bundle = {"name": detector.bundle.card["name"], "sha256": detector.bundle.sha256}
    told, errors, status = [], [], 0
    with documents_file(out / FINDINGS) as write:
        try:
            for outcome in outcomes:
                if outcome.finding:
                    told.append(outcome.finding.brief)  # and nothing else of it is kept: memory stays flat
                    write(finding_document(outcome.finding, bundle, outcome.evidence))
                    status = max(status, _draw(outcome, pictures) if pictures else 0)
                    if outcome.error:  # of the evidence
                        print(outcome.error, file=sys.stderr)
                        status = max(status, 1)
                else:
                    errors.append(outcome.error)
                    write(error_document(outcome.record_id, outcome.error))
        except KeyboardInterrupt:
            print(f"Stopped after {len(told) + len(errors)} of {n_named} records: writing these.", file=sys.stderr)
            status = 130
    return told, errors, status


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a record could not be read, 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a recording, or a folder or an archive of them"
    )
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for what is written (%(default)s)")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help="folder of the weights and their card")
    parser.add_argument(
        "--runtime", choices=RUNTIMES, help="what runs the networks (onnx where the bundle has a graph, else torch)"
    )
    parser.add_argument("--template", type=Path, help="submission form whose order of rows and columns is kept")
    parser.add_argument("--fs-hz", type=float, help="sampling rate of files that state none (500)")
    parser.add_argument("--plots", action="store_true", help="draw each record on ECG paper into OUT/plots")
    parser.add_argument("--evidence", action="store_true", help="say which leads and moments carried each finding")
    options = parser.parse_args(arguments)
    if options.fs_hz is not None and not FS_RANGE_HZ[0] <= options.fs_hz <= FS_RANGE_HZ[1]:
        parser.error(f"--fs-hz must lie between {FS_RANGE_HZ[0]:g} and {FS_RANGE_HZ[1]:g}")
    sys.stdout.reconfigure(errors="replace")  # a terminal without Cyrillic prints a mark in its place
    try:
        return run(options)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of the table, `head` say, has gone; the files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"cannot be written or read ({error}): look at the disk and at --out", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
