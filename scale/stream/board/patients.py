"""One patient as the board shows him: a row of the list, the last minute of the tracing, the course of ten minutes."""

import base64
import itertools
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scale.stream.board.thinning import thin
from scale.stream.messages import Chunk, Result

TRACING_S = 60.0  # kept of a patient's tracing
COURSE_S, MOST_COURSE = 600.0, 1200
SILENT_S = 10.0
MOST_CHANGES, MOST_CLASSES, MOST_NOTES, LONGEST_SENTENCE = 20, 40, 10, 300
INFARCTION_PROBABILITY = "mi"  # the class whose probability stands behind the decision for or against an infarction
INFARCTIONS = {"infarction", "no infarction"}
CALM = {"no infarction", "sinus rhythm", "normal", "norm"}
GOOD = {"ok", "good"}  # statuses of a tracing's quality that need no word
ALARM, UNUSUAL, UNDECIDED, QUIET = range(4)  # the order of the list
_NUMBERS = itertools.count(1)  # of all that a viewer asks for by number; they go on where a patient left and came back


@dataclass(frozen=True)
class Piece:
    """A chunk of the tracing, thinned. stream : changes where the tracing begins anew.  values : (n_leads, n)."""

    number: int
    stream: int
    start_s: float
    end_s: float
    hz: float
    leads: tuple[str, ...]
    unit: str
    values: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the values as little-endian float32 in base64."""
        return {
            "number": self.number,
            "stream": self.stream,
            "start_s": self.start_s,
            "hz": self.hz,
            "leads": self.leads,
            "unit": self.unit,
            "values": base64.b64encode(self.values.astype("<f4").tobytes()).decode("ascii"),
        }


class Patient:
    """What is known of one patient. Not safe for threads: `BoardState` holds its lock."""

    def __init__(self, name: str, created_s: float) -> None:
        self.name = name
        self.seen_s = created_s  # when something of this patient last came
        self.changed = next(_NUMBERS)  # another number where the detail of this patient has changed
        self.repeats = 0
        self.rank = UNDECIDED
        self.pieces: deque[Piece] = deque()
        self.course: deque[tuple[int, float, str | None, float | None]] = deque(maxlen=MOST_COURSE)
        self._stream = 0
        self._chunk: tuple[int, int, float] | None = None  # first, sequence, end of the last one
        self._result: Result | None = None
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        self._ended = False

    def take_chunk(self, chunk: Chunk, received_s: float) -> bool:
        """Add a chunk to the tracing; False where it had come before."""
        self.seen_s = max(self.seen_s, received_s)
        before = self._chunk
        if before is not None and chunk.first == before[0] and chunk.sequence <= before[1] and chunk.end_s <= before[2]:
            self.repeats += 1
            return False
        if self._begins_anew(chunk):
            self.pieces.clear()
            self._stream = next(_NUMBERS)
        values, hz = thin(chunk.samples, chunk.fs_hz)
        self.pieces.append(
            Piece(next(_NUMBERS), self._stream, chunk.start_s, chunk.end_s, hz, chunk.leads, chunk.unit, values)
        )
        while self.pieces[0].end_s < chunk.end_s - TRACING_S:
            self.pieces.popleft()
        self._chunk, self._ended = (chunk.first, chunk.sequence, chunk.end_s), chunk.last
        return True

    def take_result(self, result: Result, received_s: float) -> bool:
        """Take over a result; False where it had come before."""
        self.seen_s = max(self.seen_s, received_s)
        before = self._result
        if before is not None:
            if (
                result.first == before.first
                and result.sequence <= before.sequence
                and result.end_s <= before.end_s
                and result.reader == before.reader
            ):
                self.repeats += 1
                return False
            if result.end_s < before.end_s - COURSE_S:
                self.course.clear()
        self._result = result
        self._notes.extend(_sentences(result.notes, MOST_NOTES))
        self.course.append((next(_NUMBERS), result.end_s, self.label, self.probability))
        while self.course[0][1] < result.end_s - COURSE_S:
            self.course.popleft()
        self.rank = self._rank()
        self.changed = next(_NUMBERS)
        return True

    @property
    def label(self) -> str | None:
        """The steady state where there is one, else the last decision."""
        if self._result is None:
            return None
        label = self._result.shown.get("label", self._result.label)
        return None if label is None else str(label)[:LONGEST_SENTENCE]

    @property
    def class_shown(self) -> str | None:
        """The class whose probability is shown beside the label."""
        probabilities = self._result.probabilities if self._result else {}
        if not probabilities:
            return None
        if self.label in probabilities:
            return self.label
        if self.label in INFARCTIONS and INFARCTION_PROBABILITY in probabilities:
            return INFARCTION_PROBABILITY
        return max(probabilities, key=lambda name: _finite(probabilities[name]) or 0.0)

    @property
    def probability(self) -> float | None:
        """Of `class_shown`, to a hundredth, so that a row changes only where it looks different."""
        name = self.class_shown
        value = None if name is None or self._result is None else _finite(self._result.probabilities[name])
        return None if value is None else round(value, 2)

    def row(self, now_s: float) -> dict[str, Any]:
        """The patient in the list."""
        result, shown = self._result, self._result.shown if self._result else {}
        return {
            "patient": self.name,
            "rank": self.rank,
            "label": self.label,
            "sites": _sentences(shown.get("tags"), MOST_CLASSES),
            "since_s": _finite(shown.get("since_s")),
            "steady": bool(shown.get("steady", True)),
            "class": self.class_shown,
            "probability": self.probability,
            "refused": _sentence(result.refused) if result else None,
            "quality": next(iter(quality_of(result.finding)), None) if result else None,
            "silent": now_s - self.seen_s > SILENT_S,
            "ended": self._ended,
        }

    def detail(self) -> dict[str, Any]:
        """What is shown of the patient in view beside the tracing and the course."""
        result = self._result
        detail: dict[str, Any] = {"patient": self.name, "changed": self.changed, "notes": list(self._notes)}
        if result is None:
            return detail
        probabilities = {name: _finite(value) for name, value in [*result.probabilities.items()][:MOST_CLASSES]}
        return detail | {
            "reader": result.reader,
            "decision": _sentence(result.label),
            "end_s": result.end_s,
            "probabilities": {name[:LONGEST_SENTENCE]: value for name, value in probabilities.items()},
            "since_first": _sentences(result.shown.get("changed"), MOST_CHANGES),
            "quality": quality_of(result.finding),
            "truth": _sentence(result.truth),
        }

    def _begins_anew(self, chunk: Chunk) -> bool:
        if self._chunk is None or not self.pieces:
            return True
        last = self.pieces[-1]
        moved = chunk.first != self._chunk[0] or chunk.start_s < last.start_s
        return moved or (chunk.leads, chunk.unit) != (last.leads, last.unit)

    def _rank(self) -> int:
        label, refused = self.label, self._result is not None and self._result.refused is not None
        if label == "infarction":
            return ALARM
        if label is None:
            return UNDECIDED
        if label not in CALM:
            return UNUSUAL
        return UNDECIDED if refused else QUIET


def quality_of(finding: Mapping[str, Any]) -> list[str]:
    """Sentences on the tracing's quality in a finding; its status where no reason is given, nothing where it is good."""
    quality = finding.get("quality")
    reasons = quality.get("reasons") if isinstance(quality, Mapping) else None
    status = quality.get("status") if isinstance(quality, Mapping) else quality
    if reasons:
        return _sentences(reasons, MOST_NOTES)
    return [] if status is None or status in GOOD else [f"quality: {status}"[:LONGEST_SENTENCE]]


def _sentence(value: object) -> str | None:
    return None if value is None else str(value)[:LONGEST_SENTENCE]


def _sentences(values: object, most: int) -> list[str]:
    return [str(value)[:LONGEST_SENTENCE] for value in values[:most]] if isinstance(values, list | tuple) else []


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
