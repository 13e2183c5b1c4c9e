"""A study's intervals as a picture: anomalies sized and coloured by probability, errors as crosses, runs shaded."""

import hashlib

import numpy as np
from matplotlib.figure import Figure

from cardiac import NOTICE
from cardiac.files import png
from tasks.rr.findings import RRFinding

ROW = 220  # intervals in a row, at most: all rows are about alike long
MOST_ROWS = 16  # of a long study the rows with runs come first
RED, BLUE, GREY, SHADE, MARKED = "#c0261e", "#33415c", "#9a9aa2", "#f6d9d5", "#1f7a4d"
ROW_INCHES, HEAD_INCHES, FOOT_INCHES, WIDTH_INCHES = 1.6, 0.6, 0.5, 12.0
PERCENTS = (1, 99)  # of what is no error: the scale, which errors may leave
MARGIN_MS = 60.0
LONGEST_STEM = 150


def file_stem(record_id: str) -> str:
    """The name of a study's picture, so that no two names meet in one file."""
    safe = record_id.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C").replace("\0", "%00")
    if len(safe) > LONGEST_STEM:
        safe = f"{safe[: LONGEST_STEM - 9]}-{hashlib.sha256(record_id.encode()).hexdigest()[:8]}"
    return f"%{safe}" if safe.startswith(".") or not safe.strip() else safe  # no name is hidden


def draw_study(finding: RRFinding, targets: np.ndarray | None = None) -> bytes:
    """PNG. targets : what experts marked, bool (n,), as a line at the foot."""
    rows, n_rows = _rows(finding), -(-len(finding.intervals_ms) // _row(finding))
    height = HEAD_INCHES + ROW_INCHES * len(rows) + FOOT_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=100)
    figure.subplots_adjust(
        left=0.06, right=0.985, top=1 - HEAD_INCHES / height, bottom=(FOOT_INCHES + 0.35) / height, hspace=0.42
    )
    low, high = _scale(finding)
    for chart, first in zip(np.atleast_1d(figure.subplots(len(rows), 1)), rows, strict=True):
        _draw_row(chart, finding, first, targets)
        chart.set_ylim(low, high)
        chart.set_ylabel("RR, ms", fontsize=8)
    chart.set_xlabel("time, s", fontsize=8)
    shown = "" if len(rows) == n_rows else f"; {len(rows)} of {n_rows} rows are shown, those with runs first"
    n = int(finding.anomalies.sum())
    head = (
        f"{finding.record_id}: {len(finding.intervals_ms)} intervals, {n} anomalies in {len(finding.runs)} runs{shown}"
    )
    figure.text(0.06, 1 - 0.3 / height, head, fontsize=11, parse_math=False)
    legend = f"red: anomaly, larger where it is likelier (from {finding.threshold:.2f} on); grey cross: error"
    legend += "; green line: marked by experts" if targets is not None else ""
    figure.text(0.06, 0.22 / height, f"{legend}. {NOTICE}", fontsize=7, color="0.35")
    return png(figure)


def _row(finding: RRFinding) -> int:
    """Intervals in a row, so that the last one is not left with a few."""
    n = len(finding.intervals_ms)
    return -(-n // -(-n // ROW))


def _rows(finding: RRFinding) -> list[int]:
    """The first interval of every row that is shown."""
    row = _row(finding)
    firsts = [*range(0, len(finding.intervals_ms), row)]
    if len(firsts) <= MOST_ROWS:
        return firsts
    likeliest = [-finding.probabilities[first : first + row].max() for first in firsts]
    return sorted(firsts[index] for index in np.argsort(likeliest, kind="stable")[:MOST_ROWS])


def _scale(finding: RRFinding) -> tuple[float, float]:
    usual = finding.intervals_ms[~finding.errors]
    usual = usual if len(usual) else finding.intervals_ms
    low, high = np.percentile(usual, PERCENTS)
    shown = finding.intervals_ms[finding.anomalies & ~finding.errors]
    low, high = min(low, shown.min(initial=low)), max(high, shown.max(initial=high))
    return float(max(0, low - MARGIN_MS)), float(high + MARGIN_MS)


def _draw_row(chart: object, finding: RRFinding, first: int, targets: np.ndarray | None) -> None:
    own = slice(first, first + _row(finding))
    seconds, intervals = finding.time_ms[own] / 1_000, finding.intervals_ms[own]
    told, errors, anomalies = finding.probabilities[own], finding.errors[own], finding.anomalies[own]
    for run in finding.runs:
        begin, last = max(run.first, first), min(run.first + run.n, first + len(seconds)) - 1
        if begin <= last:
            chart.axvspan(finding.time_ms[begin] / 1_000, finding.time_ms[last] / 1_000, color=SHADE, linewidth=0)
    chart.plot(seconds, np.where(errors, np.nan, intervals), color=BLUE, linewidth=0.7)
    plain = ~errors & ~anomalies
    chart.scatter(seconds[plain], intervals[plain], s=5, color=BLUE, zorder=3)
    chart.scatter(
        seconds[errors], _inside(intervals[errors], finding), s=16, marker="x", color=GREY, linewidth=0.9, zorder=2
    )
    chart.scatter(
        seconds[anomalies],
        _inside(intervals[anomalies], finding),
        s=8 + 46 * told[anomalies] ** 2,
        color=RED,
        zorder=4,
        linewidth=0,
    )
    if targets is not None:
        low = _scale(finding)[0]
        marks = np.where(targets[own], low + 6, np.nan)
        chart.plot(seconds, marks, color=MARKED, linewidth=3.5, solid_capstyle="butt")
    chart.set_xlim(seconds[0] - 1, max(seconds[-1], seconds[0] + 1) + 1)
    chart.tick_params(labelsize=7.5)
    chart.grid(color="0.93", linewidth=0.6)
    for side in ("top", "right"):
        chart.spines[side].set_visible(False)


def _inside(values: np.ndarray, finding: RRFinding) -> np.ndarray:
    """Errors beyond the scale stand at its edge."""
    low, high = _scale(finding)
    return np.clip(values, low + 5, high - 5)
