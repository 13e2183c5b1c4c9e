"""The classifier of the pipeline: a buffer a patient, a finding a second, many patients in one batch of the networks.

What has been found before is read from the results themselves when a partition is taken over: nothing is found twice,
and what a screen shows goes on as it was.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scale.stream.buffers import Buffer
from scale.stream.course import follow, is_state
from scale.stream.messages import MessageError, Result, decode_result, encode_result
from scale.stream.readers import Reader, Readers, Reading, Window
from scale.stream.stages import FORGET_S, IDLE_S, Arrived, Outgoing, Stage

EVERY_S = 1.0  # a finding
ASSESS_S = 5.0  # the quality of a tracing
_LOG = logging.getLogger("cardiac")


@dataclass
class _Patient:
    """One patient. sequence, end_s : of the last finding.  assessed : sequence at which the quality was last judged.

    assessed_s : when it was last time for that.  begins : the next finding is the first of a stream.
    """

    buffer: Buffer
    sequence: int = -1
    end_s: float = float("-inf")
    first: int = -1
    assessed: int | None = None
    assessed_s: float = float("-inf")
    shown: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    begins: bool = False
    seen_s: float = 0.0


@dataclass(frozen=True)
class _Due:
    arrived: Arrived
    patient: _Patient
    window: Window
    truth: str | None
    notes: tuple[str, ...]
    begins: bool


class ClassifyStage(Stage):
    """Filtered chunks in, results out. assess_s : how often the quality of a tracing is judged, seconds."""

    name = "classify"

    def __init__(self, readers: Readers, assess_s: float = ASSESS_S) -> None:
        super().__init__(readers)
        self._assess_s = assess_s
        self._ended: list[tuple[Reader, str]] = []

    def restore(self, partition: int, sent: Iterable[bytes]) -> None:
        """Take what was found last of each patient from the results that were sent."""
        patients: dict[str, _Patient] = {}
        for value in sent:
            try:
                result = decode_result(value)
            except MessageError:
                continue
            patient = patients.setdefault(result.patient, _Patient(Buffer(0.0)))
            patient.sequence, patient.end_s, patient.first = result.sequence, result.end_s, result.first
            patient.shown = dict(result.shown) if is_state(result.shown) else {}
        self._patients[partition] = patients

    def take(self, arrived: Sequence[Arrived]) -> list[Outgoing]:
        """A result for each second that ended, and a dead letter for each chunk that nobody reads."""
        due, outgoing = self._each(arrived, self._buffer)
        by_reader: dict[str, list[_Due]] = {}
        for each in due:
            by_reader.setdefault(self._readers.name_for(each.arrived.chunk.leads) or "", []).append(each)
        for name, together in by_reader.items():
            reader = self._readers.reader_for(together[0].arrived.chunk.leads)
            for each, reading in zip(together, _read(reader, together), strict=True):
                outgoing.append(Outgoing(each.arrived, encode_result(self._result(name, each, reading))))
        while self._ended:
            reader, name = self._ended.pop()
            reader.forget(name)
        return outgoing

    def _buffer(self, arrived: Arrived) -> list[_Due]:
        """Put a chunk into its patient's buffer; what is to be read now, if anything."""
        chunk, patients = arrived.chunk, self._patients.setdefault(arrived.partition, {})
        reader = self._readers.reader_for(chunk.leads)
        patient = patients.setdefault(chunk.patient, _Patient(Buffer(reader.window_s)))
        patient.buffer.seconds = reader.window_s
        patient.seen_s = arrived.received_s
        self._drop_idle(arrived)
        taken = patient.buffer.take(chunk, arrived.offset)
        notes = [*chunk.notes, *taken.notes]
        if chunk.sequence > patient.sequence:  # else it is read again, to fill the buffer
            patient.notes += notes
            self._lines += [f"{chunk.patient}: {note}" for note in notes]
        if not taken.kept:
            return []
        if not taken.goes_on and chunk.sequence > patient.sequence:
            patient.end_s = patient.assessed_s = float("-inf")
        if chunk.first != patient.first and chunk.sequence > patient.sequence:
            patient.first, patient.begins = chunk.first, True  # another stream of the patient
        due = self._due(arrived, patient)
        if chunk.last and chunk.sequence >= patient.sequence:
            patient.buffer = Buffer(reader.window_s)
            self._ended.append((reader, chunk.patient))
        return due

    def _due(self, arrived: Arrived, patient: _Patient) -> list[_Due]:
        chunk = arrived.chunk
        half_sample_s = 0.5 / chunk.fs_hz
        if chunk.sequence <= patient.sequence or chunk.end_s - patient.end_s < EVERY_S - half_sample_s:
            return []
        samples = patient.buffer.window()
        if samples is None:
            return []
        since_s = chunk.end_s - max(patient.end_s, chunk.end_s - patient.buffer.seconds)
        assess = chunk.end_s - patient.assessed_s >= self._assess_s - half_sample_s
        newest = min(round(since_s * chunk.fs_hz), samples.shape[1])
        window = Window(chunk.patient, samples, chunk.fs_hz, chunk.leads, chunk.unit, newest, assess)
        patient.sequence, patient.end_s = chunk.sequence, chunk.end_s
        if assess:
            patient.assessed_s = chunk.end_s
        labels = {each.label for each, _ in patient.buffer.chunks}
        truth = labels.pop() if len(labels) == 1 else None
        due = _Due(arrived, patient, window, truth, tuple(patient.notes), patient.begins)
        patient.notes, patient.begins = [], False
        return [due]

    def _result(self, name: str, due: _Due, reading: Reading) -> Result:
        chunk, patient = due.arrived.chunk, due.patient
        if due.begins:
            patient.shown, patient.assessed = {}, None
        if reading.assessed:
            patient.assessed = chunk.sequence
        patient.shown = follow(patient.shown, reading.label, reading.tags, chunk.end_s, reading.rate_bpm)
        return Result(
            patient=chunk.patient,
            sequence=chunk.sequence,
            reader=name,
            end_s=chunk.end_s,
            sent_at_s=due.arrived.sent_at_s,
            label=reading.label,
            probabilities=reading.probabilities,
            finding=reading.finding,
            refused=reading.refused,
            assessed=patient.assessed,
            shown=patient.shown,
            notes=due.notes,
            truth=due.truth,
            first=chunk.first,
        )

    def _drop_idle(self, arrived: Arrived) -> None:
        """Let go of patients of whom nothing comes, so that no restart has to begin with their last chunks."""
        patients = self._patients[arrived.partition]
        idle = [name for name, each in patients.items() if 0 < each.seen_s < arrived.received_s - IDLE_S]
        for name in idle:
            if patients[name].seen_s < arrived.received_s - FORGET_S:
                del patients[name]
            elif patients[name].buffer.chunks:
                patients[name].buffer = Buffer(patients[name].buffer.seconds)
                self._lines.append(f"{name}: nothing has come for {IDLE_S:.0f} s")

    def first_needed(self, partition: int) -> int | None:
        """Offset of the oldest chunk that is still in a buffer."""
        offsets = [each.buffer.first_needed for each in self._patients.get(partition, {}).values()]
        return min((offset for offset in offsets if offset is not None), default=None)


def _read(reader: Reader, due: Sequence[_Due]) -> list[Reading]:
    """Readings of all windows; where the reader fails, of each alone, and a fault is said of that one only."""
    try:
        return reader.read_windows([each.window for each in due])
    except Exception as error:
        if len(due) > 1:
            return [_read(reader, [each])[0] for each in due]
        _LOG.exception("classify: chunk %d of %s", due[0].arrived.chunk.sequence, due[0].arrived.chunk.patient)
        sentence = f"internal error ({type(error).__name__}) while reading it: please report it"
        return [Reading(None, (), {}, {"error": sentence}, refused=sentence)]
