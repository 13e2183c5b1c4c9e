"""What was found in one study: every interval's probability, which are anomalies and which errors, and the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from tasks.rr.errors import interval_errors
from tasks.rr.runs import Run, find_runs
from tasks.rr.studies import Study


class Answering(Protocol):
    """What `find_anomalies` asks, as `detector.Detector` is."""

    @property
    def threshold(self) -> float:
        """From this probability on an interval is an anomaly."""
        ...

    def probabilities(self, intervals_ms: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Of each study its intervals' probabilities."""
        ...


@dataclass(frozen=True)
class RRFinding:
    """time_ms, intervals_ms, probabilities, errors : of every interval, (n,).  notes : sentences on how it was read."""

    record_id: str
    time_ms: np.ndarray
    intervals_ms: np.ndarray
    probabilities: np.ndarray
    errors: np.ndarray
    threshold: float
    notes: tuple[str, ...] = ()

    @cached_property
    def anomalies(self) -> np.ndarray:
        """Which intervals are anomalies, bool (n,)."""
        return self.probabilities >= self.threshold

    @cached_property
    def runs(self) -> Sequence[Run]:
        """Anomalies one after another."""
        return find_runs(self.probabilities, self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """The summary of the study as plain data; its intervals stand in intervals.csv."""
        usual = self.intervals_ms[~self.errors]
        return {
            "record": self.record_id,
            "n_intervals": len(self.intervals_ms),
            "duration_s": round(float(self.intervals_ms.sum()) / 1_000, 3),
            "median_interval_ms": round(float(np.median(usual)), 1) if len(usual) else None,
            "n_errors": int(self.errors.sum()),
            "n_anomalies": int(self.anomalies.sum()),
            "threshold": round(self.threshold, 6),
            "runs": [run_row(self, run) for run in self.runs],
            "notes": [*self.notes],
        }


def run_row(finding: RRFinding, run: Run) -> dict[str, Any]:
    """A run as runs.csv has it: start and end in ms of the study's own time."""
    last = run.first + run.n - 1
    return {
        "start": as_plain(finding.time_ms[run.first]),
        "end": as_plain(finding.time_ms[last]),
        "number": run.n,
        "mean_probability": round(run.mean_probability, 4),
    }


def as_plain(value: Any) -> int | float:
    """A number of ms without a fraction that it does not have."""
    number = float(value)
    return int(number) if number.is_integer() else round(number, 3)


def find_anomalies(studies: Sequence[Study], detector: Answering) -> list[RRFinding]:
    """A finding of each study. Raises RecordError for what is no interval."""
    told = detector.probabilities([each.intervals_ms for each in studies])
    return [_finding(each, own, detector.threshold) for each, own in zip(studies, told, strict=True)]


def _finding(study: Study, told: np.ndarray, threshold: float) -> RRFinding:
    intervals, errors = study.intervals_ms, interval_errors(study.intervals_ms)
    return RRFinding(study.record_id, study.time_ms, intervals, told, errors, threshold, study.notes)
