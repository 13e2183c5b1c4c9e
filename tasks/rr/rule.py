"""A rule written out, against which what was learnt is held: a calm rhythm, a clearly longer interval, a clearly shorter one.

Its numbers were read off a few studies and are fitted to nothing.
"""

import numpy as np

from tasks.rr.spikes import rhythm_of, spikes_of

LEAST_RISE = 0.05  # of the level, and as much of a fall
MOST_UNREST = 0.8  # of the spike: the intervals round it, six on either side
MARKED_BEFORE, MARKED_AFTER = 4, 4  # intervals about the two


def marked_by_rule(intervals_ms: np.ndarray) -> np.ndarray:
    """Which intervals of one study the rule marks, bool (n,)."""
    spikes = spikes_of(rhythm_of(intervals_ms))
    is_spike = (spikes.strength > LEAST_RISE) & (spikes.unrest < MOST_UNREST * spikes.strength)
    marked = np.zeros(len(is_spike), bool)
    for place in np.flatnonzero(is_spike):
        marked[max(0, place - MARKED_BEFORE) : place + 2 + MARKED_AFTER] = True
    return marked
