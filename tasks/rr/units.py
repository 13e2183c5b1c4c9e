"""Units of RR intervals in tables: what a file says, and what no heart's intervals can be. In doubt they are refused."""

import numpy as np
import pandas as pd

from cardiac.errors import RecordError

MS = {"ms": 1.0, "msec": 1.0, "millis": 1.0, "milliseconds": 1.0, "мс": 1.0}
S = {"s": 1_000.0, "sec": 1_000.0, "seconds": 1_000.0, "с": 1_000.0, "сек": 1_000.0}
UNITS = MS | S
SECONDS_UNDER, MS_OVER = 5.0, 100.0  # what the middle interval of a heart cannot be in ms, or in seconds
MIDDLE_MS = (100.0, 5_000.0)  # in which the middle interval of a heart lies: 600 to 12 beats a minute
LEAST_OWN = 3  # intervals of a study, from which on it is looked at by itself
GROUPED, TINY_MS = r"\d{1,3}[.,]\d{3}", 10.0  # 1,234 beside 812: a thousand, or a fraction that no interval is


def refuse_unit(values: np.ndarray, unit: str, where: str) -> None:
    """Raise RecordError where the middle interval is none of a heart's in this unit, "" where none is said."""
    middle, in_ms = float(np.median(values)), UNITS.get(unit, 1.0) == 1.0
    if in_ms and middle < SECONDS_UNDER:
        said = "no unit is said" if not unit else f"the unit is said to be {unit}"
        raise RecordError(
            f"{where}: the intervals look like seconds (the middle one is {middle:g}) and {said}: name the column rr_s, or "
            "give them in ms"
        )
    if not in_ms and middle > MS_OVER:
        raise RecordError(
            f"{where}: the intervals are said to be in seconds and look like ms (the middle one is {middle:g}): "
            "name the column rr_ms"
        )
    middle_ms = middle * UNITS.get(unit, 1.0)
    if not MIDDLE_MS[0] <= middle_ms <= MIDDLE_MS[1]:
        raise RecordError(
            f"{where}: the middle interval is {middle_ms:g} ms, which is no heart's (are they beats a minute, samples or "
            "µs?): give the intervals in ms"
        )


def refuse_grouped(texts: pd.Series, in_ms: np.ndarray, name: str) -> None:
    """Raise RecordError where 1,234 stands beside 812, so that it may be a thousand."""
    tiny = np.flatnonzero(in_ms < TINY_MS)
    grouped = texts.iloc[tiny].str.fullmatch(GROUPED).to_numpy(bool)
    if grouped.any() and not texts.str.contains("[.,]").all():
        line = texts.index[tiny[np.argmax(grouped)]]
        raise RecordError(
            f"{name}, line {line}: {texts.loc[line]!r} may be a fraction or thousands: write intervals without separators"
        )


def refuse_units(in_ms: np.ndarray, starts: np.ndarray, ids: np.ndarray, file: str) -> None:
    """Raise RecordError where one study of a file in ms is in another unit."""
    counts = np.diff(np.append(starts, len(in_ms)))
    middle = pd.Series(in_ms).groupby(np.repeat(np.arange(len(starts)), counts)).median().to_numpy()
    for index in np.flatnonzero((counts >= LEAST_OWN) & ((middle < MIDDLE_MS[0]) | (middle > MIDDLE_MS[1])))[:1]:
        own = slice(starts[index], starts[index] + counts[index])
        refuse_unit(in_ms[own], "", f"{file}, study {str(ids[starts[index]])[:40]!r}")
