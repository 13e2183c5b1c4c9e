"""From a network's probabilities to such as can be taken at their word, fitted on records that it was not taught.

Every method is monotone, so no ranking and no area under a curve changes by it (isotonic may tie neighbours).
"""

from dataclasses import dataclass

import numpy as np

from cardiac.errors import ConfigError
from cardiac.windows import LEAST, logit, sigmoid

METHODS = ("none", "temperature", "platt", "beta", "isotonic")


@dataclass(frozen=True)
class Calibration:
    """A fitted map of probabilities, as it stands in the card.

    method "temperature", "platt" (Platt 1999; logit p' = a logit p + b), "beta" (Kull et al. 2017; logit p' = a ln p -
    b ln(1 - p) + c), all three with parameters (a, b, c) of the beta form; "isotonic" (Zadrozny and Elkan 2002), with
    parameters (x..., y...), straight between the knots; "none".
    Raises ConfigError for an unknown method, parameters that are none of its, or a map that falls.
    """

    method: str
    parameters: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"no calibration is called {self.method!r}: use one of {', '.join(METHODS)}")
        n, values = len(self.parameters), np.array(self.parameters, dtype=float)
        fits = {"none": n == 0, "isotonic": n >= 2 and n % 2 == 0}.get(self.method, n == 3)
        if not fits or not np.isfinite(values).all():
            raise ConfigError(f"the {n} parameters of the calibration {self.method!r} are not valid")
        rising = np.diff(values.reshape(2, -1), axis=1) if self.method == "isotonic" else values[:2]
        if (rising < 0).any():
            raise ConfigError(f"the calibration {self.method!r} decreases as the probability rises")

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float64, of the same shape; NaN stays NaN."""
        p = np.clip(np.asarray(probabilities, dtype=np.float64), LEAST, 1 - LEAST)
        if self.method == "none":
            return p
        if self.method == "isotonic":
            knots, values = np.reshape(self.parameters, (2, -1))
            return np.where(np.isnan(p), np.nan, np.interp(p, knots, values))
        a, b, c = self.parameters
        return sigmoid(a * np.log(p) - b * np.log1p(-p) + c)


def fit_calibration(method: str, probabilities: np.ndarray, targets: np.ndarray) -> Calibration:
    """The calibration of greatest likelihood. probabilities (n,), targets bool (n,), method one of METHODS.

    Without both a positive and a negative nothing can be fitted, and probabilities stay as they are.
    """
    if method == "none" or targets.all() or not targets.any():
        return Calibration("none")
    p = np.clip(np.asarray(probabilities, dtype=np.float64), LEAST, 1 - LEAST)
    if method == "isotonic":
        from sklearn.isotonic import IsotonicRegression  # slow to import, and needed to fit alone

        fitted = IsotonicRegression(y_min=LEAST, y_max=1 - LEAST, out_of_bounds="clip").fit(p, targets)
        return Calibration(method, (*map(float, fitted.X_thresholds_), *map(float, fitted.y_thresholds_)))
    if method == "beta":
        a, b, c = _logistic(np.column_stack([np.log(p), -np.log1p(-p)]), targets)
        if min(a, b) >= 0:
            return Calibration(method, (a, b, c))
        method = "platt"  # the likeliest beta map would fall somewhere: its symmetric kin does not
    slope, intercept = _logistic(logit(p)[:, None], targets, method == "platt")
    if slope < 0:
        return Calibration("none")
    return Calibration(method, (slope, slope, intercept))


def _logistic(features: np.ndarray, targets: np.ndarray, intercept: bool = True) -> list[float]:
    """Coefficients and intercept of a logistic regression without a penalty."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=np.inf, fit_intercept=intercept, max_iter=1_000).fit(features, targets)
    return [*map(float, fitted.coef_[0]), float(fitted.intercept_[0])]
