"""Chunks of studies to learn from, changed as another recording could be: another rate, jitter, artefacts, another cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d

from tasks.rr.net_inputs import HOP, WIDTH, chunk_starts, inputs_of
from tasks.rr.studies import Study

MOST_AROUND = 128  # intervals on either side of a chunk by which its rhythm is measured in training


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

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Of these rows inputs (b, N_CHANNELS, WIDTH), targets and how much each counts (b, WIDTH), float32."""
        made = [self._example(*self.places[row], rng) for row in rows]
        return tuple(np.stack(each) for each in zip(*made, strict=True))

    def _example(self, index: int, start: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        study = self.studies[index]
        n = len(study.targets)
        start = int(np.clip(start + rng.integers(-HOP // 2, HOP // 2 + 1), 0, max(n - WIDTH, 0)))
        first, last = max(0, start - int(rng.integers(MOST_AROUND))), start + WIDTH + int(rng.integers(MOST_AROUND))
        intervals = self._changed(study.intervals_ms[first:last].astype(float), rng)
        inputs = inputs_of(intervals, n)[:, start - first : start - first + WIDTH]
        targets = study.targets[start : start + WIDTH].astype(np.float32)
        weights = self._weights[index][start : start + WIDTH]
        lacking = WIDTH - inputs.shape[1]
        return np.pad(inputs, ((0, 0), (0, lacking))), *(np.pad(each, (0, lacking)) for each in (targets, weights))

    @cached_property
    def _weights(self) -> list[np.ndarray]:
        """How much each interval counts: long studies were not marked throughout, so what is far from any mark counts less."""
        size, unmarked = 2 * self.settings["reach"] + 1, self.settings["unmarked"]
        near = (maximum_filter1d(each.targets, size, mode="constant") for each in self.studies)
        return [np.where(each, 1, unmarked).astype(np.float32) for each in near]

    def _changed(self, intervals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        intervals = intervals * np.exp(rng.normal(0, self.settings["scale"]))
        intervals = intervals + rng.normal(0, self.settings["jitter_ms"] * rng.random(), len(intervals))
        hit = np.flatnonzero(rng.random(len(intervals)) < self.settings["artefacts"])
        intervals[hit] *= np.exp(rng.normal(0, 1.0, len(hit)))
        return np.maximum(intervals, 1.0)
