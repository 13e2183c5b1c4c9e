"""The evidence laid over a tracing: a bar and a number at each lead's name, and one strip under the rhythm lead."""

from typing import Any

import numpy as np

from cardiac.leads import LEADS
from cardiac.messages import say
from cardiac.paper import FREE_MM, INK, LEFT_MM, MM_PER_S, length_mm
from cardiac.pixels import MM_PER_INCH
from cardiac.print_out import Part
from tasks.mi.evidence import Evidence

FOR, AGAINST = "#b3261e", "#2b5fb8"  # what speaks for the finding, and against it; nothing else has these colours
MINUS = "\u2212"
PROBABLE, STRIP_GROUND = "#565b66", "#e4e4ea"
SPOKE = {FOR: "speaks for", AGAINST: "against (5 mm: 1 of the logit)", PROBABLE: "probability by moments"}
BAR_MM, MOST_BAR_MM = 5.0, 15.0  # of one unit of the logit, a large square, in every record alike; of what is more
BAR_HIGH_MM, BAR_GAP_MM = 1.1, 0.7
NUMBER_POINTS, NUMBER_GAP_MM, NUMBER_MM = 7.0, 1.2, 2.8  # letters, and where they stand behind the name or under it
STRIP_MM, STRIP_GAP_MM = 3.0, 0.8  # height of the strip, which is probability 1; what is free over and under it
SEAM_MM = 0.15  # that a stretch of it lies over the next one, for nothing to show through
STRIP_FREE_MM = FREE_MM + STRIP_MM + 2 * STRIP_GAP_MM


def signed(value: float) -> str:
    """A value with its sign, and a true minus: "+0.42"."""
    text = say("{value:.2f}", value=abs(value))
    return text if f"{abs(value):.2f}" == "0.00" else ("+" if value > 0 else MINUS) + text


def value_of(evidence: Evidence, lead: str) -> float:
    """What a lead adds to the logit."""
    return float(evidence.leads[LEADS.index(lead)])


def bar_mm(value: float) -> float:
    """How long the bar of a value is."""
    return float(np.clip(BAR_MM * abs(value), 0.2, MOST_BAR_MM))


def weight_size(value: float, name_mm: float, stacked: bool) -> tuple[float, float]:
    """How long a lead's name, number and bar are, and how much the name stands over their lower edge, mm.

    stacked : the number is under the name and not behind it, where there is little room.
    """
    number = length_mm([Part(signed(value))], NUMBER_POINTS)
    under = BAR_GAP_MM + BAR_HIGH_MM
    if stacked:
        return max(name_mm, number, bar_mm(value)), under + NUMBER_MM
    return max(name_mm + NUMBER_GAP_MM + number, bar_mm(value)), under


def draw_weight(axes: Any, value: float, name_mm: float, at_mm: float, level: float, stacked: bool) -> None:
    """A lead's number, behind its name or under it, and its bar under both. level : of the name's base line."""
    colour = FOR if value > 0 else AGAINST
    number_at, base = (at_mm, level - NUMBER_MM) if stacked else (at_mm + name_mm + NUMBER_GAP_MM, level)
    axes.text(number_at, base, signed(value), color=colour, fontsize=NUMBER_POINTS, zorder=1)
    _draw_bar(axes, at_mm, at_mm + bar_mm(value), base - BAR_GAP_MM - BAR_HIGH_MM / 2, BAR_HIGH_MM, colour)


def _draw_bar(axes: Any, left: float, right: float, middle: float, high_mm: float, colour: str) -> None:
    points = high_mm * 72 / MM_PER_INCH
    axes.plot([left, right], [middle, middle], color=colour, linewidth=points, solid_capstyle="butt", zorder=1)


def moments(evidence: Evidence, at_s: np.ndarray) -> np.ndarray:
    """Mean probability of the windows that hold each moment, (n,); NaN where none does. at_s : (n,), seconds."""
    since = at_s[:, None] - evidence.starts_s
    holds = (since >= 0) & (since < evidence.window_s)
    counts = holds.sum(axis=1)
    return np.where(counts > 0, holds @ evidence.probabilities / np.maximum(counts, 1), np.nan)


def draw_moments(axes: Any, evidence: Evidence, start_s: float, length_s: float) -> None:
    """A strip at the foot, as high as an infarction is probable at that moment; its ground is as high as 1."""
    edges = np.arange(start_s, start_s + length_s + 1e-9, 0.1)
    level = np.nan_to_num(moments(evidence, (edges[:-1] + edges[1:]) / 2)).round(2)
    if not len(level):
        return
    foot = FREE_MM + STRIP_GAP_MM
    first = np.flatnonzero(np.diff(level, prepend=-1.0))  # of each stretch with one probability
    along = LEFT_MM + (edges[[*first, -1]] - start_s) * MM_PER_S
    _draw_bar(axes, along[0], along[-1], foot + STRIP_MM / 2, STRIP_MM, STRIP_GROUND)
    ends = np.minimum(along[1:] + SEAM_MM, along[-1])
    for left, right, each in zip(along[:-1], ends, level[first], strict=True):
        if each > 0:
            _draw_bar(axes, left, right, foot + each * STRIP_MM / 2, each * STRIP_MM, PROBABLE)
    for text, base in (("1", foot + STRIP_MM - 1.4), ("0", foot)):
        axes.text(LEFT_MM - 0.8, base, text, color=INK, fontsize=5.5, ha="right")


def draw_legend(axes: Any, at_mm: float, base: float, fontsize: float) -> float:
    """What bars and strip mean, each with its colour, on one line; where it ends, mm."""
    for colour in SPOKE:
        words = say(SPOKE[colour])
        _draw_bar(axes, at_mm, at_mm + 4, base + 0.9, BAR_HIGH_MM, colour)
        axes.text(at_mm + 5, base, words, color=INK, fontsize=fontsize)
        at_mm += 5 + length_mm([Part(words)], fontsize) + 1.5
    return at_mm
