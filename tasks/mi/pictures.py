"""The ECG on paper with its finding and the evidence for it, as picture and as report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from cardiac import NOTICE
from cardiac.files import replace_file
from cardiac.leads import LEADS
from cardiac.paper import (
    INK,
    MM_PER_MV,
    MM_PER_S,
    PAPER,
    ROW_MM,
    ROWS,
    Margins,
    draw_calibration,
    draw_grid,
    draw_lead,
    draw_lead_name,
    draw_parts,
    paper_mm,
    shown_part,
    shown_strips,
    wave_margins,
    wrap_parts,
)
from cardiac.pixels import MM_PER_INCH, pixels_png
from cardiac.print_out import Part, criteria_line, measured_parts, remark_parts
from cardiac.records import Record
from cardiac.sheet import Sheet
from tasks.mi.evidence import Evidence
from tasks.mi.findings import Finding

FOR, AGAINST = "#b3261e", "#2b5fb8"  # evidence for the finding, and against it
LINE_MM, LINE_POINTS = 3.3, 7.5  # of the small lines
USUAL_LINES, MOST_LINES = 3, 12  # small lines that paper has room for, and that it grows for
BAR_MM = 12.0  # of the lead that speaks most
SETTLED_MM = 60.0  # of the first line, for the seconds and the rate at its end
DPI = 110
SITE_GIVEN = "Site, given an infarction:"


@dataclass(frozen=True)
class Page:
    """What paper is to show. shown : the ten seconds, from begin_s on.  lines : the small ones over the tracing."""

    record: Record
    finding: Finding | None
    evidence: Evidence | None
    begin_s: float
    shown: Record
    lines: list[list[Part]]
    margins: Margins


def ecg_page(
    record: Record, finding: Finding | None = None, evidence: Evidence | None = None, grows: bool = True
) -> Page:
    """The first ten seconds of the record, or those that the evidence is about, and what is written over them.

    grows : whether the paper is higher where waves or lines want it.
    """
    begin_s = 0.0 if evidence is None else float(evidence.starts_s[0])
    shown = shown_part(record, begin_s)
    lines = [] if finding is None else _small_lines(finding, evidence, MOST_LINES if grows else USUAL_LINES)
    margins = replace(wave_margins(shown, grows), head=LINE_MM * max(0, len(lines) - USUAL_LINES))
    return Page(record, finding, evidence, begin_s, shown, lines, margins)


def draw_ecg(record: Record, finding: Finding | None = None, evidence: Evidence | None = None) -> Figure:
    """Ten seconds of the record on ECG paper, 25 mm/s and 10 mm/mV: 3 x 4 leads and a rhythm strip of lead II.

    The first ones, or those that the evidence is about.
    One millimetre of the figure is one millimetre of paper. Each lead is shown about its own median. With evidence a
    bar beside each lead's name shows what the lead adds, and a strip under each trace the probability moment by moment.
    """
    page = ecg_page(record, finding, evidence)
    figure = _figure(page.margins)
    plot_paper(figure.axes[0], page)
    return figure


def plot_paper(axes: Any, page: Page) -> None:
    """What `draw_ecg` draws, into axes as large as `paper_mm` says."""
    width, height = paper_mm(page.margins)
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    _draw_paper(axes, page.margins, page.shown.duration_s, page.evidence is not None)
    _draw_record(axes, page)


def _figure(margins: Margins) -> Figure:
    width, height = paper_mm(margins)
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=DPI, facecolor=PAPER)
    figure.add_axes((0, 0, 1, 1))
    return figure


def _draw_paper(axes: Any, margins: Margins, shown_s: float, explained: bool) -> None:
    """What is the same for many records: grid, pulses, the leads' names, the words at the foot."""
    draw_grid(axes, paper_mm(margins)[0], margins.grid_mm)
    for row, lead, _, _, at_mm in shown_strips(shown_s):
        draw_lead_name(axes, lead, at_mm, margins.base_mm(row))
    for row in range(4):
        draw_calibration(axes, margins.base_mm(row))
    foot = f"{MM_PER_S:g} mm/s   {MM_PER_MV:g} mm/mV   {NOTICE}"
    if explained:
        foot += "   Bars: what a lead speaks for (red) or against (blue). Strips: probability at the moment."
    axes.text(5, 3.3, foot, color=INK, fontsize=7.5)


def _draw_record(axes: Any, page: Page) -> None:
    """What is the record's own: traces, evidence, and the lines over them."""
    evidence = page.evidence
    for row, lead, start_s, length_s, at_mm in shown_strips(page.shown.duration_s):
        base = page.margins.base_mm(row)
        draw_lead(axes, page.shown, lead, start_s, length_s, at_mm, base)
        if evidence is not None:
            if row < len(ROWS):
                _draw_weight(axes, evidence, lead, at_mm, base)
            _draw_moments(axes, evidence, page.begin_s + start_s, length_s, at_mm, base)
    _draw_text(axes, page)


def _draw_weight(axes: Any, evidence: Evidence, lead: str, at_mm: float, base: float) -> None:
    """A bar beside the lead's name: what it adds to the logit, against the lead that speaks loudest."""
    value = evidence.leads[LEADS.index(lead)] / max(np.abs(evidence.leads).max(), 1e-9)
    start, level = at_mm + 11.0, base + ROW_MM / 2 - 4.2
    colour = FOR if value > 0 else AGAINST
    axes.plot(
        [start, start + BAR_MM * abs(value)], [level, level], color=colour, linewidth=3, solid_capstyle="butt", zorder=1
    )


