"""Recordings too long to be held at once: read, settled and prepared in pieces as they are asked for, memory flat."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cardiac.signals import SignalSpec, prepare_signal, resampling_ratio

PIECE_S = 600.0
MARGIN_S = 10.0  # read on either side of a piece: the band's slowest answer has died away by then (to 1e-9)


def _rows_and_part(key: Any, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], int, int]:
    """What of `[rows, first:last]` takes leads of an array of all samples, and the first and last sample.

    Raises IndexError for a key that does not end in samples one after another, or could mean another axis.
    """
    whole = isinstance(key, tuple) and (len(key) == len(shape) or any(each is Ellipsis for each in key))
    if (
        not whole
        or any(each is None for each in key)
        or not isinstance(key[-1], slice)
        or key[-1].step not in (None, 1)
    ):
        raise IndexError("a long recording is read in pieces: ask for signal[leads, first:last], without a step")
    first, last, _ = key[-1].indices(shape[-1])
    return (*key[:-1], slice(None)), first, last


class LongSignal:
    """Leads in mV, (n_leads, n_samples), of which `[leads, first:last]` reads a part; as an array to its readers.

    samples : whatever has a shape (n, n_samples) and gives arrays for `[:, first:last]`.  settle : from such an array
    to float32 (n_leads, k), mV.  n_leads : how many it gives; without it as many as the samples have.
    Raises RecordError where a part cannot be settled.
    """

    ndim, dtype = 2, np.dtype(np.float32)

    def __init__(self, samples: Any, settle: Callable[[np.ndarray], np.ndarray], n_leads: int | None = None) -> None:
        self._samples, self._settle = samples, settle
        self.shape = (n_leads or samples.shape[0], samples.shape[1])

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        rows, first, last = _rows_and_part(key, self.shape)
        return self._settle(np.asarray(self._samples[:, first:last]))[rows]


class PreparedSignal:
    """A LongSignal at the spec's rate and in its band, a piece of which is kept and read from in order.

    Its shape is (n_leads, n); batched : (1, n_leads, n).
    """

    dtype = np.dtype(np.float32)

    def __init__(self, signal: LongSignal, fs_hz: float, spec: SignalSpec, batched: bool = False) -> None:
        self._signal, self._fs_hz, self._spec = signal, fs_hz, spec
        self._ratio = resampling_ratio(fs_hz, spec.fs_hz)
        up, down = self._ratio.numerator, self._ratio.denominator
        n_samples = min(round(signal.shape[1] * spec.fs_hz / fs_hz), -(-signal.shape[1] * up // down))
        n_leads = signal.shape[0]
        self.shape = (1, n_leads, n_samples) if batched else (n_leads, n_samples)
        self.ndim = len(self.shape)
        self._first, self._piece = 0, np.empty((n_leads, 0), np.float32)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        rows, first, last = _rows_and_part(key, self.shape)
        if not (self._first <= first and last <= self._first + self._piece.shape[1]):
            self._first = first
            self._piece = self._prepare(
                first, min(max(last, first + round(PIECE_S * self._spec.fs_hz)), self.shape[-1])
            )
        piece = self._piece[:, first - self._first : last - self._first]
        return (piece[None] if self.ndim == 3 else piece)[rows]

    def _prepare(self, first: int, last: int) -> np.ndarray:
        """Samples first to last of the prepared signal, from those of the recording around them."""
        margin = round(MARGIN_S * self._spec.fs_hz)
        up, down = self._ratio.numerator, self._ratio.denominator
        begin = max(0, first - margin) // up * up  # where a sample of both rates stands
        raw = self._signal[..., begin * down // up : -(-(last + margin) * down // up)]
        return prepare_signal(raw, self._fs_hz, self._spec)[:, first - begin : last - begin]


def prepare_together(
    signals: "Sequence[np.ndarray | LongSignal]", fs_hz: float, spec: SignalSpec
) -> "np.ndarray | PreparedSignal":
    """`signals.prepare_signal` of signals of one length at once, (b, n_leads, n); a long one is prepared by itself, in pieces."""
    if isinstance(signals[0], LongSignal):
        return PreparedSignal(signals[0], fs_hz, spec, batched=True)
    return np.stack([prepare_signal(each, fs_hz, spec) for each in signals])  # by itself each stays in the cache


def prepare(signal: "np.ndarray | LongSignal", fs_hz: float, spec: SignalSpec) -> "np.ndarray | PreparedSignal":
    """`signals.prepare_signal`, of a long recording in pieces: equal but for what the margins leave out (1e-6 mV)."""
    if isinstance(signal, LongSignal):
        return PreparedSignal(signal, fs_hz, spec)
    return prepare_signal(signal, fs_hz, spec)
