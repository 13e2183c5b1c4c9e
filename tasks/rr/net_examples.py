"""Chunks of studies to learn from, changed as another recording could be: another rate, jitter, artefacts, another cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tasks.rr.net_inputs import HOP, WIDTH, chunk_starts, inputs_of
from tasks.rr.studies import Study

AROUND = 128  # intervals on either side of a chunk, at most, by which its rhythm is measured


@dataclass(frozen=True)
class Examples:
    """Where chunks may be cut, a row each. settings : how much a chunk is changed."""

    studies: Sequence[Study]
    settings: Mapping[str, Any]

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Study and start of each row."""
        return [
            (index, int(start))
            for index, study in enumerate(self.studies)
            for start in chunk_starts(len(study.targets))
        ]

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (b, N_CHANNELS, WIDTH) and targets (b, WIDTH) of these rows, float32."""
        made = [self._example(*self.places[row], rng) for row in rows]
        inputs, targets = zip(*made, strict=True)
        return np.stack(inputs), np.stack(targets)

    def _example(self, index: int, start: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        study = self.studies[index]
        n = len(study.targets)
        start = int(np.clip(start + rng.integers(-HOP // 2, HOP // 2 + 1), 0, max(n - WIDTH, 0)))
        first = max(0, start - int(rng.integers(AROUND + 1)))
        last = min(n, start + WIDTH + int(rng.integers(AROUND + 1)))
        intervals = self._changed(study.intervals_ms[first:last].astype(float), rng)
        inputs = inputs_of(intervals)[:, start - first : start - first + WIDTH]
        targets = study.targets[start : start + WIDTH].astype(np.float32)
        if self.settings["edges"]:
            targets = soften(targets, self.settings["edges"])
        lacking = WIDTH - inputs.shape[1]
        return np.pad(inputs, ((0, 0), (0, lacking))), np.pad(targets, (0, lacking))

    def _changed(self, intervals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        intervals = intervals * np.exp(rng.normal(0, self.settings["scale"]))
        intervals = intervals + rng.normal(0, self.settings["jitter_ms"] * rng.random(), len(intervals))
        hit = np.flatnonzero(rng.random(len(intervals)) < self.settings["artefacts"])
        intervals[hit] *= np.exp(rng.normal(0, 1.0, len(hit)))
        return np.maximum(intervals, 1.0)


def soften(targets: np.ndarray, edges: float) -> np.ndarray:
    """Targets less sure at both ends of every run: by `edges` at the last interval within, and at the first without."""
    padded = np.pad(targets, 1, mode="edge")
    inner = np.minimum(padded[:-2], padded[2:])
    outer = np.maximum(padded[:-2], padded[2:])
    return np.where(targets == 1, targets - edges * (inner == 0), edges * (outer == 1)).astype(np.float32)
