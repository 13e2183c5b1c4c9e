"""The door for a live signal: a filter with its state for every sender, and windows of the last seconds read together.

    reader = load()
    filter_ = reader.start(fs_hz)                     # one a sender, at its first sample
    filtered = filter_.process(chunk)                 # (1, n) each; `state` and `restore` carry it elsewhere
    reader.read([window, window], fs_hz)              # windows of reader.window_s of what was filtered

Pure arrays: who sends them, and how, is no matter of this folder. `read_rows` and `simulate_pulse` are what can be sent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.ppg.bundle import SHIPPED, Bundle, load_bundle
from tasks.ppg.dataset import read_segments
from tasks.ppg.filters import PulseFilter
from tasks.ppg.segments import LEAST_ALIKE, NOISE, refusals
from tasks.ppg.simulate import KINDS, simulate_segment

NAME = "pulse"
LEADS = ("PPG",)
UNIT = "a.u."  # pulse waves have none
SIMULATED_S, SIMULATED_FS_HZ = 60.0, 100.0


@dataclass(frozen=True)
class Reader:
    """A bundle that reads windows."""

    bundle: Bundle

    @property
    def outputs(self) -> tuple[str, ...]:
        """The kinds, in the order of the probabilities."""
        return self.bundle.kinds

    @property
    def window_s(self) -> float:
        """How long a window is, in s."""
        return self.bundle.window_s

    def start(self, fs_hz: float) -> PulseFilter:
        """The causal filter for a sender that begins. Raises ConfigError for a sampling rate that is too low."""
        return PulseFilter(fs_hz, self.bundle.filter)

    def read(self, windows: Sequence[np.ndarray], fs_hz: float) -> list[dict[str, Any]]:
        """Of each filtered window, (1, n) of window_s, its kind and all probabilities; or under "refused" why none is named.

        None depends on the others. Plain data.
        """
        rows = [np.asarray(each, float).reshape(-1) for each in windows]
        answers: list[dict[str, Any]] = [{"refused": self._refuse(each, fs_hz)} for each in rows]
        usable = [index for index, each in enumerate(answers) if each["refused"] is None]
        for index, told, alike in zip(usable, *self._told([rows[each] for each in usable], fs_hz), strict=True):
            named = dict(zip(self.outputs, map(float, told), strict=True))
            read = {"label": max(named, key=named.__getitem__), "probabilities": named}
            answers[index] = read if alike >= LEAST_ALIKE else {"refused": NOISE}
        return answers

    def refuse(self, window: np.ndarray, fs_hz: float) -> str | None:
        """Why no kind is named for a filtered window, in a sentence; None where one is."""
        return self.read([window], fs_hz)[0].get("refused")

    def _refuse(self, row: np.ndarray, fs_hz: float) -> str | None:
        if abs(len(row) - self.window_s * fs_hz) > 1:
            return f"the window is {len(row) / fs_hz:.3g} s long: give {self.window_s:g} s"
        return refusals(row[None])[0]

    def _told(self, rows: Sequence[np.ndarray], fs_hz: float) -> tuple[np.ndarray, np.ndarray]:
        """As `Classifier.answers`. A window is cut or its last sample repeated where it is one sample off."""
        if not rows:
            return np.zeros((0, len(self.outputs))), np.zeros(0)
        n = round(self.window_s * fs_hz)
        windows = np.stack([np.concatenate([each[:n], np.repeat(each[-1:], max(0, n - len(each)))]) for each in rows])
        return self.bundle.classifier.answers(windows, fs_hz)


def load(folder: str | Path | None = None) -> Reader:
    """The reader of a bundle, the shipped one where none is given. Raises BundleError."""
    return Reader(load_bundle(folder or SHIPPED))


def read_rows(path: Path, fs_hz: float | None = None) -> Iterator[tuple[str, np.ndarray, str | None, float]]:
    """Of each segment of a table or of arrays: whose it is, the samples (1, n), what kind it is, the sampling rate.

    Where the file names no patients, every row is one. Raises as `read_segments`.
    """
    segments = read_segments(path, fs_hz)
    for row, values in enumerate(segments.values):
        patient = str(segments.patients[row]) if segments.by_patient else f"row {row + 1}"
        kind = None if segments.targets is None else segments.kinds[segments.targets[row]]
        yield f"{path.stem} {patient}", values[None], kind, segments.fs_hz


def simulate_pulse(person: int) -> tuple[np.ndarray, str | None, float]:
    """A minute of a simulated pulse, (1, n), without a label: it has no rhythm that the shipped bundle knows by name."""
    n_samples = round(SIMULATED_S * SIMULATED_FS_HZ)
    values = simulate_segment(KINDS[person % len(KINDS)], person, 0, SIMULATED_FS_HZ, n_samples)
    return values[None].astype(np.float32), None, SIMULATED_FS_HZ
