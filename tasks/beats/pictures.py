"""A recording's beats as a picture: RR over all of it, and its most interesting stretches on ECG paper, beats coloured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cardiac import NOTICE
from cardiac.files import png, replace_file
from cardiac.paper import (
    INK,
    LEFT_MM,
    MM_PER_INCH,
    MM_PER_MV,
    MM_PER_S,
    PAPER,
    RIGHT_MM,
    ROW_MM,
    SHOWN_S,
    draw_calibration,
    draw_grid,
    draw_parts,
)
from cardiac.print_out import Part
from cardiac.records import Record
from tasks.beats.documents import remarks_in_short
from tasks.beats.findings import BeatsFinding
from tasks.beats.labels import CLASSES
from tasks.beats.stretches import Shown, interesting_stretches
from tasks.beats.summary import clock, summary_lines

COLOURS = {"N": "#55555e", "S": "#1f5fbf", "V": "#c0261e", "F": "#8a3ab9", "Q": "#8a6500"}
NAMES = {"N": "normal", "S": "supraventricular", "V": "ventricular", "F": "fusion", "Q": "paced or unknown"}
WIDTH_MM = LEFT_MM + SHOWN_S * MM_PER_S + RIGHT_MM
LINE_MM, HEAD_MM, LEGEND_MM, OVERVIEW_MM, TITLE_MM, LETTERS_MM, FOOT_MM = 4.4, 8.0, 6.0, 44.0, 8.0, 6.0, 8.0
SCALES = (1.0, 0.5, 0.25, 0.125)  # of 10 mm/mV: the first at which a lead has room in its row
BEFORE_S, AFTER_S = 0.12, 0.28  # of a beat, coloured
LEAST_SHOWN_S, MOST_SHOWN_S = 1.6, 3.0  # of the overview's scale; longer intervals are arrows at its upper edge
ARROWS_APART = 0.06  # of the recording: nearer to the one before, an arrow has no seconds beside it
N_REMARKS = 3
HOURS_S = 7_200.0  # from here on the overview counts in hours
MARGIN_POINTS = 45.0  # letters' size times their number, of a lead's name
ARROW_S = 0.06  # of the seconds' scale, under its upper edge


def draw_beats(record: Record, finding: BeatsFinding) -> Figure:
    """A page: counts, summary and remarks, RR over the recording, up to six strips of ten seconds with lettered beats.

    record : with the leads that the finding names.
    """
    shown = interesting_stretches(
        finding.summary.episodes,
        finding.positions,
        finding.classes,
        finding.fs_hz,
        finding.duration_s,
        finding.sureness,
        SHOWN_S,
    )
    lines = _lines(finding)
    strip_mm = TITLE_MM + LETTERS_MM + len(record.leads) * ROW_MM
    legend_mm = 0.0 if finding.without_beats else LEGEND_MM
    head_mm = HEAD_MM + legend_mm + LINE_MM * len(lines)
    overview_mm = OVERVIEW_MM if len(finding.positions) > 1 else 0.0
    height = head_mm + overview_mm + len(shown) * strip_mm + FOOT_MM
    figure = Figure(figsize=(WIDTH_MM / MM_PER_INCH, height / MM_PER_INCH), dpi=110, facecolor=PAPER)
    _draw_head(_axes(figure, height, height - head_mm, head_mm), finding, lines, head_mm)
    if overview_mm:
        _draw_overview(figure, finding, shown, height, height - head_mm - overview_mm)
    for number, each in enumerate(shown, start=1):
        bottom = height - head_mm - overview_mm - number * strip_mm
        _draw_strip(_axes(figure, height, bottom, strip_mm), record, finding, each, number)
    foot = f"{MM_PER_S:g} mm/s   {MM_PER_MV:g} mm/mV, but where a pulse is named   {NOTICE}"
    _axes(figure, height, 0.0, FOOT_MM).text(5, FOOT_MM / 2, foot, color=INK, fontsize=7.5, va="center")
    return figure


def write_picture(record: Record, finding: BeatsFinding, path: Path) -> None:
    """The page as PNG. Raises CardiacError where it cannot be written."""
    replace_file(path, png(draw_beats(record, finding)))


def _axes(figure: Figure, height: float, bottom: float, own: float) -> Any:
    """Axes over the whole width, of which one unit is one millimetre."""
    axes = figure.add_axes((0, bottom / height, 1, own / height))
    axes.set_xlim(0, WIDTH_MM)
    axes.set_ylim(0, own)
    axes.axis("off")
    return axes


def _lines(finding: BeatsFinding) -> list[str]:
    if finding.without_beats:
        return [finding.without_beats]
    return [*summary_lines(finding.summary)[1:], *remarks_in_short(finding)[:N_REMARKS]]


def _draw_head(axes: Any, finding: BeatsFinding, lines: list[str], height: float) -> None:
    axes.text(5, height - 5, finding.record_id, color=INK, fontsize=12, fontweight="bold", va="center")
    settled = f"{' and '.join(finding.leads)}   {clock(finding.duration_s)} at {finding.fs_hz:g} Hz"
    axes.text(WIDTH_MM - 5, height - 5, settled, color=INK, fontsize=9, ha="right", va="center")
    under = height - HEAD_MM
    if not finding.without_beats:
        _draw_legend(axes, finding, under - LEGEND_MM / 2)
        under -= LEGEND_MM
    for number, line in enumerate(lines):
        draw_parts(axes, [Part(line)], 5, under - 3.2 - number * LINE_MM, 8.5, WIDTH_MM - 10)


def _draw_legend(axes: Any, finding: BeatsFinding, base: float) -> None:
    """Each class with its colour, its name, how many beats are of it, and of S and V the burden."""
    before = None
    for beat, n in finding.summary.counts.items():
        text = f"{beat}  {NAMES[beat]} {n:,}"
        if beat in ("S", "V") and n:
            text += f" ({finding.summary.burden_percent(beat):.2f} %)"
        style = {"color": COLOURS[beat], "fontsize": 10, "va": "center", "fontweight": "bold" if n else "normal"}
        if before is None:
            before = axes.text(5, base, text, **style)
        else:
            after = {"xy": (1, 0.5), "xycoords": before, "textcoords": "offset points"}
            before = axes.annotate(text, xytext=(18, 0), **after, **style)


def _draw_overview(figure: Figure, finding: BeatsFinding, shown: list[Shown], height: float, bottom: float) -> None:
    """The interval before each beat over the recording, in the beat's colour; under it where the strips are."""
    box = (LEFT_MM / WIDTH_MM, (bottom + 8) / height, SHOWN_S * MM_PER_S / WIDTH_MM, (OVERVIEW_MM - 15) / height)
    axes = figure.add_axes(box, facecolor="white")
    at_s, intervals_s, classes = finding.at_s[1:], np.diff(finding.at_s), finding.classes[1:]
    top = float(np.clip(1.1 * intervals_s.max(), LEAST_SHOWN_S, MOST_SHOWN_S))
    size = float(np.clip(4000 / len(at_s), 1.0, 14.0))
    for index, beat in enumerate(CLASSES):  # normal ones first: others lie over them
        own = (classes == index) & (intervals_s <= top)
        bigger = 1.0 if beat == "N" else 2.0
        axes.scatter(at_s[own], intervals_s[own], s=size * bigger, color=COLOURS[beat], linewidths=0, zorder=2 + index)
    _draw_arrows(axes, at_s, intervals_s, classes, top)
    axes.set_xlim(0, finding.duration_s)
    axes.set_ylim(0, top)
    axes.xaxis.set_major_locator(MaxNLocator(12, steps=_steps(finding.duration_s)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda second, _: _tick(second, finding.duration_s)))
    axes.set_ylabel("RR, s", fontsize=8, color=INK)
    axes.tick_params(labelsize=7.5, colors=INK, length=2.5, width=0.6)
    axes.grid(color="#e4e0dc", linewidth=0.5, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    _draw_places(axes, shown, finding.duration_s)


def _draw_arrows(axes: Any, at_s: np.ndarray, intervals_s: np.ndarray, classes: np.ndarray, top: float) -> None:
    """Intervals over the scale, as arrows at its upper edge, with their seconds where there is room."""
    named_s = -np.inf
    for row in np.flatnonzero(intervals_s > top).tolist():
        at = (at_s[row], top * (1 - ARROW_S))
        axes.plot(*at, marker="^", markersize=4, color=COLOURS[CLASSES[classes[row]]], linestyle="none", zorder=8)
        if at_s[row] - named_s > ARROWS_APART * at_s[-1]:
            named_s = at_s[row]
            offset, side = ((5, 0), "left") if named_s < ARROWS_APART * at_s[-1] else ((-5, 0), "right")
            style = {"textcoords": "offset points", "fontsize": 7.5, "color": INK, "va": "center", "ha": side}
            axes.annotate(f"{intervals_s[row]:.1f} s", at, xytext=offset, zorder=9, **style)


def _draw_places(axes: Any, shown: list[Shown], duration_s: float) -> None:
    """The strips' numbers over the overview; of those that lie too near to each other in one text."""
    ordered = sorted((each.start_s + each.end_s, number) for number, each in enumerate(shown, start=1))
    groups: list[tuple[float, list[int]]] = []
    for twice, number in ordered:
        at_s = twice / 2
        if groups and at_s - groups[-1][0] < 0.025 * duration_s * len(groups[-1][1]):
            groups[-1][1].append(number)
        else:
            groups.append((at_s, [number]))
    for at_s, numbers in groups:
        text = ",".join(map(str, numbers))
        transform = axes.get_xaxis_transform()
        axes.text(at_s, 1.02, text, transform=transform, fontsize=8, fontweight="bold", ha="center", va="bottom")
    for twice, _ in ordered:
        axes.axvline(twice / 2, color=INK, linewidth=0.5, linestyle=":", zorder=1)


def _draw_strip(axes: Any, record: Record, finding: BeatsFinding, shown: Shown, number: int) -> None:
    rows_mm = len(record.leads) * ROW_MM
    grid_mm = rows_mm + LETTERS_MM
    draw_grid(axes, WIDTH_MM, grid_mm)
    title = f"{number}   from {clock(shown.start_s)}   {shown.title}"
    if shown.at_s > shown.start_s:
        title += f", at {clock(shown.at_s)}"
    axes.text(5, grid_mm + 3.2, title, color=COLOURS.get(shown.beat, INK), fontsize=9.5, fontweight="bold", va="center")
    first, last = (round(second * record.fs_hz) for second in (shown.start_s, shown.end_s))
    signal = np.asarray(record.signal[:, first:last])
    inside = np.flatnonzero((finding.positions >= first) & (finding.positions < last))
    places = finding.positions[inside] - first
    letters = [CLASSES[each] for each in finding.classes[inside]]
    for row, lead in enumerate(record.leads):
        own = replace(record, signal=signal[row : row + 1], leads=(lead,))
        _draw_row(axes, own, places, letters, rows_mm - (row + 0.5) * ROW_MM)
    for place, beat in zip(places.tolist(), letters, strict=True):
        along = LEFT_MM + place / record.fs_hz * MM_PER_S
        weight = "normal" if beat == "N" else "bold"
        style = {"color": COLOURS[beat], "fontsize": 9 if beat == "N" else 11, "fontweight": weight}
        axes.text(along, rows_mm + LETTERS_MM / 2 - 0.5, beat, ha="center", va="center", **style)


def _draw_row(axes: Any, record: Record, places: np.ndarray, letters: list[str], middle: float) -> None:
    """One lead of a strip, in the middle of its row and as large as the row has room for. places : of the beats, samples."""
    trace = record.signal[0] - np.median(record.signal[0])
    low, high = np.percentile(trace, (0.1, 99.9))
    scale = next((each for each in SCALES if (high - low) * MM_PER_MV * each <= ROW_MM - 3), SCALES[-1])
    level = middle - (high + low) / 2 * MM_PER_MV * scale
    pulse = min(max(level, middle - ROW_MM / 2 + 4), middle + ROW_MM / 2 - MM_PER_MV - 5)
    draw_calibration(axes, pulse)
    style = {"color": INK, "va": "top", "zorder": 1}
    size = min(9.0, MARGIN_POINTS / max(len(record.leads[0]), 1))  # in the margin, where no wave is
    axes.text(1.5, middle + ROW_MM / 2 - 0.5, record.leads[0], fontsize=size, fontweight="bold", **style)
    if scale != 1:
        axes.text(3.7, pulse - 0.8, f"{1 / scale:g} mV", fontsize=7, **style)
    along = LEFT_MM + np.arange(len(trace)) / record.fs_hz * MM_PER_S
    up = level + trace * MM_PER_MV * scale
    room = Rectangle((0, middle - ROW_MM / 2), WIDTH_MM, ROW_MM, transform=axes.transData)
    parts = [(0, len(trace), INK, 0.8), *_coloured(places, letters, record.fs_hz, len(trace))]
    for first, last, colour, weight in parts:
        (line,) = axes.plot(along[first:last], up[first:last], color=colour, linewidth=weight, solid_joinstyle="round")
        line.set_clip_path(room)


def _coloured(
    places: np.ndarray, letters: list[str], fs_hz: float, n_samples: int
) -> list[tuple[int, int, str, float]]:
    """First and end sample, colour and width of the beats that are not normal, up to half way to their neighbours."""
    edges = np.concatenate([[0], (places[:-1] + places[1:]) // 2, [n_samples]]) if len(places) else np.zeros(0, int)
    parts = []
    for row, (place, beat) in enumerate(zip(places.tolist(), letters, strict=True)):
        if beat != "N":
            first = max(int(edges[row]), place - round(BEFORE_S * fs_hz), 0)
            last = min(int(edges[row + 1]), place + round(AFTER_S * fs_hz), n_samples)
            parts.append((first, last, COLOURS[beat], 1.3))
    return parts


def _tick(second: float, duration_s: float) -> str:
    return f"{second / 3_600:g} h" if duration_s > HOURS_S else clock(second).removesuffix(".0")


def _steps(duration_s: float) -> list[float]:
    """Of the seconds' axis: whole minutes and hours where the recording is long enough for them."""
    return [1, 1.2, 1.8, 3, 3.6, 6, 7.2, 10] if duration_s > 600 else [1, 1.5, 2, 3, 6, 10]
