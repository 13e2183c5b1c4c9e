"""Stretches of which a large part is supraventricular: made up to learn from, told by their early beats, and classified.

DS1 has no record in which S beats outnumber the others, as a run of atrial tachycardia does. Such stretches are made of
its records: S beats follow each other, with a few of the beats around, each with the interval that it has. Trees that see
them lose the S of all other records; a logistic regression of few features learns them, and answers where `is_ectopic`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from tasks.beats.features import FEATURES, stretch_features
from tasks.beats.labels import CLASSES

LEAST_S = 10  # beats of a record, for stretches to be made of it
LONGEST = 8  # S beats that are put behind a last one of a run
BESIDE = 2  # beats on either side of an S beat that are kept
EARLY_SHARE, TELLS = 0.3, 0.78  # `early.early_against_late`: from both on a stretch is ectopic
ASKED = (
    "before_to_long", "before_to_long20", "before_to_long50", "p_like_most", "p_like_least", "p_below_late", "p_apart_least",
    "apart_normal", "width_ratio_most", "qrs_like_least", "height_most", "after_to_before", "before_to_previous",
    "before_to_mean10",
)  # fmt: skip
COLUMNS = [FEATURES.index(name) for name in ASKED]
LIMIT = 5.0  # no number counts for more
TOLD = 3  # N, S and V: of the other classes such stretches have too few
S = CLASSES.index("S")

Form = tuple[np.ndarray, np.ndarray]  # features (n, n_features), classes (n,)


def ectopic_form(beats: np.ndarray, rr: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> Form | None:
    """Features and classes of a stretch made of a record's S beats and what is beside them; None where there are too few.

    beats : float32 (n, n_leads, width).  rr : as `rhythm.intervals`, (n + 1,).  classes : (n,).
    """
    own = np.flatnonzero(classes == S)
    if len(own) < LEAST_S:
        return None
    kept = np.unique(np.clip(own[:, None] + np.arange(-BESIDE, BESIDE + 1), 0, len(classes) - 1))
    order: list[int] = []
    for beat in kept.tolist():
        order.append(beat)
        if classes[beat] == S and (beat + 1 == len(classes) or classes[beat + 1] != S):
            order.extend(rng.choice(own, rng.integers(0, LONGEST + 1)).tolist())
    intervals = np.concatenate([rr[order], [rr[order[-1] + 1]]])
    return stretch_features(beats[order], intervals), classes[order]


def is_ectopic(features: np.ndarray) -> np.ndarray:
    """Whether each beat is of a stretch of which many are ectopic, bool (n,). features : (n, len(FEATURES))."""
    share, tells = (features[:, FEATURES.index(name)] for name in ("early_share", "p_tells"))
    return (share >= EARLY_SHARE) & (tells >= TELLS)


@dataclass(frozen=True)
class Ectopic:
    """A logistic regression of ASKED. middle, scale : of the features, (k,).  weights : (TOLD, k).  base : (TOLD,)."""

    middle: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    base: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Probabilities of N, S and V, (n, TOLD). features : (n, len(FEATURES))."""
        logits = (asked(features) - self.middle) / self.scale @ self.weights.T + self.base
        return softmax(logits, axis=1)

    def joined(self, probabilities: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5), in ectopic stretches with its own for N, S and V in these classes' room."""
        rows = is_ectopic(features)
        if not rows.any():
            return probabilities
        joined = probabilities.copy()
        room = probabilities[rows, :TOLD].sum(axis=1, keepdims=True)
        joined[rows, :TOLD] = self(features[rows]) * room
        return joined

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the card."""
        return {"asked": list(ASKED)} | {name: np.round(each, 6).tolist() for name, each in vars(self).items()}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Ectopic":
        """As `to_dict` wrote it. Raises ValueError, KeyError or TypeError for what does not fit this program."""
        made = cls(*(np.asarray(told[name], float) for name in ("middle", "scale", "weights", "base")))
        k = len(ASKED)
        if tuple(told["asked"]) != ASKED or [each.shape for each in vars(made).values()] != [
            (k,),
            (k,),
            (TOLD, k),
            (TOLD,),
        ]:
            raise ValueError("its logistic regression asks for other features")
        return made


def asked(features: np.ndarray) -> np.ndarray:
    """The features that are asked for, none beyond the limit, (n, k)."""
    return np.clip(features[:, COLUMNS], -LIMIT, LIMIT)


def fit_ectopic(forms: Sequence[Form]) -> Ectopic | None:
    """The regression, taught by such stretches; a long one counts as the root of its length. None where there are none."""
    if not forms:
        return None
    from sklearn.linear_model import LogisticRegression

    features, classes = (np.concatenate(each) for each in zip(*forms, strict=True))
    weights = np.concatenate([np.full(len(own), len(own) ** -0.5) for _, own in forms])
    kept = classes < TOLD
    values = asked(features)[kept]
    middle, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    model = LogisticRegression(C=1.0, max_iter=3000).fit((values - middle) / scale, classes[kept], weights[kept])
    coefficients, base = np.zeros((TOLD, len(ASKED))), np.full(TOLD, -30.0)
    own = model.classes_[-len(model.coef_) :]  # of two classes the first one's are nothing
    base[model.classes_] = 0.0
    coefficients[own], base[own] = model.coef_, model.intercept_
    return Ectopic(middle, scale, coefficients, base)
