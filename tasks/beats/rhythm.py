"""Intervals between beats as numbers for each: against its neighbours, its surroundings and the recording's long ones."""

import numpy as np
from scipy.ndimage import median_filter, percentile_filter, uniform_filter1d

RR_RANGE_S = (0.15, 3.0)  # beyond it an interval counts as the limit: a gap says no more than a pause
USUAL_RR_S = 0.8  # where a single beat has none
WIDE, NARROW = 50, 10  # beats of the surroundings
REGULAR = 0.08  # of the local median: so near an interval counts as regular
LONG = 90  # percentile: the normal beats' intervals even where four of five beats are early
ALIKE = 0.05  # so near each other two intervals count as equally long

RHYTHM = (
    "rr_before", "rr_after", "before_to_earlier", "before_to_previous", "after_to_before", "after_to_next",
    "before_to_mean10", "before_to_mean50", "before_to_median11", "after_to_median11", "before_to_mean", "before_to_upper",
    "after_to_upper", "around_to_upper", "before_rank", "rr_upper", "mean10_to_upper", "upper_to_median", "irregular10",
    "irregular50", "regular_share50", "steps50", "own_common50", "common50", "before_to_long",
    "before_to_long20", "before_to_long50",
)  # fmt: skip


def intervals(positions_s: np.ndarray) -> np.ndarray:
    """The interval before each beat and, last, the one after the last beat, s, (n + 1,); at the ends their neighbours'."""
    rr = np.diff(positions_s)
    if len(rr) == 0:
        return np.full(len(positions_s) + 1, USUAL_RR_S)
    return np.clip(np.concatenate([rr[:1], rr, rr[-1:]]), *RR_RANGE_S)


def rhythm_features(rr: np.ndarray) -> np.ndarray:
    """Numbers of RHYTHM for each beat: ratios as logarithms. rr : as `intervals` gives them, (n + 1,) -> (n, n_features)."""
    logs = np.log(rr)
    before, after = logs[:-1], logs[1:]
    upper, middle, mean = np.log(np.percentile(rr, 75)), np.log(np.median(rr)), np.log(rr.mean())
    previous, earlier = _shifted(before, 1), _shifted(before, 2)
    mean10, mean50 = (np.log(uniform_filter1d(np.exp(before), size, mode="nearest")) for size in (NARROW, WIDE))
    local = median_filter(before, 11, mode="nearest")
    steps = np.abs(after - before)
    spread10, spread50 = (uniform_filter1d(np.abs(before - local), size, mode="nearest") for size in (NARROW, WIDE))
    regular = uniform_filter1d((np.abs(before - local) < REGULAR).astype(float), WIDE, mode="nearest")
    common = _common(before)
    rank = np.searchsorted(np.sort(before), before) / len(before)
    columns = (
        before,
        after,
        before - (previous + earlier) / 2,
        before - previous,
        after - before,
        after - _shifted(after, -1),
        before - mean10,
        before - mean50,
        before - local,
        after - local,
        before - mean,
        before - upper,
        after - upper,
        (before + after) / 2 - upper,
        rank,
        np.full(len(before), upper),
        mean10 - upper,
        np.full(len(before), upper - middle),
        spread10,
        spread50,
        regular,
        median_filter(steps, WIDE + 1, mode="nearest"),
        common,
        uniform_filter1d(common, WIDE, mode="nearest"),
        before - np.log(np.percentile(rr, LONG)),
        before - percentile_filter(before, LONG, 21, mode="reflect"),
        before - percentile_filter(before, LONG, WIDE + 1, mode="reflect"),
    )
    return np.stack(columns, axis=1)


def _shifted(values: np.ndarray, by: int) -> np.ndarray:
    """The value so many beats earlier (later where below 0); at the end the end's."""
    return values[np.clip(np.arange(len(values)) - by, 0, len(values) - 1)]


def _common(before: np.ndarray) -> np.ndarray:
    """Of the intervals around each one the share that is about as long, (n,): low for an early beat, and for all in fibrillation.

    Bigeminy and runs have few lengths of intervals, each of them common; fibrillation has none that is.
    """
    alike, asked = np.zeros(len(before)), np.zeros(len(before))
    for lag in range(1, min(WIDE // 2, len(before) - 1) + 1):
        same = np.abs(before[lag:] - before[:-lag]) < ALIKE
        alike[lag:] += same
        alike[:-lag] += same
        asked[lag:] += 1
        asked[:-lag] += 1
    return alike / np.maximum(asked, 1)
