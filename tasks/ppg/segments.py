"""Segments of pulse waves, brought to the rate at which they are measured, and which of them no kind is named for."""

import numpy as np
from scipy.signal import resample_poly

from cardiac.errors import RecordError
from tasks.ppg.pulses import RATE_HZ

FS_HZ = 100.0  # of the segments that every bundle is given, before pairs of samples are taken together
PARTS, FLAT, MOST_FLAT = 10, 0.03, 2  # of a window; quieter than this share of its loudest is flat; so many may be
NOTHING = 1e-8  # what rounding leaves of a constant is less
LEAST_ALIKE = 0.5  # pulses of one window: of 13,786 recorded segments two are below, of filtered noise nearly all
NO_NUMBERS = "a sample is no number: look at the sensor"
NOISE = "there is nothing but noise to be seen: look at the sensor"
NO_PULSE = "there is no pulse to be seen: look at the sensor"


def to_rate(windows: np.ndarray, fs_hz: float) -> np.ndarray:
    """Filtered windows at RATE_HZ, float64. (n, n_samples) at fs_hz -> (n, n_samples RATE_HZ / fs_hz)."""
    windows = np.asarray(windows, float)
    if fs_hz != FS_HZ:
        n_samples = round(windows.shape[1] * FS_HZ / fs_hz)
        up, down = _ratio(fs_hz)
        windows = resample_poly(windows, up, down, axis=1, padtype="line")[:, :n_samples]
    step = round(FS_HZ / RATE_HZ)
    n = windows.shape[1] // step
    return windows[:, : n * step].reshape(len(windows), n, step).mean(axis=2)


def _ratio(fs_hz: float) -> tuple[int, int]:
    """FS_HZ / fs_hz as whole numbers, to a thousandth of a Hz."""
    up, down = round(FS_HZ * 1_000), round(fs_hz * 1_000)
    common = int(np.gcd(up, down))
    return up // common, down // common


def refusals(windows: np.ndarray) -> list[str | None]:
    """Of each window why no kind is named for it, in a sentence; None where one is. (n, n_samples), filtered."""
    return [_refusal(each) for each in np.asarray(windows, float)]


def _refusal(window: np.ndarray) -> str | None:
    if not np.isfinite(window).all():
        return NO_NUMBERS
    spread = window[: len(window) // PARTS * PARTS].reshape(PARTS, -1).std(axis=1)
    quiet = spread <= FLAT * spread.max()
    turns = np.count_nonzero(np.diff(np.signbit(np.diff(window))))
    return NO_PULSE if spread.max() < NOTHING or quiet.sum() > MOST_FLAT or turns < PARTS // 2 else None


def require_usable(windows: np.ndarray, names: "list[str]") -> None:
    """Raise RecordError for the first window for which no kind is named. names : of each."""
    for name, why in zip(names, refusals(windows), strict=True):
        if why:
            raise RecordError(f"{name}: {why}")
