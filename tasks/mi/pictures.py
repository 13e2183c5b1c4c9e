"""The ECG on paper with its finding and the evidence for it, as picture and as report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cardiac import NOTICE
from cardiac.files import replace_file
from cardiac.lead_names import (
    HIGH_MM,
    Extents,
    Strip,
    draw_lead_name,
    free_place,
    name_mm,
    wave_extents,
)
from cardiac.messages import Language, say, spoken
from cardiac.paper import (
    FREE_MM,
    INK,
    MM_PER_S,
    PAPER,
    ROWS,
    Margins,
    draw_calibration,
    draw_grid,
    draw_lead_mark,
    draw_parts,
    draw_trace,
    lead_levels,
    length_mm,
    paper_mm,
    shown_part,
    shown_strips,
    wave_margins,
    wrap_parts,
)
from cardiac.pixels import MM_PER_INCH, pixels_png
from cardiac.print_out import Part, criteria_line, measured_parts, part_shown, remark_parts
from cardiac.records import Record
from cardiac.sheet import Sheet
from tasks.mi.evidence import Evidence
from tasks.mi.evidence_drawing import (
    STRIP_FREE_MM,
    draw_legend,
    draw_moments,
    draw_weight,
    value_of,
    weight_size,
)
from tasks.mi.findings import Finding

LINE_MM, LINE_POINTS = 3.3, 7.5  # of the small lines
USUAL_LINES, MOST_LINES = 3, 40  # small lines that paper has room for, and that it grows for
SETTLED_MM = 75.0  # of the first line, for the seconds and the rate at its end
FOOT_POINTS, FOOT_LEVEL_MM, FOOT_GAP_MM = 7.0, 3.3, 2.0
SHORT_NOTICE = "For research and a second look; not a medical device."
UNFILTERED = "no filter: as recorded"
DPI = 110
SITE_GIVEN = "Site, given an infarction:"
CLOSEST = "No site reached its own threshold; the closest is"
SITE_WORDS = {
    "septal": "septal",
    "anterior": "anterior",
    "lateral": "lateral",
    "anterolateral": "anterolateral",
    "anteroseptal": "anteroseptal",
    "inferior": "inferior",
}


@dataclass(frozen=True)
class Page:
    """What paper is to show. shown : the ten seconds, from begin_s on.  lines : the small ones over the tracing.

    strips : the traces.  notice : whether the foot says that this is no medical device.
    """

    record: Record
    finding: Finding | None
    evidence: Evidence | None
    begin_s: float
    shown: Record
    lines: list[list[Part]]
    margins: Margins
    strips: list[Strip]
    notice: bool


def ecg_page(
    record: Record, finding: Finding | None = None, evidence: Evidence | None = None, grows: bool = True
) -> Page:
    """The first ten seconds of the record, or those that the evidence is about, and what is written over them.

    grows : whether the paper is higher where waves or lines want it. Where it does not, it is a part of a page that has
    the remarks, what has no room over the tracing, and the notice at other places: see `page_lines`.
    """
    begin_s = 0.0 if evidence is None else float(evidence.starts_s[0])
    shown = shown_part(record, begin_s)
    lines = [] if finding is None else page_lines(finding, evidence, grows)
    lines = lines if grows else lines[:USUAL_LINES]
    margins = wave_margins(shown, grows, FREE_MM if evidence is None else STRIP_FREE_MM)
    margins = replace(margins, head=LINE_MM * max(0, len(lines) - USUAL_LINES))
    strips = [
        Strip(row, lead, at_mm, lead_levels(shown, lead, start_s, length_s, margins.base_mm(row), margins))
        for row, lead, start_s, length_s, at_mm in shown_strips(shown.duration_s)
    ]
    return Page(record, finding, evidence, begin_s, shown, lines, margins, strips, grows)


def draw_ecg(record: Record, finding: Finding | None = None, evidence: Evidence | None = None) -> Figure:
    """Ten seconds of the record on ECG paper, 25 mm/s and 10 mm/mV: 3 x 4 leads and a rhythm strip of lead II.

    The first ones, or those that the evidence is about.
    One millimetre of the figure is one millimetre of paper. Each lead is shown about its own median. With evidence a
    number and a bar at each lead's name show what the lead adds, and a strip at the foot the probability moment by moment.
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
    _draw_paper(axes, page.margins, page.shown.duration_s, page.evidence is not None, page.notice)
    _draw_record(axes, page)


