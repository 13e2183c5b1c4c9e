"""What the board knows: fed by whoever reads the topics, read by the server; every part of it is bounded.

A viewer is no subscriber with a queue: the list's changes are gathered once a second for all of them (`tick`), and of
the patient in view a viewer asks for what follows the last piece that he has. So one who stops reading costs nothing.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scale.stream.board.patients import LONGEST_SENTENCE, MOST_CLASSES, Patient
from scale.stream.board.scores import Scores
from scale.stream.messages import Chunk, Result

IDLE_S = 600.0  # after this a patient leaves the board
MOST_PATIENTS = 1000
QUIET_S = 5.0  # without any chunk, before the board says so
BEHIND_S, MOST_BEHIND = 60.0, 20_000
MOST_LETTERS, MOST_NOTES, MOST_LINES, MOST_GROUPS = 20, 50, 20, 50


class BoardState:
    """State of the board, safe for threads. clock : seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._patients: dict[str, Patient] = {}
        self._scores = Scores()
        self._behind: deque[tuple[float, float]] = deque(maxlen=MOST_BEHIND)
        self._letters: deque[dict[str, Any]] = deque(maxlen=MOST_LETTERS)
        self._notes: deque[dict[str, Any]] = deque(maxlen=MOST_NOTES)
        self._lines: dict[str, dict[str, Any]] = {}
        self._lags: dict[str, int] = {}
        self._rates: dict[str, float] = {}
        self._totals = Counter(chunks=0, results=0, letters=0, notes=0, repeats=0)
        self._heard_s = self._started_s = clock()
        self._ticks = 0
        self._rows: dict[str, dict[str, Any]] = {}  # as they were at the last tick, like the sections
        self._sections: dict[str, Any] = {}

    def take_chunk(self, chunk: Chunk, received_s: float) -> None:
        """A chunk that came; one that came before is counted and not drawn again."""
        with self._lock:
            self._heard_s = max(self._heard_s, received_s)
            self._totals["chunks"] += 1
            self._totals["repeats"] += not self._patient(chunk.patient, received_s).take_chunk(chunk, received_s)

    def take_result(self, result: Result, received_s: float) -> None:
        """A result that came; one that came before is not counted in the scores again."""
        with self._lock:
            self._totals["results"] += 1
            if not self._patient(result.patient, received_s).take_result(result, received_s):
                self._totals["repeats"] += 1
                return
            self._scores.take(result.label, result.truth)
            if math.isfinite(received_s - result.sent_at_s):
                self._behind.append((received_s, received_s - result.sent_at_s))
            for note in result.notes:
                self._totals["notes"] += 1
                sentence = str(note)[:LONGEST_SENTENCE]
                self._notes.appendleft({"at_s": result.end_s, "patient": result.patient, "sentence": sentence})

    def take_dead_letter(self, letter: Mapping[str, Any]) -> None:
        """A message that nobody could read: topic, partition, offset, reason, patient or None, role, at_s."""
        kept = {key: letter.get(key) for key in ("topic", "partition", "offset", "patient", "role", "reason")}
        kept = {key: value if value is None else str(value)[:LONGEST_SENTENCE] for key, value in kept.items()}
        with self._lock:
            self._totals["letters"] += 1
            self._letters.appendleft(kept | {"at_s": float(letter.get("at_s") or self._clock())})

    def take_lags(self, lags: Mapping[str, int]) -> None:
        """Messages that each consumer group is behind; replaces those before."""
        with self._lock:
            self._lags = {str(group): int(behind) for group, behind in [*lags.items()][:MOST_GROUPS]}

    def take_rates(self, rates: Mapping[str, float]) -> None:
        """Messages a second by topic; replaces those before."""
        with self._lock:
            finite = [(str(topic), float(rate)) for topic, rate in rates.items() if math.isfinite(rate)]
            self._rates = {topic: round(rate, 1) for topic, rate in finite[:MOST_GROUPS]}

    def say(self, kind: str, sentence: str | None) -> None:
        """A line that stands on the board until another of its kind replaces it, or None."""
        with self._lock:
            if sentence is None:
                self._lines.pop(kind, None)
            elif kind in self._lines or len(self._lines) < MOST_LINES:
                since_s = self._lines.get(kind, {}).get("since_s", self._clock())
                self._lines[kind] = {"kind": kind, "sentence": sentence[:LONGEST_SENTENCE], "since_s": since_s}

    def tick(self) -> dict[str, Any]:
        """What has changed since the last tick: rows, patients who left, sections. Call it once a second."""
        with self._lock:
            now_s = self._clock()
            self._forget(now_s)
            rows = {name: patient.row(now_s) for name, patient in self._patients.items()}
            sections = self._all_sections(now_s)
            gone = [name for name in self._rows if name not in rows]
            changed = [row for name, row in rows.items() if row != self._rows.get(name)]
            news = {name: value for name, value in sections.items() if value != self._sections.get(name)}
            self._rows, self._sections = rows, sections
            self._ticks += 1
            return {"tick": self._ticks, "at_s": now_s, "rows": changed, "gone": gone, **news}

    def snapshot(self) -> dict[str, Any]:
        """Everything as it was at the last tick, for who has seen no tick before."""
        with self._lock:
            if not self._ticks:
                self.tick()
            return {"tick": self._ticks, "at_s": self._clock(), "rows": [*self._rows.values()], **self._sections}

    def patient_news(self, name: str, piece: int = 0, course: int = 0, changed: int = -1) -> dict[str, Any] | None:
        """What one who watches a patient has not seen yet; None for a patient who is not on the board.

        piece, course, changed : numbers of the last of each that he has. A key is left out where there is nothing new.
        """
        with self._lock:
            patient = self._patients.get(name)
            if patient is None:
                return None
            pieces = [each for each in patient.pieces if each.number > piece]
            steps = [each for each in patient.course if each[0] > course]
            news: dict[str, Any] = {"course": steps} if steps else {}
            if patient.changed != changed:
                news["detail"] = patient.detail()
        return news | {"tracing": [each.to_dict() for each in pieces]} if pieces else news

    def _patient(self, name: str, received_s: float) -> Patient:
        if name not in self._patients:
            if len(self._patients) >= MOST_PATIENTS:
                del self._patients[min(self._patients, key=lambda each: self._patients[each].seen_s)]
            self._patients[name] = Patient(name, received_s)
        return self._patients[name]

    def _forget(self, now_s: float) -> None:
        """Let go of patients of whom nothing has come for long, and of old times behind."""
        idle = [name for name, patient in self._patients.items() if now_s - patient.seen_s > IDLE_S]
        for name in idle:
            del self._patients[name]
        while self._behind and self._behind[0][0] < now_s - BEHIND_S:
            self._behind.popleft()

    def _all_sections(self, now_s: float) -> dict[str, Any]:
        return {
            "counts": {
                "patients": len(self._patients),
                "now": dict(
                    Counter(patient.label or "" for patient in self._patients.values()).most_common(MOST_CLASSES)
                ),
                "results": dict(self._scores.by_class),
                "refused": self._scores.refused,
                "totals": dict(self._totals),
            },
            "scores": self._scores.to_dict(),
            "stream": {"lags": self._lags, "rates": self._rates, "behind": self._behind_s()},
            "letters": list(self._letters),
            "notes": list(self._notes),
            "lines": list(self._lines.values()),
            "quiet_s": int(now_s - self._heard_s) if now_s - self._heard_s > QUIET_S else None,
        }

    def _behind_s(self) -> dict[str, float] | None:
        """Half and 95 % of the last minute's results came within these seconds of their chunk's sending."""
        if not self._behind:
            return None
        half, most = np.percentile([behind for _, behind in self._behind], [50, 95])
        return {"p50": round(float(half), 2), "p95": round(float(most), 2), "results": len(self._behind)}
