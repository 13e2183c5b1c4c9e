"""What was found in one recording: its beats, which is which, and what that comes to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cardiac import NOTICE
from cardiac.beats import LEVEL_S
from cardiac.quality.assess import Quality
from cardiac.quality.reasons import Reason
from cardiac.records import Note, Record
from tasks.beats.labels import CLASSES
from tasks.beats.summary import Summary, summarize

IRREGULAR_NOTE_SHARE = 0.1  # of the stretches; from here on a note says that the rhythm is irregular
IRREGULAR = (
    "the rhythm is irregular for {share:.0%} of the beats, as in atrial fibrillation: whether a beat comes early can hardly "
    "be told there, so its S are doubtful"
)
MANY_S = 25.0  # percent of the beats; from here on a note says by what they are told
MOSTLY_S = (
    "S are {share:.0f}% of the beats: they come early, and with another P wave than the late ones, as in runs of atrial "
    "tachycardia; where the rhythm is irregular throughout, look whether the atria fibrillate"
)
TOO_POOR = "the tracing is too poor for its beats to be trusted"


@dataclass(frozen=True)
class BeatsFinding:
    """The beats of a recording.

    leads : those that were looked at.  notes : what was settled on the way.  reasons : why the tracing wants a look, the
    gravest first.  positions : samples of the recording in order, int (n,).  classes : which of CLASSES, int (n,).
    probabilities : (n, 5).
    """

    record_id: str
    fs_hz: float
    duration_s: float
    leads: tuple[str, ...]
    notes: tuple[Note, ...]
    reasons: tuple[Reason, ...]
    positions: np.ndarray = field(repr=False)
    classes: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    summary: Summary = field(repr=False)

    @property
    def quality(self) -> str:
        """ "rejected" where the tracing is too poor for its beats to be trusted, "warning" where it wants a look, else "ok"."""
        if any(reason.severity == "rejected" for reason in self.reasons):
            return "rejected"
        return "warning" if self.reasons or any(note.level == "warning" for note in self.notes) else "ok"

    @property
    def without_beats(self) -> str | None:
        """Why no beats are found; None where there are some."""
        if len(self.positions):
            return None
        if self.duration_s < 2 * LEVEL_S:
            return f"no beats are found: {self.duration_s:.1f} s are too short, give {2 * LEVEL_S:g} s or more"
        texts = [each.text for each in self.reasons if each.severity == "rejected"]
        told = next((text for text in texts if text.startswith("no beats")), None)
        return told or f"no beats are found: {next(iter(texts), 'nothing stands out as a QRS does')}"

    @property
    def remarks(self) -> list[str]:
        """Why the tracing wants a look, and what was settled on the way, in words."""
        return [each.text for each in (*self.reasons, *self.notes)]

    @property
    def at_s(self) -> np.ndarray:
        """Seconds of the beats, (n,)."""
        return self.positions / self.fs_hz

    @property
    def sureness(self) -> np.ndarray:
        """How probable the class of each beat is, (n,)."""
        return self.probabilities[np.arange(len(self.classes)), self.classes]

    @property
    def letters(self) -> list[str]:
        """The class of each beat."""
        return [CLASSES[each] for each in self.classes.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """The finding as an object of beats.json, of the API and of a page; the beats themselves stand in beats.csv."""
        return {
            "record": self.record_id,
            "fs_hz": self.fs_hz,
            "duration_s": round(self.duration_s, 3),
            "leads": list(self.leads),
            "no_beats": self.without_beats,
            "summary": self.summary.to_dict(),
            "quality": {"status": self.quality, "reasons": self.remarks, "details": [*map(asdict, self.reasons)]},
            "notes": [asdict(each) for each in self.notes],
            "notice": NOTICE,
        }


def find_classes(record: Record, quality: Quality, classifier: Any) -> BeatsFinding:
    """The finding on a record of one or two leads.

    quality : of it, with its beats.  classifier : gives each beat's probabilities, (n, 5), and decides by them.
    """
    positions, notes = quality.beats, [*record.notes]
    probabilities, classes = np.zeros((0, len(CLASSES))), np.zeros(0, dtype=int)
    if len(positions):
        probabilities = np.asarray(classifier(record, positions))
        classes = np.asarray(classifier.decide(probabilities), dtype=int)
    summary = summarize(positions, classes, record.fs_hz, record.duration_s)
    if (summary.irregular_share or 0.0) >= IRREGULAR_NOTE_SHARE:
        notes.append(Note("warning", IRREGULAR.format(share=summary.irregular_share)))
    if len(positions) and summary.burden_percent("S") >= MANY_S:
        notes.append(Note("warning", MOSTLY_S.format(share=summary.burden_percent("S"))))
    if quality.status == "rejected" and len(positions):
        notes.insert(0, Note("warning", TOO_POOR))
    return BeatsFinding(
        record.record_id, record.fs_hz, record.duration_s, record.leads, tuple(notes), quality.reasons, positions, classes,
        probabilities, summary,
    )  # fmt: skip


def error_document(record_id: str, error: Exception) -> Mapping[str, Any]:
    """The object that stands in beats.json for a recording that could not be read: no beats are told, and why."""
    return {"record": record_id, "error": str(error), "notice": NOTICE}
