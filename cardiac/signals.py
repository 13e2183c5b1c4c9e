"""From a record as it was read to the signal that the networks take: one path, for training and inference alike."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from cardiac.errors import ConfigError, RecordError
from cardiac.filters import MOST_BY_ONE_THREAD, butterworth_both_ways, filter_both_ways, sinc_taps
from cardiac.leads import LEADS

# A record whose rate, after rounding, would need a larger resampling ratio is refused rather than read for minutes.
MAX_RATIO_TERM = 5_000
FLAT_MV = 0.005
REACH = 10  # zero crossings of the decimating filter on either side of its middle: scipy's resample_poly has as many
BLOCK = 2 * REACH  # samples that are decimated to by one row of a matrix: no filter reaches beyond the row after it
SCALES = ("mV", "lead")


@dataclass(frozen=True)
class SignalSpec:
    """What the networks were trained on; stands in the card.

    fs_hz : sampling rate.  band_hz : pass band of a zero-phase Butterworth filter of order 2, run forth and back;
    0 for the lower or the upper edge leaves it open.  scale "mV": amplitudes as they are; "lead": every lead is divided
    by its own standard deviation over the recording, so that neither a wrong gain nor an unknown one matters.
    leads, unit : what the networks take, in this order; a detector says which it can.
    Raises ConfigError for a band that does not lie under half the rate, or an unknown scale.
    """

    fs_hz: float
    band_hz: tuple[float, float]
    leads: tuple[str, ...] = LEADS
    unit: str = "mV"
    scale: str = "mV"

    def __post_init__(self) -> None:
        numbers = (self.fs_hz, *self.band_hz)
        if len(numbers) != 3 or not all(isinstance(number, int | float) for number in numbers):
            raise ConfigError(f"rate and band {numbers!r} must be three numbers in Hz")
        low_hz, high_hz = self.band_hz
        if not (0 <= low_hz < (high_hz or self.fs_hz / 2) < self.fs_hz and high_hz < self.fs_hz / 2):
            raise ConfigError(
                f"the band {low_hz:g} to {high_hz:g} Hz is not below half the sampling rate of {self.fs_hz:g} Hz"
            )
        if self.scale not in SCALES:
            raise ConfigError(f"no scale is called {self.scale!r}: use one of {', '.join(SCALES)}")


def prepare_signal(signal: np.ndarray, fs_hz: float, spec: SignalSpec) -> np.ndarray:
    """The signal at the spec's rate and in its band.

    signal : (n_leads, n_samples), mV at fs_hz.
    Returns float32 (n_leads, round(n_samples * spec.fs_hz / fs_hz)), mV or, by the spec's scale, of unit variance.
    Raises RecordError for a rate that cannot be resampled.
    """
    resampled = np.asarray(resample(np.asarray(signal), fs_hz, spec.fs_hz), np.float64)
    if any(spec.band_hz):
        padding = min(int(spec.fs_hz), resampled.shape[1] - 1)
        resampled = filter_both_ways(resampled, butterworth_both_ways(*spec.band_hz, spec.fs_hz), padding)
    if spec.scale == "lead":
        deviations = resampled.std(axis=1, keepdims=True)
        resampled = np.divide(resampled, deviations, out=np.zeros_like(resampled), where=deviations > FLAT_MV / 4)
    return resampled.astype(np.float32)


def resample(signal: np.ndarray, fs_hz: float, to_hz: float) -> np.ndarray:
    """The signal at another rate, by polyphase filtering. (n_leads, n) -> (n_leads, round(n * to_hz / fs_hz))."""
    if fs_hz == to_hz:
        return signal
    ratio = resampling_ratio(fs_hz, to_hz)
    n_samples = round(signal.shape[1] * to_hz / fs_hz)
    up, down = ratio.numerator, ratio.denominator
    if up == 1 < min(down, signal.shape[1]):
        resampled = _decimate(signal, down)
    else:
        from scipy.signal import resample_poly  # half a second of imports that the usual rates do not need

        resampled = resample_poly(signal.astype(np.float64), up, down, axis=1, padtype="line")
    if resampled.shape[1] < n_samples:  # resample_poly rounds up, so only a limited ratio comes here
        resampled = np.pad(resampled, ((0, 0), (0, n_samples - resampled.shape[1])), mode="edge")
    return resampled[:, :n_samples]


def _decimate(signal: np.ndarray, down: int) -> np.ndarray:
    """Every so many samples, low-passed: `scipy.signal.resample_poly(signal, 1, down, axis=1, padtype="line")`, by blocks.

    The signal goes on at both ends along the line from its first to its last sample. In rows of BLOCK * down samples it
    meets `_decimator`, whose halves say what a row gives to its own outputs and to those of the row before (Burrus, IEEE
    Trans. Audio Electroacoust. 20:230, 1972). The products are too small for BLAS to share one among threads, and of the
    samples' own precision, about the first one of each lead: what float32 leaves out is 1e-7 of a lead's range.
    signal : (n_leads, n > 1).  Returns float64 (n_leads, ceil(n / down)).
    """
    n_leads, n = signal.shape
    n_out, before = -(-n // down), REACH * down
    n_rows = -(-n_out // BLOCK) + 1
    precision = np.float32 if signal.dtype == np.float32 else np.float64
    padded = np.empty((n_leads, n_rows * BLOCK * down), precision)
    beyond = before + n
    first = signal[:, :1].astype(precision)
    np.subtract(signal, first, out=padded[:, before:beyond])
    last = padded[:, beyond - 1, None]
    slope = last / (n - 1)
    padded[:, :before] = slope * np.arange(-before, 0, dtype=precision)
    padded[:, beyond:] = last + slope * np.arange(1, padded.shape[1] - beyond + 1, dtype=precision)
    rows, decimator = padded.reshape(n_leads, n_rows, BLOCK * down), _decimator(down, precision)
    given, step = np.empty((n_leads, n_rows, 2 * BLOCK), precision), max(1, MOST_BY_ONE_THREAD // decimator.size)
    for row in range(0, n_rows, step):
        np.matmul(rows[:, row : row + step], decimator, out=given[:, row : row + step])
    decimated = np.add(given[:, :-1, :BLOCK], given[:, 1:, BLOCK:], dtype=np.float64).reshape(n_leads, -1)
    decimated += first.astype(np.float64)
    return decimated[:, :n_out]


@lru_cache(maxsize=8)
def _decimator(down: int, precision: type[np.floating]) -> np.ndarray:
    """The filter of `resample_poly` (a windowed sinc, Kaiser 5.0) at each of a block's outputs, one below the other.

    (BLOCK * down, 2 * BLOCK): in the first BLOCK columns from the outputs' own row, in the others from the row after.
    """
    taps = sinc_taps(2 * REACH * down + 1, 1 / down, 5.0)
    columns = np.zeros((BLOCK, 2 * BLOCK * down), precision)
    for output, column in enumerate(columns):
        column[output * down : output * down + len(taps)] = taps
    return np.ascontiguousarray(np.hstack(np.split(columns.T, 2)))


def resampling_ratio(fs_hz: float, to_hz: float) -> Fraction:
    """to_hz / fs_hz as a ratio of two numbers that a polyphase filter can take. Raises RecordError."""
    ratio = (Fraction(to_hz) / Fraction(fs_hz)).limit_denominator(MAX_RATIO_TERM)
    if ratio == 0 or ratio.numerator > MAX_RATIO_TERM:
        raise RecordError(
            "a sampling rate of {fs_hz:g} Hz cannot be resampled to {to_hz:g} Hz: state the true rate",
            fs_hz=fs_hz,
            to_hz=to_hz,
        )
    return ratio
