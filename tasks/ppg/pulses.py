"""What can be measured of the pulses of segments: intervals, heights, shapes, spectrum and autocorrelation; many at once.

A pulse is a rise from a trough to the next crest that is high enough against the other rises of its segment. Premature beats
come early and low, with a pause or none after them; fibrillation has no two intervals alike.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np

RATE_HZ = 50.0  # of the segments that are measured
TOGETHER = 256  # segments at once
MOST_PULSES = 48  # of a segment; further ones are left out
HIGH = 90  # percentile of a segment's rises that heights are set against
SETS = {"all": 0.25, "high": 0.5}  # of that height, from which on a rise is a pulse
STEEP = 0.3  # the same of the steepness of upstrokes
SHAPE = np.arange(-10, 21)  # samples about a crest in which pulses are compared
SPANS_HZ = (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 9.0)
LAGS_S = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)
UNKNOWN = -1.0  # of what cannot be measured, with too few pulses
Put = Callable[[str, np.ndarray], None]


def pulse_features(segments: np.ndarray) -> np.ndarray:
    """Measurements of each segment, float32 (n, n_features). segments : (n, n_samples) at RATE_HZ, filtered, none flat."""
    parts = [_measure(segments[first : first + TOGETHER])[1] for first in range(0, len(segments), TOGETHER)]
    return np.concatenate(parts) if parts else np.zeros((0, len(pulse_names())), np.float32)


@cache
def pulse_names() -> tuple[str, ...]:
    """The names of the features, in order."""
    return _measure(np.sin(np.arange(500.0) / 7)[None])[0]


def alike(measured: np.ndarray) -> np.ndarray:
    """Of each segment its pulses' mean correlation with their mean shape, (n,). measured : from `pulse_features`."""
    return measured[:, pulse_names().index("alike")]


