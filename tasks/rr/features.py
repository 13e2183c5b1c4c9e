"""What the trees are told of every interval: its neighbours, the spike that is near it, and how the study's rhythm is."""

from functools import cache

import numpy as np

from tasks.rr.spikes import (
    ATTRIBUTES,
    NOTHING,
    RANGE_MS,
    USUAL_SPREAD,
    Rhythm,
    Spikes,
    known_median,
    rhythm_of,
    spikes_of,
    windows,
)

NEIGHBOURS = 8  # on either side: 17 intervals
DIFFERENCES = 4
SPIKE_REACH = 7  # a spike farther away did not mark an interval in most studies
FAR = 50  # intervals, beyond which a distance says nothing more
STUDY_REACH = 100  # on either side: about as long as most studies, so that a day is seen as they are
UNKNOWN = -3.0  # in place of an interval that cannot be used or is not there
NO_SPIKE = 99.0
STRONG = (0.05, 0.08)  # of the level
SPREAD_REACHES = (10, 30)
HRV_REACHES = (4, 8, 16)
BIG_STEP = 0.06  # of the level, from one interval to the next
LEAST_QUIET = 0.005  # of the level: intervals are measured to 4 ms
QUANTILES = (50, 90, 95, 99)


def interval_features(intervals_ms: np.ndarray) -> np.ndarray:
    """One row an interval, all finite. intervals_ms : of one study, over 0, (n,).  Returns float32 (n, len(feature_names()))."""
    return np.column_stack([*_features(intervals_ms).values()]).astype(np.float32)


@cache
def feature_names() -> tuple[str, ...]:
    """The names of the columns of `interval_features`, in order."""
    return tuple(_features(np.full(2, 800.0)))


def _features(intervals_ms: np.ndarray) -> dict[str, np.ndarray]:
    rhythm = rhythm_of(intervals_ms)
    spikes = spikes_of(rhythm)
    near, offset = _nearest_strong(spikes.strength)
    parts = (
        _neighbours(rhythm),
        _spike(rhythm, spikes, near, offset),
        _other_spikes(spikes.strength, offset),
        _rank(spikes, near, offset),
        _variability(rhythm),
        _study(rhythm, spikes),
        _edges(rhythm),
    )
    return {name: values for part in parts for name, values in part.items()}


def _neighbours(rhythm: Rhythm) -> dict[str, np.ndarray]:
    """17 intervals as shares of the level, as they are and without what cannot be used, and the steps between them."""
    level = rhythm.level
    kept = np.where(rhythm.usable, rhythm.intervals_ms, np.nan)
    usable = windows(kept, NEIGHBOURS) / level[:, None] - 1
    given = windows(np.clip(rhythm.intervals_ms / level - 1, -1, 2), NEIGHBOURS)
    steps = windows(_steps(rhythm), DIFFERENCES) / level[:, None]
    return {
        "interval": np.clip(rhythm.intervals_ms, 0, 3_000),
        "level": level,
        **{f"usable{at - NEIGHBOURS:+d}": _or_unknown(usable[:, at]) for at in range(usable.shape[1])},
        **{f"given{at - NEIGHBOURS:+d}": _or_unknown(given[:, at]) for at in range(given.shape[1])},
        **{f"step{at - DIFFERENCES:+d}": _or_unknown(steps[:, at]) for at in range(steps.shape[1])},
    }


def _steps(rhythm: Rhythm) -> np.ndarray:
    """From the interval before to each, ms; NaN where either cannot be used."""
    kept = np.where(rhythm.usable, rhythm.intervals_ms, np.nan)
    return np.diff(kept, prepend=np.nan)


def _or_unknown(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), UNKNOWN, values)


