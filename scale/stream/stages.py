"""What a stage of the pipeline takes and gives, without any Kafka: chunks that arrived, messages that go out."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cardiac.errors import BundleError, CardiacError
from scale.stream.messages import Chunk
from scale.stream.readers import Readers

_LOG = logging.getLogger("cardiac")
Handled = TypeVar("Handled")

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


class Stage(ABC):
    """One step of the pipeline. Its state of a partition, by patient, can be thrown away and had again."""

    name: str

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._patients: dict[int, dict[str, Any]] = {}
        self._lines: list[str] = []

    @abstractmethod
    def restore(self, partition: int, sent: Iterable[bytes]) -> None:
        """Begin with a partition. sent : the last messages that this stage has sent for it, the newest last."""

    @abstractmethod
    def take(self, arrived: Sequence[Arrived]) -> list[Outgoing]:
        """What goes out for chunks that arrived: of each patient in order."""

    def first_needed(self, partition: int) -> int | None:
        """The offset of the oldest message from which the state would have to be made again; None where there is none."""
        return None

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._patients.pop(partition, None)

    def lines(self) -> list[str]:
        """What was noticed since the last call, a sentence each."""
        lines, self._lines = self._lines, []
        return lines

    def _each(
        self, arrived: Sequence[Arrived], handle: Callable[[Arrived], list[Handled]]
    ) -> tuple[list[Handled], list[Outgoing]]:
        """What is made of each chunk, and a dead letter for each that nobody reads, or that cannot be handled.

        Raises BundleError: that is no chunk's fault.
        """
        made: list[Handled] = []
        dead = []
        for each in arrived:
            if self._readers.name_for(each.chunk.leads) is None:
                leads = ", ".join(each.chunk.leads)[:80]
                dead.append(Outgoing(each, each.value, f"no detector reads the leads {leads}"))
                continue
            try:
                made += handle(each)
            except BundleError:
                raise
            except CardiacError as error:
                dead.append(Outgoing(each, each.value, str(error)))
            except Exception as error:  # the chunk is kept with its reason, and the others go on
                _LOG.exception("%s: chunk %d of %s", self.name, each.chunk.sequence, each.chunk.patient)
                dead.append(Outgoing(each, each.value, f"cannot be handled ({type(error).__name__})"))
        return made, dead
