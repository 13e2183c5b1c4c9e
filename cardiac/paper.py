"""ECG paper: the grid, the calibration pulse, one lead's trace, lines over it; one unit of the axes is one millimetre."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

from cardiac.pixels import MM_PER_INCH
from cardiac.print_out import Part
from cardiac.records import Record

MM_PER_S, MM_PER_MV = 25.0, 10.0
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))  # of twelve leads
RHYTHM = "II"
SHOWN_S = 10.0
LEFT_MM, RIGHT_MM, TOP_MM, ROW_MM, FOOT_MM = 15.0, 5.0, 34.0, 30.0, 9.0
LARGE_MM = 5.0  # of a large square
OVER_MM = 5.0  # of the grid over the first row
FREE_MM = 6.0  # under the waves, for the words at the foot
GAINS = (10.0, 5.0, 2.5)  # mm to the millivolt, of paper that does not grow: a lower one where waves want it
MOST_OVER_MM, MOST_UNDER_MM = 50.0, 30.0  # that paper grows for waves: what is higher yet is no heart's
SMALL, SMALL_GAP, GAP = 0.77, 0.4, 1.3  # of a line's letters: small ones, and how far from its neighbour a part stands
HINTED = 1.1  # how much wider a line may become where its letters are fitted to pixels
LEAST_POINTS = 6.0  # of a line with more letters than there is room for
SIZE_STEP = 0.25  # points, between the sizes of such lines: few sizes are few letters to keep
PAPER, FINE, COARSE, INK = "#fffaf7", "#f6d5cd", "#e9a899", "#1b1b1f"


@dataclass(frozen=True)
class Margins:
    """How much more paper there is than usual, mm. over, under : of grid, for high waves.  head : for more lines.

    under : less than 0 where the rows are lower than usual.  free : kept from waves at the foot.  mm_per_mv : the gain.
    """

    over: float = 0.0
    under: float = 0.0
    head: float = 0.0
    free: float = FREE_MM
    mm_per_mv: float = MM_PER_MV

    @property
    def grid_mm(self) -> float:
        """Where the grid ends, from the lower edge of the paper."""
        return FOOT_MM + self.under + 4 * ROW_MM + OVER_MM + self.over

    @property
    def wave_mm(self) -> tuple[float, float]:
        """How low and how high waves may be, from the lower edge."""
        return self.free, self.grid_mm

    def base_mm(self, row: int) -> float:
        """The middle of a row, from the lower edge; the fourth one is the rhythm strip's."""
        return FOOT_MM + self.under + (3.5 - row) * ROW_MM


USUAL = Margins()


def paper_mm(margins: Margins = USUAL) -> tuple[float, float]:
    """Width and height of a record's paper."""
    height = TOP_MM + 4 * ROW_MM + FOOT_MM + margins.over + margins.under + margins.head
    return LEFT_MM + SHOWN_S * MM_PER_S + RIGHT_MM, height


def shown_part(record: Record, begin_s: float) -> Record:
    """Ten seconds of the record, or what there is of them."""
    first = round(begin_s * record.fs_hz)
    return replace(record, signal=np.asarray(record.signal[:, first : first + round(SHOWN_S * record.fs_hz)]))


def shown_strips(shown_s: float) -> list[tuple[int, str, float, float, float]]:
    """Row, lead, first second, seconds and place, mm, of each stretch of the ten seconds shown; the rhythm strip last."""
    part_s = shown_s / len(ROWS[0])
    strips = [
        (row, lead, column * part_s, part_s, LEFT_MM + column * part_s * MM_PER_S)
        for row, leads in enumerate(ROWS)
        for column, lead in enumerate(leads)
    ]
    return [*strips, (len(ROWS), RHYTHM, 0.0, len(ROWS[0]) * part_s, LEFT_MM)]


