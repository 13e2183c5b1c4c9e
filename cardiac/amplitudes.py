"""Samples that a heart can give: finite, in millivolts, in proportion; and what is said of all others."""

from collections.abc import Sequence

import numpy as np

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.order_statistics import least_range, median, percentiles
from cardiac.readers.raw import Note

LARGEST_MV = 100.0  # from the lead's median; the largest of the real records is 27
# Peak-to-peak amplitude of the middle lead over 1,681 + 449 real records: 0.4 to 5.7 mV. What lies far outside is in
# another unit; what lies in between could be either and is refused rather than guessed.
SWING_PERCENTS = (0.1, 99.9)
MV_RANGE = (0.02, 20.0)
LEAD_SWING_MV = 50.0  # of any one lead; the largest of the real records is 32
UV_RANGE = (50.0, 50_000.0)


def check_finite(signal: np.ndarray, extents: np.ndarray, leads: Sequence[str], samples: Sequence[int]) -> None:
    """Refuse samples that are missing.

    extents : of each lead, largest less smallest, which is finite only where all between them are.  samples : which of the
    recording they are, (n,), for the sentence.
    """
    if np.isfinite(extents).all():
        return
    bad = ~np.isfinite(signal)
    if bad.any():
        lead, sample = np.argwhere(bad)[0]
        raise RecordError(
            "{bad} samples are NaN or infinite, the first in lead {lead} at sample {sample}: export the "
            "recording without gaps",
            bad=int(bad.sum()),
            lead=leads[lead],
            sample=samples[sample],
        )


def settle_unit(signal: np.ndarray, extents: np.ndarray, notes: list[Note]) -> float:
    """The factor that takes the signal to mV; what is declared is checked against what a heart can give.

    extents : of each lead, largest less smallest, in the signal's unit.
    """
    moving = extents > 0
    if not moving.any():
        raise RecordError("no lead carries a signal (all are flat): check the electrodes or the export")
    signal = signal if moving.all() else signal[moving]
    if MV_RANGE[0] <= median(least_range(signal, SWING_PERCENTS[1])) and median(extents[moving]) <= MV_RANGE[1]:
        return 1.0  # as the swing lies between these two
    low, high = percentiles(signal.astype(np.float32), SWING_PERCENTS)
    swing = float(median(high - low))
    if MV_RANGE[0] <= swing <= MV_RANGE[1]:
        return 1.0
    if UV_RANGE[0] <= swing <= UV_RANGE[1]:
        if ((high - low) < MV_RANGE[0] * 1_000 / 2).sum() > 1:
            raise RecordError("some leads look like microvolts and some like millivolts: export all in mV")
        notes.append(
            Note(
                "warning",
                Message(
                    "amplitudes of {swing:.0f} look like microvolts, not millivolts: divided by 1,000", swing=swing
                ),
            )
        )
        return 1e-3
    raise RecordError(
        "has an amplitude of {swing:.3g} mV (peak to peak, middle lead), which no ECG has (0.4 to 6 "
        "mV): check unit, gain and electrodes, and export it in mV",
        swing=swing,
    )


def check_range(signal: np.ndarray, extents: np.ndarray, leads: Sequence[str], samples: Sequence[int]) -> None:
    """Refuse what no lead of a body gives: another unit on one lead, or a spike out of all proportion.

    extents : of each lead, largest less smallest, mV.  samples : as `check_finite` has them.
    """
    if extents.max() <= LEAD_SWING_MV:
        return
    signal = signal.astype(np.float64)
    swings = np.subtract(*reversed(percentiles(signal, SWING_PERCENTS)))
    if swings.max() > LEAD_SWING_MV:
        lead = leads[int(swings.argmax())]
        if np.median(swings) <= MV_RANGE[1]:
            text = "lead {lead} swings by {swing:.3g} mV, unlike the others: check its unit and gain"
        else:
            text = "lead {lead} swings by {swing:.3g} mV: check its unit and gain"
        raise RecordError(text, lead=lead, swing=swings.max())
    deviation = np.abs(signal - np.median(signal, axis=1, keepdims=True))
    largest = deviation.max()
    if largest > LARGEST_MV:
        lead, sample = np.unravel_index(deviation.argmax(), signal.shape)
        raise RecordError(
            "holds {largest:.3g} mV in lead {lead} at sample {sample}, which no electrode records: export it again",
            largest=largest,
            lead=leads[lead],
            sample=samples[sample],
        )
