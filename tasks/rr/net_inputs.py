"""What the network takes: every interval beside its neighbours and its rhythm, in chunks of one width."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import median_filter

USUAL_LENGTH = 150  # intervals: the middle study's
CHANNELS = (
    "deviation",  # logarithm of the interval over the local median, as far as a spike goes
    "wide_deviation",  # and as far as an artefact goes
    "deviation_ms",  # the difference from the local median
    "from_last",  # logarithm of the interval over the one before
    "to_next",  # and of the one after over it
    "spreads",  # the deviation in spreads of the whole study
    "local_spreads",  # and in local spreads
    "length",  # of the interval
    "out_of_range",  # whether no heart beats so
    "local_spread",
    "study_spread",  # constant, as all of the study are
    "study_median",
    "study_artefacts",
    "study_length",  # experts marked about 40 intervals of a study, however long it is
    "present",  # 1; 0 where a chunk reaches beyond the study
)
N_CHANNELS = len(CHANNELS)
WIDTH, HOP = 192, 160  # intervals of a chunk, and between the starts of two
NEAR, AROUND = 31, 101  # intervals that a local median and a local spread are of
PLAUSIBLE_MS = (300.0, 1400.0)
SPIKE, SPIKE_MS = 0.25, 150.0  # what is further from the local median is no spike
LEAST_SPREAD, MOST_SPREADS = 0.003, 12.0
AT_ONCE = 128  # chunks
# chunks float32 (b, N_CHANNELS, WIDTH) -> logits float32 (b, WIDTH)
Forward = Callable[[np.ndarray], np.ndarray]
LEAST_MS, MOST_MS = 1e-3, 1e7  # what is beyond counts as this: an artefact either way


def inputs_of(intervals_ms: np.ndarray, n_study: int | None = None) -> np.ndarray:
    """The network's inputs, float32 (N_CHANNELS, n), each within some units of zero, whatever an artefact is.

    intervals_ms : positive numbers, (n,), n >= 1.  n_study : how many the study has of which these are a part, if they are.
    """
    x = np.clip(np.asarray(intervals_ms, float), LEAST_MS, MOST_MS)
    medians = median_filter(x, min(NEAR, 2 * len(x) - 1), mode="nearest")
    deviation = np.clip(np.log(x / medians), -1, 1)
    steps = 10 * np.clip(np.diff(np.log(x)), -SPIKE, SPIKE)
    local = median_filter(np.abs(deviation), min(AROUND, 2 * len(x) - 1), mode="nearest") + LEAST_SPREAD
    study = np.median(np.abs(deviation)) + LEAST_SPREAD
    outside = (x < PLAUSIBLE_MS[0]) | (x > PLAUSIBLE_MS[1])
    rows = (
        10 * np.clip(deviation, -SPIKE, SPIKE),
        2 * deviation,
        np.clip(x - medians, -SPIKE_MS, SPIKE_MS) / 50,
        np.append(0.0, steps),
        np.append(steps, 0.0),
        np.clip(deviation / study, -MOST_SPREADS, MOST_SPREADS) / 4,
        np.clip(deviation / local, -MOST_SPREADS, MOST_SPREADS) / 4,
        (np.clip(x, *PLAUSIBLE_MS) - 700) / 200,
        outside,
        np.log(local / 0.02),
        np.log(study / 0.02),
        (np.clip(np.median(x), *PLAUSIBLE_MS) - 700) / 200,
        5 * np.sqrt(outside.mean()),
        np.clip(np.log((n_study or len(x)) / USUAL_LENGTH), -2, 3),
        1,
    )
    inputs = np.empty((N_CHANNELS, len(x)), np.float32)
    for channel, row in zip(inputs, rows, strict=True):
        channel[:] = row
    return inputs


def chunk_starts(n: int) -> np.ndarray:
    """The first interval of each chunk of a study of n, int; the last chunk is shifted back to end with the study."""
    if n <= WIDTH:
        return np.zeros(1, int)
    return np.append(np.arange(0, n - WIDTH, HOP), n - WIDTH)


def cut_chunks(inputs: np.ndarray) -> np.ndarray:
    """A study's chunks, float32 (n_chunks, N_CHANNELS, WIDTH); zeros behind the end of a study shorter than one."""
    n = inputs.shape[1]
    if n < WIDTH:
        inputs = np.pad(inputs, ((0, 0), (0, WIDTH - n)))
    return np.stack([inputs[:, start : start + WIDTH] for start in chunk_starts(n)])


_TENT = np.minimum(np.arange(1, WIDTH + 1), np.arange(WIDTH, 0, -1)).astype(float)


def join_chunks(values: np.ndarray, n: int) -> np.ndarray:
    """One value for each interval, float (n,), from those of the chunks, (n_chunks, WIDTH).

    Where chunks overlap the mean, in which the one counts more that sees more around the interval.
    """
    total, weight = np.zeros(max(n, WIDTH)), np.zeros(max(n, WIDTH))
    for start, chunk in zip(chunk_starts(n), values, strict=True):
        total[start : start + WIDTH] += _TENT * chunk
        weight[start : start + WIDTH] += _TENT
    return total[:n] / weight[:n]


def answer(forward: Forward, intervals_ms: Sequence[np.ndarray], n_study: int | None = None) -> list[np.ndarray]:
    """Of each study its intervals' logits, float (n,). intervals_ms : of each study, (n,), n >= 1, positive.

    n_study : how long each study counts as, however long it is.
    """
    chunks = [cut_chunks(inputs_of(each, n_study)) for each in intervals_ms]
    if not chunks:
        return []
    flat = np.concatenate(chunks)
    logits = np.concatenate([forward(flat[first : first + AT_ONCE]) for first in range(0, len(flat), AT_ONCE)])
    parts = np.split(logits, np.cumsum([len(each) for each in chunks])[:-1])
    return [join_chunks(part, len(each)) for part, each in zip(parts, intervals_ms, strict=True)]
