"""What the shipped classifier of beats finds right on the MIT-BIH database, as tables (EC 57's comparison, AAMI classes).

    python -m tasks.beats.evaluate --data data/mitdb          # DS1, each record by trees that did not learn from it
    python -m tasks.beats.evaluate --data data/mitdb --ds2    # the records that test, once all choices are made
    python -m tasks.beats.evaluate --data data/mitdb --leak   # beats split at random within DS1, as most tutorials do it

Each is scored at the annotated positions and end to end (beats found by the program, matched within 150 ms, ventricular
flutter left out), with both leads and with each alone. Intervals are of bootstrap draws of records.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cardiac.beats import find_beats
from cardiac.errors import ConfigError
from cardiac.files import replace_file
from cardiac.metrics import Figure, bootstrap_weights, with_interval
from cardiac.records import Record, read_record
from tasks.beats.annotations import Annotations, read_annotations
from tasks.beats.classifier import PREFER, SHIPPED, Classifier, decide, load_classifier
from tasks.beats.ec57 import WINDOW_S, Matched, class_scores, confusion, macro_f1, match_beats, outside
from tasks.beats.examples import BOTH, FORMS, Taught, find_data, read_taught
from tasks.beats.labels import CLASSES, DS1, DS2
from tasks.beats.train import FOLDS, read_folds
from tasks.beats.trees import fit, say
from utils import run_command

POSITIONS = ("annotated", "found")
APART = "232"  # has three of four S beats of DS2
Condition = tuple[str, str, str]  # positions, leads, preferred


@dataclass(frozen=True)
class Scored:
    """What was found in a record: of each condition how often each class was found as which, int (6, 6)."""

    record_id: str
    counts: Mapping[Condition, np.ndarray]


def score_record(folder: Path, record_id: str, classifier: Classifier) -> Scored:
    """A record's beats, annotated and found, by both leads and by each alone. Raises CardiacError."""
    path = folder / f"{record_id}.hea"
    truth, both = read_annotations(path), read_record(path, leads=None)
    counts = {}
    forms = (both, *(read_record(path, leads=[lead]) for lead in both.leads))
    for leads, record in zip(FORMS, forms, strict=False):
        for positions in POSITIONS:
            for prefer, of_condition in _counts(record, truth, positions == "found", classifier).items():
                counts[positions, leads, prefer] = of_condition
    return Scored(record_id, counts)


def _counts(record: Record, truth: Annotations, end_to_end: bool, classifier: Classifier) -> dict[str, np.ndarray]:
    """By operating point how often each class was found as which, (6, 6)."""
    positions = find_beats(record.signal[:, :], record.fs_hz) if end_to_end else truth.positions
    probabilities = classifier(record, positions)
    window = WINDOW_S * record.fs_hz
    counted, called = (outside(each, truth.flutter, window) for each in (truth.positions, positions))
    if end_to_end:
        matched = match_beats(truth.positions[counted], positions[called], window)
    else:
        matched = Matched(np.stack([np.arange(counted.sum())] * 2, axis=1), np.zeros(0, int), np.zeros(0, int))
    return {
        name: confusion(matched, truth.classes[counted], decide(probabilities, offsets)[called])
        for name, offsets in classifier.offsets.items()
    }


def score_all(folder: Path, record_ids: Sequence[str], classifier_of: Callable[[str], Classifier]) -> list[Scored]:
    """All records, each by its classifier."""
    bar = tqdm(record_ids, desc="scoring", unit="record")
    return [score_record(folder, each, classifier_of(each)) for each in bar]


def tables(scored: Sequence[Scored], apart: str = APART) -> list[str]:
    """The lines of all tables, Markdown."""
    lines = figures_table(scored, f"all {len(scored)} records")
    rest = [each for each in scored if each.record_id != apart]
    if 0 < len(rest) < len(scored):
        lines += ["", *figures_table(rest, f"without {apart}")]
    for positions in POSITIONS:
        lines += ["", *records_table(scored, (positions, FORMS[BOTH], "f1"))]
        lines += ["", *confusion_table(scored, (positions, FORMS[BOTH], "f1"))]
    return lines


def figures_table(scored: Sequence[Scored], title: str) -> list[str]:
    """F1 of N, S, V and F and their mean, sensitivity and predictivity of S and V, with intervals, of each condition."""
    names = [*(f"F1 {name}" for name in CLASSES[:4]), "macro F1", "S sens.", "S pred.", "V sens.", "V pred."]
    truth = sum(each.counts[POSITIONS[0], FORMS[BOTH], PREFER[0]].sum(axis=1) for each in scored)
    beats = ", ".join(f"{name} {n}" for name, n in zip(CLASSES, truth, strict=False))
    lines = [
        f"| {title} ({beats}): positions, leads, prefers | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for condition in sorted(scored[0].counts, key=_rank):
        cells = [_cell(each) for each in figures(scored, condition)]
        lines.append(f"| {', '.join(condition)} | " + " | ".join(cells) + " |")
    return lines


def _rank(condition: Condition) -> tuple[int, int, int]:
    positions, leads, prefer = condition
    return PREFER.index(prefer), POSITIONS.index(positions), FORMS.index(leads)


def _cell(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.2f} to {figure.high:.2f})"


