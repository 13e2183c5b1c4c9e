"""Every figure of a detector from its out-of-fold probabilities, by the protocol.

python -m tasks.mi.evaluate                                        # prints the figures of the shipped bundle
python -m tasks.mi.evaluate --html results/report.html             # and writes them with charts and the worst errors
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT, read_card
from cardiac import metrics
from cardiac.calibration import METHODS
from cardiac.files import open_folder, replace_file
from cardiac.folds import check_folds
from cardiac.metrics import PROTOCOL, Figure, Figures, as_plain, format_rows
from cardiac.thresholds import MIN_POSITIVES
from cards import Card
from tasks.mi import BUNDLE
from tasks.mi.beside import calibrated_error, second_reading
from tasks.mi.cross_fit import CrossFitted, cross_fit
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.labels import NORM, SITES
from tasks.mi.out_of_fold import OutOfFold, read_out_of_fold, write_out_of_fold
from tasks.mi.rules import columns
from tasks.mi.settings import decide_settings
from utils import run_command

LEARNABLE = tuple(site for site in SITES if site != "lateral")  # lateral has two positives
TREES = "with the trees, less the network alone"
Measure = Callable[[np.ndarray], float]  # of weights (n,)


def evaluate(dataset: Dataset, out_of_fold: OutOfFold, settings: Mapping[str, Any]) -> Figures:
    """All figures of the protocol, by group and name. settings : the config's decide section.

    Raises DatasetError where a patient stands in two folds.
    """
    check_folds(out_of_fold.fold, dataset.patients)
    weights = metrics.bootstrap_weights(dataset.patients)
    fitted = cross_fit_all(dataset, out_of_fold, settings)
    gained = {} if out_of_fold.trees is None else {TREES: _gained(dataset, out_of_fold, fitted, settings, weights)}
    return {
        "infarction": _infarction(fitted.scores[:, 0], fitted.mi, fitted.present, dataset.infarction, weights),
        **gained,
        "beside these": _beside(dataset, out_of_fold, fitted, settings, weights),
        "calibration": _calibration(out_of_fold, dataset, settings, weights),
        "sites on true infarctions": _sites(dataset, fitted.over, weights),
        "end to end": _end_to_end(dataset, fitted, weights),
        "doubt": _doubt(fitted, dataset.infarction, weights),
        "sub-groups": _subgroups(dataset, fitted.scores[:, 0], fitted.present, weights),
    }


def cross_fit_all(dataset: Dataset, out_of_fold: OutOfFold, settings: Mapping[str, Any]) -> CrossFitted:
    """What the decisions fitted on the other folds make of every record."""
    truth = (dataset.infarction, dataset.sites)
    return cross_fit(out_of_fold.pooled, *truth, out_of_fold.fold, settings, out_of_fold.trees)


def _macro_f1(present: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    return float(metrics.f1_scores(present, targets, weights).mean())


def _infarction(
    scores: np.ndarray, mi: np.ndarray, present: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> dict[str, Figure]:
    """scores : before calibration, which changes no order within a fold.  mi : calibrated."""
    measures: dict[str, Measure] = {
        "AUC": partial(metrics.roc_auc, scores, targets),
        "average precision": partial(metrics.average_precision, scores, targets),
        "F1": partial(metrics.f1_score, present, targets),
        "sensitivity": partial(metrics.sensitivity, present, targets),
        "specificity": partial(metrics.specificity, present, targets),
        "Brier score": partial(metrics.brier_score, mi, targets),
        "expected calibration error": partial(metrics.calibration_error, mi, targets),
        "F1 of always infarction": partial(metrics.f1_score, np.ones_like(targets), targets),
    }
    return {name: metrics.with_interval(measure, weights, targets) for name, measure in measures.items()}


def _beside(
    dataset: Dataset, out_of_fold: OutOfFold, fitted: CrossFitted, settings: Mapping[str, Any], weights: np.ndarray
) -> dict[str, Figure]:
    """The floor of the calibration error, and the ceiling of AUC and F1 where PTB-XL's reading is known."""
    figures = {"calibration error of a perfectly calibrated model": calibrated_error(fitted.mi)}
    if dataset.codes is not None and np.isfinite(dataset.codes).any():
        read = second_reading(dataset, out_of_fold, fitted, settings, weights)
        figures |= {
            f"{name} with PTB-XL's reading of the same tracing as an input": each for name, each in read.items()
        }
    return figures


def _gained(
    dataset: Dataset, out_of_fold: OutOfFold, fitted: CrossFitted, settings: Mapping[str, Any], weights: np.ndarray
) -> dict[str, Figure]:
    """Figures with the trees less those of the network alone, on the same draws of patients."""
    alone = cross_fit_all(dataset, replace(out_of_fold, trees=None), settings)
    with_trees, without = (macro_figures(dataset, each) for each in (fitted, alone))

    def difference(name: str) -> Measure:
        return lambda own: with_trees[name](own) - without[name](own)

    return {name: metrics.with_interval(difference(name), weights, dataset.infarction) for name in with_trees}


