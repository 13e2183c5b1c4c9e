"""The 12-lead detector on live signals: `inference.Detector` on the last ten seconds, many patients in one batch.

The signal is not filtered on its way: the detector prepares the ten seconds as it does those of a file, and so decides
the same. The quality of a tracing is judged, and its beats measured, every few seconds, and at once where a lead has come
off or come back; the networks read every second.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.assessment import Assessment
from cardiac.errors import RecordError, RecordRejected
from cardiac.leads import LEADS
from cardiac.quality.artefacts import flat_and_clipped
from cardiac.readers.units import mv_per_unit
from cardiac.records import Record, record_from_array
from inference import Detector
from scale.stream.readers import Reading, Window
from tasks.mi import BUNDLE
from tasks.mi.findings import Finding

NAME = "infarction"
PRESENT, ABSENT = "infarction", "no infarction"
TOGETHER = 32  # windows that the networks read at once
__all__ = ["LEADS", "NAME", "InfarctionReader", "load"]


def load(folder: Path | None = None) -> "InfarctionReader":
    """The reader of twelve leads with a bundle, by default the shipped one. Raises BundleError."""
    return InfarctionReader(Detector.load(folder or BUNDLE))


@dataclass(frozen=True)
class _Judged:
    """What was last judged of a patient's tracing. still : leads that did not move in the newest samples then.

    assessment : None where it is too poor for a decision.  trees : what they say of it, which holds as long as it does.
    """

    still: tuple[bool, ...]
    assessment: Assessment | None = None
    trees: np.ndarray | None = None


class InfarctionReader:
    """Reads twelve leads."""

    window_s = 10.0

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._judged: dict[str, _Judged] = {}

    def start(self, fs_hz: float) -> None:
        """No filter: the detector has its own, over the whole ten seconds."""

    def forget(self, patient: str) -> None:
        """Drop what was judged of a patient whose stream has ended or begun anew."""
        self._judged.pop(patient, None)

    def read_windows(self, windows: Sequence[Window]) -> list[Reading]:
        """A reading for each window."""
        prepared = [self._prepare(window) for window in windows]
        ready = [index for index, each in enumerate(prepared) if isinstance(each, _Ready)]
        readings: dict[int, Reading] = {i: each for i, each in enumerate(prepared) if isinstance(each, Reading)}
        for batch in _alike(ready, prepared):
            readings |= zip(batch, self._predict([prepared[index] for index in batch]), strict=True)
        return [readings[index] for index in range(len(windows))]

    def _prepare(self, window: Window) -> "_Ready | Reading":
        """The window as a Record with its assessment, or the reading that says why there is no decision on it."""
        try:
            if mv_per_unit(window.unit) is None:
                raise RecordError(f"the unit is {window.unit}: mV, µV or V is needed")
            record = record_from_array(window.samples, window.fs_hz, window.leads, window.patient, window.unit)
            judged, anew = self._judge(record, window)
        except RecordError as error:
            return _refused(error)
        return _Ready(record, judged.assessment, judged.trees, anew)

    def _judge(self, record: Record, window: Window) -> tuple[_Judged, bool]:
        """What is judged of a tracing, a few seconds old where nothing speaks against it; and whether it is new."""
        still = _still(window)
        before = self._judged.get(window.patient)
        if before and before.assessment and not window.assess and before.still == still:
            return before, False
        self._judged[window.patient] = _Judged(still)
        assessment = self.detector.assess(record)
        judged = _Judged(still, assessment, self.detector.ask_trees(assessment.measurements))
        self._judged[window.patient] = judged
        return judged, True

    def _predict(self, ready: Sequence["_Ready"]) -> list[Reading]:
        """Readings of records of one rate and length; one that cannot be decided on takes none of the others along."""
        try:
            findings = self.detector.predict_batch(
                [each.record for each in ready], [each.assessment for each in ready], [each.trees for each in ready]
            )
        except RecordError as error:
            if len(ready) == 1:
                return [_refused(error)]
            return [self._predict([each])[0] for each in ready]
        return [_reading(finding, each.anew) for finding, each in zip(findings, ready, strict=True)]


@dataclass(frozen=True)
class _Ready:
    record: Record
    assessment: Assessment
    trees: np.ndarray | None
    anew: bool


def _still(window: Window) -> tuple[bool, ...]:
    """Leads that stand still or at the end of their scale in the newest samples, of which half a second is enough."""
    newest = window.samples[:, -max(window.newest, round(window.fs_hz / 2)) :]
    flat, clipped = flat_and_clipped(newest, window.fs_hz, 1)
    return tuple((flat.any(axis=1) | clipped.any(axis=1)).tolist())


def _alike(indices: Sequence[int], prepared: Sequence[Any]) -> Iterable[list[int]]:
    """Indices of records that the networks can read together, TOGETHER at most."""

    def kind(index: int) -> tuple[float, tuple[int, ...]]:
        return prepared[index].record.fs_hz, prepared[index].record.signal.shape

    for _, alike in itertools.groupby(sorted(indices, key=kind), key=kind):
        while batch := [*itertools.islice(alike, TOGETHER)]:
            yield batch


def _reading(finding: Finding, anew: bool) -> Reading:
    probabilities = {"mi": finding.mi.probability}
    probabilities |= {site: judgement.probability for site, judgement in finding.localizations.items()}
    return Reading(
        label=PRESENT if finding.mi.present else ABSENT,
        tags=finding.sites,
        probabilities=probabilities,
        finding=finding.to_dict(),
        rate_bpm=finding.rate_bpm,
        assessed=anew,
    )


def _refused(error: RecordError) -> Reading:
    details = error.reasons if isinstance(error, RecordRejected) else []
    return Reading(None, (), {}, {"error": str(error), "details": details}, refused=str(error))
