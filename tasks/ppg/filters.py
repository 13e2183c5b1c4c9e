"""Causal filters of pulse waves, whose state goes from chunk to chunk: however a signal is cut, its samples are the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from cardiac.errors import ConfigError

BAND_HZ, ORDER = (0.5, 8.0), 2  # of the Butterworth band-pass: pulses of 30 to 300 a minute with what shapes them
ALPHA = 0.7  # of the first-order filter, as the original has it
KINDS = ("bandpass", "first-order")


class PulseFilter:
    """A filter with its state; at rest before the first sample, as if that one had always been there.

    kind : "bandpass", Butterworth in second-order sections; or "first-order", y[n] = alpha x[n] + (1 - alpha) y[n - 1].
    Raises ConfigError for another, or a sampling rate of which the band is too much.
    """

    def __init__(self, fs_hz: float, kind: str = "bandpass", alpha: float = ALPHA) -> None:
        self.sections = _sections(fs_hz, kind, alpha)
        self._rest = sosfilt_zi(self.sections)  # (n_sections, 2), of a signal that is 1 throughout
        self._state: np.ndarray | None = None  # (n_sections, n, 2)

    def process(self, chunk: np.ndarray) -> np.ndarray:
        """The chunk, filtered, float64. (n, n_samples) -> the same, of n signals side by side."""
        chunk = np.asarray(chunk, float)
        if chunk.shape[1] == 0:
            return chunk
        if self._state is None:
            self._state = self._rest[:, None] * chunk[None, :, :1]
        filtered, self._state = sosfilt(self.sections, chunk, axis=1, zi=self._state)
        return filtered

    @property
    def state(self) -> dict[str, Any]:
        """What goes on into the next chunk, as plain lists."""
        return {"sections": None if self._state is None else self._state.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another filter of this kind stood. Raises ConfigError for the state of another kind."""
        values = state["sections"]
        restored = None if values is None else np.array(values, float)
        if restored is not None and (restored.ndim != 3 or restored.shape[::2] != self._rest.shape):
            raise ConfigError("the state is of another filter: begin this signal anew")
        self._state = restored


def filter_segments(segments: np.ndarray, fs_hz: float, kind: str = "bandpass") -> np.ndarray:
    """Segments, each filtered from its first sample on, float64. (n, n_samples)."""
    return PulseFilter(fs_hz, kind).process(segments)


def _sections(fs_hz: float, kind: str, alpha: float) -> np.ndarray:
    if kind == "bandpass":
        if not 2 * BAND_HZ[1] < fs_hz < np.inf:
            raise ConfigError(f"a pulse wave of {fs_hz:g} Hz cannot be used: give more than {2 * BAND_HZ[1]:g} Hz")
        return butter(ORDER, BAND_HZ, "bandpass", fs=fs_hz, output="sos")
    if kind == "first-order":
        if not 0 < alpha <= 1:
            raise ConfigError(f"alpha is {alpha:g}: give more than 0 and at most 1")
        return np.array([[alpha, 0.0, 0.0, 1.0, alpha - 1.0, 0.0]])
    raise ConfigError(f"no filter is called {kind!r}: use one of {', '.join(KINDS)}")
