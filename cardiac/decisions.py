"""Thresholds, and from probabilities to a Finding."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cardiac.errors import ConfigError, RecordError
from cardiac.labels import SITES
from cardiac.records import Note, Record

# With fewer positives than this an output's own best threshold is chance: it takes the one fitted over all outputs.
MIN_POSITIVES = 10


@dataclass(frozen=True)
class Judgement:
    """One output: its probability, the threshold it is held against, and what was decided."""

    probability: float
    threshold: float
    present: bool


@dataclass(frozen=True)
class Finding:
    """What was concluded about one record. A site's probability is that of the site, given an infarction."""

    record_id: str
    mi: Judgement
    localizations: Mapping[str, Judgement]
    norm: bool
    notes: tuple[Note, ...]
    fs_hz: float
    duration_s: float

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites found, in the order of the submission's columns."""
        return tuple(site for site, judgement in self.localizations.items() if judgement.present)

    @property
    def quality(self) -> str:
        """ "warning" where something about the recording wants a look, else "ok"."""
        return "warning" if any(note.level == "warning" for note in self.notes) else "ok"


@dataclass(frozen=True)
class Thresholds:
    """What `decide` holds probabilities against.

    mi : infarction.  sites : (6,).  site_scale : (6,), fixed divisors by which sites are ranked when none passes its
    threshold (see `decide_sites`). All above 0 and up to 1; raises ConfigError for any other.
    """

    mi: float
    sites: tuple[float, ...]
    site_scale: tuple[float, ...]

    def __post_init__(self) -> None:
        for value in (self.mi, *self.sites, *self.site_scale):
            if not (type(value) in (int, float) and 0 < value <= 1):
                raise ConfigError(f"a threshold of {value!r} is not a number above 0 and up to 1")


def best_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The threshold of greatest F1: the middle of the gap below the last probability that is let in.

    probabilities, targets : (n,). Without a positive nothing can be fitted and the threshold is 1: never present.
    """
    if not targets.any():
        return 1.0
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    true_positives = np.cumsum(targets[order])
    f1 = 2 * true_positives / (np.arange(1, len(ranked) + 1) + targets.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal probabilities are let in together
    last = int(np.argmax(f1))
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2)


def fit_thresholds(probabilities: np.ndarray, targets: np.ndarray, min_positives: int = MIN_POSITIVES) -> np.ndarray:
    """Thresholds of greatest F1, one an output. (n, n_outputs), multi-hot (n, n_outputs) -> (n_outputs,).

    An output with fewer than `min_positives` positives takes the threshold of greatest F1 over all outputs together.
    """
    shared = best_threshold(probabilities.ravel(), targets.ravel())
    return np.array(
        [
            best_threshold(probabilities[:, place], targets[:, place])
            if targets[:, place].sum() >= min_positives
            else shared
            for place in range(targets.shape[1])
        ]
    )


def cross_fit_thresholds(
    probabilities: np.ndarray, targets: np.ndarray, folds: np.ndarray, taught: np.ndarray | None = None
) -> np.ndarray:
    """For every record the thresholds fitted on the other folds alone, (n, n_outputs).

    taught : bool (n,), the records that thresholds may be fitted on; all of them without it.
    """
    taught = np.ones(len(folds), dtype=bool) if taught is None else taught
    thresholds = np.empty(probabilities.shape)
    for fold in np.unique(folds):
        others = taught & (folds != fold)
        thresholds[folds == fold] = fit_thresholds(probabilities[others], targets[others])
    return thresholds


def decide_sites(probabilities: np.ndarray, thresholds: np.ndarray, site_scale: np.ndarray) -> np.ndarray:
    """Sites of infarctions, bool (n, 6): those at or over their thresholds, and always the likeliest one.

    The likeliest is that of greatest probability / site_scale. The scale is the thresholds as they were fitted, so with
    these the rule adds a site only where none passed; and because it does not move with the thresholds in use, raising
    a threshold never adds a site.

    probabilities : (n, 6).  thresholds : (6,) or (n, 6).  site_scale : as thresholds.
    """
    present = probabilities >= thresholds
    likeliest = np.argmax(probabilities / site_scale, axis=1)
    present[np.arange(len(present)), likeliest] = True
    return present


def decide(record: Record, probabilities: Mapping[str, float], thresholds: Thresholds) -> Finding:
    """The Finding from a record's pooled probabilities (`mi` and the six sites).

    A record without an infarction is `norm` and has no site; an infarction has at least one.
    Raises RecordError where a probability is not a number: nothing must be decided on it.
    """
    if not all(np.isfinite(probability) for probability in probabilities.values()):
        raise RecordError("the networks gave no number for it: check the recording for extreme values")
    mi = Judgement(probabilities["mi"], thresholds.mi, probabilities["mi"] >= thresholds.mi)
    of_sites = np.array([[probabilities[site] for site in SITES]])
    present = decide_sites(of_sites, np.array(thresholds.sites), np.array(thresholds.site_scale))[0] & mi.present
    notes = list(record.notes)
    if mi.present and not (of_sites[0] >= thresholds.sites).any():
        notes.append(Note("info", "no site passed its threshold: the likeliest one is named"))
    return Finding(
        record_id=record.record_id,
        mi=mi,
        localizations={
            site: Judgement(probabilities[site], thresholds.sites[place], bool(present[place]))
            for place, site in enumerate(SITES)
        },
        norm=not mi.present,
        notes=tuple(notes),
        fs_hz=record.fs_hz,
        duration_s=record.duration_s,
    )


def columns(present_mi: np.ndarray, present_sites: np.ndarray) -> np.ndarray:
    """The submission's seven columns, bool (n, 7): sites of the infarctions, and norm for all others."""
    return np.column_stack([present_sites & present_mi[:, None], ~present_mi])
