"""One page of A4 about one record: the ECG in true millimetres, and what was concluded in words and bars."""

import io
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cardiac import NOTICE
from cardiac.paper import INK, PAPER, paper_mm
from cardiac.pixels import MM_PER_INCH
from cardiac.records import Record
from tasks.mi.evidence import Evidence
from tasks.mi.findings import Finding, Judgement
from tasks.mi.labels import COLUMNS
from tasks.mi.pictures import AGAINST, FOR, ecg_page, plot_paper

A4_MM = (297.0, 210.0)
LINE_MM = 4.2
MUTED = "#5b5b66"
NOT_A_DEVICE = (
    f'{NOTICE} It must not be used to diagnose or to treat. "No infarction found" means that this program found none.'
)
REASONS, LETTERS = 4, 88  # lines of remarks, and letters of a line


def draw_report(
    record: Record, finding: Finding, bundle: Mapping[str, str], evidence: Evidence | None = None
) -> Figure:
    """The page. bundle : name and sha256 of what decided.  evidence : for `mi`, laid over the tracing."""
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
    _draw_words(below, finding, bundle, 118.0, bottom - 5)
    below.text(0, 4, NOT_A_DEVICE, fontsize=7, color=MUTED)
    return figure


def _draw_bars(axes: Any, finding: Finding, top: float) -> None:
    """A bar for the infarction and each site, with its threshold as a line across."""
    axes.text(0, top, "Probability and threshold; of a site: given an infarction", fontsize=7, color=MUTED)
    judged = {"infarction": finding.mi, **finding.localizations}
    for index, (name, judgement) in enumerate(judged.items()):
        _draw_bar(axes, name, judgement, top - (index + 1) * LINE_MM)


def _draw_bar(axes: Any, name: str, judgement: Judgement, level: float) -> None:
    start, length = 28.0, 50.0
    axes.text(0, level, name, fontsize=8, color=INK, fontweight="bold" if judgement.present else "normal")
    y = level + 0.9
    axes.plot([start, start + length], [y, y], color="#e6e6ea", linewidth=6, solid_capstyle="butt")
    end = start + length * float(np.clip(judgement.probability, 0, 1))
    colour = FOR if judgement.present else AGAINST
    axes.plot([start, end], [y, y], color=colour, linewidth=6, solid_capstyle="butt")
    threshold_x = start + length * judgement.threshold
    axes.plot([threshold_x, threshold_x], [y - 1.9, y + 1.9], color=INK, linewidth=1)
    numbers = f"{judgement.probability:.3f}  ({judgement.threshold:.3f}){_verdict(judgement)}"
    axes.text(start + length + 3, level, numbers, fontsize=7, color=INK)


def _verdict(judgement: Judgement) -> str:
    if not judgement.present:
        return ""
    return "  found" if judgement.probability >= judgement.threshold else "  closest"


def _draw_words(axes: Any, finding: Finding, bundle: Mapping[str, str], left: float, top: float) -> None:
    sites = ", ".join(f"{site} ({COLUMNS[site]})" for site in finding.sites)
    closest = finding.sites_by == "closest"
    lines = [
        ("Found: infarction" + (f", {sites}" if sites else "")) if finding.mi.present else "No infarction found",
        *(["No site reached its own threshold: the one closest to its threshold is named"] if closest else []),
        f"{'Uncertain: in the band of doubt' if finding.uncertain else 'Outside the band of doubt'}; "
        f"spread over windows {finding.spread:.3f}",
        f"Tracing: {finding.quality}; {finding.duration_s:.1f} s at {finding.fs_hz:g} Hz; "
        + ("heart rate not known" if finding.rate_bpm is None else f"heart rate {finding.rate_bpm:.0f} a minute"),
        *_remark_lines(finding.remarks, REASONS - closest),
        f"Bundle {bundle['name']}, sha256 {bundle['sha256'][:16]}",
    ]
    for index, line in enumerate(lines):
        shown = line if len(line) <= LETTERS else f"{line[: LETTERS - 3]}..."
        weight = "bold" if index == 0 else "normal"
        axes.text(left, top - index * LINE_MM, shown, fontsize=8, color=INK, fontweight=weight)


def _remark_lines(remarks: Sequence[str], most: int = REASONS) -> list[str]:
    """Remarks on as many lines as they need; where there is no room, a line each, and how many more of them there are."""
    whole = [line for text in remarks for line in wrap(f"- {text}", LETTERS, subsequent_indent="  ")]
    if len(whole) <= most:
        return whole
    n_shown = len(remarks) if len(remarks) <= most else most - 1
    more = [f"- and {len(remarks) - n_shown} more"] if n_shown < len(remarks) else []
    return [*(f"- {text}" for text in remarks[:n_shown]), *more]


def ecg_report(
    record: Record, finding: Finding, bundle: Mapping[str, str], evidence: Mapping[str, Evidence] | None = None
) -> bytes:
    """One page of A4 as PDF: the record on ECG paper in true millimetres, probabilities, quality, and what decided."""
    content = io.BytesIO()
    figure = draw_report(record, finding, bundle, (evidence or {}).get("mi"))
    figure.savefig(content, format="pdf", metadata={"CreationDate": None, "Title": "12-lead ECG"})
    return content.getvalue()
