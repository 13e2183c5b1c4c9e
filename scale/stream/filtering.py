"""The filter of the pipeline: every chunk is checked, and filtered where its reader wants that, with the state carried on.

What the detector filters itself (the ECG) goes through unchanged. The filter's state travels with each filtered chunk:
whoever takes a partition over reads there where to go on, and no sample is filtered twice.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scale.stream.buffers import Buffer
from scale.stream.messages import MessageError, decode_chunk, encode_chunk
from scale.stream.readers import Readers, SignalFilter
from scale.stream.stages import Arrived, Outgoing

_LOG = logging.getLogger("cardiac")


@dataclass
class _Patient:
    """A filtered stream. before : its last chunk alone.  filter : with its state behind that chunk.

    sent : sequence up to which all was sent before the partition was taken over.
    """

    before: Buffer = field(default_factory=lambda: Buffer(0.0))
    filter: SignalFilter | None = None
    notes: list[str] = field(default_factory=list)
    sent: int = -1


class FilterStage:
    """Raw chunks in, filtered ones out."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._patients: dict[int, dict[str, _Patient]] = {}
        self._lines: list[str] = []

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
        outgoing = []
        for each in arrived:
            if self._readers.name_for(each.chunk.leads) is None:
                leads = ", ".join(each.chunk.leads)[:80]
                outgoing.append(Outgoing(each, each.value, f"no detector reads the leads {leads}"))
                continue
            try:
                outgoing += self._filtered(each)
            except Exception as error:  # the chunk is kept with its reason, and the others go on
                _LOG.exception("filter: chunk %d of %s", each.chunk.sequence, each.chunk.patient)
                outgoing.append(Outgoing(each, each.value, f"cannot be filtered ({type(error).__name__})"))
        return outgoing

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

    def first_needed(self, partition: int) -> int | None:
        """Nothing is needed: the state lies with what was sent."""
        return None

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._patients.pop(partition, None)

    def lines(self) -> list[str]:
        """What was noticed since the last call."""
        lines, self._lines = self._lines, []
        return lines
