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
LEVEL_SAMPLES = slice(-5, -1)  # from the onset of the QRS: 20 to 4 ms before it
ST_S = (0.0, 0.04, 0.06, 0.08)


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
    level = level_before(beat, onset)[:, None]
    leveled = beat - level
    qrs = leveled[:, first : end + 1]
    table = _qrs_waves(qrs) | _st(leveled, fiducials["qrs_end"]) | _t(leveled, fiducials) | _p(leveled, fiducials)
    net = qrs.sum(axis=1) * SAMPLE_MS
    return LeadWaves({name: table[name] for name in COLUMNS}, level[:, 0], net)


def level_before(beat: np.ndarray, onset: int) -> np.ndarray:
    """The level that amplitudes are measured from, of every lead, mV, (n_leads,). onset : of the QRS, its sample in the beat."""
    return beat[:, max(onset + LEVEL_SAMPLES.start, 0) : max(onset + LEVEL_SAMPLES.stop, 1)].mean(axis=1)


def _qrs_waves(qrs: np.ndarray) -> dict[str, np.ndarray]:
    """Amplitudes and durations of the deflections, in order of time. (n_leads, n)."""
    n_leads, n = qrs.shape
    times = np.arange(n)
    up, down = qrs >= WAVE_MV, qrs <= -WAVE_MV
    begins = [np.zeros(n_leads, dtype=int)]  # of Q, R, S, R' and what follows; n where there is none
    for where in (up, down, up, down):
        begins.append(_first(where & (times >= begins[-1][:, None])))
    edges = np.stack(begins)  # (5, n_leads)
    span = (times >= edges[:-1, :, None]) & (times < edges[1:, :, None])  # (4, n_leads, n)
    signs = np.array([-1, 1, -1, 1])
    floor = np.maximum(signs[:, None] * qrs[:, -1], 0) * [[0], [0], [1], [1]]
    amplitudes, durations = _deflections(signs[:, None, None] * qrs, span, floor)
    table = {}
    for name, sign, amplitude, duration in zip(("q", "r", "s", "r2"), signs, amplitudes, durations, strict=True):
        table |= {f"{name}_mv": sign * amplitude, f"{name}_ms": duration}
    table["qs"] = (edges[1] == n) & (table["q_mv"] <= -WAVE_MV)
    table["qrs_mv"] = qrs.max(axis=1) - qrs.min(axis=1)
    return table


def _first(where: np.ndarray) -> np.ndarray:
    """First index that is true, or the length. bool (n_leads, n) -> (n_leads,)."""
    first = where.argmax(axis=1)
    return np.where(where[np.arange(len(where)), first], first, where.shape[1])


def _deflections(heights: np.ndarray, span: np.ndarray, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude and duration, ms, of the highest point within each span; NaN where none is WAVE_MV over its floor.

    heights, span : (k, n_leads, n).  floor : (k, n_leads), mV. Returns both (k, n_leads).
    """
    k, n_leads, n = heights.shape
    inside = np.where(span, heights, -np.inf).reshape(k * n_leads, n)
    heights = heights.reshape(k * n_leads, n)
    peak, rows, times = inside.argmax(axis=1), np.arange(k * n_leads), np.arange(n)
    amplitude = inside[rows, peak]
    low = heights < ISOELECTRIC_MV
    left = np.where(low & (times < peak[:, None]), times, -1).max(axis=1)
    right = np.where(low & (times > peak[:, None]), times, n).min(axis=1)
    duration = _crossing(heights, rows, right, right - 1) - _crossing(heights, rows, left, left + 1)
    exists = amplitude >= WAVE_MV + floor.ravel()
    found = np.where(exists, [amplitude, duration * SAMPLE_MS], np.nan).reshape(2, k, n_leads)
    return found[0], found[1]


def _crossing(heights: np.ndarray, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the straight line from a sample under the isoelectric limit to its neighbour over it crosses it."""
    last = heights.shape[1] - 1
    at_low, at_high = np.minimum(np.maximum(low, 0), last), np.minimum(np.maximum(high, 0), last)
    below, above = heights[rows, at_low], heights[rows, at_high]
    share = np.minimum(np.maximum((ISOELECTRIC_MV - below) / np.where(above > below, above - below, 1.0), 0), 1)
    return np.where(low == at_low, low + share * (high - low), at_high)


def _st(leveled: np.ndarray, j_s: float) -> dict[str, np.ndarray]:
    centres = [round((j_s + after) * GRID_HZ) + BEFORE for after in ST_S]
    at_j = [leveled[:, centre - 1 : centre + 2].mean(axis=1) for centre in centres]
    names = ("st_j_mv", "st_j40_mv", "st_j60_mv", "st_j80_mv")
    return dict(zip(names, at_j, strict=True)) | {"st_slope_mv_per_s": (at_j[-1] - at_j[0]) / ST_S[-1]}


def _values_at(leveled: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Mean of three samples about each lead's own time; NaN where that is. (n_leads,)."""
    absent = np.isnan(at_s)
    centre = np.rint(np.where(absent, 0, at_s) * GRID_HZ).astype(int) + BEFORE
    centre = np.minimum(np.maximum(centre, 1), leveled.shape[1] - 2)
    rows = np.arange(len(leveled))
    values = (leveled[rows, centre - 1] + leveled[rows, centre] + leveled[rows, centre + 1]) / 3
    return np.where(absent, np.nan, values)


def _t(leveled: np.ndarray, fiducials: Fiducials) -> dict[str, np.ndarray]:
    """T at its peak in each lead, where the lead shows one; and its highest and lowest between ST and its end."""
    begin_s, end_s = fiducials["qrs_end"] + ST_S[-1], fiducials["t_end"]
    if np.isnan(end_s):
        nothing = np.full(len(leveled), np.nan)
        return {"t_mv": nothing, "t_max_mv": nothing, "t_min_mv": nothing}
    begin = round(begin_s * GRID_HZ) + BEFORE
    wave = leveled[:, begin : max(round(end_s * GRID_HZ) + BEFORE, begin + 1) + 1]
    at_peak = _values_at(leveled, fiducials.lead("t_peak"))
    return {"t_mv": at_peak, "t_max_mv": wave.max(axis=1), "t_min_mv": wave.min(axis=1)}


def _p(leveled: np.ndarray, fiducials: Fiducials) -> dict[str, np.ndarray]:
    return {"p_mv": _values_at(leveled, fiducials.lead("p_peak"))}
