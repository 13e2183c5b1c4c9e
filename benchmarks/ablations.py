"""What each choice bought: the same training with one thing changed, in the same folds, as a table.

    python -m benchmarks.ablations run --jobs 2           # train what is missing into runs/ablations, hours; can be stopped
    python -m benchmarks.ablations table                  # the table of what has been trained, as Markdown
    python -m benchmarks.ablations write                  # docs/ablations.md and docs/learning_curve.png

Every ablation is `train.py --config configs/ablations.toml --set ...` with its changes and no final training: a third of the
shipped training's epochs. What it found out of fold is kept in benchmarks/results, so that the table needs the
labels and no training. Differences to the base of the same seeds are paired: each of 1,000 bootstrap draws of patients is
scored under both.
"""

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.ablation_settings import (
    ABLATIONS,
    FORMER,
    RETIRED,
    SAME_WEIGHTS,
    WIDE,
    settings_of,
    slug,
)
from benchmarks.derived import DERIVED, logit
from bundles import ROOT
from cardiac import metrics
from cardiac.errors import CardiacError, DatasetError
from cardiac.windows import sigmoid
from tasks.mi.cross_fit import cross_fit
from tasks.mi.datasets import Dataset, read_dataset, read_weak_datasets
from tasks.mi.evaluate import LEARNABLE
from tasks.mi.labels import SITES
from tasks.mi.out_of_fold import OutOfFold, read_out_of_fold
from tasks.mi.rules import columns
from utils import Config

RESULTS, WORK = ROOT / "benchmarks/results", Path("runs/ablations")
SHARES = {
    "a quarter of the records": 0.25,
    "half of the records": 0.5,
    "three quarters of the records": 0.75,
    "base": 1.0,
}
TARGET_AUC = 0.965
N_TRAINING = 333 * 4 / 5  # infarctions that a fold's training sees
MEASURES = ("AUC", "F1", "calibration error", "five sites, F1", "five sites, AP", "end to end")


def open_data(weak: list[str]) -> Dataset:
    """The training part, with the weak data sets that lie beside it."""
    root = Path(os.environ.get("ECG_DATA", "data"))
    return read_weak_datasets(read_dataset(root / "aiijc"), [root / name for name in weak])


def train_one(name: str, seed: int, threads: int) -> str:
    """Train one ablation where it has not been, and keep its probabilities; goes on where it was stopped."""
    import torch

    import train  # each process has its own torch

    torch.set_num_threads(threads)
    config, out = settings_of(name, seed), WORK / f"{slug(name)}-{seed}"
    kept = WORK / f"kept-{seed}"
    if name in SAME_WEIGHTS and not out.exists() and (kept / "run.json").is_file():
        shutil.copytree(kept, out)
        kept_run = json.loads((out / "run.json").read_text(encoding="utf-8"))
        (out / "run.json").write_text(json.dumps(kept_run | {"config": config}), encoding="utf-8")

    def keep(progress: Mapping[str, Any]) -> None:
        if name == "base" and progress.get("epoch") == config["train"]["epochs"]:
            (kept / "state").mkdir(parents=True, exist_ok=True)
            for file in (f"state/{progress['part']}.pt", "run.json"):
                shutil.copy(out / file, kept / file)

    dataset = open_data(config["data"]["weak_datasets"])
    if not (out / "metrics.json").is_file():
        result = train.fit(config, dataset, out, resume=True, report=keep, bundle=False)
        (out / "told.json").write_text(json.dumps(_describe(config, result.training_s)), encoding="utf-8")
    out_of_fold = read_out_of_fold(out, dataset)
    RESULTS.mkdir(exist_ok=True)
    np.savez_compressed(
        RESULTS / f"{slug(name)}-{seed}.npz",
        logits=logit(out_of_fold.pooled).astype(np.float16),
        fold=out_of_fold.fold.astype(np.uint8),
        told=(out / "told.json").read_text(encoding="utf-8"),
    )
    return f"{name}, seed {seed}"


def _describe(config: Config, seconds: float) -> dict[str, Any]:
    import torch

    from learning.run_folder import code_revision

    processor = torch.cpu.get_capabilities().get("cpu_name", platform.machine())
    return {
        "config": config,
        "seconds": seconds,
        "processor": processor,
        "torch": torch.__version__,
        "code_revision": code_revision(ROOT),
    }


