"""Spikes of the rhythm: an interval longer than those round it, and at once a shorter one, amid beats as usual."""

from dataclasses import dataclass, fields

import numpy as np

RANGE_MS = (300.0, 1_400.0)  # outside of it no beat was found where one was, or one where none was
LEVEL_REACH = 12  # intervals on either side, of which the level is the median
MOST_OFF = (
    0.3  # of the level: what is farther from it is an ectopic beat or a fault, and is left out of every comparison
)
REFERENCE_REACH = 6
LEAST_STRENGTH = 0.02  # of the level; less is the noise of most rhythms
NOTHING = -1.0  # the strength of a place that cannot be a spike
NO_RHYTHM_MS = 600.0  # the level of a study in which no interval can be used
USUAL_SPREAD = 0.05  # where too little is left to measure one


@dataclass(frozen=True)
class Rhythm:
    """The intervals of one study beside what is usual round each, all (n,).

    usable : whether an interval can be a beat's own.  level : ms.  relative : (interval - level) / level; NaN where unusable.
    """

    intervals_ms: np.ndarray
    usable: np.ndarray
    level: np.ndarray
    relative: np.ndarray


@dataclass(frozen=True)
class Spikes:
    """What stands at every interval if a spike's long interval is there, all (n,), as shares of the reference.

    reference : median of the intervals round it, without its own two, ms.  strength : the lesser of rise and fall, 0 where
    there is no spike.  rise, fall : of its long interval over the reference, of its short one under it.  before, after :
    of the long one over the two before it, of the short one under the two after it.  drop : from the long to the short one.
    quiet, unrest : median and greatest distance of those round it from the reference.  n_unusable : of those.
    lower_before, higher_after : how far the interval before it lies under the reference, the one after over it.
    """

    reference: np.ndarray
    strength: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    before: np.ndarray
    after: np.ndarray
    drop: np.ndarray
    quiet: np.ndarray
    unrest: np.ndarray
    n_unusable: np.ndarray
    lower_before: np.ndarray
    higher_after: np.ndarray

    def at(self, places: np.ndarray) -> np.ndarray:
        """Everything but the reference of the spikes at these places, (n_places, 11)."""
        return np.column_stack([getattr(self, name)[places] for name in ATTRIBUTES])


ATTRIBUTES = tuple(each.name for each in fields(Spikes) if each.name != "reference")


def windows(values: np.ndarray, reach: int, fill: float = np.nan) -> np.ndarray:
    """The values round each one, (n,) -> (n, 2 reach + 1), `fill` beyond the ends; a view."""
    padded = np.pad(np.asarray(values, float), reach, constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)


def known_median(values: np.ndarray, unknown: float | np.ndarray) -> np.ndarray:
    """The median of what is a number in each row, `unknown` where nothing is. (n, k) -> (n,)."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = (~np.isnan(ordered)).sum(axis=1)
    rows, lower, upper = (
        np.arange(len(ordered)),
        np.maximum(count - 1, 0) // 2,
        np.minimum(count // 2, values.shape[1] - 1),
    )
    return np.where(count > 0, (ordered[rows, lower] + ordered[rows, upper]) / 2, unknown)


def rhythm_of(intervals_ms: np.ndarray) -> Rhythm:
    """What is usual round each interval of a study. intervals_ms : finite, over 0, (n,)."""
    intervals = np.asarray(intervals_ms, float)
    usable = (intervals >= RANGE_MS[0]) & (intervals <= RANGE_MS[1])
    usual = float(np.median(intervals[usable])) if usable.any() else NO_RHYTHM_MS
    level = known_median(windows(np.where(usable, intervals, np.nan), LEVEL_REACH), usual)
    relative = (intervals - level) / level
    usable &= np.abs(relative) < MOST_OFF
    return Rhythm(intervals, usable, level, np.where(usable, relative, np.nan))


def shifted(values: np.ndarray, by: int) -> np.ndarray:
    """The value so many places later (before, where negative), NaN beyond the ends."""
    return windows(values, abs(by))[:, abs(by) + by]


def spikes_of(rhythm: Rhythm) -> Spikes:
    """What stands at every interval if it is a spike's long one."""
    kept = np.where(rhythm.usable, rhythm.intervals_ms, np.nan)
    around = windows(kept, REFERENCE_REACH).copy()
    around[:, [REFERENCE_REACH, REFERENCE_REACH + 1]] = np.nan
    reference = known_median(around, rhythm.level)
    following, before, after = (shifted(kept, by) for by in (1, -1, 2))
    rise, fall = (kept - reference) / reference, (reference - following) / reference
    possible = ~np.isnan(rise) & ~np.isnan(fall)
    least = np.where(possible, np.minimum(rise, fall), NOTHING)
    off = np.abs(around / reference[:, None] - 1)
    return Spikes(
        reference,
        np.where(least > LEAST_STRENGTH, least, 0.0),
        _known(rise),
        _known(fall),
        _known((kept - _mean(before, shifted(kept, -2))) / reference),
        _known((_mean(after, shifted(kept, 3)) - following) / reference),
        np.where(possible, (kept - following) / reference, 0.0),
        known_median(off, USUAL_SPREAD),
        np.where(np.isnan(off), 0, off).max(axis=1),
        np.isnan(off).sum(axis=1) - 2.0,
        _known((reference - before) / reference, 0.0),
        _known((after - reference) / reference, 0.0),
    )


def _known(values: np.ndarray, unknown: float = NOTHING) -> np.ndarray:
    return np.where(np.isnan(values), unknown, values)


def _mean(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The mean of two, or the one that is a number."""
    return np.where(np.isnan(first), second, np.where(np.isnan(second), first, (first + second) / 2))
