"""One patient's last seconds: chunks in order, nothing bridged, and what was noticed on the way."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from scale.stream.messages import Chunk

CLOCK_S = 0.25  # so far a chunk may begin from where the one before it ends, before that is a gap too


@dataclass(frozen=True)
class Taken:
    """What became of a chunk. kept : it is part of the stream.  goes_on : where the chunk before it ended.  notes : in words."""

    kept: bool
    goes_on: bool
    notes: tuple[str, ...] = ()


@dataclass
class Buffer:
    """The last seconds of one patient's stream.

    seconds : how many are kept, and the last chunk at least.  chunks : those of which they are, with their offsets in the topic.
    """

    seconds: float
    chunks: deque[tuple[Chunk, int]] = field(default_factory=deque)
    n_samples: int = 0

    def take(self, chunk: Chunk, offset: int = 0) -> Taken:
        """Put a chunk in. One that does not go on where the one before it ended empties the buffer first."""
        taken = _follows(self.chunks[-1][0] if self.chunks else None, chunk)
        if not taken.kept:
            return taken
        if not taken.goes_on:
            self.chunks.clear()
            self.n_samples = 0
        self.chunks.append((chunk, offset))
        self.n_samples += chunk.samples.shape[1]
        while len(self.chunks) > 1 and self.n_samples - self.chunks[0][0].samples.shape[1] >= self.wanted:
            self.n_samples -= self.chunks.popleft()[0].samples.shape[1]
        return taken

    @property
    def wanted(self) -> int:
        """How many samples the seconds are."""
        return round(self.seconds * self.chunks[-1][0].fs_hz) if self.chunks else 0

    @property
    def first_needed(self) -> int | None:
        """Offset of the oldest chunk that is still part of the last seconds."""
        return self.chunks[0][1] if self.chunks else None

    def window(self) -> np.ndarray | None:
        """The last seconds, a copy, float32 (n_leads, wanted); None while there are fewer."""
        if not self.chunks or self.n_samples < self.wanted:
            return None
        return np.concatenate([chunk.samples for chunk, _ in self.chunks], axis=1)[:, -self.wanted :]


def _follows(before: Chunk | None, chunk: Chunk) -> Taken:
    """Whether a chunk goes on where the one before it ended."""
    if before is None or chunk.first > before.sequence:
        return Taken(True, False)  # the first there is of this stream
    if chunk.sequence == before.sequence:
        return Taken(False, True, (f"chunk {chunk.sequence} came twice: the second was left out",))
    if chunk.sequence < before.sequence:
        late = f"chunk {chunk.sequence} came after {before.sequence}: it was left out (a new stream counts on, see `first`)"
        return Taken(False, True, (late,))
    broken = _broken(before, chunk)
    return Taken(True, False, (f"{broken}: the last seconds are gathered anew",)) if broken else Taken(True, True)


def _broken(before: Chunk, chunk: Chunk) -> str:
    """Why a later chunk does not go on where the one before it ended; empty where it does."""
    missing = chunk.sequence - before.sequence - 1
    if missing:
        return f"chunk {before.sequence + 1} is missing" if missing == 1 else f"{missing} chunks are missing"
    if chunk.fs_hz != before.fs_hz:
        return f"the rate went from {before.fs_hz:g} to {chunk.fs_hz:g} Hz"
    if chunk.leads != before.leads or chunk.unit != before.unit:
        return "the leads or their unit changed"
    apart_s = chunk.start_s - before.end_s
    if abs(apart_s) > CLOCK_S:
        return f"the clock is {abs(apart_s):.3g} s {'later' if apart_s > 0 else 'earlier'} than it should be"
    return ""
