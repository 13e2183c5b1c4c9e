"""Is the gain of all leads together a heart's? A whole factor, 5 or 200 in place of 1000, leaves every shape as it is."""

import numpy as np

from cardiac.messages import Message
from cardiac.order_statistics import median
from cardiac.quality.reasons import Reason

# Height of the QRS, middle lead. 99 % of folds 0 to 2 lie within; `python -m benchmarks.quality --fit` prints them.
HEART_MV = (0.42, 1.9)
ANY_HEART_MV = (0.22, 3.0)  # no real record that was looked at lies outside
TYPICAL_MV = 0.92
UNIT_RANGE_MV = (0.05, 10.0)  # outside nothing is left of an ECG: no decision
FACTORS = (2, 2.5, 4, 5, 10, 20, 25, 40, 50, 100, 200, 250, 400, 500, 1000)  # by which headers and exports go wrong


def rescaling(height_mv: float | None) -> float:
    """What brings QRS that are no heart's to a usual height; 1 for all others. height_mv : middle lead, or unknown."""
    if not height_mv or ANY_HEART_MV[0] <= height_mv <= ANY_HEART_MV[1]:
        return 1.0
    return TYPICAL_MV / height_mv


def gain_reasons(height_mv: float | None) -> list[Reason]:
    """What the QRS' height says of the gain: nothing, a warning, or that it is no ECG's. height_mv : middle lead."""
    if height_mv is None or HEART_MV[0] <= height_mv <= HEART_MV[1]:
        return []
    times = _times(height_mv)
    seen = {"height_mv": height_mv, "times": times}
    if not UNIT_RANGE_MV[0] <= height_mv <= UNIT_RANGE_MV[1]:
        if times:
            text = "QRS of {height_mv:.3g} mV (middle lead) are not an ECG's ({times} a heart's): check unit and gain"
        else:
            text = "QRS of {height_mv:.3g} mV (middle lead) are not an ECG's: check unit and gain"
        return [Reason("wrong_unit", (), "rejected", Message(text, **seen))]
    if not ANY_HEART_MV[0] <= height_mv <= ANY_HEART_MV[1]:
        text = (
            "QRS of {height_mv:.3g} mV (middle lead) are {times} a heart's: the gain of all leads is probably wrong; "
            "correct it before any decision"
        )
        return [Reason("overall_gain", (), "warning", Message(text, **seen))]
    if height_mv > HEART_MV[1]:
        unusual = (
            "QRS of {height_mv:.3g} mV (middle lead) are larger than in 99 of 100 hearts: check the gain, unless the "
            "heart is enlarged"
        )
    else:
        unusual = (
            "QRS of {height_mv:.3g} mV (middle lead) are smaller than in 99 of 100 hearts: check the gain, unless the "
            "voltage is truly low (effusion, emphysema, obesity)"
        )
    return [Reason("overall_gain", (), "warning", Message(unusual, height_mv=height_mv))]


def _times(height_mv: float) -> str:
    """The whole factors that would make a heart of it, "5 to 20 times"; empty where none would."""
    ratio = height_mv if height_mv > HEART_MV[1] else 1 / height_mv
    bounds = HEART_MV if height_mv > HEART_MV[1] else (1 / HEART_MV[1], 1 / HEART_MV[0])
    fitting = [factor for factor in FACTORS if bounds[0] <= ratio / factor <= bounds[1]]
    if not fitting:
        return ""
    factors = {"first": fitting[0], "last": fitting[-1]}
    if height_mv > HEART_MV[1]:
        text = "{first:g} times" if len(fitting) == 1 else "{first:g} to {last:g} times"
    else:
        text = "{first:g} times smaller than" if len(fitting) == 1 else "{first:g} to {last:g} times smaller than"
    return Message(text, **factors)


def height_of(heights: np.ndarray, shown: np.ndarray, empty: np.ndarray) -> float | None:
    """Height of the QRS in the middle one of the leads that show beats, mV; None where no lead has a signal.

    heights : (12, n_beats), mV.  shown, empty : bool (12,), leads that show the beats, and without signal.
    """
    kept = shown if np.count_nonzero(shown) >= len(shown) / 2 else ~empty
    if not kept.any() or heights.shape[1] == 0:
        return None
    return float(median(median(heights[kept])))