def figures(scored: Sequence[Scored], condition: Condition) -> list[Figure]:
    """The figures of `figures_table`; their `positives` are beats, their `n` records."""
    counts = np.stack([each.counts[condition] for each in scored]).astype(float)
    draws = bootstrap_weights(np.array([each.record_id for each in scored]))
    beats = counts.sum(axis=2)

    def of(metric: Callable[[np.ndarray], float], positives: np.ndarray) -> Figure:
        return with_interval(
            lambda weights: np.nan_to_num(metric(np.tensordot(weights, counts, 1))), draws, positives.astype(int)
        )

    of_f1 = [
        of(lambda total, name=name: class_scores(total)[name].f1, beats[:, CLASSES.index(name)]) for name in "NSVF"
    ]
    rest = [
        of(lambda total, name=name, what=what: getattr(class_scores(total)[name], what), beats[:, CLASSES.index(name)])
        for name in "SV"
        for what in ("sensitivity", "predictivity")
    ]
    return [*of_f1, of(macro_f1, beats[:, :4].sum(axis=1)), *rest]


def records_table(scored: Sequence[Scored], condition: Condition) -> list[str]:
    """Of each record its S and V beats: how many there are, are found as such, and are called so."""
    head = "| ".join(f"{name} beats | found right | called so " for name in "SV")
    lines = [f"| record ({', '.join(condition)}) | {head}|", "|---" * 7 + "|"]
    for each in scored:
        counts = each.counts[condition]
        rows = (CLASSES.index(name) for name in "SV")
        cells = [str(int(n)) for row in rows for n in (counts[row].sum(), counts[row, row], counts[:, row].sum())]
        lines.append(f"| {each.record_id} | " + " | ".join(cells) + " |")
    return lines


def confusion_table(scored: Sequence[Scored], condition: Condition) -> list[str]:
    """How often each class (rows) was found as which, over all records."""
    total = sum(each.counts[condition] for each in scored)
    names = [*CLASSES, "none"]
    lines = [f"| truth ({', '.join(condition)}) | " + " | ".join(names) + " |", "|---" * 7 + "|"]
    return lines + [f"| {name} | " + " | ".join(map(str, row)) + " |" for name, row in zip(names, total, strict=True)]


def leak_lines(folder: Path, classifier: Classifier, record_ids: Sequence[str] = DS1) -> list[str]:
    """F1 where beats are split at random, so that the trees know each patient: what such figures are worth."""
    records = [read_taught(folder, each) for each in tqdm(record_ids, desc="reading mitdb", unit="record")]
    settings, rng = classifier.card["training"]["settings"]["trees"], np.random.default_rng(0)
    parts = [rng.integers(0, 2, len(each.classes)) for each in records]
    total = np.zeros((6, 6), int)
    for part in range(2):
        trees = fit([_rows(each, own != part) for each, own in zip(records, parts, strict=True)], settings)
        for each, own in zip(records, parts, strict=True):
            held = _rows(each, own == part)
            np.add.at(total, (held.classes, decide(say(trees, held)[BOTH], np.zeros(len(CLASSES)))), 1)
    scored = class_scores(total)
    lines = [f"| F1 {name} | {scored[name].f1:.3f} |" for name in CLASSES[:4]]
    title = f"| beats split in halves at random within {len(records)} records, which leaks | |"
    return [title, "|---|---|", *lines, f"| macro F1 | {macro_f1(total):.3f} |"]


def _rows(record: Taught, rows: np.ndarray) -> Taught:
    return replace(record, forms=tuple(each[rows] for each in record.forms), classes=record.classes[rows])


def out_of_fold_classifiers(folder: Path, classifier: Classifier) -> dict[str, Classifier]:
    """For each record that taught the classifier with all that did not learn from it, offsets too. Raises ConfigError."""
    path = folder / FOLDS
    if not path.is_file():
        raise ConfigError(f"{path}: is missing: train the classifier again, or score it with --ds2")
    return {name: replace(classifier, **vars(learnt)) for name, learnt in read_folds(path).items()}


def heading(part: str, classifier: Classifier) -> list[str]:
    """What stands above the tables in a file. part : the option that says what was scored."""
    scored = {"": "DS1, each record by what did not learn from it, offsets too", "--ds2": "DS2, which taught nothing"}
    return [
        f"# Beats: {scored.get(part, 'beats split at random')}",
        "",
        f"Printed by `python -m tasks.beats.evaluate {part}".rstrip() + "`, of the classifier",
        f"`{classifier.sha256}`.",
        "An aid for research and a second look; not a medical device.",
        "",
        "F1, sensitivity and predictivity as ANSI/AAMI EC 57 has them, with 95 % intervals of 1,000 bootstrap draws of records.",
        "annotated: at the annotated positions. found: end to end, beats found by the program and matched within 150 ms.",
        "",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--classifier", type=Path, default=SHIPPED, help="a bundle's folder (the shipped one)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--ds2", action="store_true", help="score the records that test, by the classifier itself")
    which.add_argument("--leak", action="store_true", help="split beats at random within DS1")
    parser.add_argument("--out", type=Path, help="a Markdown file that is written with the same tables")
    options = parser.parse_args(arguments)

    def run() -> int:
        folder, classifier = find_data(options.data), load_classifier(options.classifier)
        if options.leak:
            lines = leak_lines(folder, classifier)
        elif options.ds2:
            lines = tables(score_all(folder, DS2, lambda _: classifier))
        else:
            by_record = out_of_fold_classifiers(options.classifier, classifier)
            lines = tables(score_all(folder, [*by_record], by_record.__getitem__))
        print("\n".join(lines))
        if options.out:
            part = "--leak" if options.leak else "--ds2" if options.ds2 else ""
            replace_file(options.out, "\n".join([*heading(part, classifier), *lines, ""]).encode())
        return 0

    return run_command(run, bad_data=1, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
