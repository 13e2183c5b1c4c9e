"""The trees beside the network: what they learn from, in which direction they may go, and what they say out of fold."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from cardiac.measurements.measure import measure_record
from cardiac.quality.assess import assess_quality
from cardiac.records import read_record
from cardiac.trees import Trees
from learning.trees import fit_trees as fit_sums
from tasks.mi.datasets import Dataset
from tasks.mi.features import FEATURES, features_of
from tasks.mi.labels import OUTPUTS, SITES

# What the textbook says of an infarction anywhere: more Q, less R over the wall, flatter or inverted T.
RISES = re.compile(r"(I|II|III|aVL|aVF|V[1-6])_(q|q_ms|q_share|qs)|q_(inferior|anterior|lateral)")
FALLS = re.compile(r"(II|aVF|V[2-6])_(r|first_r|r_share)|least_r_23|(I|II|V[3-6])_(t|t_share)")


def monotone() -> np.ndarray:
    """The directions of the outputs, (7, n_features): infarction has those of the textbook, the sites none."""
    directions = np.zeros((len(OUTPUTS), len(FEATURES)), dtype=int)
    directions[0] = [bool(RISES.fullmatch(name)) - bool(FALLS.fullmatch(name)) for name in FEATURES]
    return directions


def read_features(dataset: Dataset) -> np.ndarray:
    """The features of a data set's own records, (n, n_features); NaN rows where nothing could be measured."""
    features = np.full((len(dataset.infarction), len(FEATURES)), np.nan)
    sources = tqdm(dataset.sources, desc="measuring", unit="record", disable=None)
    for row, source in enumerate(sources):
        record = read_record(source)
        measured = features_of(measure_record(record, assess_quality(record)))
        if measured is not None:
            features[row] = measured
    return features


def train_trees(features: np.ndarray, dataset: Dataset, rows: np.ndarray, settings: Mapping[str, Any]) -> Trees:
    """Trees that learn from these rows: infarction from all of them, the sites from those with an infarction.

    features : (n, n_features).  rows : bool (n,).  settings : the config's trees section.
    """
    rows = rows & ~np.isnan(features).any(axis=1)
    every, infarctions = np.flatnonzero(rows), np.flatnonzero(rows & dataset.infarction)
    targets = [(every, dataset.infarction[every])]
    targets += [(infarctions, of_site[infarctions]) for of_site in dataset.sites.T]
    of_sites = {**settings, "n_leaves": settings["site_leaves"], "min_records": settings["site_min_records"]}
    by_output = [settings, *[of_sites] * len(SITES)]
    return fit_sums(features, targets, by_output, monotone() if settings["monotone"] else None)


def fit_trees(
    dataset: Dataset, folds: np.ndarray, settings: Mapping[str, Any]
) -> tuple[np.ndarray, Trees] | tuple[None, None]:
    """`cross_validate_trees` of a data set's records, which are measured first; or twice None where no tree is asked for."""
    if settings["n_trees"] == 0:
        return None, None
    return cross_validate_trees(read_features(dataset), dataset, folds, settings)


def cross_validate_trees(
    features: np.ndarray, dataset: Dataset, folds: np.ndarray, settings: Mapping[str, Any]
) -> tuple[np.ndarray, Trees]:
    """What the trees that did not see a record's patient say of it, logits (n, 7), NaN where nothing was measured; and the
    trees of all records.

    folds : (n,).
    """
    said = np.full((len(features), len(OUTPUTS)), np.nan)
    measured = ~np.isnan(features).any(axis=1)
    bar = tqdm(np.unique(folds), desc="trees", unit="fold", disable=None)
    for fold in bar:
        held_out = (folds == fold) & measured
        said[held_out] = train_trees(features, dataset, folds != fold, settings)(features[held_out])
    return said, train_trees(features, dataset, measured, settings)