def macro_figures(dataset: Dataset, fitted: CrossFitted) -> dict[str, Measure]:
    """The figures that detectors are compared by."""
    true, learnable = dataset.infarction, [SITES.index(site) for site in LEARNABLE]
    over, sites = fitted.over[true][:, learnable], dataset.sites[true][:, learnable]
    truth = columns(true, dataset.sites)
    return {
        "AUC": partial(metrics.roc_auc, fitted.scores[:, 0], true),
        "F1": partial(metrics.f1_score, fitted.present, true),
        "sensitivity": partial(metrics.sensitivity, fitted.present, true),
        "specificity": partial(metrics.specificity, fitted.present, true),
        "expected calibration error": partial(metrics.calibration_error, fitted.mi, true),
        "macro-F1 of five sites on true infarctions": lambda own: _macro_f1(over, sites, own[true]),
        "macro-F1, seven columns": partial(_macro_f1, fitted.columns, truth),
    }


def _calibration(
    out_of_fold: OutOfFold, dataset: Dataset, settings: Mapping[str, Any], weights: np.ndarray
) -> dict[str, Figure]:
    """Every calibration of infarction, each fitted on the other folds."""
    figures, targets = {}, dataset.infarction
    for method in METHODS:
        chosen = {**settings, "calibration": method}
        mi = cross_fit_all(dataset, out_of_fold, chosen).mi
        measures = {"Brier score": metrics.brier_score, "calibration error": metrics.calibration_error}
        measures["log loss"] = metrics.log_loss
        for name, measure in measures.items():
            figures[f"{name}, {method}"] = metrics.with_interval(partial(measure, mi, targets), weights, targets)
    return figures


def _doubt(fitted: CrossFitted, targets: np.ndarray, weights: np.ndarray) -> dict[str, Figure]:
    """What the band of doubt leaves undecided, and how the rest is decided."""
    mi, present, (low, high) = fitted.mi, fitted.present, fitted.doubt.T
    sure, every = ~fitted.uncertain, np.ones_like(targets)
    measures: dict[str, tuple[Measure, np.ndarray]] = {
        "share uncertain": (partial(metrics.sensitivity, ~sure, every), every),
        "share without infarction under the band": (
            partial(metrics.sensitivity, ~targets[mi < low], every[mi < low]),
            mi < low,
        ),
        "share with infarction over the band": (
            partial(metrics.sensitivity, targets[mi >= high], every[mi >= high]),
            mi >= high,
        ),
        "F1 outside the band": (partial(metrics.f1_score, present[sure], targets[sure]), sure),
        "F1 inside the band": (partial(metrics.f1_score, present[~sure], targets[~sure]), ~sure),
    }
    return {
        name: metrics.with_interval(measure, weights[:, member], targets[member])
        for name, (measure, member) in measures.items()
        if member.any()
    }


def _sites(dataset: Dataset, over: np.ndarray, weights: np.ndarray) -> dict[str, Figure]:
    """Per-site F1 over the records that have an infarction."""
    true = dataset.infarction
    targets, over, weights = dataset.sites[true], over[true], weights[:, true]
    figures = {
        site: metrics.with_interval(
            partial(metrics.f1_score, over[:, site_index], targets[:, site_index]), weights, targets[:, site_index]
        )
        for site_index, site in enumerate(SITES)
    }
    learnable = [SITES.index(site) for site in LEARNABLE]
    everything = np.ones_like(targets)
    macros = {
        "macro-F1, six sites": (over, list(range(6))),
        "macro-F1, five without lateral": (over, learnable),
        "macro-F1, six sites, of every site": (everything, list(range(6))),
        "macro-F1, five without lateral, of every site": (everything, learnable),
    }
    for name, (claimed, site_indices) in macros.items():
        measure = partial(_macro_f1, claimed[:, site_indices], targets[:, site_indices])
        figures[name] = metrics.with_interval(measure, weights, targets[:, site_indices])
    return figures


def _end_to_end(dataset: Dataset, fitted: CrossFitted, weights: np.ndarray) -> dict[str, Figure]:
    """Seven columns over all records, under each way to treat an infarction without a site over its threshold."""
    truth = columns(dataset.infarction, dataset.sites)
    present, over, chosen = fitted.present, fitted.over, fitted.columns
    figures = {
        name: metrics.with_interval(
            partial(metrics.f1_score, chosen[:, column], truth[:, column]), weights, truth[:, column]
        )
        for column, name in enumerate((*SITES, NORM))
    }
    most_probable = np.eye(len(SITES), dtype=bool)[fitted.sites.argmax(axis=1)]
    ways = {
        "macro-F1, seven columns": chosen,
        "macro-F1, without a site: the most probable": columns(
            present, np.where(over.any(1)[:, None], over, most_probable)
        ),
        "macro-F1, without a site: norm": columns(present & over.any(axis=1), over),
        "macro-F1 of every site": columns(np.ones_like(present), np.ones_like(over)),
    }
    for name, claimed in ways.items():
        figures[name] = metrics.with_interval(partial(_macro_f1, claimed, truth), weights, truth)
    return figures


