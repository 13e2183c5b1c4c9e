"""Windows of a signal, and from the windows' probabilities to the record's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cardiac.errors import ConfigError, SignalTooShort
from cardiac.long_signals import LongSignal

TAILS = ("shift", "drop")
POOLS = ("mean", "logit_mean", "max", "top")
LEAST = 1e-6  # probabilities are kept this far from 0 and 1 where their logit is asked for
PIECE = 300_000  # samples of a long recording that are read together


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


@dataclass(frozen=True)
class Section:
    """A part of a signal from sample `first` on, and where in it each plan's windows start."""

    first: int
    signal: np.ndarray
    starts: list[np.ndarray]


def window_starts(n_samples: int, plan: WindowPlan) -> np.ndarray:
    """First sample of every window, (n_windows,).

    tail "shift": the last window is moved back to end on the last sample, so that every sample is in a window; "drop":
    starts run while start + window < n_samples, as in the task's reference solution: the end is not read.
    Raises SignalTooShort where no window fits.
    """
    last = n_samples - plan.window
    if last < 0 or (plan.tail == "drop" and last == 0):
        raise SignalTooShort(
            "the signal has {n_samples} samples and a window needs {window}: use a longer recording",
            n_samples=n_samples,
            window=plan.window,
        )
    if plan.tail == "drop":
        return np.arange(0, last, plan.hop)
    starts = np.arange(0, last + 1, plan.hop)
    return starts if starts[-1] == last else np.append(starts, last)


def cut_sections(signal: np.ndarray, plans: Sequence[WindowPlan], longest: int) -> Iterator[Section]:
    """Sections of signals, each of at most `longest` samples, so that every window of every plan lies in just one.

    The networks run once over a section and cut its windows from their output there; memory does not grow with the
    recording. signal : (..., n_leads, n_samples), mV.
    Raises SignalTooShort where a plan's window does not fit, ConfigError where one is longer than a section.
    """
    n_samples, widest = signal.shape[-1], max(plan.window for plan in plans)
    starts = [window_starts(n_samples, plan) for plan in plans]
    step = longest - widest + 1
    if step < 1:
        raise ConfigError(f"a window of {widest} samples does not fit into sections of {longest}")
    n_sections = 1 if n_samples <= longest else -(-(n_samples - longest) // step) + 1
    ends = [np.searchsorted(np.minimum(each // step, n_sections - 1), np.arange(n_sections + 1)) for each in starts]
    for index in range(n_sections):
        first = max(0, min(index * step, n_samples - longest))
        within = [each[end[index] : end[index + 1]] - first for each, end in zip(starts, ends, strict=True)]
        yield Section(first, signal[..., first : first + longest], within)


def cut_windows(signal: "np.ndarray | LongSignal", starts: Sequence[int], width: int) -> np.ndarray:
    """Windows of a signal from their starts, in the order of the starts: a copy, (n_windows, n_leads, width).

    signal : (n_leads, n_samples); a long one is read in pieces, so that only the windows are held.  starts : samples, in
    any order, (n_windows,).
    Raises SignalTooShort where a window does not lie within the signal.
    """
    starts, (n_leads, n_samples) = np.asarray(starts, dtype=int), signal.shape
    outside = starts[(starts < 0) | (starts + width > n_samples)]
    if len(outside):
        raise SignalTooShort(
            "a window of samples {first} to {end} does not lie within the signal's {n_samples}",
            first=outside[0],
            end=outside[0] + width,
            n_samples=n_samples,
        )
    windows = np.empty((len(starts), n_leads, width), signal.dtype)
    order = np.argsort(starts, kind="stable")
    while len(order):
        first = int(starts[order[0]])
        here = order[: np.searchsorted(starts[order], first + max(PIECE - width, 0), side="right")]
        piece = np.asarray(signal[:, first : int(starts[here[-1]]) + width])
        of_piece = np.lib.stride_tricks.sliding_window_view(piece, width, axis=1)  # (n_leads, n, width)
        windows[here] = of_piece[:, starts[here] - first].transpose(1, 0, 2)
        order = order[len(here) :]
    return windows


def pool_windows(logits: np.ndarray, plan: WindowPlan) -> np.ndarray:
    """The record's probabilities from its windows' logits, float64; of one record or of several.

    (..., n_networks, n_windows, n_outputs) -> (..., n_outputs).

    pool "mean" of the windows' probabilities; "logit_mean" (the reference's: mean first, then the sigmoid); "max" over
    windows of the networks' mean; "top", the mean of the highest quarter of them.
    """
    if plan.pool == "logit_mean":
        return sigmoid(np.asarray(logits, dtype=np.float64).mean(axis=(-3, -2)))
    probabilities = sigmoid(logits).mean(axis=-3)  # (..., n_windows, n_outputs)
    if plan.pool in ("max", "top"):
        n_highest = 1 if plan.pool == "max" else -(-probabilities.shape[-2] // 4)
        probabilities = np.sort(probabilities, axis=-2)[..., -n_highest:, :]
    return probabilities.mean(axis=-2)


def window_spread(logits: np.ndarray) -> float:
    """Standard deviation of the first output's probability over networks and windows. (n_networks, n_windows, ...)."""
    return float(sigmoid(logits[..., 0]).std())


def logit(probabilities: np.ndarray, least: float = LEAST) -> np.ndarray:
    """Logits of probabilities, float64, which are kept `least` from 0 and 1 so that each has one."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), least, 1 - least)
    return np.log(p) - np.log1p(-p)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, in float64 and without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))
