"""Q, R, S, R', ST, T and P of every lead of a median beat: amplitudes in mV, durations in ms.

Amplitudes are from the level at the onset of the QRS (IEC 60601-2-25, annex; CSE Working Party 1985, Eur. Heart J. 6:815). A
deflection of the QRS counts from 20 uV on; its duration is from one crossing of that level to the next. The positive
one that comes first is R, what is negative before it Q, after it S, and the next positive one R'; a QRS without any
positive deflection is QS. S and R' must stand out of ST where the QRS ends, so that raised or lowered ST is neither.
"""

from dataclasses import dataclass

import numpy as np

from cardiac.measurements.fiducials import Fiducials
from cardiac.measurements.median_beat import BEFORE, GRID_HZ

COLUMNS = (
    "p_mv", "q_mv", "q_ms", "r_mv", "r_ms", "s_mv", "s_ms", "r2_mv", "r2_ms", "qs", "qrs_mv",
    "st_j_mv", "st_j40_mv", "st_j60_mv", "st_j80_mv", "st_slope_mv_per_s", "t_mv", "t_max_mv", "t_min_mv",
)  # fmt: skip
WAVE_MV = 0.02
ISOELECTRIC_MV = 0.01  # a wave begins and ends where the signal crosses this
SAMPLE_MS = 1000 / GRID_HZ
LEVEL_SAMPLES = 3  # before the onset of the QRS
ST_S = (0.0, 0.04, 0.06, 0.08)
P_REACH_S = 0.02


@dataclass(frozen=True)
class LeadWaves:
    """A column for each of COLUMNS, (n_leads,), NaN where a lead has no such wave; depths of Q and S are below 0."""

    table: dict[str, np.ndarray]
    level: np.ndarray
    qrs_net_mv_ms: np.ndarray


def measure_waves(beat: np.ndarray, fiducials: Fiducials) -> LeadWaves:
    """The waves of every lead. beat : (n_leads, n), mV, at GRID_HZ; its QRS must have been found."""
    onset, end = (round(fiducials[name] * GRID_HZ) + BEFORE for name in ("qrs_onset", "qrs_end"))
    first, end = max(onset - 1, 0), max(min(end + 1, beat.shape[1] - 1), onset + 3)
    level = beat[:, max(onset - LEVEL_SAMPLES, 0) : onset + 1].mean(axis=1, keepdims=True)
    leveled = beat - level
    qrs = leveled[:, first : end + 1]
    table = _qrs_waves(qrs) | _st(leveled, fiducials["qrs_end"]) | _t(leveled, fiducials) | _p(leveled, fiducials)
    net = qrs.sum(axis=1) * SAMPLE_MS
    return LeadWaves({name: table[name] for name in COLUMNS}, level[:, 0], net)


def _qrs_waves(qrs: np.ndarray) -> dict[str, np.ndarray]:
    """Amplitudes and durations of the deflections, in order of time. (n_leads, n)."""
    n_leads, n = qrs.shape
    times = np.arange(n)
    up, down = qrs >= WAVE_MV, qrs <= -WAVE_MV
    r_from = _first(up, np.zeros(n_leads, dtype=int))  # n where there is none
    s_from = _first(down, r_from)
    r2_from = _first(up, s_from)
    end_from = _first(down, r2_from)
    before_r = times < r_from[:, None]
    spans = {
        "q": before_r,
        "r": (times >= r_from[:, None]) & (times < s_from[:, None]),
        "s": (times >= s_from[:, None]) & (times < r2_from[:, None]),
        "r2": (times >= r2_from[:, None]) & (times < end_from[:, None]),
    }
    table = {}
    for name, span in spans.items():
        sign = -1 if name in "qs" else 1
        floor = np.maximum(sign * qrs[:, -1], 0) if name in ("s", "r2") else 0
        table |= _deflection(name, sign * qrs, span, sign, floor)
    table["qs"] = (r_from == n) & (table["q_mv"] <= -WAVE_MV)
    table["qrs_mv"] = np.ptp(qrs, axis=1)
    return table