def _subgroups(dataset: Dataset, mi: np.ndarray, present: np.ndarray, weights: np.ndarray) -> dict[str, Figure]:
    """Infarction AUC and F1 in parts of the records, thresholds as for all."""
    table, targets = dataset.table, dataset.infarction
    opinion = table["ptbxl_infarction"].to_numpy(dtype=float)
    groups = {
        "men": table["sex"].to_numpy() == 0,
        "women": table["sex"].to_numpy() == 1,
        "under 65": table["age"].to_numpy() < 65,
        "65 and over": table["age"].to_numpy() >= 65,
        "flagged noisy": table["noisy"].to_numpy(dtype=bool),
        "not flagged noisy": ~table["noisy"].to_numpy(dtype=bool),
        "PTB-XL agrees": opinion == targets,
        "PTB-XL disagrees": dataset.contradicted,
    }
    figures = {}
    for name, member in groups.items():
        if member.any():
            part = weights[:, member]
            auc = partial(metrics.roc_auc, mi[member], targets[member])
            f1 = partial(metrics.f1_score, present[member], targets[member])
            figures[f"AUC, {name}"] = metrics.with_interval(auc, part, targets[member])
            figures[f"F1, {name}"] = metrics.with_interval(f1, part, targets[member])
    return figures


def format_figures(figures: Figures) -> str:
    """The figures as Markdown tables, one a group, under the protocol's sentence."""
    lines = [PROTOCOL]
    for group, rows in figures.items():
        lines += ["", *format_rows(group, rows)]
    lines += [
        "",
        f"A site with fewer than {MIN_POSITIVES} positives takes the threshold fitted over all sites together.",
    ]
    return "\n".join(lines)


def write_results(folder: Path, dataset: Dataset, out_of_fold: OutOfFold, figures: Figures) -> None:
    """A bundle's metrics.json and out_of_fold.csv. Raises CardiacError where they cannot be written."""
    write_out_of_fold(dataset.table["record_id"], out_of_fold, folder / "out_of_fold.csv")
    metrics = {"protocol": PROTOCOL, "figures": as_plain(figures)}
    replace_file(folder / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())


def _write_page(
    options: argparse.Namespace, dataset: Dataset, out_of_fold: OutOfFold, settings: Mapping[str, Any], figures: Figures
) -> None:
    from tasks.mi.charts import Scored  # matplotlib is slow to import and only the page needs it
    from tasks.mi.evaluation_page import build_page

    open_folder(options.html.parent)
    fitted = cross_fit_all(dataset, out_of_fold, settings)
    scored = Scored(dataset.infarction, dataset.sites, fitted.scores[:, 0], out_of_fold.spread, fitted)
    bar = partial(tqdm, desc="worst errors", unit="record", disable=None)
    page = build_page(options.bundle.name, dataset, scored, figures, bar, options.errors)
    replace_file(options.html, page.encode())


def _write_model_card(path: Path, card: Card, figures: Figures) -> None:
    from tasks.mi.elsewhere import read_elsewhere
    from tasks.mi.model_card import model_card

    replace_file(path, model_card(card, figures, read_elsewhere(path.parent)).encode())


def _evaluate_bundle(options: argparse.Namespace) -> int:
    dataset = read_dataset(options.data)
    card, out_of_fold = read_card(options.bundle), read_out_of_fold(options.bundle, dataset)
    settings = decide_settings(card)
    figures = evaluate(dataset, out_of_fold, settings)
    print(format_figures(figures))
    if options.model_card:
        _write_model_card(options.model_card, card, figures)
    if options.html:
        _write_page(options, dataset, out_of_fold, settings, figures)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of a bundle's out-of-fold probabilities. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("ECG_DATA", "data")) / "aiijc"
    parser.add_argument("--data", type=Path, default=default, help="the data set's folder (%(default)s)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"the bundle ({BUNDLE.relative_to(ROOT)})")
    parser.add_argument("--html", type=Path, help="file to write the report into, with charts and the worst errors")
    parser.add_argument("--errors", type=int, default=30, help="how many of the worst errors are drawn (%(default)s)")
    parser.add_argument("--model-card", type=Path, help="file to write the bundle's model card into again")
    options = parser.parse_args(arguments)
    return run_command(lambda: _evaluate_bundle(options), bad_data=1)


if __name__ == "__main__":
    sys.exit(main())
