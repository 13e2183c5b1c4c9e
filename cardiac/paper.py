"""ECG paper: the grid, the calibration pulse, one lead's trace, lines over it; one unit of the axes is one millimetre."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from cardiac.print_out import Part
from cardiac.records import Record

MM_PER_S, MM_PER_MV, MM_PER_INCH = 25.0, 10.0, 25.4
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))  # of twelve leads
RHYTHM = "II"
SHOWN_S = 10.0
LEFT_MM, RIGHT_MM, TOP_MM, ROW_MM, FOOT_MM = 15.0, 5.0, 34.0, 30.0, 9.0
SMALL, SMALL_GAP, GAP = 0.77, 0.4, 1.3  # of a line's letters: small ones, and how far from its neighbour a part stands
HINTED = 1.1  # how much wider a line may become where its letters are fitted to pixels
LEAST_POINTS = 6.0  # of a line with more letters than there is room for
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


def draw_parts(axes: Any, parts: Sequence[Part], at_mm: float, base: float, fontsize: float, room_mm: float) -> None:
    """Parts of a line one after another, on one base line: values out of their range bold, ranges and remarks smaller.

    room_mm : how long the line may be; a longer one has smaller letters, and where that is not enough no end.
    """
    fontsize = min(fontsize, max(LEAST_POINTS, fontsize * room_mm / _length_mm(parts, fontsize)))
    before = None
    for part in _cut(parts, fontsize, room_mm):
        style = {"color": INK, "va": "baseline", **_letters(part, fontsize)}
        if before is None:
            before = axes.text(at_mm, base, part.text, **style)
        else:
            after = {"xy": (1, base), "xycoords": (before, "data"), "textcoords": "offset points"}
            before = axes.annotate(part.text, xytext=(_gap(part) * fontsize, 0), **after, **style)


def _letters(part: Part, fontsize: float) -> dict[str, Any]:
    return {"fontsize": fontsize * (SMALL if part.small else 1.0), "fontweight": "bold" if part.outside else "normal"}


def _gap(part: Part) -> float:
    """How far a part stands from the one before it, in sizes of the line's letters."""
    return SMALL_GAP if part.small else GAP


def _cut(parts: Sequence[Part], fontsize: float, room_mm: float) -> list[Part]:
    """The parts, the last one without its end where the line has no room for it."""
    *first, last = parts
    over_mm = _length_mm(parts, fontsize) - room_mm
    if over_mm <= 0:
        return [*parts]
    kept = 1 - over_mm / _length_mm([last], fontsize)
    return [*first, replace(last, text=f"{last.text[: max(0, int(kept * len(last.text)) - 3)]}...")]


def _length_mm(parts: Sequence[Part], fontsize: float) -> float:
    """How long a line of parts is at most: letters fitted to pixels are somewhat wider than the font has them."""
    points = sum(_gap(part) * fontsize for part in parts[1:])
    for part in parts:
        letters = _letters(part, fontsize)
        font = FontProperties(size=letters["fontsize"], weight=letters["fontweight"])
        points += HINTED * text_to_path.get_text_width_height_descent(part.text, font, ismath=False)[0]
    return points * MM_PER_INCH / 72