def wave_margins(record: Record, grows: bool = True, free: float = FREE_MM) -> Margins:
    """What the waves of the ten seconds shown want, in whole large squares: none leaves the grid or meets the foot's words.

    grows : whether there may be more paper; else the rows are a large square lower or higher, and where that is not
    enough the gain is a half or a quarter, as on any electrocardiograph; waves that still have no room are no heart's.
    """
    up, down = _reach(record, MM_PER_MV)
    if grows:
        wanted = up - USUAL.grid_mm, free - down
        over, under = (LARGE_MM * float(np.ceil(max(0.0, mm) / LARGE_MM)) for mm in wanted)
        return Margins(min(over, MOST_OVER_MM), min(under, MOST_UNDER_MM), free=free)
    for gain in GAINS:
        up, down = _reach(record, gain)
        for lower in (0.0, LARGE_MM, -LARGE_MM):
            if up - lower <= USUAL.grid_mm and down - lower >= free:
                return Margins(lower, -lower, free=free, mm_per_mv=gain)
    return Margins(free=free)


def _reach(record: Record, gain: float) -> tuple[float, float]:
    """How high and how low the waves of the ten seconds shown reach on usual paper, mm from its lower edge."""
    up, down = -np.inf, np.inf
    for row, lead, start_s, length_s, _ in shown_strips(record.duration_s):
        away = _deflection(record, lead, start_s, length_s) * gain
        if len(away):
            up = max(up, USUAL.base_mm(row) + float(away.max()))
            down = min(down, USUAL.base_mm(row) + float(away.min()))
    return up, down


def draw_grid(axes: Any, width: float, height: float) -> None:
    """A fine line every millimetre, a coarse one every fifth: those of a kind and direction are one path, which costs less."""
    for step, colour, weight in ((1.0, FINE, 0.35), (5.0, COARSE, 0.6)):
        upright = [((x, 0), (x, height)) for x in np.arange(0, width + 1e-6, step)]
        level = [((0, y), (width, y)) for y in np.arange(0, height + 1e-6, step)]
        style = {"facecolors": "none", "edgecolors": colour, "linewidths": weight, "zorder": 0}
        axes.add_collection(PathCollection([_lines_path(upright), _lines_path(level)], **style), autolim=False)


def _lines_path(lines: Sequence[Any]) -> Path:
    """Lines apart from each other, each from one point to another, as one path."""
    return Path(np.reshape(lines, (-1, 2)), [Path.MOVETO, Path.LINETO] * len(lines))


def draw_calibration(axes: Any, base: float, mm_per_mv: float = MM_PER_MV) -> None:
    """A rectangle of 1 mV and 0.2 s before the row."""
    x = np.array([2, 4, 4, 9, 9, 11])
    axes.plot(x, base + np.array([0, 0, 1, 1, 0, 0]) * mm_per_mv, color=INK, linewidth=0.9)


def _deflection(record: Record, lead: str, start_s: float, length_s: float) -> np.ndarray:
    """A stretch of a lead about the median of all that there is of it, (n,), mV."""
    first, last = round(start_s * record.fs_hz), round((start_s + length_s) * record.fs_hz)
    trace = record.signal[record.leads.index(lead)]
    return np.asarray(trace[first:last] - np.median(trace))


def lead_levels(
    record: Record, lead: str, start_s: float, length_s: float, base: float, margins: Margins = USUAL
) -> np.ndarray:
    """How high the trace of a stretch of a lead is on the paper, (n,), mm; where it would leave the grid, at its edge."""
    low, high = margins.wave_mm
    return np.clip(base + _deflection(record, lead, start_s, length_s) * margins.mm_per_mv, low, high)


def draw_trace(axes: Any, levels: np.ndarray, fs_hz: float, at_mm: float) -> None:
    """A lead's trace, which begins at a place along the paper. levels : as `lead_levels` has them."""
    along = at_mm + np.arange(len(levels)) / fs_hz * MM_PER_S
    axes.plot(along, levels, color=INK, linewidth=0.8, solid_joinstyle="round")