def run(names: list[str], seeds: list[int], jobs: int, threads: int) -> None:
    """Train all that is missing, so many at once."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        todo = [
            (name, seed) for name in names for seed in seeds if not (RESULTS / f"{slug(name)}-{seed}.npz").is_file()
        ]
        waiting = [pool.submit(train_one, *each, threads) for each in todo]
        for number, done in enumerate(as_completed(waiting), 1):
            print(f"{number} of {len(waiting)}: {done.result()}", flush=True)


def read_kept(name: str, dataset: Dataset) -> OutOfFold | None:
    """The probabilities out of fold; None where there is no such file. Raises DatasetError where it is of other records."""
    path = RESULTS / f"{name}.npz"
    if not path.is_file():
        return None
    with np.load(path) as content:
        chances, fold = sigmoid(content["logits"]), content["fold"].astype(int)
    if len(fold) != len(dataset.infarction):
        raise DatasetError(f"{path.name}: is of {len(fold)} records and the data set has {len(dataset.infarction)}")
    return OutOfFold(fold, chances[:, 0], chances[:, 1:], np.zeros(len(fold)))


def score(out_of_fold: OutOfFold, dataset: Dataset, weights: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """MEASURES for every row of weights, (n, 6). settings : the config's decide section."""
    fitted = cross_fit(out_of_fold.pooled, dataset.infarction, dataset.sites, out_of_fold.fold, settings)
    true, learnable = dataset.infarction, [SITES.index(site) for site in LEARNABLE]
    present, over, claimed = fitted.present, fitted.over, fitted.columns
    truth = columns(true, dataset.sites)
    located, sites = out_of_fold.sites[true][:, learnable], dataset.sites[true][:, learnable]
    measures = (
        partial(metrics.roc_auc, out_of_fold.mi, true),
        partial(metrics.f1_score, present, true),
        partial(metrics.calibration_error, fitted.mi, true),
        lambda w: metrics.f1_scores(over[true][:, learnable], sites, w[true]).mean(),
        lambda w: np.mean([metrics.average_precision(*each, w[true]) for each in zip(located.T, sites.T, strict=True)]),
        lambda w: metrics.f1_scores(claimed, truth, w).mean(),
    )
    return np.array([[measure(row) for measure in measures] for row in weights])


Scores = dict[str, dict[int, np.ndarray]]  # by ablation and seed, each (1 + draws, measures)


def scorer(n_draws: int) -> tuple[Dataset, Callable[..., np.ndarray]]:
    """The records, and `score` of them as they are and under so many draws of patients."""
    dataset = open_data([])
    draws = metrics.bootstrap_weights(dataset.patients, n_draws=n_draws)
    return dataset, partial(score, dataset=dataset, weights=np.vstack([np.ones(len(dataset.infarction)), draws]))


def score_all(names: list[str], seeds: list[int], n_draws: int) -> Scores:
    """Scores of all ablations that are trained, of what is derived from the base, and of nothing else."""
    settings = settings_of("base", 1)["decide"]
    dataset, of = scorer(n_draws)
    kept = {name: {seed: read_kept(f"{slug(name)}-{seed}", dataset) for seed in seeds} for name in names}
    kept = {name: {seed: one for seed, one in each.items() if one is not None} for name, each in kept.items()}
    scores = {name: {seed: of(one, settings=settings) for seed, one in each.items()} for name, each in kept.items()}
    for name, derive in DERIVED.items():
        scores[name] = {
            seed: of(one, settings=settings | changed)
            for seed in kept.get("base", {})
            for one, changed in [derive(kept["base"], seed, dataset)]
        }
    return scores


def score_shipped(n_draws: int) -> Scores:
    """Scores of the shipped bundle and of those before it, all decided by the rule of today."""
    settings = settings_of("base", 1)["decide"]
    dataset, of = scorer(n_draws)
    kept = {"shipped": read_out_of_fold(ROOT / "checkpoints/mi/hybrid", dataset)}
    kept |= {label: read_kept(name, dataset) for name, label in FORMER.items()}
    return {name: {1: of(each, settings=settings)} for name, each in kept.items()}


def differences(scores: Scores, name: str, base: str) -> np.ndarray:
    """An ablation's differences to a base, the mean over the seeds that both have; (1 + draws, measures)."""
    shared = [seed for seed in scores[name] if seed in scores[base]]
    return np.mean([scores[name][seed] - scores[base][seed] for seed in shared], axis=0)


def table(scores: Scores, names: Sequence[str], base: str = "base") -> list[str]:
    """The lines of a Markdown table: each measure the mean over the seeds, and its difference to the base's."""
    lines = ["| ablation | seeds | " + " | ".join(MEASURES) + " |", "|---" * (2 + len(MEASURES)) + "|"]
    for name in (base, *(name for name in names if name != base and scores.get(name))):
        cells = [f"{value:.3f}" for value in np.mean([each[0] for each in scores[name].values()], axis=0)]
        if name != base:
            gain = differences(scores, name, base)
            bounds = zip(cells, gain[0], *np.percentile(gain[1:], [2.5, 97.5], axis=0), strict=True)
            cells = [f"{cell} <br> {_marked(*each)}" for cell, *each in bounds]
        lines.append(f"| {name} | {len(scores[name])} | " + " | ".join(cells) + " |")
    return lines


