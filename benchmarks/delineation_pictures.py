"""The records whose waves are delineated worst, drawn: twelve leads around the largest error, both sets of fiducials."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.delineation_scores import BARS_MS, FIDUCIALS, N_COUNTED, N_DRAWN, N_HITS, Errors, compare
from tasks.waves.ludb import FS_HZ, LEADS, Waves

DRAWN, FOUND, INK = "#0b7a3b", "#c2185b", "#1b1b1f"
STYLES = (":", "-", "--")  # P, QRS, T
SHOWN_S = 3.0
BARS = np.array([BARS_MS.get(name, np.nan) for name in FIDUCIALS])  # a fiducial without a bar does not count


def draw_worst(
    folder: Path, data: Path, name: str, drawn: dict[str, Waves], found: dict[str, Waves], n: int, fiducial: str | None
) -> None:
    """Pictures of the n records with the largest errors, the worst first, as PNG files.

    Largest by the root of the mean squared error over its bar, of all fiducials with one, or of the one that is named.
    """
    errors = {record: compare(drawn[record], found[record]) for record in drawn}
    sizes = {record: _sizes(each, fiducial) for record, each in errors.items()}
    worst = sorted(sizes, key=lambda record: -_root_mean_square(sizes[record]))[:n]
    folder.mkdir(parents=True, exist_ok=True)
    for rank, record in enumerate(worst, start=1):
        path = folder / f"{rank:02d}_{record}.png"
        hits, size = errors[record].hits, sizes[record]
        if np.isnan(size).all():
            break
        worst_hit = hits[np.nanargmax(size)]
        title = _title(record, name, errors[record], worst_hit, _root_mean_square(size))
        _picture(data, record, title, drawn[record], found[record], worst_hit).savefig(path, dpi=110)
        print(path, file=sys.stderr)


def _sizes(errors: Errors, fiducial: str | None) -> np.ndarray:
    """The matches' errors over their bars (n_hits,), in ms where one fiducial is named; NaN for what does not count."""
    rows = errors.hits[:, 0].astype(int)
    if fiducial is None:
        return np.abs(errors.hits[:, 3]) / BARS[rows]
    return np.where(rows == list(FIDUCIALS).index(fiducial), np.abs(errors.hits[:, 3]), np.nan)


def _root_mean_square(sizes: np.ndarray) -> float:
    """Of what counts; 0 where nothing does."""
    counted = sizes[~np.isnan(sizes)]
    return float(np.sqrt(np.mean(counted**2))) if len(counted) else 0.0


def _title(record: str, name: str, errors: Errors, worst: np.ndarray, size: float) -> str:
    """Two lines: the largest error, and what was missed and found too much."""
    row, lead, sample, error = worst
    missed = errors.counts[:, N_DRAWN] - errors.counts[:, N_HITS]
    false = errors.counts[:, N_COUNTED] - errors.counts[:, N_HITS]
    listed = ", ".join(
        f"{fiducial} {lost:.0f}/{more:.0f}" for fiducial, lost, more in zip(FIDUCIALS, missed, false, strict=True)
    )
    where = f"{list(FIDUCIALS)[int(row)]} {error:+.0f} ms in {LEADS[int(lead)]} at {sample / FS_HZ:.2f} s"
    return f"LUDB {record}, {name}: largest error {where} (root mean square {size:.1f})\nmissed/false: {listed}"


def _picture(data: Path, record: str, title: str, drawn: Waves, found: Waves, worst: np.ndarray) -> Figure:
    import wfdb

    signal = wfdb.rdrecord(str(data / record)).p_signal.T  # (n_leads, n_samples), mV
    n_shown = round(SHOWN_S * FS_HZ)
    first = int(np.clip(worst[2] - n_shown / 2, 0, signal.shape[1] - n_shown))
    figure = Figure(figsize=(16, 12), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(4, 3, sharex=True)
    for lead, ax in enumerate(axes.T.ravel()):
        seconds = np.arange(first, first + n_shown) / FS_HZ
        trace = signal[lead, first : first + n_shown]
        ax.plot(seconds, trace, color=INK, linewidth=0.9)
        ax.set_title(LEADS[lead].upper(), loc="left", fontsize=9)
        ax.set_xlim(seconds[0], seconds[-1])
        ax.set_ylim(trace.min() - 0.1, trace.max() + 0.1)
        _mark(ax, drawn.of_lead(lead), (0.5, 1.0), DRAWN)
        _mark(ax, found.of_lead(lead), (0.0, 0.5), FOUND)
        if lead == int(worst[1]):
            ax.axvspan(*sorted((worst[2] / FS_HZ, worst[2] / FS_HZ + worst[3] / 1_000)), color="#ffe08a")
    figure.supxlabel("seconds; upper half, green: drawn; lower half, red: found; dotted P, solid QRS, dashed T")
    return figure


def _mark(ax: Any, waves: Waves, heights: tuple[float, float], colour: str) -> None:
    """Lines at the onsets and ends of a lead's waves, half as wide at the peaks."""
    for kind, style in enumerate(STYLES):
        for part in range(3):
            samples, known = waves.fiducial(kind, part)
            for sample in samples[known]:
                ax.axvline(sample / FS_HZ, *heights, color=colour, linestyle=style, linewidth=0.6 if part == 1 else 1.2)