def _figure(margins: Margins) -> Figure:
    width, height = paper_mm(margins)
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=DPI, facecolor=PAPER)
    figure.add_axes((0, 0, 1, 1))
    return figure


def _draw_paper(axes: Any, margins: Margins, shown_s: float, explained: bool, notice: bool = True) -> None:
    """What is the same for many records: grid, pulses, where leads begin, the words at the foot."""
    draw_grid(axes, paper_mm(margins)[0], margins.grid_mm)
    for row, _, _, _, at_mm in shown_strips(shown_s):
        draw_lead_mark(axes, at_mm, margins.base_mm(row))
    for row in range(4):
        draw_calibration(axes, margins.base_mm(row), margins.mm_per_mv)
    _draw_foot(axes, margins, explained, notice)


def _draw_foot(axes: Any, margins: Margins, explained: bool, notice: bool) -> None:
    """Speed, gain and filter, what colours mean, and that this is no medical device: in few words where more do not fit."""
    words = say("{speed:g} mm/s   {gain:g} mm/mV", speed=MM_PER_S, gain=margins.mm_per_mv) + f"   {say(UNFILTERED)}"
    axes.text(5, FOOT_LEVEL_MM, words, color=INK, fontsize=FOOT_POINTS)
    end = 5 + length_mm([Part(words)], FOOT_POINTS)
    if explained:
        end = draw_legend(axes, end + FOOT_GAP_MM, FOOT_LEVEL_MM, FOOT_POINTS)
    if notice:
        right = paper_mm(margins)[0] - 5
        text = say(NOTICE)
        if end + length_mm([Part(text)], FOOT_POINTS) > right:
            text = say(SHORT_NOTICE)
        axes.text(right, FOOT_LEVEL_MM, text, color=INK, fontsize=FOOT_POINTS, ha="right")


def _draw_record(axes: Any, page: Page) -> None:
    """What is the record's own: traces, names where these leave room, evidence, and the lines over them."""
    extents = wave_extents(page.strips, page.shown.fs_hz, paper_mm(page.margins)[0])
    for strip in page.strips:
        draw_trace(axes, strip.levels, page.shown.fs_hz, strip.at_mm)
        _draw_name(axes, page, strip, extents)
    if page.evidence is not None:
        draw_moments(axes, page.evidence, page.begin_s, page.shown.duration_s)
    _draw_text(axes, page)


def _draw_name(axes: Any, page: Page, strip: Strip, extents: Extents) -> None:
    """A lead's name, and what it adds where there is evidence, which the rhythm strip does not say again."""
    in_grid = strip.row < len(ROWS)
    cell_mm = page.shown.duration_s / (len(ROWS[0]) if in_grid else 1) * MM_PER_S
    name = name_mm(strip.lead)
    if page.evidence is None or not in_grid:
        at_mm, level, is_free = free_place(extents, strip, page.margins, cell_mm, (name, HIGH_MM))
        draw_lead_name(axes, strip.lead, at_mm, level, is_free)
        return
    value = value_of(page.evidence, strip.lead)
    for stacked in (False, True):
        wide, under = weight_size(value, name, stacked)
        at_mm, level, is_free = free_place(extents, strip, page.margins, cell_mm, (wide, HIGH_MM + under))
        if is_free:
            break
    draw_lead_name(axes, strip.lead, at_mm, level + under, is_free, (wide, under))
    draw_weight(axes, value, name, at_mm, level + under, stacked)


def _draw_text(axes: Any, page: Page) -> None:
    record, finding = page.record, page.finding
    width, height = paper_mm(page.margins)
    name = "".join(letter if letter.isprintable() else "?" for letter in record.record_id)
    draw_parts(axes, [Part(name, outside=True)], 5, height - 6.7, 12, width - 10 - SETTLED_MM)
    part = part_shown(page.begin_s, page.shown.duration_s, record.duration_s)
    settled = say("{part} at {fs_hz:g} Hz", part=part, fs_hz=record.fs_hz)
    axes.text(width - 5, height - 6.4, settled, color=INK, fontsize=9, ha="right")
    if finding is None:
        return
    draw_parts(axes, [Part(summary(finding))], 5, height - 12.6, 10.5, width - 10)
    base = height - 17.2
    if finding.measurements is not None:
        draw_parts(axes, measured_parts(finding.measurements), 5, base, 9.5, width - 10)
        base -= LINE_MM + 0.4
    for line in page.lines:
        draw_parts(axes, line, 5, base, LINE_POINTS, width - 10)
        base -= LINE_MM