def _marked(by: float, low: float, high: float) -> str:
    """A difference with its interval, bold where 0 lies outside of it."""
    text = f"{by:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def document(scores: Scores, names: list[str], shipped: Scores) -> str:
    """docs/ablations.md: what a row means, the trained ablations, the derived ones, and the shipped detector."""
    n_differences = sum(name != "base" and bool(each) for name, each in scores.items()) * len(MEASURES)
    return "\n".join(
        [
            "# What each choice bought",
            "",
            "Written by `python -m benchmarks.ablations write`; trained by `python -m benchmarks.ablations run`.",
            "",
            "Five folds by patient over the task's 1,681 records (333 infarctions), as everywhere; decisions cross-fitted.",
            "Every ablation is the base (`configs/ablations.toml`) with one thing changed and as many seconds of ECG seen, where",
            "it does not say otherwise: a small network, 8 epochs of sections of 2.5 s, a third of the shipped training's. What",
            "needs long training to pay (more augmentation) is at a disadvantage here. Cells: mean over the seeds, and",
            "under it the difference to the base of the same seeds with its 95 % interval over 1,000 paired draws of",
            "patients. The interval holds the chance of the patients, not that of the seeds. Bold: 0 lies outside of it;",
            f"of {n_differences} differences about {n_differences // 20} would be bold by chance alone.",
            "",
            "## Trained",
            "",
            *table(scores, [name for name in names if not name.startswith("wider, ")]),
            "",
            *_untrained([name for name in names if not scores.get(name)]),
            "From the wider network, with differences to it:",
            "",
            *table(scores, [name for name in names if name.startswith("wider, ")], WIDE),
            "",
            "## Decided otherwise, on what the base's networks found",
            "",
            *table(scores, [*DERIVED]),
            "",
            "## The shipped detector and those before it",
            "",
            "Differences to the shipped one, all decided by the rule of today.",
            "",
            *table(shipped, [*shipped], "shipped"),
            "",
            *(_growth(scores) if all(scores.get(name) for name in SHARES) else []),
        ]
    )


def _untrained(names: Sequence[str]) -> list[str]:
    """A sentence on the ablations that are listed and have not been trained."""
    return [f"Listed and not trained yet: {'; '.join(names)}.", ""] if names else []


def _growth(scores: Scores) -> list[str]:
    """The section on how the AUC grows with the infarctions of a training: a line over their logarithm, and where it leads."""
    doublings = np.log2(list(SHARES.values()))
    by_share = [np.mean([*scores[name].values()], axis=0)[:, 0] for name in SHARES]  # (4, 1 + draws)
    slopes, ends = np.polyfit(doublings, by_share, 1)
    low, high = np.percentile(slopes[1:], [2.5, 97.5])
    needed = N_TRAINING * 2 ** ((TARGET_AUC - ends[0]) / slopes[0])
    return [
        "## With more records",
        "",
        "![Measures by the training infarctions](learning_curve.png)",
        "",
        f"Every doubling of the task's own training records adds {slopes[0]:.4f} ({low:.4f} to {high:.4f}) to the AUC; the",
        f"weak data sets all stay. If it went on so, an AUC of {TARGET_AUC} would take some {needed:.0f} infarctions where the",
        f"folds have {N_TRAINING:.0f}. (Smaller shares were trained for more epochs, to the same work; sites gain from",
        "epochs.)",
        "",
    ]


def draw_curve(scores: Scores) -> Figure:
    """Each measure by the number of the task's infarctions that a fold's training sees, with 95 % intervals."""
    figure = Figure(figsize=(10, 3.2), dpi=110, layout="constrained")
    infarctions = [share * N_TRAINING for share in SHARES.values()]
    for axes, measure in zip(figure.subplots(1, 3), (0, 1, 4), strict=True):
        each = [np.mean([*scores[name].values()], axis=0)[:, measure] for name in SHARES]
        low, high = np.percentile([one[1:] for one in each], [2.5, 97.5], axis=1)
        axes.fill_between(infarctions, low, high, color="#9aa0a6", alpha=0.3, linewidth=0)
        axes.plot(infarctions, [one[0] for one in each], "o-", color="#b3261e")
        axes.set(title=MEASURES[measure], xlabel="training infarctions", xscale="log")
        axes.set_xticks(infarctions, [f"{n:.0f}" for n in infarctions], minor=False)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> int:
    """The command line. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "write"))
    parser.add_argument("--names", nargs="+", choices=ABLATIONS, default=list(ABLATIONS), help="ablations (all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each (%(default)s)")
    options = parser.parse_args()
    try:
        if options.what == "run":
            run([name for name in options.names if name not in RETIRED], options.seeds, options.jobs, options.threads)
        names = [*dict.fromkeys(["base", *options.names])]  # differences are to the base
        scores = score_all(names, options.seeds, metrics.N_DRAWS)
        if options.what == "write":
            (ROOT / "docs/ablations.md").write_text(
                document(scores, names, score_shipped(metrics.N_DRAWS)), encoding="utf-8"
            )
            if all(scores.get(name) for name in SHARES):
                draw_curve(scores).savefig(ROOT / "docs/learning_curve.png")
        else:
            print("\n".join(table(scores, [*scores])))
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
