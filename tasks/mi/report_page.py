"""A report of A4 about one record: the ECG in true millimetres, and what was concluded in words and bars.

One page, and a second one where the words have no room on the first: nothing is cut.
"""

import io
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from cardiac import NOTICE
from cardiac.messages import say
from cardiac.paper import INK, PAPER, paper_mm
from cardiac.pixels import MM_PER_INCH
from cardiac.print_out import Part
from cardiac.records import Record
from tasks.mi.evidence import Evidence
from tasks.mi.findings import Finding, Judgement
from tasks.mi.pictures import USUAL_LINES, ecg_page, page_lines, plot_paper, site_word

A4_MM = (297.0, 210.0)
LINE_MM = 4.2
MUTED, FOUND, NOT_FOUND, BAR_GROUND = "#5b5b66", "#1b1b1f", "#a9a9b4", "#ececf0"
NOT_A_DEVICE = (
    '{notice} It must not be used to diagnose or to treat. "No infarction found" means that this program found none.'
)
QUALITY = {"ok": "ok", "warning": "warning"}
LINES, LETTERS = 8, 88  # of words under the tracing, and letters of a line
NEXT_LINES, NEXT_LETTERS = 42, 150  # of the pages behind the first one
CONTINUED = "The rest stands on the next page."


def draw_report(
    record: Record, finding: Finding, bundle: Mapping[str, str], evidence: Evidence | None = None
) -> Figure:
    """The first page. bundle : name and sha256 of what decided.  evidence : for `mi`, laid over the tracing."""
    width, height = A4_MM
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), facecolor="white")
    wide, high = paper_mm()
    left, bottom = (width - wide) / 2, height - high - 4
    axes = figure.add_axes((left / width, bottom / height, wide / width, high / height), facecolor=PAPER)
    plot_paper(axes, ecg_page(record, finding, evidence, grows=False))
    below = figure.add_axes((left / width, 0, wide / width, bottom / height))
    below.set(xlim=(0, wide), ylim=(0, bottom))
    below.axis("off")
    _draw_bars(below, finding, bottom - 5)
    first, rest = report_words(finding, bundle, evidence)
    _draw_lines(below, [*first, say(CONTINUED)] if rest else first, 118.0, bottom - 5, bold_first=True)
    below.text(0, 4, say(NOT_A_DEVICE, notice=say(NOTICE)), fontsize=7, color=MUTED)
    return figure


def draw_next_pages(
    record: Record, finding: Finding, bundle: Mapping[str, str], evidence: Evidence | None = None
) -> list[Figure]:
    """The pages with the words that have no room on the first; none where all have."""
    _, rest = report_words(finding, bundle, evidence)
    lines = [
        line for text in rest for line in wrap(text, NEXT_LETTERS, subsequent_indent=_indent(text))
    ]  # as many pages as it takes
    return [
        _words_page(record.record_id, lines[first : first + NEXT_LINES]) for first in range(0, len(lines), NEXT_LINES)
    ]


def _words_page(name: str, lines: Sequence[str]) -> Figure:
    width, height = A4_MM
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    title = "".join(letter if letter.isprintable() else "?" for letter in name)[:80]
    axes.text(
        13.5,
        height - 14,
        say("{title}, continued", title=title),
        fontsize=12,
        color=INK,
        fontweight="bold",
        parse_math=False,
    )
    _draw_lines(axes, lines, 13.5, height - 22)
    return figure


def _draw_bars(axes: Any, finding: Finding, top: float) -> None:
    """A bar for the infarction and each site, with its threshold as a line across."""
    words = say("Probability (dark: found), and threshold as a line; of a site: given an infarction")
    axes.text(0, top, words, fontsize=7, color=MUTED)
    judged = {say("infarction"): finding.mi, **{site_word(site): each for site, each in finding.localizations.items()}}
    for index, (name, judgement) in enumerate(judged.items()):
        _draw_bar(axes, name, judgement, top - (index + 1) * LINE_MM)