def page_lines(finding: Finding, evidence: Evidence | None, with_remarks: bool) -> list[list[Part]]:
    """What spoke, the leads over the limits, what else is out of range, and what wants a look: each on lines of its own.

    Nothing is cut: where there would be more than `MOST_LINES` lines, the last one says how many remarks are left out.
    """
    measured = finding.measurements
    lines = [] if measured is None else [[Part(criteria_line(measured))], remark_parts(measured)]
    if evidence is not None and evidence.signs:
        lines = [[Part(signs_line(evidence))], *lines]
    wrapped = _wrapped(lines)
    if not with_remarks:
        return wrapped
    remarks = finding.remarks
    whole = wrapped + _wrapped([[Part("; ".join(remarks))]])
    n = len(remarks)
    while len(whole) > MOST_LINES and n:
        n = min(n - 1, int(n * MOST_LINES / len(whole)))
        whole = wrapped + _wrapped([[Part("; ".join([*remarks[:n], say("and {n} more", n=len(remarks) - n)]))]])
    return whole


def _wrapped(lines: list[list[Part]]) -> list[list[Part]]:
    """Lines as broken as the paper's width wants, and none that is empty."""
    room_mm = paper_mm()[0] - 10
    lines = [[part for part in line if part.text] for line in lines]
    return [each for line in lines if line for each in wrap_parts(line, LINE_POINTS, room_mm)]


def signs_line(evidence: Evidence) -> str:
    """What was measured that spoke for an infarction, and against it, the strongest first; "" where nothing did."""
    of_both = (
        (say("For"), [each for each in evidence.signs if each.value > 0]),
        (say("Against"), [each for each in evidence.signs if each.value < 0]),
    )
    return "   ".join(f"{word}: {'; '.join(each.text for each in signs)}" for word, signs in of_both if signs)


def summary(finding: Finding) -> str:
    """The finding in a line: what was found, and how its probability stands to the threshold."""
    text = "probability {probability:.3f}, threshold {threshold:.3f}"
    if finding.uncertain:
        text = "probability {probability:.3f}, threshold {threshold:.3f}; uncertain"
    numbers = say(text, probability=finding.mi.probability, threshold=finding.mi.threshold)
    if not finding.mi.present:
        return say("No infarction found ({numbers})", numbers=numbers)
    sites = ", ".join(
        say("{site} {probability:.2f}", site=site_word(site), probability=finding.localizations[site].probability)
        for site in finding.sites
    )
    named = say(CLOSEST) if finding.sites_by == "closest" else say(SITE_GIVEN)
    return f"{say('Infarction ({numbers})', numbers=numbers)}   {named} {sites}"


def site_word(site: str) -> str:
    """A site in the language that is spoken."""
    return say(SITE_WORDS[site])


def write_ecg(record: Record, finding: Finding, path: Path, evidence: Mapping[str, Evidence] | None = None) -> None:
    """The record on ECG paper with its finding, and the evidence for it where there is any, as PNG."""
    replace_file(path, ecg_picture(record, finding, evidence))


def ecg_picture(record: Record, finding: Finding, evidence: Mapping[str, Evidence] | None = None) -> bytes:
    """The record on ECG paper as PNG, which looks as `draw_ecg` does; see `write_ecg`."""
    page = ecg_page(record, finding, (evidence or {}).get("mi"))
    sheet = Sheet(_paper_pixels(page.margins, page.shown.duration_s, page.evidence is not None, spoken()), DPI)
    _draw_record(sheet, page)
    return pixels_png(sheet.pixels(), DPI)


@lru_cache(maxsize=8)  # of some 3 MB each: most records want the usual one
def _paper_pixels(margins: Margins, shown_s: float, explained: bool, language: Language) -> np.ndarray:
    """Paper on which no record has been drawn yet, (height, width, 4) uint8. language : that is being spoken."""
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
