"""Windows of a signal, and from the windows' probabilities to the record's."""

import numpy as np

from cardiac.errors import ConfigError, SignalTooShort

TAILS = ("shift", "drop")
POOLS = ("mean", "logit_mean", "max")


def window_starts(n_samples: int, window: int, hop: int, tail: str = "shift") -> np.ndarray:
    """First sample of every window, (n_windows,).

    tail : "shift", the last window is moved back to end on the last sample, so that every sample is in a window;
        "drop", starts run while start + window < n_samples, as in the task's reference solution: the end is not read.
    Raises SignalTooShort where no window fits.
    """
    if window < 1 or hop < 1 or tail not in TAILS:
        raise ConfigError(f"window {window} and hop {hop} must be positive and tail {tail!r} one of {', '.join(TAILS)}")
    last = n_samples - window
    if last < 0 or (tail == "drop" and last == 0):
        raise SignalTooShort(f"the signal has {n_samples} samples and a window needs {window}: give a longer recording")
    if tail == "drop":
        return np.arange(0, last, hop)
    starts = np.arange(0, last + 1, hop)
    return starts if starts[-1] == last else np.append(starts, last)


def cut_windows(signal: np.ndarray, window: int, hop: int, tail: str = "shift") -> tuple[np.ndarray, np.ndarray]:
    """Windows of a signal; the last one is shifted back so that no sample is lost.

    signal : (n_leads, n_samples), mV.  window, hop : samples.  tail : see `window_starts`.
    Returns windows (n_windows, n_leads, window), a copy, and starts (n_windows,).
    Raises SignalTooShort where n_samples < window.
    """
    starts = window_starts(signal.shape[1], window, hop, tail)
    views = np.lib.stride_tricks.sliding_window_view(
        signal, window, axis=1
    )  # (n_leads, n_samples - window + 1, window)
    return np.ascontiguousarray(views[:, starts].swapaxes(0, 1)), starts


def pool_windows(logits: np.ndarray, pool: str) -> np.ndarray:
    """The record's probabilities from its windows' logits. (n_windows, n_outputs) -> (n_outputs,), float64.

    pool : "mean" of the windows' probabilities, "logit_mean" (the reference's: mean first, then the sigmoid), "max".
    """
    if pool == "mean":
        return sigmoid(logits).mean(axis=0)
    if pool == "logit_mean":
        return sigmoid(np.asarray(logits, dtype=np.float64).mean(axis=0))
    if pool == "max":
        return sigmoid(logits).max(axis=0)
    raise ConfigError(f"no pooling is called {pool!r}: use one of {', '.join(POOLS)}")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, in float64 and without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))
