"""From a record as it was read to the signal that the networks take: one path, for training and inference alike."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import signal as dsp

from cardiac.errors import ConfigError, RecordError
from cardiac.leads import LEADS

# A record whose rate, after rounding, would need a larger resampling ratio is refused rather than read for minutes.
MAX_RATIO_TERM = 5_000
FLAT_MV = 0.005
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
    resampled = resample(np.asarray(signal, dtype=np.float64), fs_hz, spec.fs_hz)
    edges = tuple(edge for edge in spec.band_hz if edge > 0)
    if edges:
        kind = "bandpass" if len(edges) == 2 else "highpass" if spec.band_hz[0] > 0 else "lowpass"
        padding = min(int(spec.fs_hz), resampled.shape[1] - 1)
        resampled = dsp.sosfiltfilt(_butterworth(edges, kind, spec.fs_hz), resampled, axis=1, padlen=padding)
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
    resampled = dsp.resample_poly(signal, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    if resampled.shape[1] < n_samples:  # resample_poly rounds up, so only a limited ratio comes here
        resampled = np.pad(resampled, ((0, 0), (0, n_samples - resampled.shape[1])), mode="edge")
    return resampled[:, :n_samples]


def resampling_ratio(fs_hz: float, to_hz: float) -> Fraction:
    """to_hz / fs_hz as a ratio of two numbers that a polyphase filter can take. Raises RecordError."""
    ratio = (Fraction(to_hz) / Fraction(fs_hz)).limit_denominator(MAX_RATIO_TERM)
    if ratio == 0 or ratio.numerator > MAX_RATIO_TERM:
        raise RecordError(f"a sampling rate of {fs_hz:g} Hz cannot be resampled to {to_hz:g} Hz: state the true rate")
    return ratio


@lru_cache(maxsize=8)
def _butterworth(edges_hz: tuple[float, ...], kind: str, fs_hz: float) -> np.ndarray:
    return dsp.butter(2, edges_hz, btype=kind, fs=fs_hz, output="sos")
