"""The filter of the pipeline: every chunk is checked, and filtered where its reader wants that, with the state carried on.

What the detector filters itself (the ECG) goes through unchanged. The filter's state travels with each filtered chunk:
whoever takes a partition over reads there where to go on, and no sample is filtered twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scale.stream.buffers import Buffer
from scale.stream.messages import MessageError, decode_chunk, encode_chunk
from scale.stream.readers import SignalFilter
from scale.stream.stages import Arrived, Outgoing, Stage


@dataclass
class _Patient:
    """A filtered stream. before : its last chunk alone.  filter : with its state behind that chunk.

    sent : sequence up to which all was sent before the partition was taken over.
    """

    before: Buffer = field(default_factory=lambda: Buffer(0.0))
    filter: SignalFilter | None = None
    notes: list[str] = field(default_factory=list)
    sent: int = -1


class FilterStage(Stage):
    """Raw chunks in, filtered ones out. The state lies with what was sent: no message is needed for it."""

    name = "filter"

    def restore(self, partition: int, sent: Iterable[bytes]) -> None:
        """Take each patient's filter from the last chunk that was sent."""
        patients: dict[str, _Patient] = {}
        for value in sent:
            try:
                chunk = decode_chunk(value)
            except MessageError:
                continue  # not one of ours
            if chunk.state is None or self._readers.name_for(chunk.leads) is None:
                continue
            patient = patients.setdefault(chunk.patient, _Patient())
            patient.before = Buffer(0.0)
            patient.before.take(chunk)
        for patient in patients.values():
            chunk = patient.before.chunks[-1][0]
            patient.sent = chunk.sequence
            patient.filter = self._readers.reader_for(chunk.leads).start(chunk.fs_hz)
            if patient.filter is not None:
                patient.filter.restore(chunk.state)
        self._patients[partition] = patients

    def take(self, arrived: Sequence[Arrived]) -> list[Outgoing]:
        """One message for each chunk that goes on; one that nobody reads is a dead letter."""
        filtered, dead = self._each(arrived, self._filtered)
        return filtered + dead

    def _filtered(self, arrived: Arrived) -> list[Outgoing]:
        chunk = arrived.chunk
        patients = self._patients.setdefault(arrived.partition, {})
        patient = patients.get(chunk.patient)
        if patient is None:
            fresh = self._readers.reader_for(chunk.leads).start(chunk.fs_hz)
            if fresh is None:
                return [Outgoing(arrived, arrived.value)]
            patient = patients[chunk.patient] = _Patient()
        if chunk.sequence <= patient.sent:
            return []
        taken = patient.before.take(chunk)
        patient.notes += taken.notes
        self._lines += [f"{chunk.patient}: {note}" for note in taken.notes]
        if not taken.kept:
            return []
        if not taken.goes_on or patient.filter is None:
            patient.filter = self._readers.reader_for(chunk.leads).start(chunk.fs_hz)
        if patient.filter is None:  # the patient's leads have changed to some that go through as they are
            return [Outgoing(arrived, arrived.value)]
        samples = np.asarray(patient.filter.process(chunk.samples), np.float32)
        filtered = replace(chunk, samples=samples, state=patient.filter.state, notes=tuple(patient.notes))
        patient.notes = []
        if chunk.last:
            del patients[chunk.patient]
        return [Outgoing(arrived, encode_chunk(filtered))]
