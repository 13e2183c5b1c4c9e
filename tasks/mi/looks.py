"""Labelled recordings -> what the shipped bundle and the measurements say of each, and sentences on those left out."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bundles import Bundle, run_networks
from cardiac.assessment import Assessment, assess_record
from cardiac.errors import ConfigError, DatasetError, RecordError, naming, one_record
from cardiac.folds import draw_folds
from cardiac.long_signals import prepare
from cardiac.messages import Message
from cardiac.records import read_record
from cardiac.windows import pool_windows, window_spread
from tasks.mi.datasets import Dataset, some_rows
from tasks.mi.features import FEATURES, check_trees, features_of
from tasks.mi.labels import OUTPUTS
from tasks.mi.ladder import Looks
from tasks.mi.out_of_fold import read_out_of_fold_table

LEAST_RECORDS, LEAST_OF_EACH = 50, 10  # below, no refit could be told from chance (docs/second_looks.md)
N_FOLDS = 5
MOST_SAMPLES = 60_000  # of a recording that are learnt from: its first ten minutes
RATE = re.compile(r"_[hl]r$")  # PTB-XL's names of one tracing at 500 and at 100 Hz


@dataclass(frozen=True)
class Prepared:
    """Records that can be learnt from. signals : as the networks take them.  spread : (n,), of the shipped network's windows.

    sentences : on the records that were left out.  sha256 : over names, truth and signals.
    """

    dataset: Dataset
    signals: list[np.ndarray]
    looks: Looks
    spread: np.ndarray
    sentences: list[str]
    sha256: str


def known_records(folder: Path) -> set[str] | None:
    """Names of the records that a bundle's networks learnt from, as its out_of_fold.csv has them; None where it has none.

    Weak data sets, which taught them too, are not named there.
    """
    path = folder / "out_of_fold.csv"
    return {RATE.sub("", name) for name in read_out_of_fold_table(path).index} if path.is_file() else None


def prepare_looks(dataset: Dataset, bundle: Bundle, known: set[str] | None, seed: int) -> Prepared:
    """Read, measure and run the shipped network over a data set's records, those left out that could not be read.

    bundle : as torch runs it.  known : names that taught the bundle, which are left out.  seed : of the folds.
    Raises DatasetError where too few records are left, ConfigError for a bundle whose trees ask for other
    measurements than this program makes.
    """
    try:
        check_trees(bundle.card.trees)
    except ConfigError as error:
        raise ConfigError(
            "train.init_from: its trees ask for measurements of another version: use the one that made it"
        ) from error
    dataset, sentences = _without_known(dataset, known)
    kept, refused, signals, rows = np.zeros(len(dataset.infarction), bool), [], [], []
    bar = tqdm(dataset.sources, desc="reading", unit="record", disable=None)
    for row, source in enumerate(bar):
        name = dataset.table["record_id"].iloc[row]
        try:
            with one_record(name):
                record = read_record(source)
                signal = prepare(record.signal, record.fs_hz, bundle.card.signal)
                with naming(name):
                    rows.append(_look(signal, assess_record(record, sought=Message("an infarction")), bundle))
        except RecordError as error:
            refused.append(str(error))
            continue
        kept[row] = True
        signals.append(np.asarray(signal[:, :MOST_SAMPLES]))
    if refused:
        noun = "recording" if len(refused) == 1 else "recordings"
        sentences.append(f"{len(refused)} {noun} cannot be decided on: left out (first: {refused[0]}).")
    dataset = some_rows(dataset, kept)
    require_enough(dataset)
    folds = draw_folds(np.column_stack([dataset.infarction, dataset.sites]), dataset.patients, N_FOLDS, seed)
    pooled, spread, features = (np.array(each) for each in zip(*rows, strict=True))
    measured, trees = ~np.isnan(features).any(axis=1), None
    if bundle.trees is not None:
        trees = np.full((len(pooled), len(OUTPUTS)), np.nan)
        trees[measured] = bundle.trees(features[measured])
    looks = Looks(dataset.patients, dataset.infarction, dataset.sites, folds, pooled, features, trees)
    return Prepared(dataset, signals, looks, spread, sentences, _checksum(dataset, signals))


def _look(signal: np.ndarray, assessment: Assessment, bundle: Bundle) -> tuple[np.ndarray, float, np.ndarray]:
    """Pooled probabilities (7,), the spread over windows, and the features, NaN where nothing could be measured."""
    logits = run_networks(bundle.networks, signal, bundle.card.plans, bundle.card.section)
    pooled = [pool_windows(each, plan) for each, plan in zip(logits, bundle.card.plans, strict=True)]
    features = features_of(assessment.measurements)
    missing = np.full(len(FEATURES), np.nan)
    return np.concatenate(pooled), float(window_spread(logits[0])), missing if features is None else features


def _without_known(dataset: Dataset, known: set[str] | None) -> tuple[Dataset, list[str]]:
    """The records whose names the shipped network did not learn from, and a sentence on the others."""
    if known is None:
        return dataset, ["Which records taught the shipped network is not known: see that none of these is among them."]
    new = np.array([RATE.sub("", name) not in known for name in dataset.table["record_id"]], dtype=bool)
    if new.all():
        return dataset, []
    n, first = int((~new).sum()), dataset.table["record_id"][~new].iloc[0]
    have = "record has" if n == 1 else "records have"
    return some_rows(dataset, new), [f"{n} {have} taught the shipped network already: left out (first {first!r})."]


def require_enough(dataset: Dataset) -> None:
    """Raise DatasetError, which says how many are needed, where there are too few records, or patients of either kind."""
    n, patients = len(dataset.infarction), dataset.patients
    n_with, n_without = (len(np.unique(patients[dataset.infarction == kind])) for kind in (True, False))
    if n < LEAST_RECORDS or min(n_with, n_without) < LEAST_OF_EACH:
        raise DatasetError(
            f"{n} labelled records, {n_with} patients with an infarction and {n_without} without: at least {LEAST_RECORDS} "
            f"records are needed, and {LEAST_OF_EACH} patients of each kind: review more; nothing was written"
        )


def _checksum(dataset: Dataset, signals: Sequence[np.ndarray]) -> str:
    digest, truth = hashlib.sha256(), np.column_stack([dataset.infarction, dataset.sites])
    for record_id, patient, targets, signal in zip(
        dataset.table["record_id"], dataset.patients, truth, signals, strict=True
    ):
        digest.update(f"{record_id} {patient}".encode() + targets.tobytes() + signal.tobytes())
    return digest.hexdigest()
