"""Whether the early beats of a stretch have another P wave than its late ones: ectopy of the atria, and no fibrillation.

In atrial fibrillation, in sinus arrhythmia and around ventricular beats normal beats come early too, with the P wave of the
late ones or, like those, with none. It can be told where most beats are ectopic, so that means and medians are theirs.
"""

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.stats import rankdata

LATE, EARLY = -0.12, -0.2  # logarithm of an interval to the long ones of the 50 beats around
NARROW = 0.6  # so far from the normal QRS, in its own size, a beat is still conducted as usual
AROUND = 101  # beats
LEAST = 3  # of either kind, for anything to be told
WEIGHT = 5.0  # beats that count against any difference, so that few beats tell little

OF_EARLY = ("late_p_around", "late_p", "p_below_late", "late_share", "early_share", "p_tells")


def early_features(to_long: np.ndarray, apart: np.ndarray, is_normal: np.ndarray, p_like: np.ndarray) -> np.ndarray:
    """Numbers of OF_EARLY for each beat of a stretch, (n, 6).

    to_long : logarithm of the interval before it to the long ones around.  apart : how far its QRS is from the normal one.
    is_normal : whether it is of the normal group.  p_like : likeness of its P wave to the template; (n,) each.
    """
    late = (to_long > LATE) & is_normal
    whole = (late * p_like).sum() / max(late.sum(), 1)
    share, with_p = (uniform_filter1d(each.astype(float), AROUND, mode="nearest") for each in (late, late * p_like))
    around = (with_p + 0.02 * whole) / (share + 0.02)
    early_share, tells = early_against_late(to_long, apart, p_like)
    n = len(to_long)
    return np.stack(
        [around, np.full(n, whole), p_like - around, share, np.full(n, early_share), np.full(n, tells)], axis=1
    )


def early_against_late(to_long: np.ndarray, apart: np.ndarray, p_like: np.ndarray) -> tuple[float, float]:
    """The share of early ones among early and late beats, and how well the P wave tells the two apart.

    The latter is the area under the curve (0.5: not at all), drawn towards 0.5 where there are few beats.
    """
    narrow = apart < NARROW
    late, early = narrow & (to_long > LATE), narrow & (to_long < EARLY)
    n_late, n_early = int(late.sum()), int(early.sum())
    share = n_early / max(1, n_late + n_early)
    if min(n_late, n_early) < LEAST:
        return share, 0.5
    ranks = rankdata(np.concatenate([p_like[late], p_like[early]]))[:n_late]
    area = (ranks.sum() - n_late * (n_late + 1) / 2) / (n_late * n_early)
    n = n_late * n_early / (n_late + n_early)
    return share, 0.5 + (area - 0.5) * n / (n + WEIGHT)
