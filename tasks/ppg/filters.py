"""Causal filters of pulse waves, whose state goes from chunk to chunk: however a signal is cut, its samples are the same."""

from collections.abc import Mapping
from itertools import pairwise
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
    A sample that is no number stays one, and after it the filter begins anew: a gap spoils nothing that comes later.
    Raises ConfigError for another kind, or a sampling rate of which the band is too much.
    """

    def __init__(self, fs_hz: float, kind: str = "bandpass", alpha: float = ALPHA) -> None:
        self.sections = _sections(fs_hz, kind, alpha)
        self._rest = sosfilt_zi(self.sections)  # (n_sections, 2), of a signal that is 1 throughout
        self._state = np.zeros((len(self.sections), 0, 2))  # (n_sections, n, 2)
        self._begun = np.zeros(0, bool)  # (n,)

    def process(self, chunk: np.ndarray) -> np.ndarray:
        """The chunk, filtered, float64. (n, n_samples) -> the same, of n signals side by side."""
        chunk = np.asarray(chunk, float)
        if chunk.shape[1] == 0:
            return chunk
        if not len(self._begun):
            self._state, self._begun = np.zeros((len(self.sections), len(chunk), 2)), np.zeros(len(chunk), bool)
        known = np.isfinite(chunk)
        if known.all():
            return self._filtered(chunk, slice(None))
        filtered = np.full(chunk.shape, np.nan)
        for row in range(len(chunk)):
            edges = [0, *(np.flatnonzero(np.diff(known[row])) + 1).tolist(), chunk.shape[1]]
            for first, last in pairwise(edges):
                if known[row, first]:
                    filtered[row, first:last] = self._filtered(chunk[row : row + 1, first:last], slice(row, row + 1))[0]
                else:
                    self._begun[row] = False
        return filtered

    def _filtered(self, chunk: np.ndarray, rows: slice) -> np.ndarray:
        state, fresh = self._state[:, rows], ~self._begun[rows]
        state[:, fresh] = self._rest[:, None] * chunk[None, fresh, :1]
        filtered, self._state[:, rows] = sosfilt(self.sections, chunk, axis=1, zi=state)
        self._begun[rows] = True
        return filtered

    @property
    def state(self) -> dict[str, Any]:
        """What goes on into the next chunk, as plain lists: of each signal, None where it begins anew."""
        rows = zip(self._state.swapaxes(0, 1).tolist(), self._begun.tolist(), strict=True)
        return {"signals": [own if begun else None for own, begun in rows]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another filter of this kind stood. Raises ConfigError for the state of another kind."""
        rows = state["signals"]
        restored = np.zeros((len(rows), *self._rest.shape))
        for index, own in enumerate(rows):
            if own is not None:
                if np.shape(own) != self._rest.shape:
                    raise ConfigError("the state is of another filter: begin this signal anew")
                restored[index] = own
        self._state = np.ascontiguousarray(restored.swapaxes(0, 1))
        self._begun = np.array([own is not None for own in rows], bool)


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