def _nearest_strong(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of the strongest spike within reach of each interval, and how far away it is; NO_SPIKE where none is."""
    around = windows(strength, SPIKE_REACH, 0.0)
    offset = around.argmax(axis=1) - SPIKE_REACH
    place = np.clip(np.arange(len(strength)) + offset, 0, len(strength) - 1)
    return place, np.where(around.max(axis=1) > 0, offset, NO_SPIKE)


def _spike(rhythm: Rhythm, spikes: Spikes, near: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """The strongest spike within reach: where it is, what it is like, and the intervals round it as it sees them."""
    is_there = (offset != NO_SPIKE)[:, None]
    kept = np.where(rhythm.usable, rhythm.intervals_ms, np.nan)
    round_it = windows(kept, NEIGHBOURS)[near] / spikes.reference[near, None] - 1
    round_it = np.where(is_there, _or_unknown(round_it), UNKNOWN)
    like = np.where(is_there, spikes.at(near), 2 * NOTHING)
    clear = np.where(is_there[:, 0], spikes.strength[near] / (spikes.quiet[near] + LEAST_QUIET), 2 * NOTHING)
    return {
        "spike_offset": offset,
        "spike_clear": clear,
        **{f"spike_{name}": like[:, index] for index, name in enumerate(ATTRIBUTES)},
        **{f"spike{at - NEIGHBOURS:+d}": round_it[:, at] for at in range(round_it.shape[1])},
    }


def _other_spikes(strength: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """The second strongest within reach, the strengths all round, and the nearest strong ones on either side."""
    around = windows(strength, SPIKE_REACH, 0.0).copy()
    rows = np.flatnonzero(offset != NO_SPIKE)
    around[rows, offset[rows].astype(int) + SPIKE_REACH] = 0
    second, others = around.max(axis=1), windows(strength, NEIGHBOURS, 0.0)
    found = {
        "second_offset": np.where(second > 0, around.argmax(axis=1) - SPIKE_REACH, NO_SPIKE),
        "second_strength": second,
        **{f"strength{at - NEIGHBOURS:+d}": others[:, at] for at in range(2 * NEIGHBOURS)},
    }
    for least in STRONG:
        before, after = _distances(np.flatnonzero(strength > least), len(strength), FAR)
        found |= {f"strong{100 * least:.0f}_before": before, f"strong{100 * least:.0f}_after": after}
    return found


def _rank(spikes: Spikes, near: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """How many spikes farther round are stronger, or clearer, than the one within reach, and how many are strong at all."""
    is_there = offset != NO_SPIKE
    clear = spikes.strength / (spikes.quiet + LEAST_QUIET)
    around, clear_around = windows(spikes.strength, STUDY_REACH, 0.0), windows(clear, STUDY_REACH, 0.0)
    size = np.minimum(len(clear), 2 * STUDY_REACH + 1)
    return {
        "stronger": np.where(is_there, (around > spikes.strength[near, None]).sum(axis=1), NO_SPIKE),
        "clearer": np.where(is_there, (clear_around > clear[near, None]).sum(axis=1), NO_SPIKE),
        **{f"strong{100 * least:.0f}_share": (around > least).sum(axis=1) / size for least in STRONG},
    }


def _distances(places: np.ndarray, n: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """How many intervals ago the last of these places was, this one with them, and in how many the next comes."""
    here, far = np.arange(n), most + n
    bounded = np.concatenate([[-far], places, [n + far]])
    at = np.searchsorted(bounded, here, side="right")
    return np.minimum(here - bounded[at - 1], most), np.minimum(bounded[at] - here, most)


def _variability(rhythm: Rhythm) -> dict[str, np.ndarray]:
    """Heart rate variability about each interval, as shares of the level (Task Force 1996, Circulation 93:1043): SDNN, RMSSD."""
    steps, found = _steps(rhythm) / rhythm.level, {}
    for reach in HRV_REACHES:
        around, of_steps = windows(rhythm.relative, reach), windows(steps, reach)
        known = ~np.isnan(around)
        count = np.maximum(known.sum(axis=1), 1)
        values = np.where(known, around, 0)
        mean = values.sum(axis=1) / count
        square = np.where(np.isnan(of_steps), 0, of_steps) ** 2
        found |= {
            f"sdnn{reach}": np.sqrt(np.maximum((values**2).sum(axis=1) / count - mean**2, 0)),
            f"rmssd{reach}": np.sqrt(square.sum(axis=1) / np.maximum((~np.isnan(of_steps)).sum(axis=1), 1)),
            f"highest{reach}": np.where(known, around, -1).max(axis=1),
            f"lowest{reach}": np.where(known, around, 1).min(axis=1),
            f"n_unusable{reach}": 2 * reach + 1 - known.sum(axis=1),
            f"n_big_steps{reach}": (square > BIG_STEP**2).sum(axis=1),
        }
    return found


def _study(rhythm: Rhythm, spikes: Spikes) -> dict[str, np.ndarray]:
    """How unquiet the rhythm is, near and in the whole study, and how strong the study's spikes are."""
    off, steps = np.abs(rhythm.relative), np.abs(_steps(rhythm))
    n, usual = len(off), _median(rhythm.intervals_ms[rhythm.usable], sum(RANGE_MS) / 2)
    whole = {
        "study_interval": usual,
        "study_off": _median(off, USUAL_SPREAD),
        "study_step": _median(steps, USUAL_SPREAD * usual) / usual,
        "study_unusable": float(1 - rhythm.usable.mean()),
        **{f"study_strength{at}": float(np.percentile(spikes.strength, at)) for at in QUANTILES},
    }
    quiet = {f"off{reach}": known_median(windows(off, reach), USUAL_SPREAD) for reach in SPREAD_REACHES}
    step = known_median(windows(steps, SPREAD_REACHES[-1]), USUAL_SPREAD * usual) / rhythm.level
    return {**{name: np.full(n, value) for name, value in whole.items()}, **quiet, "usual_step": step}


def _median(values: np.ndarray, unknown: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else unknown


def _edges(rhythm: Rhythm) -> dict[str, np.ndarray]:
    """How far the nearest intervals that cannot be used are, and the ends of the study."""
    n = len(rhythm.usable)
    before, after = _distances(np.flatnonzero(~rhythm.usable), n, FAR)
    here = np.arange(n)
    return {
        "unusable_before": before,
        "unusable_after": after,
        "start": np.minimum(here, STUDY_REACH),
        "end": np.minimum(n - 1 - here, STUDY_REACH),
    }
