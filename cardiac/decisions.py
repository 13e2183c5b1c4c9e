"""Calibration, thresholds and the band of doubt, fitted together; and from probabilities to a Finding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.calibration import Calibration, fit_calibration
from cardiac.errors import ConfigError, RecordError
from cardiac.labels import SITES
from cardiac.quality.assess import Quality
from cardiac.quality.reasons import Reason
from cardiac.records import Note, Record

# With fewer positives than this an output's own best threshold is chance: it takes the one fitted over all outputs.
MIN_POSITIVES = 10


@dataclass(frozen=True)
class Judgement:
    """One output: its probability, the threshold it is held against, and what was decided."""

    probability: float
    threshold: float
    present: bool


@dataclass(frozen=True, slots=True)
class Brief:
    """What tables tell of a Finding."""

    record_id: str
    mi: Judgement
    sites: tuple[str, ...]
    norm: bool
    uncertain: bool
    quality: str


@dataclass(frozen=True)
class Finding:
    """What was concluded about one record. A site's probability is that of the site, given an infarction.

    uncertain : the probability of infarction lies in the rule's band of doubt; the decision stands all the same.
    spread : standard deviation of the probability of infarction over windows and networks, before calibration.
    reasons : why the tracing wants a look.  rate_bpm : heart rate; None where it is not known.
    """

    record_id: str
    mi: Judgement
    localizations: Mapping[str, Judgement]
    norm: bool
    uncertain: bool
    spread: float
    notes: tuple[Note, ...]
    fs_hz: float
    duration_s: float
    reasons: tuple[Reason, ...] = ()
    rate_bpm: float | None = None

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites found, in the order of the submission's columns."""
        return tuple(site for site, judgement in self.localizations.items() if judgement.present)

    @property
    def quality(self) -> str:
        """ "warning" where something about the recording wants a look, else "ok"."""
        return "warning" if self.reasons or any(note.level == "warning" for note in self.notes) else "ok"

    @property
    def brief(self) -> Brief:
        return Brief(self.record_id, self.mi, self.sites, self.norm, self.uncertain, self.quality)

    @property
    def remarks(self) -> list[str]:
        """Why the tracing wants a look, and what was settled on reading it, in words."""
        return [each.text for each in (*self.reasons, *self.notes)]


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


