"""What a stage of the pipeline takes and gives, without any Kafka: chunks that arrived, messages that go out."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scale.stream.messages import Chunk

IDLE_S = 60.0  # a buffer into which nothing has come for so long is emptied
FORGET_S = 3600.0  # and after so long the patient is forgotten


@dataclass(frozen=True)
class Arrived:
    """A chunk and where it was.

    sent_at_s : when its first sender sent it, by the sender's clock.  value : the message itself.  received_s : when it
    arrived, by the monotonic clock.
    """

    chunk: Chunk
    partition: int
    offset: int
    sent_at_s: float
    value: bytes = field(repr=False, default=b"")
    received_s: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Outgoing:
    """A message for the next topic, or, with a reason, for the dead letters. about : what arrived."""

    about: Arrived
    value: bytes = field(repr=False)
    reason: str | None = None


class Stage(Protocol):
    """One step of the pipeline. Its state of a partition can be thrown away and had again."""

    def restore(self, partition: int, sent: Iterable[bytes]) -> None:
        """Begin with a partition. sent : the last messages that this stage has sent for it, the newest last."""
        ...

    def take(self, arrived: Sequence[Arrived]) -> list[Outgoing]:
        """What goes out for chunks that arrived, in order."""
        ...

    def first_needed(self, partition: int) -> int | None:
        """The offset of the oldest message from which the state would have to be made again; None where there is none."""
        ...

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        ...

    def lines(self) -> list[str]:
        """What was noticed since the last call, a sentence each."""
        ...