def _measure(segments: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    names: list[str] = []
    values: list[np.ndarray] = []

    def put(name: str, value: np.ndarray) -> None:
        names.append(name)
        values.append(np.where(np.isfinite(value), value, UNKNOWN))

    centred = segments - segments.mean(axis=1, keepdims=True)
    x = _smooth(centred / centred.std(axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        _put_pulses(put, x)
        _put_spectrum(put, x)
        _put_autocorrelation(put, x)
        _put_course(put, x)
    return tuple(names), np.stack(values, axis=1).astype(np.float32)


def _smooth(x: np.ndarray) -> np.ndarray:
    """The mean of three samples."""
    padded = np.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3


def _put_pulses(put: Put, x: np.ndarray) -> None:
    row, trough, crest = _rises(x)
    height = x[row, crest] - x[row, trough]
    of_row, _ = _sorted(_by_row(row, height, len(x), 2 * MOST_PULSES))
    reference = _quantile(of_row, HIGH)
    put("rise_height", reference)
    put("n_rises", np.isfinite(of_row).sum(axis=1))
    for name, share in SETS.items():
        own = height > share * reference[row]
        rows, at = row[own], crest[own]
        times = _by_row(rows, _between(x, rows, at) / RATE_HZ, len(x))
        heights = _by_row(rows, height[own], len(x))
        intervals, earliest = _put_intervals(put, name, times)
        _put_heights(put, name, heights, intervals, earliest)
        _put_lasting(put, name, _by_row(rows, (at - trough[own]) / RATE_HZ, len(x)))
        if name == "all":
            _put_shapes(put, x, rows, at, earliest)
    slope = x[:, 2:] - x[:, :-2]
    row, _, steepest = _rises(slope)
    steepness = slope[row, steepest]
    row, steepest, steepness = (each[steepness > 0] for each in (row, steepest, steepness))
    of_row, _ = _sorted(_by_row(row, steepness, len(x), 2 * MOST_PULSES))
    own = steepness > STEEP * _quantile(of_row, HIGH)[row]
    times = _by_row(row[own], _between(slope, row[own], steepest[own]) / RATE_HZ, len(x))
    intervals, earliest = _put_intervals(put, "steep", times)
    _put_heights(put, "steep", _by_row(row[own], steepness[own], len(x)), intervals, earliest)


def _rises(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, trough and crest of every rise, row by row, int each."""
    up, end = np.diff(x, axis=1) > 0, np.zeros((len(x), 1), bool)
    before, after = np.concatenate([end, up], axis=1), np.concatenate([up, end], axis=1)
    row, trough = np.nonzero(after & ~before)
    return row, trough, np.nonzero(before & ~after)[1]


def _between(x: np.ndarray, row: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Where between samples a crest is: the top of the parabola through three of them."""
    at = np.clip(at, 1, x.shape[1] - 2)
    left, middle, right = x[row, at - 1], x[row, at], x[row, at + 1]
    bend = left - 2 * middle + right
    return at + np.clip(np.where(bend < -1e-9, 0.5 * (left - right) / np.where(bend < -1e-9, bend, 1.0), 0.0), -1, 1)


def _by_row(row: np.ndarray, values: np.ndarray, n: int, most: int = MOST_PULSES) -> np.ndarray:
    """Values side by side, NaN where there are no more, float (n, most). row : rising."""
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(n))[row]
    table, inside = np.full((n, most), np.nan), place < most
    table[row[inside], place[inside]] = values[inside]
    return table  # of one width whatever the batch: sums of more zeros are rounded otherwise


def _put_intervals(put: Put, name: str, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of pulses at times in s, (n, n_pulses). Gives intervals in parts of their median, and the one before the earliest pulse."""
    intervals = np.diff(times, axis=1)
    median = _quantile(_sorted(intervals)[0], 50)
    ratio = intervals / median[:, None]
    change = np.diff(ratio, axis=1)
    ordered, n = _sorted(ratio)
    put(f"{name}_n", n + 1)
    put(f"{name}_first_s", times[:, 0])
    put(f"{name}_median_s", median)
    put(f"{name}_mean_s", _mean(intervals))
    put(f"{name}_sd_s", _sd(intervals))
    put(f"{name}_rmssd_s", np.sqrt(_mean(np.diff(intervals, axis=1) ** 2)))
    put(f"{name}_sd", _sd(ratio))
    put(f"{name}_rmssd", np.sqrt(_mean(change**2)))
    put(f"{name}_mad", _quantile(_sorted(np.abs(ratio - 1))[0], 50))
    put(f"{name}_change_median", _quantile(_sorted(np.abs(change))[0], 50))
    for share in (0.05, 0.1, 0.2):
        put(f"{name}_changes_over_{share}", _share(np.abs(change) > share, change))
    every = np.arange(len(times))
    for place in range(3):
        put(f"{name}_shortest_{place}", np.where(n > place, ordered[:, min(place, ordered.shape[1] - 1)], np.nan))
        put(f"{name}_longest_{place}", np.where(n > place, ordered[every, np.maximum(n - 1 - place, 0)], np.nan))
    for share in (10, 25, 75, 90):
        put(f"{name}_percentile_{share}", _quantile(ordered, share))
    put(f"{name}_early", (ratio < 0.85).sum(axis=1))
    put(f"{name}_very_early", (ratio < 0.7).sum(axis=1))
    put(f"{name}_late", (ratio > 1.15).sum(axis=1))
    put(f"{name}_very_late", (ratio > 1.3).sum(axis=1))
    put(f"{name}_turns", _share(change[:, 1:] * change[:, :-1] < 0, change[:, 1:]))
    off = np.nan_to_num(ratio - _mean(ratio)[:, None])
    for lag in (1, 2, 3):
        put(f"{name}_autocorrelation_{lag}", (off[:, lag:] * off[:, :-lag]).sum(axis=1) / (off**2).sum(axis=1))
    put(f"{name}_entropy", _entropy(ratio))
    grows = ratio[:, 1:] / ratio[:, :-1]
    put(f"{name}_grows_most", _most(grows))
    put(f"{name}_shrinks_most", -_most(-grows))
    pairs = (ratio[:, 1:] + ratio[:, :-1]) / 2
    put(f"{name}_pairs_sd", _sd(pairs))
    earliest = np.where(np.isfinite(grows), grows, -1.0).argmax(axis=1)  # a short interval before a long one
    for step in (-1, 0, 1, 2):
        put(f"{name}_about_earliest_{step}", _at(ratio, earliest + step))
    put(f"{name}_earliest_pair", _at(pairs, earliest))
    return ratio, earliest


def _put_heights(put: Put, name: str, heights: np.ndarray, ratio: np.ndarray, earliest: np.ndarray) -> None:
    """Of pulses' heights, (n, n_pulses). earliest : interval that ends with the earliest pulse, int (n,)."""
    ordered, n = _sorted(heights)
    median = _quantile(ordered, 50)
    part = heights / median[:, None]
    put(f"{name}_height", median)
    put(f"{name}_height_sd", _sd(part))
    put(f"{name}_height_change", np.sqrt(_mean(np.diff(part, axis=1) ** 2)))
    put(f"{name}_height_least", ordered[:, 0] / median)
    put(f"{name}_height_second_least", np.where(n > 1, ordered[:, 1] / median, np.nan))
    put(f"{name}_height_most", _most(part))
    for step in (0, 1, 2):
        put(f"{name}_height_about_earliest_{step}", _at(part, earliest + step))
    for share in (0.5, 0.7):
        put(f"{name}_low_{share}", (part < share).sum(axis=1))
    lowest = np.where(np.isfinite(part), part, np.inf)[:, 1:].argmin(axis=1)
    for step in (0, 1):
        put(f"{name}_interval_about_lowest_{step}", _at(ratio, lowest + step))
    own = np.nan_to_num(part[:, 1:] - _mean(part[:, 1:])[:, None])
    off = np.nan_to_num(ratio - _mean(ratio)[:, None])
    put(f"{name}_height_by_interval", (own * off).sum(axis=1) / np.sqrt((own**2).sum(axis=1) * (off**2).sum(axis=1)))


def _put_lasting(put: Put, name: str, lasting_s: np.ndarray) -> None:
    """Of how long pulses rise, (n, n_pulses)."""
    median = _quantile(_sorted(lasting_s)[0], 50)
    put(f"{name}_rise_s", median)
    put(f"{name}_rise_sd", _sd(lasting_s / median[:, None]))
    put(f"{name}_rise_longest", _most(lasting_s) / median)


def _put_shapes(put: Put, x: np.ndarray, row: np.ndarray, crest: np.ndarray, earliest: np.ndarray) -> None:
    """How alike the pulses of a segment are: each one's correlation with their mean."""
    n = len(x)
    shapes = x[row[:, None], np.clip(crest[:, None] + SHAPE, 0, x.shape[1] - 1)]
    shapes = shapes - shapes.mean(axis=1, keepdims=True)
    shapes /= np.sqrt((shapes**2).sum(axis=1, keepdims=True)) + 1e-9
    mean = np.zeros((n, len(SHAPE)))
    np.add.at(mean, row, shapes)
    mean /= np.sqrt((mean**2).sum(axis=1, keepdims=True)) + 1e-9
    alike = _by_row(row, (shapes * mean[row]).sum(axis=1), n)
    ordered, count = _sorted(alike)
    for place in range(3):
        put(f"alike_least_{place}", np.where(count > place, ordered[:, place], np.nan))
    put("alike", _mean(alike))
    put("alike_median", _quantile(ordered, 50))
    for step in (0, 1, 2):
        put(f"alike_about_earliest_{step}", _at(alike, earliest + step))
    for index in range(0, len(SHAPE), 3):
        put(f"shape_{index}", mean[:, index])


def _put_spectrum(put: Put, x: np.ndarray) -> None:
    n = x.shape[1]
    hz = np.fft.rfftfreq(2 * n, 1 / RATE_HZ)
    inside = (hz >= SPANS_HZ[0]) & (hz < SPANS_HZ[-1])
    power = np.abs(np.fft.rfft((x - x.mean(axis=1, keepdims=True)) * np.hanning(n), 2 * n, axis=1)[:, inside]) ** 2
    power, hz = power / power.sum(axis=1, keepdims=True), hz[inside]
    for low, high in pairwise(SPANS_HZ):
        put(f"power_{low}_hz", np.log(power[:, (hz >= low) & (hz < high)].sum(axis=1) + 1e-6))
    put("power_entropy", -(power * np.log(power + 1e-12)).sum(axis=1))
    highest = power.argmax(axis=1)
    put("peak_hz", hz[highest])
    put("peak_power", power[np.arange(len(x)), highest])
    for name, times, width in (("about", 1.0, 0.2), ("twice", 2.0, 0.25), ("half", 0.5, 0.15)):
        near = np.abs(hz - times * hz[highest][:, None]) < width
        put(f"power_{name}_peak", (power * near).sum(axis=1))


def _put_autocorrelation(put: Put, x: np.ndarray) -> None:
    n = x.shape[1]
    power = np.abs(np.fft.rfft(x - x.mean(axis=1, keepdims=True), 2 * n, axis=1)) ** 2
    by_lag = np.fft.irfft(power, axis=1)[:, :n]
    by_lag = by_lag / by_lag[:, :1] / (1 - np.arange(n) / n)
    first, last = int(0.22 * RATE_HZ), int(2 * RATE_HZ)
    best = by_lag[:, first:last].argmax(axis=1) + first
    put("best_lag_s", best / RATE_HZ)
    put("alike_at_best_lag", _at(by_lag, best))
    put("alike_at_twice", _at(by_lag, 2 * best))
    put("least_alike", by_lag[:, 5:last].min(axis=1))
    for lag in LAGS_S:
        put(f"alike_at_{lag}_s", by_lag[:, int(lag * RATE_HZ)])


def _put_course(put: Put, x: np.ndarray) -> None:
    """Of all samples, and of the ten parts of a segment."""
    slope = x[:, 2:] - x[:, :-2]
    for name, each in (("", x), ("slope_", slope)):
        scaled = (each - each.mean(axis=1, keepdims=True)) / each.std(axis=1, keepdims=True)
        squared = scaled * scaled  # powers by multiplying are twenty times as fast
        put(f"{name}skewness", (squared * scaled).mean(axis=1))
        put(f"{name}kurtosis", (squared * squared).mean(axis=1))
    put("slope", slope.std(axis=1) / x.std(axis=1))
    width = x.shape[1] // 10
    parts = x[:, : 10 * width].reshape(len(x), 10, width).std(axis=2)  # (n, 10, width) -> (n, 10)
    mean = parts.mean(axis=1)
    put("parts_sd", parts.std(axis=1) / mean)
    put("parts_least", parts.min(axis=1) / mean)
    put("parts_most", parts.max(axis=1) / mean)


def _sorted(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row rising, with NaN at its end, and how many are none."""
    return np.sort(table, axis=1), np.isfinite(table).sum(axis=1)


def _quantile(ordered: np.ndarray, percent: float) -> np.ndarray:
    """Of each row, rising with NaN at its end; linear between two; NaN of none."""
    n = np.isfinite(ordered).sum(axis=1)
    place = np.maximum(n - 1, 0) * (percent / 100)
    below, every = place.astype(int), np.arange(len(ordered))
    low, high = ordered[every, below], ordered[every, np.minimum(below + 1, np.maximum(n - 1, 0))]
    return low + (place - below) * (high - low)


def _mean(table: np.ndarray) -> np.ndarray:
    """Of what is no NaN in each row."""
    return np.nan_to_num(table).sum(axis=1) / np.isfinite(table).sum(axis=1)


def _sd(table: np.ndarray) -> np.ndarray:
    return np.sqrt(_mean((table - _mean(table)[:, None]) ** 2))


def _share(holds: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Of what is no NaN in each row, how much of it holds."""
    return holds.sum(axis=1) / np.isfinite(of).sum(axis=1)


def _most(table: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(table), table, -np.inf).max(axis=1)


def _at(table: np.ndarray, place: np.ndarray) -> np.ndarray:
    """One value of each row; NaN beside the table."""
    inside = (place >= 0) & (place < table.shape[1])
    return np.where(inside, table[np.arange(len(table)), np.where(inside, place, 0)], np.nan)


def _entropy(ratio: np.ndarray) -> np.ndarray:
    """Of intervals in tenths of their median, in nats."""
    tenth = np.where(np.isfinite(ratio), np.clip(ratio, 0.3, 1.9) * 10, -1).astype(int)
    shares = np.stack([(tenth == each).sum(axis=1) for each in range(3, 20)], axis=1)
    shares = shares / shares.sum(axis=1, keepdims=True)
    return -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1)