@dataclass(frozen=True)
class Rule:
    """All that turns a record's pooled probabilities into a decision; stands in the card as `decisions`.

    calibrations : of infarction and then the six sites.  thresholds : of calibrated probabilities.
    doubt : (low, high); from low up to under high the finding is uncertain.
    """

    calibrations: tuple[Calibration, ...]
    thresholds: Thresholds
    doubt: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.doubt
        if len(self.calibrations) != 1 + len(SITES) or not 0 <= low <= self.thresholds.mi <= high <= 1:
            raise ConfigError(f"the band of doubt {self.doubt!r} does not hold the threshold {self.thresholds.mi!r}")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Rule":
        """The rule that a card writes. Raises KeyError, TypeError, ConfigError."""
        held = content["thresholds"]
        thresholds = Thresholds(
            held["mi"], *(tuple(held[key][site] for site in SITES) for key in ("sites", "site_scale"))
        )
        calibrations = tuple(Calibration.of(content["calibration"][name]) for name in ("mi", *SITES))
        return cls(calibrations, thresholds, (content["doubt"]["low"], content["doubt"]["high"]))

    def as_plain(self) -> dict[str, Any]:
        """The rule as plain data, as `of` reads it."""
        named = dict(zip(("mi", *SITES), self.calibrations, strict=True))
        of_sites = (self.thresholds.sites, self.thresholds.site_scale)
        by_site = [dict(zip(SITES, values, strict=True)) for values in of_sites]
        return {
            "calibration": {
                name: {"method": each.method, "parameters": list(each.parameters)} for name, each in named.items()
            },
            "thresholds": {"mi": self.thresholds.mi, "sites": by_site[0], "site_scale": by_site[1]},
            "doubt": dict(zip(("low", "high"), self.doubt, strict=True)),
        }

    def calibrate(self, pooled: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, (..., 7) -> (..., 7): infarction and the six sites."""
        return np.stack([each(pooled[..., place]) for place, each in enumerate(self.calibrations)], axis=-1)


def fit_rule(pooled: np.ndarray, infarction: np.ndarray, sites: np.ndarray, settings: Mapping[str, Any]) -> Rule:
    """The rule of these records, none of which the networks behind their probabilities was taught.

    pooled : (n, 7).  infarction : bool (n,).  sites : bool (n, 6).  settings : the config's decide section.
    """
    mi = fit_calibration(settings["calibration"], pooled[:, 0], infarction)
    of_sites = _calibrate_sites(settings["site_calibration"], pooled[infarction, 1:], sites[infarction])
    probabilities = mi(pooled[:, 0])
    located = np.stack([each(pooled[infarction, 1 + place]) for place, each in enumerate(of_sites)], axis=1)
    threshold = _shrunk(probabilities, infarction, settings["shrink"])
    fitted = fit_thresholds(located, sites[infarction], settings["site_shrink"])
    by_site = tuple(map(float, fitted))
    doubt = fit_doubt(probabilities, infarction, threshold, settings["npv"], settings["ppv"])
    return Rule((mi, *of_sites), Thresholds(threshold, by_site, by_site), doubt)


def _calibrate_sites(method: str, pooled: np.ndarray, sites: np.ndarray) -> list[Calibration]:
    """A calibration for each site, or, with too few positives, the one fitted over all sites together."""
    shared = fit_calibration(method, pooled.ravel(), sites.ravel())
    return [
        fit_calibration(method, pooled[:, place], sites[:, place]) if sites[:, place].sum() >= MIN_POSITIVES else shared
        for place in range(sites.shape[1])
    ]


def fit_doubt(
    probabilities: np.ndarray, targets: np.ndarray, threshold: float, npv: float, ppv: float
) -> tuple[float, float]:
    """The narrowest band about the threshold outside of which decisions were as often right as asked for.

    npv, ppv : of the records under the band the share without an infarction, and of those at or over it the share with
    one. A bound that no record would lie beyond is 0 or 1.
    """
    bounds = np.unique(np.append(probabilities, threshold))
    order = np.argsort(probabilities, kind="stable")
    under = np.searchsorted(probabilities[order], bounds)  # records under each bound
    over = len(order) - under
    missed = np.r_[0, np.cumsum(targets[order])][under]
    free = (under > 0) & (missed / np.maximum(under, 1) <= 1 - npv)
    sure = (over > 0) & ((targets.sum() - missed) / np.maximum(over, 1) >= ppv)
    lows, highs = bounds[free & (bounds <= threshold)], bounds[sure & (bounds >= threshold)]
    return float(lows.max(initial=0.0)), float(highs.min(initial=1.0))


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


def expected_threshold(probabilities: np.ndarray) -> float:
    """The threshold of greatest expected F1 if the probabilities are true: half of that F1 (Lipton et al. 2014)."""
    ranked = -np.sort(-probabilities)
    f1 = 2 * np.cumsum(ranked) / (np.arange(1, len(ranked) + 1) + ranked.sum())
    return float(f1.max() / 2)


def _shrunk(probabilities: np.ndarray, targets: np.ndarray, shrink: float) -> float:
    """The best threshold drawn by `shrink` (0 to 1) towards the one that calibrated probabilities make one expect."""
    if not targets.any():
        return 1.0
    best = best_threshold(probabilities, targets)
    return best if shrink == 0 else (1 - shrink) * best + shrink * expected_threshold(probabilities)


def fit_thresholds(
    probabilities: np.ndarray, targets: np.ndarray, shrink: float = 0.0, min_positives: int = MIN_POSITIVES
) -> np.ndarray:
    """Thresholds of greatest F1, one an output. (n, n_outputs), multi-hot (n, n_outputs) -> (n_outputs,).

    shrink : how far each is drawn from the best of these records towards the one expected of calibrated probabilities.
    An output with fewer than `min_positives` positives takes the threshold fitted over all outputs together.
    """
    shared = _shrunk(probabilities.ravel(), targets.ravel(), shrink)
    return np.array(
        [
            _shrunk(probabilities[:, place], targets[:, place], shrink)
            if targets[:, place].sum() >= min_positives
            else shared
            for place in range(targets.shape[1])
        ]
    )


@dataclass(frozen=True)
class CrossFitted:
    """For every record what the rule of the other folds makes of it.

    probabilities : (n, 7), calibrated.  mi_threshold : (n,).  site_thresholds : (n, 6).  doubt : (n, 2), low and high.
    rules : (n,), each record's whole Rule.
    """

    probabilities: np.ndarray
    mi_threshold: np.ndarray
    site_thresholds: np.ndarray
    doubt: np.ndarray
    rules: np.ndarray

    @property
    def mi(self) -> np.ndarray:
        """Calibrated probability of infarction, (n,)."""
        return self.probabilities[:, 0]

    @property
    def sites(self) -> np.ndarray:
        """Calibrated probabilities of the sites, (n, 6)."""
        return self.probabilities[:, 1:]

    @property
    def present(self) -> np.ndarray:
        """Infarctions found, bool (n,)."""
        return self.mi >= self.mi_threshold

    @property
    def over(self) -> np.ndarray:
        """Sites at or over their thresholds, whether or not an infarction was found, bool (n, 6)."""
        return self.sites >= self.site_thresholds

    @property
    def uncertain(self) -> np.ndarray:
        """Records in the band of doubt, bool (n,)."""
        return (self.doubt[:, 0] <= self.mi) & (self.mi < self.doubt[:, 1])

    @property
    def columns(self) -> np.ndarray:
        """The submission's columns, bool (n, 7)."""
        return columns(self.present, decide_sites(self.sites, self.site_thresholds, self.site_thresholds))


def cross_fit(
    pooled: np.ndarray, infarction: np.ndarray, sites: np.ndarray, folds: np.ndarray, settings: Mapping[str, Any]
) -> CrossFitted:
    """Rules fitted on the other folds alone, applied to each fold. Shapes as in `fit_rule`; folds (n,)."""
    n = len(folds)
    probabilities, thresholds, doubt = np.empty(pooled.shape), np.empty(pooled.shape), np.empty((n, 2))
    rules = np.empty(n, dtype=object)
    for fold in np.unique(folds):
        held = folds == fold
        rule = fit_rule(pooled[~held], infarction[~held], sites[~held], settings)
        probabilities[held] = rule.calibrate(pooled[held])
        thresholds[held] = [rule.thresholds.mi, *rule.thresholds.sites]
        doubt[held] = rule.doubt
        rules[held] = rule
    return CrossFitted(probabilities, thresholds[:, 0], thresholds[:, 1:], doubt, rules)


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


def decide(
    record: Record, probabilities: np.ndarray, spread: float, rule: Rule, quality: Quality | None = None
) -> Finding:
    """The Finding from a record's calibrated probabilities (7,): of infarction, and of the six sites given one.

    quality : of the tracing, which changes nothing in the decision and stands beside it.

    A record without an infarction is `norm` and has no site; an infarction has at least one.
    Raises RecordError where a probability is not a number: nothing must be decided on it.
    """
    if not np.isfinite([*probabilities, spread]).all():
        raise RecordError("the networks gave no number for it: check the recording for extreme values")
    thresholds, probability = rule.thresholds, float(probabilities[0])
    mi = Judgement(probability, thresholds.mi, probability >= thresholds.mi)
    of_sites = probabilities[None, 1:]
    present = decide_sites(of_sites, np.array(thresholds.sites), np.array(thresholds.site_scale))[0] & mi.present
    notes = list(record.notes)
    if mi.present and not (of_sites[0] >= thresholds.sites).any():
        notes.append(Note("info", "no site passed its threshold: the likeliest one is named"))
    judged = zip(SITES, of_sites[0], thresholds.sites, present, strict=True)
    return Finding(
        record_id=record.record_id,
        mi=mi,
        localizations={
            site: Judgement(float(value), held, bool(is_present)) for site, value, held, is_present in judged
        },
        norm=not mi.present,
        uncertain=rule.doubt[0] <= probability < rule.doubt[1],
        spread=float(spread),
        notes=tuple(notes),
        fs_hz=record.fs_hz,
        duration_s=record.duration_s,
        reasons=quality.reasons if quality else (),
        rate_bpm=quality.rate_bpm if quality else None,
    )


def columns(present_mi: np.ndarray, present_sites: np.ndarray) -> np.ndarray:
    """The submission's seven columns, bool (n, 7): sites of the infarctions, and norm for all others."""
    return np.column_stack([present_sites & present_mi[:, None], ~present_mi])
