"""What each recording teaches, and training batches drawn from it. Arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.augment import add_noisy_copies, augment, lead_gains, mix, random_sections, turn_heart
from tasks.mi.datasets import Dataset
from tasks.mi.labels import AUXILIARY, SCP_SITES, SITES

SCP_TELLS = np.array([any(site in sites for sites in SCP_SITES.values()) for site in SITES], dtype=float)  # not septal


@dataclass(frozen=True)
class Lessons:
    """Prepared signals with targets for every output, and how much each target counts.

    signals : each (n_leads, n_samples), mV.  targets, weights : float32 (n, n_outputs); a weight of 0 stands where the
    target is not known.  amplitude_known : bool (n,); False where the leads' gains were made up.  n_records : the first
    so many are the data set's own, the others its companions.
    """

    signals: Sequence[np.ndarray]
    targets: np.ndarray
    weights: np.ndarray
    amplitude_known: np.ndarray
    n_records: int


def teach(dataset: Dataset, signals: Sequence[np.ndarray], settings: Mapping[str, Any]) -> Lessons:
    """What a data set and its companions teach: infarction, the six sites, and PTB-XL's codes, side by side.

    Sites are taught by infarctions alone. A companion carries other readers' labels, so its infarction and its sites
    are soft targets: `companion_present` where PTB-XL has a code for one, `companion_absent` where not; its sites count
    `companion_sites`, but for septal, of which PTB-XL says nothing. A record of the data set's own that PTB-XL reads
    otherwise is softened by `disagreement`; one with a noise flag counts `noisy_weight`.

    settings : the config's data section.
    """
    targets, weights, known = [], [], []
    for part in (dataset, *dataset.companions):
        n = len(part.infarction)
        codes = np.full((n, len(AUXILIARY)), np.nan) if part.codes is None else part.codes
        if part is dataset:
            mi = np.abs(part.infarction - settings["disagreement"] * part.contradicted)
            sites, told = part.sites, np.ones(len(SITES))
        else:
            mi = np.where(part.infarction, settings["companion_present"], settings["companion_absent"])
            sites = np.where(part.sites, settings["companion_present"], settings["companion_absent"])
            told = settings["companion_sites"] * SCP_TELLS
        counted = np.where(part.table["noisy"], settings["noisy_weight"], 1.0)
        targets.append(np.column_stack([mi, sites, np.nan_to_num(codes)]))
        weights.append(
            np.column_stack([np.ones(n), np.outer(part.infarction, told), ~np.isnan(codes)]) * counted[:, None]
        )
        known.append(np.full(n, part.layout != "ptb-xl-filtered"))
    stacked = (np.concatenate(each).astype(np.float32) for each in (targets, weights))
    return Lessons(signals, *stacked, np.concatenate(known), len(dataset.infarction))


def taught_rows(
    lessons: Lessons, folds: np.ndarray, fold: int | None, record_share: float, infarction_repeats: int, seed: int
) -> np.ndarray:
    """The rows that an epoch takes: none of the fold (all where it is None), and its own infarctions so many times.

    folds : of every row, -1 for one that teaches in every fold.  record_share : of the data set's own records, drawn by
    the seed; the companions all stay.
    """
    rows = np.flatnonzero(folds != fold) if fold is not None else np.arange(len(folds))
    drawn = np.random.default_rng(seed).random(lessons.n_records)
    rows = np.setdiff1d(rows, np.flatnonzero(drawn >= record_share))
    located = rows[(rows < lessons.n_records) & (lessons.weights[rows, 1] > 0)]
    return np.concatenate([rows, np.tile(located, infarction_repeats - 1)])


def draw_batch(
    lessons: Lessons, rows: np.ndarray, rng: np.random.Generator, settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sections cut at random from the named recordings and changed as the train section of the settings says.

    rows : (b,). Returns sections (b, n_leads, crop), targets and weights (b, n_outputs), all float32.
    """
    sections = random_sections(lessons.signals, rows, settings["crop"], rng, settings["warp"])
    sections = turn_heart(sections, rng, settings["turn"])
    sections = augment(sections, rng, settings["gain"], settings["noise"], settings["lead_drop"])
    sections *= lead_gains(~lessons.amplitude_known[rows] * settings["unknown_gain"], sections.shape[1], rng)
    targets, weights = lessons.targets[rows], lessons.weights[rows]
    sections, targets, weights = mix(sections, targets, weights, rng, settings["mixup"])
    sections = add_noisy_copies(sections, rng, settings["noisy_copies"])
    doubled = len(sections) // len(targets)
    return sections, np.tile(targets, (doubled, 1)), np.tile(weights, (doubled, 1))


def middle_batch(lessons: Lessons, rows: np.ndarray, crop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One section from the middle of each named recording, as it is, with its targets and weights."""
    starts = [(lessons.signals[row].shape[1] - crop) // 2 for row in rows]
    sections = [lessons.signals[row][:, start : start + crop] for row, start in zip(rows, starts, strict=True)]
    return np.stack(sections), lessons.targets[rows], lessons.weights[rows]
