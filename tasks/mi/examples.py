"""What each recording is an example of, and training batches drawn from them. Arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.augment import add_noisy_copies, augment, lead_gains, mix, random_sections
from tasks.mi.datasets import Dataset
from tasks.mi.labels import AUXILIARY, SITES

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # sections (b, n_leads, crop), targets and weights (b, n_outputs)


@dataclass(frozen=True)
class Examples:
    """Prepared signals with targets for every output, and how much each target counts.

    signals : each (n_leads, n_samples), mV.  targets, weights : float32 (n, n_outputs); a weight of 0 stands where the
    target is not known.  infarction : bool (n,), as the record's own labels have it.  amplitude_known : bool (n,); False
    where the leads' gains were made up.  n_records : the first so many are the data set's own, the others come from its
    weak data sets.
    """

    signals: Sequence[np.ndarray]
    targets: np.ndarray
    weights: np.ndarray
    infarction: np.ndarray
    amplitude_known: np.ndarray
    n_records: int


def build_examples(dataset: Dataset, signals: Sequence[np.ndarray], settings: Mapping[str, Any]) -> Examples:
    """The examples in a data set and its weak ones: infarction, the six sites, and PTB-XL's codes, side by side.

    Sites are learnt from the data set's own infarctions alone. A weak data set carries other readers' labels, so its
    infarction is a soft target: `weak_present` where PTB-XL has a code for one, `weak_absent` where not.

    settings : the config's data section.
    """
    targets, weights, known = [], [], []
    for part in (dataset, *dataset.weak_datasets):
        n, own = len(part.infarction), part is dataset
        codes = np.full((n, len(AUXILIARY)), np.nan) if part.codes is None else part.codes
        soft = np.where(part.infarction, settings["weak_present"], settings["weak_absent"])
        located = part.infarction if own else np.zeros(n)
        targets.append(np.column_stack([part.infarction if own else soft, part.sites, np.nan_to_num(codes)]))
        weights.append(np.column_stack([np.ones(n), np.outer(located, np.ones(len(SITES))), ~np.isnan(codes)]))
        known.append(np.full(n, part.layout != "ptb-xl-filtered"))
    stacked = (np.concatenate(each).astype(np.float32) for each in (targets, weights))
    infarction = np.concatenate([part.infarction for part in (dataset, *dataset.weak_datasets)])
    return Examples(signals, *stacked, infarction, np.concatenate(known), len(dataset.infarction))


def training_rows(
    examples: Examples, folds: np.ndarray, fold: int | None, record_share: float, infarction_repeats: int, seed: int
) -> np.ndarray:
    """The rows that an epoch takes: none of the fold (all where it is None), and its own infarctions so many times.

    folds : of every row, -1 for one that is learnt from in every fold.  record_share : of the data set's own records,
    drawn by the seed; the weak data sets stay whole.
    """
    rows = np.flatnonzero(folds != fold) if fold is not None else np.arange(len(folds))
    drawn = np.random.default_rng(seed).random(examples.n_records)
    rows = np.setdiff1d(rows, np.flatnonzero(drawn >= record_share))
    repeated = rows[(rows < examples.n_records) & examples.infarction[rows]]
    return np.concatenate([rows, np.tile(repeated, infarction_repeats - 1)])


def draw_batch(examples: Examples, rows: np.ndarray, rng: np.random.Generator, settings: Mapping[str, Any]) -> Batch:
    """Sections cut at random from the named recordings and changed as the train section of the settings says.

    rows : (b,). Returns sections (b, n_leads, crop), targets and weights (b, n_outputs), all float32.
    """
    sections = random_sections(examples.signals, rows, settings["crop"], rng)
    sections = augment(sections, rng, settings["gain"], settings["noise"], settings["lead_drop"])
    sections *= lead_gains(~examples.amplitude_known[rows] * settings["unknown_gain"], sections.shape[1], rng)
    targets, weights = examples.targets[rows], examples.weights[rows]
    sections, targets, weights = mix(sections, targets, weights, rng, settings["mixup"])
    sections = add_noisy_copies(sections, rng, settings["noisy_copies"])
    doubled = len(sections) // len(targets)
    return sections, np.tile(targets, (doubled, 1)), np.tile(weights, (doubled, 1))


def middle_batch(examples: Examples, rows: np.ndarray, crop: int) -> Batch:
    """One section from the middle of each named recording, as it is, with its targets and weights."""
    starts = [(examples.signals[row].shape[1] - crop) // 2 for row in rows]
    sections = [examples.signals[row][:, start : start + crop] for row, start in zip(rows, starts, strict=True)]
    return np.stack(sections), examples.targets[rows], examples.weights[rows]