def draw_lead_mark(axes: Any, at_mm: float, base: float) -> None:
    """Where a lead begins."""
    axes.plot([at_mm, at_mm], [base - 3, base + 3], color=INK, linewidth=0.6)


def draw_parts(axes: Any, parts: Sequence[Part], at_mm: float, base: float, fontsize: float, room_mm: float) -> None:
    """Parts of a line one after another, on one base line: values out of their range bold, ranges and remarks smaller.

    room_mm : how long the line may be; a longer one has smaller letters, and where that is not enough no end.
    """
    if (wanted_mm := length_mm(parts, fontsize)) > room_mm:
        fitting = SIZE_STEP * np.floor(fontsize * room_mm / wanted_mm / SIZE_STEP)
        fontsize = min(fontsize, max(LEAST_POINTS, float(fitting)))
    before = None
    for part in _cut(parts, fontsize, room_mm):
        style = {"color": INK, "va": "baseline", "parse_math": False, **_letters(part, fontsize)}
        if before is None:
            before = axes.text(at_mm, base, part.text, **style)
        else:
            after = {"xy": (1, base), "xycoords": (before, "data"), "textcoords": "offset points"}
            before = axes.annotate(part.text, xytext=(_gap(part) * fontsize, 0), **after, **style)


def wrap_parts(parts: Sequence[Part], fontsize: float, room_mm: float) -> list[list[Part]]:
    """The parts on as many lines as they need: lines break before a part or, where one is too long for a line, in it.

    A range stays with its value: such a line may be somewhat too long, for `draw_parts` to make smaller.
    """
    lines: list[list[Part]] = []
    for part in parts:
        if lines and (part.small or length_mm([*lines[-1], part], fontsize) <= room_mm):
            lines[-1].append(part)
        else:
            lines += [[replace(part, text=text)] for text in _wrapped(part, fontsize, room_mm)]
    return lines


def _wrapped(part: Part, fontsize: float, room_mm: float) -> list[str]:
    """The words of a part on lines."""
    lines: list[str] = []
    for word in part.text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and length_mm([replace(part, text=longer)], fontsize) <= room_mm:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _letters(part: Part, fontsize: float) -> dict[str, Any]:
    return {"fontsize": fontsize * (SMALL if part.small else 1.0), "fontweight": "bold" if part.outside else "normal"}


def _gap(part: Part) -> float:
    """How far a part stands from the one before it, in sizes of the line's letters."""
    return SMALL_GAP if part.small else GAP


def _cut(parts: Sequence[Part], fontsize: float, room_mm: float) -> list[Part]:
    """The parts, the last one without its end where the line has no room for it."""
    *first, last = parts
    over_mm = length_mm(parts, fontsize) - room_mm
    if over_mm <= 0:
        return [*parts]
    kept = 1 - over_mm / length_mm([last], fontsize)
    return [*first, replace(last, text=f"{last.text[: max(0, int(kept * len(last.text)) - 3)]}...")]


def length_mm(parts: Sequence[Part], fontsize: float) -> float:
    """How long a line of parts is at most: letters fitted to pixels are somewhat wider than the font has them."""
    points = sum(_gap(part) * fontsize for part in parts[1:])
    for part in parts:
        letters = _letters(part, fontsize)
        words = part.text.split(" ")
        widths = sum(_word_points(word, letters["fontweight"]) for word in words)
        widths += (len(words) - 1) * _word_points(" ", letters["fontweight"])
        points += HINTED * letters["fontsize"] * widths
    return points * MM_PER_INCH / 72


@lru_cache(maxsize=4096)
def _word_points(word: str, weight: str) -> float:
    """How wide a word is in letters of one point."""
    font = FontProperties(size=1, weight=weight)
    return float(text_to_path.get_text_width_height_descent(word, font, ismath=False)[0]) if word else 0.0
