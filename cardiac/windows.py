"""Windows of a signal, and from the windows' probabilities to the record's."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cardiac.errors import ConfigError, SignalTooShort

TAILS = ("shift", "drop")
POOLS = ("mean", "logit_mean", "max")


@dataclass(frozen=True)
class WindowPlan:
    """How a signal is cut and its windows pooled: window and hop in samples, tail and pool by name; from card or config.

    Raises ConfigError for what no signal could be cut by.
    """

    window: int
    hop: int
    tail: str
    pool: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "WindowPlan":
        """The plan in a config's section or a card's stage; other settings are passed over. Raises KeyError."""
        return cls(*(settings[each.name] for each in fields(cls)))

    def __post_init__(self) -> None:
        if not all(type(size) is int and size > 0 for size in (self.window, self.hop)):
            raise ConfigError(f"window {self.window!r} and hop {self.hop!r} must be whole numbers of samples above 0")
        if self.tail not in TAILS:
            raise ConfigError(f"no tail is called {self.tail!r}: use one of {', '.join(TAILS)}")
        if self.pool not in POOLS:
            raise ConfigError(f"no pooling is called {self.pool!r}: use one of {', '.join(POOLS)}")


def window_starts(n_samples: int, plan: WindowPlan) -> np.ndarray:
    """First sample of every window, (n_windows,).

    tail "shift": the last window is moved back to end on the last sample, so that every sample is in a window; "drop":
    starts run while start + window < n_samples, as in the task's reference solution: the end is not read.
    Raises SignalTooShort where no window fits.
    """
    last = n_samples - plan.window
    if last < 0 or (plan.tail == "drop" and last == 0):
        raise SignalTooShort(
            f"the signal has {n_samples} samples and a window needs {plan.window}: give a longer recording"
        )
    if plan.tail == "drop":
        return np.arange(0, last, plan.hop)
    starts = np.arange(0, last + 1, plan.hop)
    return starts if starts[-1] == last else np.append(starts, last)


def cut_windows(signal: np.ndarray, plan: WindowPlan) -> tuple[np.ndarray, np.ndarray]:
    """Windows of a signal; the last one is shifted back so that no sample is lost (tail "shift").

    signal : (n_leads, n_samples), mV.
    Returns windows (n_windows, n_leads, window), a copy, and starts (n_windows,).
    Raises SignalTooShort where n_samples < window.
    """
    starts = window_starts(signal.shape[1], plan)
    views = np.lib.stride_tricks.sliding_window_view(signal, plan.window, axis=1)  # (n_leads, n - window + 1, window)
    return np.ascontiguousarray(views[:, starts].swapaxes(0, 1)), starts


def pool_windows(logits: np.ndarray, plan: WindowPlan) -> np.ndarray:
    """The record's probabilities from its windows' logits. (n_windows, n_outputs) -> (n_outputs,), float64.

    pool "mean" of the windows' probabilities; "logit_mean" (the reference's: mean first, then the sigmoid); "max".
    """
    if plan.pool == "logit_mean":
        return sigmoid(np.asarray(logits, dtype=np.float64).mean(axis=0))
    return sigmoid(logits).max(axis=0) if plan.pool == "max" else sigmoid(logits).mean(axis=0)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, in float64 and without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))
