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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from cardiac import reports
from cardiac.datasets import PTBXL_INDEX, indexed_records, read_template
from cardiac.decisions import Finding, Rule, decide
from cardiac.errors import BundleError, CardiacError, ConfigError, DatasetError, RecordError, first_line, naming
from cardiac.evidence import Evidence, gather_evidence, telling_part
from cardiac.labels import NOTICE, RECORD_COLUMN, SITES
from cardiac.long import prepare
from cardiac.quality.assess import accept, assess_record
from cardiac.readers.archives import is_archive, unpacked
from cardiac.records import FS_RANGE_HZ, Record, find_records, read_record, record_from_array
from cardiac.signals import SignalSpec
from cardiac.windows import WindowPlan, pool_windows, window_spread
from utils import ROOT, Bundle, load_bundle, run_networks

DEFAULT_BUNDLE = ROOT / "checkpoints/mi/hybrid"
LONGEST_EXPLAINED_S, EXPLAINED_S = 60.0, 10.0
TEMPLATE = "sample_submission.csv"
FINDINGS, SUBMISSION = "findings.json", "submission.csv"


@dataclass(frozen=True)
class Detector:
    """A bundle made ready: how signals are prepared, the stages' windows, the rule that decides."""

    bundle: Bundle
    spec: SignalSpec
    section: int
    stages: Mapping[str, WindowPlan]
    rule: Rule

    @classmethod
    def load(cls, folder: str | Path = DEFAULT_BUNDLE) -> "Detector":
        """The detector in a bundle's folder, by default the shipped one. Raises BundleError."""
        bundle = load_bundle(folder)
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
        """Logits of each stage's windows of prepared signals, as `utils.run_networks` gives them."""
        return run_networks(self.bundle.networks, signals, [*self.stages.values()], self.section)

    def predict(self, signal: np.ndarray, fs_hz: float, leads: Sequence[str] | None = None) -> Finding:
        """The Finding for samples in memory.

        signal : (12, n_samples), mV, of at least one window (1.6 s).  fs_hz : its sampling rate.  leads : names of its
        rows in any order; without them the order of `labels.LEADS`.
        Raises RecordError.
        """
        return predict_record(record_from_array(signal, fs_hz, leads), self)


def _read_card(card: Mapping[str, Any]) -> tuple[SignalSpec, int, dict[str, WindowPlan], Rule]:
    """What the card says of signals, windows and decisions. Raises ConfigError, KeyError or TypeError."""
    content = card["signal"]
    spec = SignalSpec(
        content["fs_hz"], tuple(content["band_hz"]), tuple(content["leads"]), content["unit"], content["scale"]
    )
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
    with naming(record.record_id):
        quality = accept(assess_record(record.signal, record.fs_hz))
        signal = prepare(record.signal, record.fs_hz, detector.spec)  # (12, n)
        logits = detector.run(signal)  # of each stage's windows (networks, windows, outputs)
        pooled = [pool_windows(*each) for each in zip(logits, detector.stages.values(), strict=True)]
        probabilities = detector.rule.calibrate(np.concatenate(pooled))  # (7,)
        return decide(record, probabilities, window_spread(logits[0]), detector.rule, quality)


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
    """What came of one file: a finding, and its evidence where asked for, or the error that stands in its place."""

    record_id: str
    path: Path
    record: Record | None = None
    finding: Finding | None = None
    evidence: Mapping[str, Evidence] | None = None
    error: RecordError | None = None


def predict_folder(
    paths: Sequence[str | Path], detector: Detector, fs_hz: float | None = None, evidence: bool = False
) -> Iterator[Outcome]:
    """An Outcome for every recording in files, folders and archives, one by one; a bad one stops none of the others.

    Raises RecordError where a folder holds no recording, or an archive cannot be unpacked.
    """
    with ExitStack() as stack:
        yield from _predict_all(_named(_opened(paths, stack)), detector, fs_hz, evidence)


def _predict_all(
    named: Sequence[tuple[Path, str]], detector: Detector, fs_hz: float | None, evidence: bool
) -> Iterator[Outcome]:
    for path, record_id in tqdm(named, desc="records", unit="record", disable=None):
        try:
            record = read_record(path, fs_hz, record_id)
            finding = predict_record(record, detector)
            outcome = Outcome(record_id, path, record, finding)
            if evidence:
                outcome = replace(outcome, evidence=explain_record(record, finding, detector))
        except RecordError as error:
            outcome = Outcome(record_id, path, error=error)
        yield outcome


def _opened(paths: Sequence[str | Path], stack: ExitStack) -> dict[Path, Path]:
    """Where each path can be read -> what it is called; archives are unpacked until the stack is closed."""
    places = {}
    for path in map(Path, paths):
        place = path
        with suppress(RecordError):  # which reading it as a file will say
            place = stack.enter_context(unpacked(path)) if is_archive(path) else path
        places[place] = path
    return places


def _named(places: Mapping[Path, Path]) -> list[tuple[Path, str]]:
    """Every recording of these places with its name."""
    return name_recordings(
        (each, called / each.relative_to(place) if place != called else each)
        for place, called in places.items()
        for each in _recordings(place, called)
    )


