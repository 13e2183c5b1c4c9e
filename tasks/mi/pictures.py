"""The ECG on paper with its finding and the evidence for it, as picture and as report."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from cardiac import NOTICE
from cardiac.files import png, replace_file
from cardiac.leads import LEADS
from cardiac.paper import (
    INK,
    LEFT_MM,
    MM_PER_INCH,
    MM_PER_MV,
    MM_PER_S,
    PAPER,
    RHYTHM,
    ROW_MM,
    ROWS,
    TOP_MM,
    draw_calibration,
    draw_grid,
    draw_lead,
    draw_parts,
    paper_mm,
    shown_part,
)
from cardiac.print_out import Part, criteria_line, measured_parts, remark_parts
from cardiac.records import Record
from tasks.mi.evidence import Evidence
from tasks.mi.findings import Finding

FOR, AGAINST = "#b3261e", "#2b5fb8"  # evidence for the finding, and against it
LINE_MM = 3.3  # of the small lines
BAR_MM = 12.0  # of the lead that speaks most


def draw_ecg(record: Record, finding: Finding | None = None, evidence: Evidence | None = None) -> Figure:
    """Ten seconds of the record on ECG paper, 25 mm/s and 10 mm/mV: 3 x 4 leads and a rhythm strip of lead II.

    The first ones, or those that the evidence is about.
    One millimetre of the figure is one millimetre of paper. Each lead is shown about its own median. With evidence a
    bar beside each lead's name shows what the lead adds, and a strip under each trace the probability moment by moment.
    """
    width, height = paper_mm()
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=110, facecolor=PAPER)
    plot_paper(figure.add_axes((0, 0, 1, 1)), record, finding, evidence)
    return figure


def plot_paper(axes: Any, record: Record, finding: Finding | None = None, evidence: Evidence | None = None) -> None:
    """What `draw_ecg` draws, into axes as large as `paper_mm` says."""
    width, height = paper_mm()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    draw_grid(axes, width, height - TOP_MM + 5)
    begin_s = 0.0 if evidence is None else float(evidence.starts_s[0])
    shown = shown_part(record, begin_s)
    part_s = shown.duration_s / len(ROWS[0])
    for row, leads in enumerate(ROWS):
        base = height - TOP_MM - (row + 0.5) * ROW_MM
        draw_calibration(axes, base)
        for column, lead in enumerate(leads):
            at_mm = LEFT_MM + column * part_s * MM_PER_S
            draw_lead(axes, shown, lead, column * part_s, part_s, at_mm, base)
            if evidence is not None:
                _draw_weight(axes, evidence, lead, at_mm, base)
                _draw_moments(axes, evidence, begin_s + column * part_s, part_s, at_mm, base)
    base = height - TOP_MM - 3.5 * ROW_MM
    draw_calibration(axes, base)
    draw_lead(axes, shown, RHYTHM, 0.0, 4 * part_s, LEFT_MM, base)
    if evidence is not None:
        _draw_moments(axes, evidence, begin_s, 4 * part_s, LEFT_MM, base)
    _draw_text(axes, record, finding, evidence, width, height)


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
    level = np.nan_to_num(moments(evidence, (edges[:-1] + edges[1:]) / 2))
    along, under = at_mm + (edges - start_s) * MM_PER_S, base - ROW_MM / 2 + 2.2
    lines = [((left, under), (right, under)) for left, right in pairwise(along)]
    colours = [(*to_rgb(FOR), 0.08 + 0.82 * each) for each in level]
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=3.5, capstyle="butt", zorder=1))


def _draw_text(
    axes: Any, record: Record, finding: Finding | None, evidence: Evidence | None, width: float, height: float
) -> None:
    axes.text(5, height - 5.6, record.record_id, color=INK, fontsize=12, fontweight="bold", va="center")
    if finding is not None:
        axes.text(5, height - 11.6, summary(finding), color=INK, fontsize=10.5, va="center")
        _draw_lines(axes, finding, evidence, width, height - 17.2)
    settled = f"{record.duration_s:.1f} s at {record.fs_hz:g} Hz"
    if evidence is not None and evidence.starts_s[0] > 0:
        settled = f"from {evidence.starts_s[0]:.1f} s of {settled}"
    axes.text(width - 5, height - 5.6, settled, color=INK, fontsize=9, ha="right", va="center")
    foot = f"{MM_PER_S:g} mm/s   {MM_PER_MV:g} mm/mV   {NOTICE}"
    if evidence is not None:
        foot += "   Bars: what a lead speaks for (red) or against (blue). Strips: probability at the moment."
    axes.text(5, 4, foot, color=INK, fontsize=7.5, va="center")


def _draw_lines(axes: Any, finding: Finding, evidence: Evidence | None, width: float, base: float) -> None:
    """What was measured, which of it spoke, the leads over the limits, what else is out of range, and what wants a look."""
    measured = finding.measurements
    if measured is not None:
        draw_parts(axes, measured_parts(measured), 5, base, 9.5, width - 10)
        base -= LINE_MM + 0.4
    lines = [] if measured is None else [[Part(criteria_line(measured))], remark_parts(measured)]
    if evidence is not None and evidence.signs:  # there is room for three lines
        lines = [[Part(signs_line(evidence))], [part for line in lines for part in line if part.text]]
    lines.append([Part("; ".join(finding.remarks))])
    for line in lines:
        if any(part.text for part in line):
            draw_parts(axes, line, 5, base, 7.5, width - 10)
            base -= LINE_MM


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
    return f"Infarction ({numbers})   Site, given an infarction: {sites}"


def write_ecg(record: Record, finding: Finding, path: Path, evidence: Mapping[str, Evidence] | None = None) -> None:
    """The record on ECG paper with its finding, and the evidence for it where there is any, as PNG."""
    replace_file(path, ecg_picture(record, finding, evidence))


def ecg_picture(record: Record, finding: Finding, evidence: Mapping[str, Evidence] | None = None) -> bytes:
    """The record on ECG paper as PNG; see `write_ecg`."""
    return png(draw_ecg(record, finding, (evidence or {}).get("mi")))
