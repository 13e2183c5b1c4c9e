"""Intervals that are no intervals from one beat of the sinus to the next: outside of what can be, or ectopic."""

import numpy as np

from tasks.rr.spikes import RANGE_MS, known_median, windows

ERROR_THRESHOLD = 0.2  # of the local median; Malik et al. (1989, Eur. Heart J. 10:1060) took it of the interval before
REACH = 5  # intervals on either side, of which the median is taken: eleven, as Kubios has it


def interval_errors(intervals_ms: np.ndarray, threshold: float = ERROR_THRESHOLD) -> np.ndarray:
    """Which intervals are errors, bool (n,): outside 300 to 1,400 ms, or ectopic.

    Ectopic is what differs from the median of the intervals round it by more than `threshold` of it. The spikes that the
    detector looks for differ by less. intervals_ms : of one study, (n,).  threshold : over 0.
    """
    intervals = np.asarray(intervals_ms, float)
    outside = (intervals < RANGE_MS[0]) | (intervals > RANGE_MS[1])
    level = known_median(windows(np.where(outside, np.nan, intervals), REACH), np.nan)
    with np.errstate(invalid="ignore"):
        return outside | (np.abs(intervals - level) > threshold * level)
