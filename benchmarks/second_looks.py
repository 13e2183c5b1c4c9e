"""When are a hospital's own labels worth a second training? A learning curve on recordings that taught the detector nothing.

    python -m benchmarks.second_looks                     # the table, an hour's quarter on one core
    python -m benchmarks.second_looks --network 200 800   # ... with the step in which the network goes on, at these sizes

`ptb-xl-100hz` stands for the hospital: PTB-XL's own labels (a code of likelihood 50 or more), by other readers than those of the
shipped detector, without the patients of any record that taught it. A third of the patients is held out once and for all; of
the others so many records are drawn at random, several times. Every draw goes through what `train.py --labels` does: the steps
are fitted out of fold and one is chosen, none of it by the records held out, on which it is then scored beside the shipped
detector. The intervals are over the held-out patients, of the mean over draws; how the draws scatter is said beside it.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bundles import ROOT, load_bundle
from cardiac import metrics
from cardiac.folds import draw_folds
from tasks.mi import BUNDLE
from tasks.mi.compare import F1, LOSS, SITES_F1, compare, is_better, measures
from tasks.mi.datasets import Dataset, read_dataset, read_weak_datasets, some_rows
from tasks.mi.joining import Decisions
from tasks.mi.ladder import (
    AS_SHIPPED,
    AddTrees,
    Decided,
    KeepModels,
    Looks,
    Step,
    choose_step,
    decide_all,
    fit_step,
    nested,
    out_of_fold,
)
from tasks.mi.looks import N_FOLDS, Prepared, prepare_looks
from utils import Config, load_config, run_command

SIZES = (50, 100, 200, 400, 800)
N_DRAWS = 10
HELD_OUT = -1  # the fold of the records that only score
TAUGHT = ("ptb-xl", "ptb-xl-filtered")  # beside the task's own records
SHOWN = (LOSS, "calibration error", "AUC", F1, "sensitivity", "specificity", SITES_F1)


@dataclass(frozen=True)
class Drawn:
    """What one draw of records came to. held_out : by step, "chosen" among them.  taken : the chosen step.

    offered : whether the command would have written a bundle, by the records drawn alone.
    """

    held_out: dict[str, Decided]
    taken: str
    offered: bool


def other_hospital(root: Path) -> Dataset:
    """The records of `ptb-xl-100hz` of patients of whom no record taught the shipped detector."""
    own = read_dataset(root / "aiijc")
    taught = read_weak_datasets(own, [root / name for name in TAUGHT])
    patients = set(np.concatenate([part.patients for part in (taught, *taught.weak_datasets)]).astype(int))
    hospital = read_dataset(root / "ptb-xl-100hz", min_likelihood=50.0)
    return some_rows(hospital, np.array([int(patient) not in patients for patient in hospital.patients]))


def some_looks(looks: Looks, rows: np.ndarray, folds: np.ndarray) -> Looks:
    """These records alone, in these folds. rows : int (m,)."""
    trees = None if looks.trees is None else looks.trees[rows]
    parts = (each[rows] for each in (looks.patients, looks.infarction, looks.sites))
    return Looks(*parts, folds, looks.pooled[rows], looks.features[rows], trees)


def draws(looks: Looks, held_out: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """Rows of so many records outside of those held out, drawn at random by patient. held_out : bool (n,)."""
    rng = np.random.default_rng([seed, size])
    for _ in range(N_DRAWS):
        patients = rng.permutation(np.unique(looks.patients[~held_out]))
        rank = {patient: index for index, patient in enumerate(patients)}
        rows = np.flatnonzero(~held_out)
        yield rows[np.argsort([rank[looks.patients[row]] for row in rows], kind="stable")][:size]


def go_through(looks: Looks, rows: np.ndarray, held_out: np.ndarray, shipped: Decisions, config: Config) -> Drawn:
    """Every step and the chosen one, fitted on a draw and scored on the records held out."""
    truth = np.column_stack([looks.infarction, looks.sites])[rows]
    folds = draw_folds(truth, looks.patients[rows], N_FOLDS, seed=1)
    scored = np.flatnonzero(held_out)
    both = some_looks(looks, np.r_[rows, scored], np.r_[folds, np.full(len(scored), HELD_OUT)])
    drawn = some_looks(looks, rows, folds)
    steps, left_out = steps_of(both, shipped, config), frozenset({HELD_OUT})
    taken, _ = choose_step(steps, both, shipped, config["decide"], left_out)
    by_step = {step.name: scored_by(step, both, config) for step in steps}
    by_step["chosen"] = decide_shipped(shipped, looks, held_out) if taken is None else by_step[taken.name]
    decided, _ = nested(steps_of(drawn, shipped, config), drawn, shipped, config["decide"])
    before = decide_all(shipped, drawn.pooled, drawn.trees)
    offered = is_better(compare(before, decided, drawn))
    return Drawn(by_step, AS_SHIPPED if taken is None else taken.name, taken is not None and offered)


def decide_shipped(shipped: Decisions, looks: Looks, rows: np.ndarray) -> Decided:
    """What the shipped decisions make of these records. rows : bool (n,)."""
    return decide_all(shipped, looks.pooled[rows], None if looks.trees is None else looks.trees[rows])


def steps_of(looks: Looks, shipped: Decisions, config: Config) -> list[Step]:
    return [KeepModels(looks, shipped), AddTrees(looks, shipped, config["trees"])]


def scored_by(step: Step, looks: Looks, config: Config) -> Decided:
    """What a step, fitted on all records but those held out, makes of these."""
    left_out = frozenset({HELD_OUT})
    decisions = fit_step(out_of_fold(step, looks, left_out), looks, looks.outside(left_out), config["decide"])
    said, own = step.said(left_out), looks.folds == HELD_OUT
    return decide_all(decisions, said.pooled[own], None if said.trees is None else said.trees[own])


def curve(prepared: Prepared, shipped: Decisions, config: Config, sizes: Sequence[int]) -> list[str]:
    """The lines of the table: a row a size and step."""
    looks = prepared.looks
    held_out = third_of(looks)
    truth = looks.infarction[held_out], looks.sites[held_out]
    weights = np.vstack([np.ones(len(truth[0])), metrics.bootstrap_weights(looks.patients[held_out])])
    before = scores(decide_shipped(shipped, looks, held_out), *truth, weights)
    pool = int((~held_out).sum())
    lines = [*head(looks, held_out, before), ""]
    lines += [
        "| records | infarctions | step | " + " | ".join(SHOWN) + " | log loss lower in | taken in | offered in |"
    ]
    lines += ["|---" * (6 + len(SHOWN)) + "|"]
    for size in sizes:
        rows = [*draws(looks, held_out, min(size, pool), seed=1)]
        bar = tqdm(rows, desc=f"{size} records", unit="draw", disable=None)
        done = [go_through(looks, drawn, held_out, shipped, config) for drawn in bar]
        n_positive = np.mean([looks.infarction[drawn].sum() for drawn in rows])
        for step in done[0].held_out:
            by_draw = np.stack([scores(each.held_out[step], *truth, weights) - before for each in done])
            taken = sum(step in (each.taken, "chosen") and each.taken != AS_SHIPPED for each in done)
            offered = f"{sum(each.offered for each in done)}" if step == "chosen" else ""
            lines.append(row(min(size, pool), n_positive, step, by_draw, taken, offered))
    return lines


def third_of(looks: Looks) -> np.ndarray:
    """The records that only score, by patient, the same every time, bool (n,)."""
    truth = np.column_stack([looks.infarction, looks.sites])
    return draw_folds(truth, looks.patients, n_folds=3, seed=2) == 0


def scores(decided: Decided, infarction: np.ndarray, sites: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """SHOWN for every row of weights, (n_rows, n_measures)."""
    named = measures(decided, infarction, sites, np.zeros(len(infarction), dtype=int))
    return np.array([[named[name][0](each) for name in SHOWN] for each in weights])


def head(looks: Looks, held_out: np.ndarray, before: np.ndarray) -> list[str]:
    """The shipped detector on the records held out."""
    truth = looks.infarction[held_out]
    lines = [
        f"Held out: {len(truth)} records, {int(truth.sum())} with an infarction; to be drawn from: {int((~held_out).sum())} "
        f"with {int(looks.infarction[~held_out].sum())}.",
        "",
        "| as shipped | value | 95 % interval |",
        "|---|---|---|",
    ]
    bounds = np.percentile(before[1:], [2.5, 97.5], axis=0)
    named = zip(SHOWN, before[0], *bounds, strict=True)
    return lines + [f"| {name} | {value:.3f} | {low:.3f} to {high:.3f} |" for name, value, low, high in named]


def row(size: int, n_positive: float, step: str, by_draw: np.ndarray, taken: int, offered: str) -> str:
    """Mean differences to the shipped detector with their intervals. by_draw : (n_draws, 1 + n_bootstraps, n_measures)."""
    mean, n_draws = by_draw.mean(axis=0), len(by_draw)
    bounds = np.percentile(mean[1:], [2.5, 97.5], axis=0)
    cells = [f"{by:+.3f} ({low:+.3f} to {high:+.3f})" for by, low, high in zip(mean[0], *bounds, strict=True)]
    lower = int((by_draw[:, 0, SHOWN.index(LOSS)] < 0).sum())
    counts = [f"{lower} of {n_draws}", f"{taken} of {n_draws}", f"{offered} of {n_draws}" if offered else ""]
    return "| " + " | ".join([str(size), f"{n_positive:.0f}", step, *cells, *counts]) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"the shipped bundle ({BUNDLE.relative_to(ROOT)})")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of records (%(default)s)")
    options = parser.parse_args(arguments)
    return run_command(partial(print_curve, options))


def print_curve(options: argparse.Namespace) -> int:
    config = load_config(ROOT / "configs/second_looks.toml", (), ROOT / "configs/mi.toml")
    bundle = load_bundle(options.bundle)
    dataset = other_hospital(Path(os.environ.get("ECG_DATA", "data")))
    prepared = prepare_looks(dataset, bundle, None, seed=1)
    print(*curve(prepared, Decisions.from_dict(bundle.card.decisions), config, options.sizes), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