def _draw_bar(axes: Any, name: str, judgement: Judgement, level: float) -> None:
    start, length = 44.0, 35.0  # behind the longest name in any language
    axes.text(0, level, name, fontsize=8, color=INK, fontweight="bold" if judgement.present else "normal")
    y = level + 0.9
    axes.plot([start, start + length], [y, y], color=BAR_GROUND, linewidth=6, solid_capstyle="butt")
    end = start + length * float(np.clip(judgement.probability, 0, 1))
    colour = FOUND if judgement.present else NOT_FOUND
    axes.plot([start, end], [y, y], color=colour, linewidth=6, solid_capstyle="butt")
    at = start + length * judgement.threshold
    for ground, wide in (("white", 2.6), (INK, 1.0)):  # to be seen on a dark bar too
        axes.plot([at, at], [y - 1.9, y + 1.9], color=ground, linewidth=wide)
    numbers = say(
        "{probability:.3f}  ({threshold:.3f})", probability=judgement.probability, threshold=judgement.threshold
    )
    axes.text(start + length + 3, level, numbers + _verdict(judgement), fontsize=7, color=INK)


def _verdict(judgement: Judgement) -> str:
    if not judgement.present:
        return ""
    return "  " + (say("found") if judgement.probability >= judgement.threshold else say("closest"))


def report_words(
    finding: Finding, bundle: Mapping[str, str], evidence: Evidence | None = None
) -> tuple[list[str], list[str]]:
    """The lines under the tracing, and the sentences that have no room there: first what decided, then remarks."""
    over = page_lines(finding, evidence, with_remarks=False)[USUAL_LINES:]  # what the paper has no room for
    sentences = [*_conclusions(finding, bundle), *(f"- {text}" for text in finding.remarks)]
    sentences += [_joined(line) for line in over]
    first: list[str] = []
    for n_shown, text in enumerate(sentences):
        lines = wrap(text, LETTERS, subsequent_indent=_indent(text))
        is_last = n_shown == len(sentences) - 1
        if len(first) + len(lines) > LINES - (not is_last):
            return first, sentences[n_shown:]
        first += lines
    return first, []


def _joined(parts: Sequence[Part]) -> str:
    """Parts of a line as one text: ranges and remarks behind their values."""
    return "".join((" " if part.small else "; ") + part.text for part in parts).removeprefix("; ").strip()


def _indent(text: str) -> str:
    return "  " if text.startswith("- ") else ""


def _conclusions(finding: Finding, bundle: Mapping[str, str]) -> list[str]:
    closest = finding.sites_by == "closest"
    return [
        _headline(finding),
        *([say("No site reached its own threshold: the one closest to its threshold is named")] if closest else []),
        _doubt(finding),
        _tracing(finding),
        say("Bundle {name}, sha256 {sha256}", name=bundle["name"], sha256=bundle["sha256"][:16]),
    ]


def _headline(finding: Finding) -> str:
    if not finding.mi.present:
        return say("No infarction found")
    sites = ", ".join(map(site_word, finding.sites))
    return say("Found: infarction, {sites}", sites=sites) if sites else say("Found: infarction")


def _doubt(finding: Finding) -> str:
    if finding.uncertain:
        return say("Uncertain: in the band of doubt; spread over windows {spread:.3f}", spread=finding.spread)
    return say("Outside the band of doubt; spread over windows {spread:.3f}", spread=finding.spread)


def _tracing(finding: Finding) -> str:
    tracing = {"duration_s": finding.duration_s, "fs_hz": finding.fs_hz, "quality": say(QUALITY[finding.quality])}
    if finding.rate_bpm is None:
        return say("Tracing: {quality}; {duration_s:.1f} s at {fs_hz:g} Hz; heart rate not known", **tracing)
    text = "Tracing: {quality}; {duration_s:.1f} s at {fs_hz:g} Hz; heart rate {rate_bpm:.0f} a minute"
    return say(text, **tracing, rate_bpm=finding.rate_bpm)


def _draw_lines(axes: Any, lines: Sequence[str], left: float, top: float, bold_first: bool = False) -> None:
    for index, line in enumerate(lines):
        weight = "bold" if bold_first and index == 0 else "normal"
        style = {"fontsize": 8, "color": INK, "fontweight": weight, "parse_math": False}
        axes.text(left, top - index * LINE_MM, line, **style)


def ecg_report(
    record: Record, finding: Finding, bundle: Mapping[str, str], evidence: Mapping[str, Evidence] | None = None
) -> bytes:
    """A PDF of A4: the record on ECG paper in true millimetres, probabilities, quality, and what decided."""
    content, of_mi = io.BytesIO(), (evidence or {}).get("mi")
    with PdfPages(content, metadata={"CreationDate": None, "Title": say("12-lead ECG")}) as pages:
        for figure in (
            draw_report(record, finding, bundle, of_mi),
            *draw_next_pages(record, finding, bundle, of_mi),
        ):
            pages.savefig(figure)
    return content.getvalue()
