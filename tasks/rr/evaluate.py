"""Print every figure of a detector of anomalies in RR intervals, from what was said of studies that taught it nothing.

    python -m tasks.rr.evaluate                        # the shipped detector: nested folds, the worst studies, baselines
    python -m tasks.rr.evaluate --aside                # the shipped detector on the studies that were kept aside
    python -m tasks.rr.evaluate --bundle runs/rr --plots results/rr     # curves, and a picture of each of the worst studies

F1 is pooled over all intervals, as the CardioSpike case scores; brackets are 95 % intervals by 1,000 draws of studies.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError
from cardiac.files import open_folder, replace_file
from tasks.rr.dataset import open_aside, open_studies
from tasks.rr.detector import SHIPPED, load_detector
from tasks.rr.errors import interval_errors
from tasks.rr.findings import RRFinding
from tasks.rr.nested import EVERY
from tasks.rr.rule import marked_by_rule
from tasks.rr.scores import TOLERANCE, Answers, Scores, counts_of, f1_of, scores_of, worst_studies
from tasks.rr.studies import Study
from tasks.rr.train import NESTED, Told, best_name, read_told, told_content
from utils import run_command

LARGEST = "132"  # of the studies that may teach: marked in its last 120 of 3,085 intervals alone
COLUMNS = {
    "f1": "F1",
    "precision": "precision",
    "sensitivity": "sensitivity",
    "tolerant": f"F1, {TOLERANCE} about an end not counted",
    "event_f1": "F1 of runs",
    "median": "median F1 of studies",
    "average_precision": "average precision",
    "calibration": "calibration error",
}
NAMES = {"trees": "trees", "network": "network", "blend": "trees and network", EVERY: "the same, no budget"}


def baselines(studies: Sequence[Study]) -> dict[str, Answers]:
    """A constant, every interval an anomaly, and the rule."""
    names, targets = [each.record_id for each in studies], [each.targets for each in studies]
    everywhere = [np.ones(len(each), bool) for each in targets]
    ruled = [marked_by_rule(each.intervals_ms) for each in studies]
    of = {"every interval": everywhere, "rule": ruled}
    return {name: Answers(names, targets, [own.astype(float) for own in each], each) for name, each in of.items()}


def format_scores(rows: dict[str, Scores]) -> str:
    """Figures with their intervals, a row each, Markdown; with what they stand on."""
    first = next(iter(rows.values()))
    lines = [
        f"{first.n_studies} studies, {first.n_intervals:,} intervals, {first.n_anomalies:,} anomalies in {first.n_runs} runs.",
        "",
        "| | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (1 + len(COLUMNS)) + "|",
    ]
    for name, scores in rows.items():
        cells = ["{:.3f} ({:.3f} to {:.3f})".format(*scores.figures[column]) for column in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def nested_report(told: Told, studies: Sequence[Study]) -> str:
    """Tables of the nested folds, Markdown."""
    answers = baselines(studies) | {NAMES[name]: told.answers(name, studies) for name in told.probabilities}
    best = told.answers(best_name(told.probabilities), studies)
    parts = ["## Nested folds", f"Predictions {told_checksum(told)[:12]}."]
    parts += [format_scores({name: scores_of(each) for name, each in answers.items()})]
    if LARGEST in best.record_ids and len(best.record_ids) > 1:
        rest = {name: scores_of(each.without(LARGEST)) for name, each in answers.items()}
        parts += [f"### Without study {LARGEST}", format_scores(rest)]
    parts += ["### Outer folds, one by one", _folds(told, studies), "### The ten worst studies", format_worst(best)]
    parts += ["### Are the probabilities true?", calibration_table(best)]
    return "\n\n".join(parts)


def told_checksum(told: Told) -> str:
    """SHA-256 of what was said: by it a table knows again what it was made of."""
    return hashlib.sha256(told_content(told)).hexdigest()


def _folds(told: Told, studies: Sequence[Study]) -> str:
    lines = ["| fold | studies | anomalies | F1 | threshold |", "|---|---|---|---|---|"]
    name = best_name(told.probabilities)
    for fold in sorted(set(told.folds.values())):
        own = [each for each in studies if told.folds.get(each.record_id) == fold]
        answers = told.answers(name, own)
        counts = np.sum([counts_of(*pair) for pair in zip(answers.targets, answers.decided, strict=True)], axis=0)
        n_anomalies = counts[0] + counts[2]
        lines.append(
            f"| {fold} | {len(own)} | {n_anomalies} | {f1_of(*counts):.3f} | {told.thresholds[name][fold]:.3f} |"
        )
    return "\n".join(lines)


def format_worst(answers: Answers) -> str:
    """The studies with the most mistakes, Markdown."""
    lines = ["| study | intervals | anomalies | wrongly called | missed | its F1 |", "|---" * 6 + "|"]
    for each in worst_studies(answers):
        numbers = f"{each.n_intervals} | {each.n_anomalies} | {each.wrong} | {each.missed} | {each.f1:.3f}"
        lines.append(f"| {each.record_id} | {numbers} |")
    return "\n".join(lines)


def calibration_table(answers: Answers, n_bins: int = 10) -> str:
    """What share of intervals is marked where how much is said, Markdown."""
    told, targets = np.concatenate(answers.probabilities), np.concatenate(answers.targets)
    bins = np.minimum((told * n_bins).astype(int), n_bins - 1)
    lines = ["| said | intervals | mean said | marked |", "|---|---|---|---|"]
    for index in range(n_bins):
        own = bins == index
        if own.any():
            span = f"{index / n_bins:.1f} to {(index + 1) / n_bins:.1f}"
            lines.append(f"| {span} | {own.sum():,} | {told[own].mean():.3f} | {targets[own].mean():.3f} |")
    return "\n".join(lines)


def aside_report(bundle: Path, studies: Sequence[Study]) -> str:
    """Tables of the studies that were kept aside, Markdown."""
    detector = load_detector(bundle)
    targets, names = [each.targets for each in studies], [each.record_id for each in studies]
    answers = baselines(studies)
    for name, own in {"detector": detector, "the same, no budget": detector.without_budget}.items():
        told = own.probabilities([each.intervals_ms for each in studies])
        answers[name] = Answers(names, targets, told, [each >= own.threshold for each in told])
    parts = [
        "## Studies kept aside",
        f"Detector {detector.sha256[:12]}, trained on {detector.card['training']['n_studies']} others.",
    ]
    parts += [format_scores({name: scores_of(each) for name, each in answers.items()})]
    return "\n\n".join([*parts, "### The ten worst", format_worst(answers["detector"])])


def write_plots(told: Told, studies: Sequence[Study], folder: Path) -> None:
    """Precision by sensitivity and calibration, and a picture of each of the worst studies with what experts marked."""
    from tasks.rr.curves import draw_curves  # matplotlib is slow to import, and only pictures need it
    from tasks.rr.pictures import draw_study, file_stem

    name, by_id = best_name(told.probabilities), {each.record_id: each for each in studies}
    answers = told.answers(name, studies)
    replace_file(open_folder(folder) / "curves.png", draw_curves(answers))
    for place, worst in enumerate(worst_studies(answers), 1):
        study = by_id[worst.record_id]
        probabilities, threshold = (
            told.probabilities[name][study.record_id],
            told.thresholds[name][told.folds[study.record_id]],
        )
        errors = interval_errors(study.intervals_ms)
        finding = RRFinding(study.record_id, study.time_ms, study.intervals_ms, probabilities, errors, threshold)
        replace_file(folder / f"worst{place:02d}_{file_stem(study.record_id)}.png", draw_study(finding, study.targets))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 2 for what cannot be carried out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the detector (%(default)s)")
    parser.add_argument("--data", type=Path, help="the case's folder; else $ECG_DATA/cardiospike, data/cardiospike")
    parser.add_argument("--aside", action="store_true", help="score the detector on the studies that were kept aside")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw curves and the worst studies into a folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables into a file as well")
    options = parser.parse_args(arguments)
    return run_command(lambda: _report(options))


def _report(options: argparse.Namespace) -> int:
    if options.aside:
        text = aside_report(options.bundle, open_aside(options.data))
    else:
        studies, path = open_studies(options.data), options.bundle / NESTED
        if not path.is_file():
            raise ConfigError(f"{path}: is not there: give the folder of a training")
        told = read_told(path)
        text = nested_report(told, studies)
        if options.plots:
            write_plots(told, studies, options.plots)
    print(text)
    if options.out:
        replace_file(options.out, f"{text}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
