"""ECG paper: the grid, the calibration pulse, one lead's trace; one unit of the axes is one millimetre."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection

from cardiac.records import Record

MM_PER_S, MM_PER_MV, MM_PER_INCH = 25.0, 10.0, 25.4
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))  # of twelve leads
RHYTHM = "II"
SHOWN_S = 10.0
LEFT_MM, RIGHT_MM, TOP_MM, ROW_MM, FOOT_MM = 15.0, 5.0, 24.0, 30.0, 9.0
PAPER, FINE, COARSE, INK = "#fffaf7", "#f6d5cd", "#e9a899", "#1b1b1f"


def paper_mm() -> tuple[float, float]:
    """Width and height of a record's paper."""
    return LEFT_MM + SHOWN_S * MM_PER_S + RIGHT_MM, TOP_MM + 4 * ROW_MM + FOOT_MM


def shown_part(record: Record, begin_s: float) -> Record:
    """Ten seconds of the record, or what there is of them."""
    first = round(begin_s * record.fs_hz)
    return replace(record, signal=np.asarray(record.signal[:, first : first + round(SHOWN_S * record.fs_hz)]))


def draw_grid(axes: Any, width: float, height: float) -> None:
    for step, colour, weight in ((1.0, FINE, 0.35), (5.0, COARSE, 0.6)):
        upright = [((x, 0), (x, height)) for x in np.arange(0, width + step / 2, step)]
        level = [((0, y), (width, y)) for y in np.arange(0, height + step / 2, step)]
        axes.add_collection(LineCollection(upright + level, colors=colour, linewidths=weight, zorder=0))


def draw_calibration(axes: Any, base: float) -> None:
    """A rectangle of 1 mV and 0.2 s before the row."""
    x = np.array([2, 4, 4, 9, 9, 11])
    axes.plot(x, base + np.array([0, 0, MM_PER_MV, MM_PER_MV, 0, 0]), color=INK, linewidth=0.9)


def draw_lead(axes: Any, record: Record, lead: str, start_s: float, length_s: float, at_mm: float, base: float) -> None:
    first, last = round(start_s * record.fs_hz), round((start_s + length_s) * record.fs_hz)
    trace = record.signal[record.leads.index(lead)]
    part = trace[first:last] - np.median(trace)
    along = at_mm + np.arange(len(part)) / record.fs_hz * MM_PER_S
    axes.plot(along, base + part * MM_PER_MV, color=INK, linewidth=0.8, solid_joinstyle="round")
    axes.plot([at_mm, at_mm], [base - 3, base + 3], color=INK, linewidth=0.6)
    # above the grid and under the trace: nothing may hide a wave
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
    axes.text(at_mm + 1.5, base + ROW_MM / 2 - 5, lead, color=INK, fontsize=9, fontweight="bold", bbox=box, zorder=1)
