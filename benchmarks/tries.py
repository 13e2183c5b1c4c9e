"""What each choice bought: the same training with one thing changed, in the same folds, as a table.

    python -m benchmarks.tries run --seeds 1 2 --jobs 2   # train what is missing into runs/tries, hours; can be stopped
    python -m benchmarks.tries table                      # the table of what has been trained

Every try is `train.py --config configs/mi.toml --set ...` with its changes and no final training. Differences to the
base of the same seeds are paired: each of 1,000 bootstrap draws of patients is scored under both.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from cardiac import metrics
from cardiac.datasets import Dataset, read_companions, read_dataset
from cardiac.decisions import columns, cross_fit
from cardiac.errors import CardiacError
from cardiac.evaluate import LEARNABLE, OutOfFold, read_found
from cardiac.labels import SITES
from utils import ROOT, load_config

# Name -> settings that differ from configs/mi.toml. The budget (sections seen in all) is the same but where it says so.
TRIES: dict[str, list[str]] = {
    "base": [],
    "without companions": ["data.companions=[]", "train.epochs=22"],
    "without PTB-XL's codes": ["train.auxiliary_weight=0"],
    "without both": ["data.companions=[]", "train.epochs=22", "train.auxiliary_weight=0"],
    "companions' targets hard (1 and 0)": ["data.companion_present=1.0", "data.companion_absent=0.0"],
    "without the transformer's layers": ["network.depth=0"],
    "twice as wide": ["network.widths=[128, 192, 256]"],
    "every lead to unit variance": ["signal.scale=lead"],
    "batches of 48": ["train.batch_size=48", "train.learning_rate=3e-3"],
    "infarctions once an epoch": ["train.infarction_repeats=1"],
    "positives weighted 2": ["train.positive_weight=2"],
    "without mixup": ["train.mixup=0.0"],
    "without label smoothing": ["train.label_smoothing=0.0"],
    "without lost leads": ["train.lead_drop=0.0"],
    "without averaged weights": ["train.average_decay=0.0"],
    "sections of 10 s": ["train.crop=1000", "train.epochs=6"],
    "windows of 0.8 s": ["detect.window=80", "detect.hop=10", "localize.window=70", "localize.hop=5"],
    "windows of 5 s": ["detect.window=500", "detect.hop=60", "localize.window=500", "localize.hop=60"],
    "500 Hz": ["signal.fs_hz=500", "signal.section=5000", "train.crop=2500", "detect.window=800", "detect.hop=100",
               "localize.window=700", "localize.hop=50", "network.stem_stride=10"],
    "three quarters of the records": ["data.record_share=0.75"],
    "half of the records": ["data.record_share=0.5"],
    "a quarter of the records": ["data.record_share=0.25"],
    "without leads at a like size": ["network.with_shapes=false"],
    "half the epochs": ["train.epochs=6"],
    "twice the epochs": ["train.epochs=24"],
}  # fmt: skip
MEASURES = ("AUC", "F1", "five sites", "end to end")


def folder_of(name: str, seed: int) -> Path:
    """Where a try of a seed lies."""
    return Path("runs/tries") / f"{name.replace(' ', '-').replace(chr(39), '')}-{seed}"


def open_data(companions: list[str]) -> Dataset:
    """The training part, with companions that lie beside it."""
    root = Path(os.environ.get("ECG_DATA", "data"))
    return read_companions(read_dataset(root / "aiijc"), [root / name for name in companions])


def train_one(name: str, seed: int, threads: int) -> str:
    """Train one try where it has not been; goes on where it was stopped."""
    import torch

    import train  # each process has its own torch

    torch.set_num_threads(threads)
    out = folder_of(name, seed)
    if not (out / "metrics.json").is_file():
        config = load_config(ROOT / "configs/mi.toml", [*TRIES[name], f"train.seed={seed}", "train.members=1"])
        train.fit(config, open_data(config["data"]["companions"]), out, resume=True, bundle=False)
    return f"{name}, seed {seed}"


def run(names: list[str], seeds: list[int], jobs: int, threads: int) -> None:
    """Train all that is missing, so many at once."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(train_one, name, seed, threads) for seed in seeds for name in names]
        for place, done in enumerate(as_completed(waiting), 1):
            print(f"{place} of {len(waiting)}: {done.result()}", flush=True)


def score(found: OutOfFold, dataset: Dataset, weights: np.ndarray) -> np.ndarray:
    """AUC, F1, macro-F1 of five sites on true infarctions and of the seven columns, for every row of weights, (n, 4)."""
    settings = load_config(ROOT / "configs/mi.toml")["decide"]
    fitted = cross_fit(found.pooled, dataset.infarction, dataset.sites, found.fold, settings)
    true, learnable = dataset.infarction, [SITES.index(site) for site in LEARNABLE]
    present, over, claimed = fitted.present, fitted.over, fitted.columns
    truth = columns(true, dataset.sites)
    measures = (
        partial(metrics.roc_auc, found.mi, true),
        partial(metrics.f1_score, present, true),
        lambda w: metrics.f1_scores(over[true][:, learnable], dataset.sites[true][:, learnable], w[true]).mean(),
        lambda w: metrics.f1_scores(claimed, truth, w).mean(),
    )
    return np.array([[measure(row) for measure in measures] for row in weights])


def table(names: list[str], seeds: list[int]) -> list[str]:
    """The lines of a Markdown table of the tries that are trained, each measure the mean over its seeds."""
    dataset = open_data([])
    draws = metrics.bootstrap_weights(dataset.patients, n_draws=metrics.N_DRAWS)
    weights = np.vstack([np.ones(len(dataset.infarction)), draws])
    scored: dict[tuple[str, int], np.ndarray] = {}
    for name in names:
        for seed in seeds:
            if (folder_of(name, seed) / "metrics.json").is_file():
                scored[name, seed] = score(read_found(folder_of(name, seed), dataset), dataset, weights)
    lines = ["| try | seeds | " + " | ".join(MEASURES) + " |", "|---" * (2 + len(MEASURES)) + "|"]
    for name in names:
        own = [seed for seed in seeds if (name, seed) in scored]
        if not own:
            continue
        mean = np.mean([scored[name, seed] for seed in own], axis=0)
        shared = [seed for seed in own if ("base", seed) in scored]
        cells = [f"{value:.3f}" for value in mean[0]]
        if name != "base" and shared:
            gain = np.mean([scored[name, seed] - scored["base", seed] for seed in shared], axis=0)
            low, high = np.percentile(gain[1:], [2.5, 97.5], axis=0)
            bounds = zip(cells, gain[0], low, high, strict=True)
            cells = [f"{cell} ({by:+.3f}: {lo:+.3f} to {hi:+.3f})" for cell, by, lo, hi in bounds]
        lines.append(f"| {name} | {len(own)} | " + " | ".join(cells) + " |")
    return lines


def main() -> int:
    """The command line. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--names", nargs="+", choices=TRIES, default=list(TRIES), help="tries (all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each (%(default)s)")
    options = parser.parse_args()
    try:
        if options.what == "run":
            run(options.names, options.seeds, options.jobs, options.threads)
        print("\n".join(table(options.names, options.seeds)))
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
