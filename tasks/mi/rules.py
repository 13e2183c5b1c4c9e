"""Calibration, thresholds and the band of doubt, fitted together; and from probabilities to a Finding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.calibration import Calibration, fit_calibration
from cardiac.errors import ConfigError
from cardiac.thresholds import MIN_POSITIVES, fit_doubt, fit_thresholds, shrunk_threshold
from cards import take, take_list
from tasks.mi.labels import SITES


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
        names = ("mi", *(f"{key}.{site}" for key in ("sites", "site_scale") for site in SITES))
        for name, value in zip(names, (self.mi, *self.sites, *self.site_scale), strict=True):
            if not (type(value) in (int, float) and 0 < value <= 1):
                raise ConfigError(f"thresholds.{name} is {value!r}: a number above 0 and up to 1 is needed")


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
    def from_dict(cls, content: Mapping[str, Any]) -> "Rule":
        """The rule that a card writes. Raises ConfigError that names the key that is missing or wrong."""
        thresholds, doubt = (take(content, key, dict, "decisions") for key in ("thresholds", "doubt"))
        calibration, where = take(content, "calibration", dict, "decisions"), "decisions.thresholds"
        of_sites = []
        for key in ("sites", "site_scale"):
            by_site = take(thresholds, key, dict, where)
            of_sites.append(tuple(take(by_site, site, float, f"{where}.{key}") for site in SITES))
        return cls(
            tuple(_calibration_of(calibration, name) for name in ("mi", *SITES)),
            Thresholds(take(thresholds, "mi", float, where), *of_sites),
            (take(doubt, "low", float, "decisions.doubt"), take(doubt, "high", float, "decisions.doubt")),
        )

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain data, as `from_dict` reads it."""
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
        return np.stack([each(pooled[..., column]) for column, each in enumerate(self.calibrations)], axis=-1)


def _calibration_of(content: Mapping[str, Any], name: str) -> Calibration:
    one, where = take(content, name, dict, "decisions.calibration"), f"decisions.calibration.{name}"
    return Calibration(take(one, "method", str, where), take_list(one, "parameters", float, where))


def fit_rule(pooled: np.ndarray, infarction: np.ndarray, sites: np.ndarray, settings: Mapping[str, Any]) -> Rule:
    """The rule of these records, none of which the networks behind their probabilities was taught.

    pooled : (n, 7).  infarction : bool (n,).  sites : bool (n, 6).  settings : the config's decide section.
    """
    mi = fit_calibration(settings["calibration"], pooled[:, 0], infarction)
    of_sites = _calibrate_sites(settings["site_calibration"], pooled[infarction, 1:], sites[infarction])
    probabilities = mi(pooled[:, 0])
    located = np.stack([each(pooled[infarction, 1 + site_index]) for site_index, each in enumerate(of_sites)], axis=1)
    threshold = shrunk_threshold(probabilities, infarction, settings["shrink"])
    fitted = fit_thresholds(located, sites[infarction], settings["site_shrink"])
    by_site = tuple(map(float, fitted))
    doubt = fit_doubt(probabilities, infarction, threshold, settings["npv"], settings["ppv"])
    return Rule((mi, *of_sites), Thresholds(threshold, by_site, by_site), doubt)


def _calibrate_sites(method: str, pooled: np.ndarray, sites: np.ndarray) -> list[Calibration]:
    """A calibration for each site, or, with too few positives, the one fitted over all sites together."""
    shared = fit_calibration(method, pooled.ravel(), sites.ravel())
    return [
        fit_calibration(method, pooled[:, site], sites[:, site]) if sites[:, site].sum() >= MIN_POSITIVES else shared
        for site in range(sites.shape[1])
    ]


def decide_sites(probabilities: np.ndarray, thresholds: np.ndarray, site_scale: np.ndarray) -> np.ndarray:
    """Sites of infarctions, bool (n, 6): those at or over their thresholds, and always the closest one.

    The closest is that of greatest probability / site_scale. The scale is the thresholds as they were fitted, so with
    these the rule adds a site only where none passed; and because it does not move with the thresholds in use, raising
    a threshold never adds a site.

    probabilities : (n, 6).  thresholds : (6,) or (n, 6).  site_scale : as thresholds.
    """
    present = probabilities >= thresholds
    closest = np.argmax(probabilities / site_scale, axis=1)
    present[np.arange(len(present)), closest] = True
    return present


def columns(present_mi: np.ndarray, present_sites: np.ndarray) -> np.ndarray:
    """The submission's seven columns, bool (n, 7): sites of the infarctions, and norm for all others."""
    return np.column_stack([present_sites & present_mi[:, None], ~present_mi])
