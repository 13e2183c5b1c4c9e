"""Moving means along rows."""

import numpy as np


def moving_mean(rows: np.ndarray, width: int) -> np.ndarray:
    """`scipy.ndimage.uniform_filter1d(rows, width, axis=1, mode="nearest")`, in the rows' own precision.

    The middle of an even width is the later one of two. The sums of 2, 4, 8... neighbours are added up, so that equal
    samples have equal means wherever they stand.  rows : floats, (n_rows, n > 0).
    """
    n, before = rows.shape[1], width // 2
    sums = np.empty((len(rows), n + width - 1), rows.dtype)
    sums[:, before : before + n] = rows
    sums[:, :before] = rows[:, :1]
    sums[:, before + n :] = rows[:, -1:]
    total, length, at = None, 1, 0
    while True:
        if width & length:
            part = sums[:, at : at + n]
            total = part if total is None else total + part
            at += length
        if 2 * length > width:
            return total * rows.dtype.type(1 / width)
        sums = sums[:, :-length] + sums[:, length:]
        length *= 2
