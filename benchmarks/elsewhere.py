"""Other hospitals' machines: what the shipped detector makes of recordings that taught it nothing about infarction.

    python -m benchmarks.elsewhere                 # tables by source: network and trees, and the network alone
    python -m benchmarks.elsewhere --alarms        # and every false alarm with its diagnoses
    python -m benchmarks.elsewhere --write         # and into the bundle's elsewhere.json, which its model card shows

`cinc` (PhysioNet Challenges 2020/21: Georgia, Chapman-Shaoxing and Ningbo, CPSC, PTB-XL) and `ludb` by the cardiologists'
codes. Negative is a record without a code of infarction, ischaemia or injury; positive one with an infarction, or in
LUDB a scar. They were looked at for each candidate detector, and so are a validation set and no untouched test.
`ptb-diagnostic` (1000 Hz, infarctions confirmed clinically) was scored by the finished detector alone.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import read_card
from cardiac import metrics
from cardiac.assessment import Assessment
from cardiac.errors import RecordRejected
from cardiac.files import read_table, replace_file
from cardiac.long_signals import prepare
from cardiac.metrics import roc_auc
from cardiac.records import Record, read_record
from inference import Detector, predict_record
from tasks.mi import BUNDLE
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.elsewhere import ELSEWHERE, elsewhere_table
from tasks.mi.evaluate import cross_fit_all
from tasks.mi.findings import Finding, decide
from tasks.mi.joining import Decisions
from tasks.mi.out_of_fold import read_out_of_fold
from tasks.mi.settings import decide_settings
from utils import run_command

# SNOMED CT: infarction, ischaemia and injury, old or acute, of any wall.
ISCHAEMIC = {
    "164865005", "164861001", "164867002", "57054005", "425623009", "425419005", "413844008", "426434006", "413444003",
    "54329005", "428196007", "429245005", "704997005", "365416000",
}  # fmt: skip
GOAL = 0.94
PTBXL_ISCHAEMIC = re.compile(r"MI\b|INJ|ISC")
SOURCES = {"Georgia": "Georgia", "Chapman": "Chapman-Shaoxing, Ningbo", "CPSC": "CPSC", "PTB-XL": "PTB-XL (Challenge)"}


@dataclass(frozen=True)
class Case:
    """One recording. infarction : None where ischaemia, injury or something undefined makes it neither."""

    path: Path
    source: str
    infarction: bool | None
    diagnoses: str


def read_cases(data: Path) -> list[Case]:
    """The recordings of `cinc` and `ludb` in a data folder. Raises DatasetError where their labels are missing."""
    return [*_challenge(data / "cinc"), *_ludb(data / "ludb")]


def _challenge(folder: Path) -> list[Case]:
    table = read_table(
        folder / "labels.csv", ["record", "source", "snomed", "infarction", "scp_codes"], text=["record"]
    )
    cases = []
    for row in table.fillna({"scp_codes": ""}).itertuples():
        codes = set(re.findall(r"\d+", str(row.snomed)))
        clear = not codes & ISCHAEMIC and not PTBXL_ISCHAEMIC.search(row.scp_codes)
        infarction = True if row.infarction == 1 else False if clear else None
        source = next(name for word, name in SOURCES.items() if word in row.source)
        cases.append(Case(folder / f"{row.record}.hea", source, infarction, f"{row.snomed} {row.scp_codes}".strip()))
    return cases


def _ludb(folder: Path) -> list[Case]:
    table = read_table(
        folder / "labels.csv", ["record", "stemi", "scar", "undefined", "ischaemia", "diagnoses"], text=["record"]
    )
    cases = []
    for row in table.itertuples():
        has = {name: isinstance(getattr(row, name), str) for name in ("stemi", "scar", "undefined", "ischaemia")}
        infarction = True if has["stemi"] or has["scar"] else None if has["undefined"] or has["ischaemia"] else False
        cases.append(Case(folder / f"{row.record}.hea", "LUDB", infarction, row.diagnoses))
    return cases


@dataclass(frozen=True)
class Answer:
    """What a detector says of a case; no findings where the tracing was too poor. Joint, and by the network alone."""

    case: Case
    joint: Finding | None
    alone: Finding | None


def read_accepted(
    cases: list[Case], detector: Detector
) -> Iterator[tuple[Case, Record, Assessment | None, list[np.ndarray]]]:
    """Every case with its recording, assessment and logits by stage; without the last two where its tracing is too poor."""
    for case in tqdm(cases, desc="away", unit="record", disable=None):
        record = read_record(case.path)
        try:
            assessment = detector.assess(record)
        except RecordRejected:
            yield case, record, None, []
            continue
        yield case, record, assessment, detector.logits(prepare(record.signal, record.fs_hz, detector.spec))


def ask(cases: list[Case], detector: Detector) -> list[Answer]:
    """The findings of all cases, by the detector and by its network alone."""
    alone = detector.decisions.alone or detector.decisions.rule
    network = replace(detector, decisions=Decisions(alone), bundle=replace(detector.bundle, trees=None))
    answers = []
    for case, record, assessment, logits in read_accepted(cases, detector):
        if assessment is None:
            answers.append(Answer(case, None, None))
            continue
        found = []
        for each in (detector, network):
            rule, probabilities = each.join(logits, assessment.measurements)
            found.append(decide(record, probabilities, 0.0, rule, assessment))
        answers.append(Answer(case, *found))
    return answers


def summary(answers: list[Answer], which: str) -> dict[str, dict[str, Any]]:
    """Counts by source, and of all. which : "joint" or "alone"."""
    rows: dict[str, dict[str, Any]] = {}
    for source in (*SOURCES.values(), "LUDB", "all"):
        own = [each for each in answers if source in ("all", each.case.source) and each.joint is not None]
        truth = np.array([each.case.infarction for each in own], dtype=object)
        mi = [getattr(each, which).mi for each in own]
        present, probability = np.array([each.present for each in mi]), np.array([each.probability for each in mi])
        known = np.array([each is not None for each in truth])
        negative, positive, other = (truth == False) & known, (truth == True) & known, ~known  # noqa: E712
        weights = np.ones(known.sum())
        both = positive.any() and negative.any()
        auc = roc_auc(probability[known], positive[known].astype(bool), weights) if both else None
        rows[source] = {
            "negatives": int(negative.sum()),
            "false_alarms": int((present & negative).sum()),
            "positives": int(positive.sum()),
            "found": int((present & positive).sum()),
            "auc": auc,
            "ischaemias": int(other.sum()),
            "ischaemias_called": int((present & other).sum()),
            "too_poor": sum(source in ("all", each.case.source) and each.joint is None for each in answers),
        }
    return rows


def print_alarms(answers: list[Answer]) -> None:
    """Every false alarm, of the joint detector or the network alone, with its diagnoses."""
    print("\n| false alarm | joint | network | sites | diagnoses |\n|---|---|---|---|---|")
    for each in answers:
        if (
            each.joint
            and each.alone
            and each.case.infarction is False
            and (each.joint.mi.present or each.alone.mi.present)
        ):
            cells = [
                f"{found.mi.probability:.2f}{' *' if found.mi.present else ''}" for found in (each.joint, each.alone)
            ]
            sites = ", ".join(each.joint.sites)
            print(
                f"| {each.case.source} {each.case.path.stem} | {cells[0]} | {cells[1]} | {sites} | {each.case.diagnoses} |"
            )


def print_goal(answers: list[Answer], dataset: Dataset, bundle: Path) -> None:
    """What the goal would cost: the threshold from which specificity away is 0.94, and what is then left at home and away."""
    own = [each for each in answers if each.joint is not None and each.case.infarction is not None]
    truth = np.array([bool(each.case.infarction) for each in own])
    away = np.array([each.joint.mi.probability for each in own])
    threshold = float(np.quantile(away[~truth], GOAL, method="higher"))
    home = cross_fit_all(dataset, read_out_of_fold(bundle, dataset), decide_settings(read_card(bundle)))
    true, ones = dataset.infarction, np.ones(len(dataset.infarction))
    present = home.mi > threshold
    print(
        f"\nFor a specificity of {GOAL} away the threshold would be {threshold:.2f} in place of {own[0].joint.mi.threshold:.2f}: "
        f"at home (out of fold) sensitivity {metrics.sensitivity(present, true, ones):.3f} in place of "
        f"{metrics.sensitivity(home.present, true, ones):.3f} and F1 {metrics.f1_score(present, true, ones):.3f} in place of "
        f"{metrics.f1_score(home.present, true, ones):.3f}; away {int((away > threshold)[truth].sum())} of {truth.sum()} found."
    )


def print_diagnostic(folder: Path, detector: Detector) -> None:
    """What is found in the recordings of PTB Diagnostic, beside where the infarction was."""
    labels = read_table(folder / "labels.csv", ["record"], text=["record"]).set_index("record")
    print(
        "\n| PTB Diagnostic, 1000 Hz | "
        + " | ".join(labels.columns)
        + " | infarction | sites |\n"
        + "|---" * (3 + len(labels.columns))
        + "|"
    )
    for path in sorted(folder.glob("*.hea")):
        found = predict_record(path, detector)
        own = labels.loc[path.stem] if path.stem in labels.index else dict.fromkeys(labels.columns, "")
        print(
            f"| {path.stem} | "
            + " | ".join(str(own[name]) for name in labels.columns)
            + f" | {found.mi.probability:.2f} | {', '.join(found.sites)} |"
        )


def main() -> int:
    """Print the tables. 0, or 1 with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ECG_DATA", "data")), help="(%(default)s)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="the bundle")
    parser.add_argument("--alarms", action="store_true", help="list every false alarm")
    parser.add_argument("--write", action="store_true", help="write the figures into the bundle's elsewhere.json")
    options = parser.parse_args()

    def work() -> int:
        detector = Detector.load(options.bundle)
        answers = ask(read_cases(options.data), detector)
        rows = {"joint": summary(answers, "joint"), "alone": summary(answers, "alone")}
        for name, label in (("joint", "network and trees"), ("alone", "the network alone")):
            print("\n".join(elsewhere_table(rows[name], label)), end="\n\n")
        if options.alarms:
            print_alarms(answers)
        print_goal(answers, read_dataset(options.data / "aiijc"), options.bundle)
        print_diagnostic(options.data / "ptb-diagnostic", detector)
        if options.write:
            replace_file(options.bundle / ELSEWHERE, (json.dumps(rows, indent=1) + "\n").encode())
        return 0

    return run_command(work, bad_data=1)


if __name__ == "__main__":
    sys.exit(main())
