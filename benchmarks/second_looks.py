"""When are a hospital's own labels worth a second training? A learning curve on recordings that taught the detector nothing.

    python -m benchmarks.second_looks                     # the table, six minutes on one core
    python -m benchmarks.second_looks --network 200 800   # one draw of these sizes with the network's own step, four minutes

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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bundles import ROOT, Bundle, load_bundle
from cardiac import metrics
from cardiac.folds import draw_folds
from tasks.mi import BUNDLE
from tasks.mi.compare import F1, LOSS, SITES_F1, Compared, compare, format_compared, is_better, measures
from tasks.mi.datasets import Dataset, read_dataset, read_weak_datasets, some_rows
from tasks.mi.go_on import as_parent, make_go_on
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
class Hospital:
    """The records, which of them are held out, bool (n,), and the bundle that is gone on from, in its folder."""

    prepared: Prepared
    held_out: np.ndarray
    folder: Path
    bundle: Bundle
    config: Config

    @property
    def looks(self) -> Looks:
        return self.prepared.looks

    @property
    def shipped(self) -> Decisions:
        return Decisions.from_dict(self.bundle.card.decisions)

    def steps(self, looks: Looks) -> list[Step]:
        """The steps that need no training of networks."""
        return [KeepModels(looks, self.shipped), AddTrees(looks, self.shipped, self.config["trees"])]

    def network_step(self, looks: Looks, rows: np.ndarray, out: Path) -> Step:
        """The step in which the network goes on. looks : of these rows, in their order."""
        dataset = replace(some_rows(self.prepared.dataset, rows), codes=None)
        signals = [self.prepared.signals[row] for row in rows]
        some = replace(self.prepared, dataset=dataset, signals=signals, looks=looks, spread=self.prepared.spread[rows])
        config = as_parent(self.config, self.bundle.card)
        config = config | {"train": config["train"] | {"init_from": str(self.folder)}}
        return make_go_on(config, some, self.shipped, out)


@dataclass(frozen=True)
class Drawn:
    """What one draw of records came to. held_out : by step, "chosen" among them.  taken : the chosen step.

    own : what the command says of the records drawn, nested; None where it was not asked.
    """

    held_out: dict[str, Decided]
    taken: str
    own: dict[str, Compared] | None

    @property
    def offered(self) -> bool:
        """Whether the command would have written a bundle."""
        return self.taken != AS_SHIPPED and self.own is not None and is_better(self.own)


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


def go_through(hospital: Hospital, rows: np.ndarray, out: Path | None = None) -> Drawn:
    """Every step and the chosen one, fitted on a draw and scored on the records held out.

    out : a folder for networks; with one their step is among the others, and it is not asked what would be offered.
    """
    looks, shipped, settings = hospital.looks, hospital.shipped, hospital.config["decide"]
    truth = np.column_stack([looks.infarction, looks.sites])[rows]
    folds = draw_folds(truth, looks.patients[rows], N_FOLDS, seed=1)
    every = np.r_[rows, np.flatnonzero(hospital.held_out)]
    both = some_looks(looks, every, np.r_[folds, np.full(len(every) - len(rows), HELD_OUT)])
    steps = [*hospital.steps(both), *([hospital.network_step(both, every, out)] if out else [])]
    taken, _ = choose_step(steps, both, shipped, settings, frozenset({HELD_OUT}))
    by_step = {step.name: scored_by(step, both, hospital.config) for step in steps}
    by_step["chosen"] = decide_shipped(hospital) if taken is None else by_step[taken.name]
    own = None if out else compare_drawn(hospital, some_looks(looks, rows, folds))
    return Drawn(by_step, AS_SHIPPED if taken is None else taken.name, own)


def compare_drawn(hospital: Hospital, drawn: Looks) -> dict[str, Compared]:
    """The nested comparison on the records drawn, as the command prints it."""
    decided, _ = nested(hospital.steps(drawn), drawn, hospital.shipped, hospital.config["decide"])
    return compare(decide_all(hospital.shipped, drawn.pooled, drawn.trees), decided, drawn)


def decide_shipped(hospital: Hospital) -> Decided:
    """What the shipped decisions make of the records held out."""
    looks, own = hospital.looks, hospital.held_out
    return decide_all(hospital.shipped, looks.pooled[own], None if looks.trees is None else looks.trees[own])


def scored_by(step: Step, looks: Looks, config: Config) -> Decided:
    """What a step, fitted on all records but those held out, makes of these."""
    left_out = frozenset({HELD_OUT})
    decisions = fit_step(out_of_fold(step, looks, left_out), looks, looks.outside(left_out), config["decide"])
    said, own = step.said(left_out), looks.folds == HELD_OUT
    return decide_all(decisions, said.pooled[own], None if said.trees is None else said.trees[own])


def curve(hospital: Hospital, sizes: Sequence[int], out: Path | None = None) -> list[str]:
    """The lines of the table: a row a size and step. out : as in `go_through`; then of one draw a size."""
    looks, held_out = hospital.looks, hospital.held_out
    truth = looks.infarction[held_out], looks.sites[held_out]
    weights = np.vstack([np.ones(len(truth[0])), metrics.bootstrap_weights(looks.patients[held_out])])
    before = scores(decide_shipped(hospital), *truth, weights)
    lines = [*head(looks, held_out, before), ""]
    columns = ["records", "infarctions", "step", *SHOWN, "log loss lower in", "taken in", "offered in"]
    lines += ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for size in sizes:
        size = min(size, int((~held_out).sum()))
        drawn = [*draws(looks, held_out, size, seed=1)][: 1 if out else N_DRAWS]
        bar = tqdm(drawn, desc=f"{size} records", unit="draw", disable=None)
        done = [go_through(hospital, rows, out and out / f"{size}") for rows in bar]
        n_positive = np.mean([looks.infarction[rows].sum() for rows in drawn])
        for step in done[0].held_out:
            by_draw = np.stack([scores(each.held_out[step], *truth, weights) - before for each in done])
            lines.append(row(size, n_positive, step, by_draw, done))
    if (own := done[0].own) is not None:
        n_patients = len(np.unique(looks.patients[drawn[0]]))
        lines += ["", "What the command says of the first draw of the last size:", ""]
        lines += format_compared(own, size, n_patients)
    return lines


def third_of(looks: Looks) -> np.ndarray:
    """The records that only score, by patient, the same every time, bool (n,)."""
    truth = np.column_stack([looks.infarction, looks.sites])
    return draw_folds(truth, looks.patients, n_folds=3, seed=2) == 0


def scores(decided: Decided, infarction: np.ndarray, sites: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """SHOWN for every row of weights, (n_rows, n_measures)."""
    named = measures(decided, infarction, sites, np.zeros(len(infarction), dtype=int))
    missing = (lambda _: float("nan"), None)  # of sites, where none has enough positives
    return np.array([[named.get(name, missing)[0](each) for name in SHOWN] for each in weights])


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


def row(size: int, n_positive: float, step: str, by_draw: np.ndarray, done: Sequence[Drawn]) -> str:
    """Mean differences to the shipped detector with their intervals. by_draw : (n_draws, 1 + n_bootstraps, n_measures)."""
    mean, n_draws = by_draw.mean(axis=0), len(by_draw)
    bounds = np.percentile(mean[1:], [2.5, 97.5], axis=0)
    cells = [f"{by:+.3f} ({low:+.3f} to {high:+.3f})" for by, low, high in zip(mean[0], *bounds, strict=True)]
    lower = int((by_draw[:, 0, SHOWN.index(LOSS)] < 0).sum())
    is_chosen = step == "chosen"
    taken = sum(each.taken == step or (is_chosen and each.taken != AS_SHIPPED) for each in done)
    counts = [f"{lower} of {n_draws}", f"{taken} of {n_draws}"]
    asked = is_chosen and done[0].own is not None
    counts.append(f"{sum(each.offered for each in done)} of {n_draws}" if asked else "")
    return "| " + " | ".join([str(size), f"{n_positive:.0f}", step, *cells, *counts]) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"the shipped bundle ({BUNDLE.relative_to(ROOT)})")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of records (%(default)s)")
    parser.add_argument("--network", type=int, nargs="+", metavar="SIZE", help="with the networks, one draw of each")
    parser.add_argument("--out", type=Path, default=Path("runs/second_looks_curve"), help="for networks (%(default)s)")
    options = parser.parse_args(arguments)
    return run_command(partial(print_curve, options))


def print_curve(options: argparse.Namespace) -> int:
    config = load_config(ROOT / "configs/second_looks.toml", (), ROOT / "configs/mi.toml")
    bundle = load_bundle(options.bundle, "torch")
    dataset = other_hospital(Path(os.environ.get("ECG_DATA", "data")))
    prepared = prepare_looks(dataset, bundle, set(), seed=1)
    hospital = Hospital(prepared, third_of(prepared.looks), options.bundle, bundle, config)
    lines = curve(hospital, options.network, options.out) if options.network else curve(hospital, options.sizes)
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
