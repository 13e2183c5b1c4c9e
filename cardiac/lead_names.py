"""Where leads' names stand on ECG paper: near the beginning of their trace, and where no trace runs through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.lib.stride_tricks import sliding_window_view

from cardiac.paper import INK, MM_PER_S, PAPER, ROW_MM, Margins, length_mm
from cardiac.pixels import MM_PER_INCH
from cardiac.print_out import Part

POINTS = 9.0  # of the letters
HIGH_MM, UNDER_MM = 3.2, 0.9  # of the letters, with what is free over them; what is free under their line
AFTER_MM, USUAL_MM = 1.5, 10.0  # of the mark where the lead begins, and over the middle of its row: where there is room
STEP_MM = 0.5  # between the levels that are tried
BELOW = 12.0  # under the middle of its row a name stands only where it would stand so many mm further along above
GROUND = 0.8  # how far the paper under a name covers the grid


@dataclass(frozen=True)
class Strip:
    """A lead's trace on the paper. row : counted from the top.  at_mm : where it begins.  levels : (n,), mm."""

    row: int
    lead: str
    at_mm: float
    levels: np.ndarray


@dataclass(frozen=True)
class Extents:
    """How low and how high the traces of each row reach in each millimetre along the paper, (n_rows, n_mm), mm."""

    low: np.ndarray
    high: np.ndarray


def wave_extents(strips: Sequence[Strip], fs_hz: float, width_mm: float) -> Extents:
    """Of all traces on a sheet; where there is none, low is above high."""
    shape = 1 + max(strip.row for strip in strips), int(np.ceil(width_mm)) + 1
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    for strip in strips:
        if not len(strip.levels):
            continue
        at = (strip.at_mm + np.arange(len(strip.levels)) / fs_hz * MM_PER_S).astype(int)
        first = np.flatnonzero(np.diff(at, prepend=-1))
        row, place = strip.row, at[first]
        following = strip.levels[np.append(first[1:], len(at) - 1)]  # to which the trace goes on
        low[row, place] = np.minimum(low[row, place], np.minimum(np.minimum.reduceat(strip.levels, first), following))
        high[row, place] = np.maximum(high[row, place], np.maximum(np.maximum.reduceat(strip.levels, first), following))
    return Extents(low, high)


def free_place(
    extents: Extents, strip: Strip, margins: Margins, cell_mm: float, size_mm: tuple[float, float]
) -> tuple[float, float, bool]:
    """Lower left corner, mm, of a box of a size in a lead's cell through which no trace runs; whether there is any.

    cell_mm : how long the cell is. Of all such places it is the one nearest to where names usually stand, and that place
    itself where there is none.
    """
    wide, high = size_mm
    base = margins.base_mm(strip.row)
    usual = strip.at_mm + AFTER_MM, base + USUAL_MM
    first, n_columns = int(usual[0]) - 1, int(np.ceil(wide + 0.5)) + 2  # a millimetre free to either side
    last = int(strip.at_mm + cell_mm) + 1
    if last - first < n_columns:
        return *usual, False
    here = slice(first, first + n_columns)
    if not ((extents.low[:, here] < usual[1] + high) & (extents.high[:, here] > usual[1] - UNDER_MM)).any():  # mostly
        return *usual, True
    part = slice(first, last)
    low = sliding_window_view(extents.low[:, part], n_columns, axis=1).min(axis=2)  # (n_rows, n_places)
    tall = sliding_window_view(extents.high[:, part], n_columns, axis=1).max(axis=2)
    floor, roof = margins.wave_mm
    roof = min(roof, base + ROW_MM / 2 + (margins.over if strip.row == 0 else 0.0))
    levels = np.arange(max(floor, base - ROW_MM / 2) + UNDER_MM, roof - high, STEP_MM)[:, None]
    crossed = ((low[:, None] < levels + high) & (tall[:, None] > levels - UNDER_MM)).any(axis=0)  # (n_levels, n_places)
    aside = np.arange(low.shape[1])
    cost = aside + np.abs(levels - usual[1]) + BELOW * (levels < base)
    cost[crossed] = np.inf
    level, place = np.unravel_index(cost.argmin(), cost.shape)
    if not np.isfinite(cost[level, place]):
        return *usual, False
    return usual[0] + place, float(levels[level, 0]), True


def name_mm(lead: str) -> float:
    """How long a lead's name is on the paper."""
    return length_mm([Part(lead, outside=True)], POINTS)


def draw_lead_name(
    axes: Any, lead: str, at_mm: float, level: float, is_free: bool = True, ground_mm: tuple[float, float] = (0.0, 0.0)
) -> None:
    """A lead's name on a little paper that covers the grid; where a trace runs through it, over the trace and without.

    ground_mm : how long that paper is at least, and how far it reaches under the name, where more stands on it.
    """
    style = {"color": INK, "fontsize": POINTS, "fontweight": "bold"}
    if not is_free:
        axes.text(at_mm, level, lead, **style)
        return
    wide, under = ground_mm
    points = (HIGH_MM + under) * 72 / MM_PER_INCH
    middle = level - 0.4 + (HIGH_MM - under) / 2
    ground = [at_mm - 0.6, at_mm + max(wide, name_mm(lead))]
    colour = (*to_rgb(PAPER), GROUND)
    axes.plot(ground, [middle, middle], color=colour, linewidth=points, solid_capstyle="butt", zorder=1)
    axes.text(at_mm, level, lead, zorder=1, **style)