def moments(evidence: Evidence, at_s: np.ndarray) -> np.ndarray:
    """Mean probability of the windows that hold each moment, (n,); NaN where none does. at_s : (n,), seconds."""
    since = at_s[:, None] - evidence.starts_s
    holds = (since >= 0) & (since < evidence.window_s)
    counts = holds.sum(axis=1)
    return np.where(counts > 0, holds @ evidence.probabilities / np.maximum(counts, 1), np.nan)


def _draw_moments(axes: Any, evidence: Evidence, start_s: float, length_s: float, at_mm: float, base: float) -> None:
    """A strip under the trace, the darker the more probable an infarction is at that moment."""
    edges = np.arange(start_s, start_s + length_s + 1e-9, 0.1)
    level = np.nan_to_num(moments(evidence, (edges[:-1] + edges[1:]) / 2)).round(3)
    if not len(level):
        return
    first = np.flatnonzero(np.diff(level, prepend=-1.0))  # of each stretch with one probability
    along = at_mm + (edges[[*first, -1]] - start_s) * MM_PER_S
    colours = [(*to_rgb(FOR), 0.08 + 0.82 * each) for each in level[first]]
    under = np.full(len(first), base - ROW_MM / 2 + 2.2)
    axes.hlines(under, along[:-1], along[1:], colors=colours, linewidth=3.5, capstyle="butt", zorder=1)


def _draw_text(axes: Any, page: Page) -> None:
    record, finding, evidence = page.record, page.finding, page.evidence
    width, height = paper_mm(page.margins)
    name = "".join(letter if letter.isprintable() else "?" for letter in record.record_id)
    draw_parts(axes, [Part(name, outside=True)], 5, height - 6.7, 12, width - 10 - SETTLED_MM)
    settled = f"{record.duration_s:.1f} s at {record.fs_hz:g} Hz"
    if evidence is not None and evidence.starts_s[0] > 0:
        settled = f"from {evidence.starts_s[0]:.1f} s of {settled}"
    axes.text(width - 5, height - 6.4, settled, color=INK, fontsize=9, ha="right")
    if finding is None:
        return
    axes.text(5, height - 12.6, summary(finding), color=INK, fontsize=10.5)
    base = height - 17.2
    if finding.measurements is not None:
        draw_parts(axes, measured_parts(finding.measurements), 5, base, 9.5, width - 10)
        base -= LINE_MM + 0.4
    for line in page.lines:
        draw_parts(axes, line, 5, base, LINE_POINTS, width - 10)
        base -= LINE_MM


def _small_lines(finding: Finding, evidence: Evidence | None, most: int) -> list[list[Part]]:
    """What spoke, the leads over the limits, what else is out of range, and what wants a look: each on lines of its own.

    Where these are more lines than there may be, each has one, whose letters are smaller and which may have no end.
    """
    measured = finding.measurements
    lines = [] if measured is None else [[Part(criteria_line(measured))], remark_parts(measured)]
    if evidence is not None and evidence.signs:  # there is room for three lines
        lines = [[Part(signs_line(evidence))], [part for line in lines for part in line if part.text]]
    lines.append([Part("; ".join(finding.remarks))])
    lines = [line for line in lines if any(part.text for part in line)]
    room_mm = paper_mm()[0] - 10
    wrapped = [each for line in lines for each in wrap_parts(line, LINE_POINTS, room_mm)]
    return wrapped if len(wrapped) <= most else lines


def signs_line(evidence: Evidence) -> str:
    """What was measured that spoke for an infarction, and against it, the strongest first; "" where nothing did."""
    of_both = (
        ("For", [each for each in evidence.signs if each.value > 0]),
        ("Against", [each for each in evidence.signs if each.value < 0]),
    )
    return "   ".join(f"{word}: {'; '.join(each.text for each in signs)}" for word, signs in of_both if signs)


def summary(finding: Finding) -> str:
    """The finding in a line: what was found, and how its probability stands to the threshold."""
    numbers = f"probability {finding.mi.probability:.3f}, threshold {finding.mi.threshold:.3f}"
    numbers += "; uncertain" if finding.uncertain else ""
    if not finding.mi.present:
        return f"No infarction found ({numbers})"
    sites = ", ".join(f"{site} {finding.localizations[site].probability:.2f}" for site in finding.sites)
    named = "No site reached its own threshold; the closest is" if finding.sites_by == "closest" else SITE_GIVEN
    return f"Infarction ({numbers})   {named} {sites}"


def write_ecg(record: Record, finding: Finding, path: Path, evidence: Mapping[str, Evidence] | None = None) -> None:
    """The record on ECG paper with its finding, and the evidence for it where there is any, as PNG."""
    replace_file(path, ecg_picture(record, finding, evidence))


def ecg_picture(record: Record, finding: Finding, evidence: Mapping[str, Evidence] | None = None) -> bytes:
    """The record on ECG paper as PNG, which looks as `draw_ecg` does; see `write_ecg`."""
    page = ecg_page(record, finding, (evidence or {}).get("mi"))
    sheet = Sheet(_paper_pixels(page.margins, page.shown.duration_s, page.evidence is not None), DPI)
    _draw_record(sheet, page)
    return pixels_png(sheet.pixels(), DPI)


@lru_cache(maxsize=8)  # of some 3 MB each: most records want the usual one
def _paper_pixels(margins: Margins, shown_s: float, explained: bool) -> np.ndarray:
    """Paper on which no record has been drawn yet, (height, width, 4) uint8."""
    figure = _figure(margins)
    width, height = paper_mm(margins)
    figure.axes[0].set(xlim=(0, width), ylim=(0, height))
    figure.axes[0].axis("off")
    _draw_paper(figure.axes[0], margins, shown_s, explained)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.array(canvas.buffer_rgba())
    pixels.flags.writeable = False
    return pixels