def name_recordings(recordings: Iterable[tuple[Path, Path]]) -> list[tuple[Path, str]]:
    """Every recording with its name: the file's; where two share one, with its ending; or the whole path.

    recordings : where each can be read, and the path that it is called by. What is given twice is read once.
    """
    found: dict[str, tuple[Path, Path]] = {}  # by real path
    for each, called in recordings:
        found.setdefault(os.path.realpath(each), (each, called))
    ways = [[_printable(text) for text in each] for each in ((p.stem, p.name, c.as_posix()) for p, c in found.values())]
    counts = [Counter(names) for names in zip(*ways, strict=True)]  # of stems, of whole names, of paths
    named, taken = [], Counter()
    for (path, _), names in zip(found.values(), ways, strict=True):
        name = next((name for name, count in zip(names, counts, strict=True) if count[name] == 1), names[-1])
        taken[name] += 1
        named.append((path, name if taken[name] == 1 else f"{name} ({taken[name]})"))
    return named


def _recordings(place: Path, called: Path) -> list[Path]:
    """What a path holds: a folder's recordings, those that PTB-XL's table names, or the one file."""
    if os.path.isdir(place):  # noqa: PTH112 (False for a name too long)
        return find_records(place, called)
    return indexed_records(place) if place.name == PTBXL_INDEX else [place]


def _printable(name: str) -> str:
    """The name with a mark for every byte that is not UTF-8, so that it can be written and printed."""
    return os.fsencode(name).decode("utf-8", "replace")


def _template(paths: Sequence[Path], given: Path | None, names: Sequence[str]) -> pd.DataFrame | None:
    """The form to fill in: the one given, or the one that lies in a folder given; every row must be a record here."""
    lying = [path / TEMPLATE for path in paths if os.path.isfile(path / TEMPLATE)]  # noqa: PTH113 (as in _named)
    path = given or (lying[0] if len(lying) == 1 else None)
    if path is None:
        return None
    template = read_template(path)
    unknown = sorted(set(template[RECORD_COLUMN]) - set(names))
    if unknown:
        raise DatasetError(
            f"{path.name}: {len(unknown)} of its records are not among the recordings (first {unknown[0]!r}): "
            "give the folder that the form belongs to"
        )
    return template


def _write(outcomes: Sequence[Outcome], detector: Detector, out: Path, template: pd.DataFrame | None) -> None:
    """findings.json, submission.csv and the table, which is printed even where the disk is full."""
    bundle = {"name": detector.bundle.card["name"], "sha256": detector.bundle.sha256}
    findings = [outcome.finding for outcome in outcomes if outcome.finding]
    documents = [
        reports.finding_document(outcome.finding, bundle, outcome.evidence)
        if outcome.finding
        else reports.error_document(outcome.record_id, outcome.error)
        for outcome in outcomes
    ]
    try:
        reports.write_documents(documents, out / FINDINGS)
        n_rows = reports.write_submission(findings, out / SUBMISSION, template)
    finally:
        print(reports.findings_table(findings))
    n_found = sum(finding.mi.present for finding in findings)
    print(f"\n{len(findings)} records read, {n_found} with an infarction; {n_rows} rows in {out / SUBMISSION}.")
    print(NOTICE)
    if template is not None and n_rows < len(findings):
        print(f"{len(findings) - n_rows} findings are not asked for by the form: see findings.json", file=sys.stderr)


def _draw(outcome: Outcome, folder: Path) -> int:
    """Draw one record; 0, or 2 with a sentence where its picture cannot be written, which stops none of the others."""
    name = outcome.record_id.replace("%", "%25").replace("/", "%2F")  # so that no two names meet in one file
    try:
        reports.write_ecg(outcome.record, outcome.finding, folder / f"{name}.png", outcome.evidence)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks; 1 where a record could not be read, 130 when stopped, else 0."""
    with ExitStack() as stack:
        return _run(options, _opened(options.paths, stack))


def _run(options: argparse.Namespace, places: Mapping[Path, Path]) -> int:
    named = _named(places)
    template = _template([*places], options.template, [name for _, name in named])
    out = reports.open_folder(options.out)
    for name in (FINDINGS, SUBMISSION):
        if (out / name).is_dir():
            raise CardiacError(f"{out / name}: is a folder where a file is to be written: choose another --out")
    pictures = reports.open_folder(out / "plots") if options.plots else None
    detector = Detector.load(options.bundle)
    outcomes, status = [], 0
    try:
        for outcome in _predict_all(named, detector, options.fs_hz, options.evidence):
            outcomes.append(replace(outcome, record=None))  # samples are not kept: memory stays flat
            if pictures and outcome.finding:
                status = max(status, _draw(outcome, pictures))
    except KeyboardInterrupt:
        print(f"Stopped after {len(outcomes)} of {len(named)} records: writing these.", file=sys.stderr)
        status = 130
    _write(outcomes, detector, out, template)
    errors = [outcome.error for outcome in outcomes if outcome.error]
    for error in errors:
        print(f"not read: {error}", file=sys.stderr)
    return status or int(bool(errors))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a record could not be read, 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a recording, or a folder or an archive of them"
    )
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for what is written (%(default)s)")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help="folder of the weights and their card")
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