def _first(where: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """First index from `begin` on that is true, or the length. bool (n_leads, n), (n_leads,) -> (n_leads,)."""
    n = where.shape[1]
    allowed = where & (np.arange(n) >= begin[:, None])
    return np.where(allowed.any(axis=1), allowed.argmax(axis=1), n)


def _deflection(
    name: str, heights: np.ndarray, span: np.ndarray, sign: int, floor: np.ndarray | float
) -> dict[str, np.ndarray]:
    """Amplitude and duration of the highest deflection within each lead's span; NaN where none is WAVE_MV over its floor."""
    inside = np.where(span, heights, -np.inf)
    peak = inside.argmax(axis=1)
    rows = np.arange(len(heights))
    amplitude = inside[rows, peak]
    exists = amplitude >= WAVE_MV + floor
    n, times = heights.shape[1], np.arange(heights.shape[1])
    low = heights < ISOELECTRIC_MV
    left = np.where(low & (times < peak[:, None]), times, -1).max(axis=1)
    right = np.where(low & (times > peak[:, None]), times, n).min(axis=1)
    duration = (_crossing(heights, rows, right, right - 1) - _crossing(heights, rows, left, left + 1)) * SAMPLE_MS
    return {
        f"{name}_mv": np.where(exists, sign * amplitude, np.nan),
        f"{name}_ms": np.where(exists, duration, np.nan),
    }


def _crossing(heights: np.ndarray, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the straight line from a sample under the isoelectric limit to its neighbour over it crosses it."""
    n = heights.shape[1]
    inside = (low >= 0) & (low < n)
    below, above = heights[rows, np.clip(low, 0, n - 1)], heights[rows, np.clip(high, 0, n - 1)]
    rise = np.where(above > below, above - below, 1.0)
    share = np.clip((ISOELECTRIC_MV - below) / rise, 0, 1)
    return np.where(inside, low + share * (high - low), np.clip(high, 0, n - 1))


def _st(leveled: np.ndarray, j_s: float) -> dict[str, np.ndarray]:
    at_j = [_value_at(leveled, j_s + after) for after in ST_S]
    names = ("st_j_mv", "st_j40_mv", "st_j60_mv", "st_j80_mv")
    return dict(zip(names, at_j, strict=True)) | {"st_slope_mv_per_s": (at_j[-1] - at_j[0]) / ST_S[-1]}


def _value_at(leveled: np.ndarray, at_s: float | np.ndarray) -> np.ndarray:
    """Mean of three samples about a time, one for all leads or one for each; NaN where the time is. (n_leads,)."""
    at_s = np.broadcast_to(np.asarray(at_s, dtype=float), (len(leveled),))
    centre = np.round(np.nan_to_num(at_s) * GRID_HZ).astype(int) + BEFORE
    samples = np.clip(centre[:, None] + np.array([-1, 0, 1]), 0, leveled.shape[1] - 1)
    values = np.take_along_axis(leveled, samples, axis=1).mean(axis=1)
    return np.where(np.isnan(at_s), np.nan, values)


def _t(leveled: np.ndarray, fiducials: Fiducials) -> dict[str, np.ndarray]:
    """T at its peak in each lead, where the lead shows one; and its highest and lowest between ST and its end."""
    begin_s, end_s = fiducials["qrs_end"] + ST_S[-1], fiducials["t_end"]
    if np.isnan(end_s):
        nothing = np.full(len(leveled), np.nan)
        return {"t_mv": nothing, "t_max_mv": nothing, "t_min_mv": nothing}
    begin = round(begin_s * GRID_HZ) + BEFORE
    wave = leveled[:, begin : max(round(end_s * GRID_HZ) + BEFORE, begin + 1) + 1]
    at_peak = _value_at(leveled, fiducials.lead("t_peak"))
    return {"t_mv": at_peak, "t_max_mv": wave.max(axis=1), "t_min_mv": wave.min(axis=1)}


def _p(leveled: np.ndarray, fiducials: Fiducials) -> dict[str, np.ndarray]:
    return {"p_mv": _value_at(leveled, fiducials.lead("p_peak"))}
