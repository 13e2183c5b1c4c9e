"""A stage of the pipeline at work: reads a topic, hands the chunks to the stage, sends what comes of them, then commits."""

import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from scale.stream.kafka import (
    DEAD,
    LOST,
    STATUS,
    Broker,
    Say,
    Tail,
    begin_anew,
    confluent,
    dead_letter_headers,
    read_tails,
    status_message,
)
from scale.stream.messages import MessageError, decode_chunk
from scale.stream.sender import Sender
from scale.stream.stages import Arrived, Outgoing, Stage
from scale.stream.watch import Watch, served

TAIL = 1_000  # messages of a partition in which the last one of every patient is looked for
MARK_EVERY_S, STATUS_EVERY_S = 0.5, 2.0


class Positions:
    """How far each partition of a topic was read, and what is odd about it."""

    def __init__(self, topic: str, say: Say) -> None:
        self._topic, self._say = topic, say
        self.next: dict[int, int] = {}  # of partitions that are read now
        self._known: dict[int, int] = {}  # of all that were read ever

    def begin(self, places: Sequence[Any], tails: Mapping[int, Tail]) -> None:
        """Set where to begin on each place: where the group has committed, else at the oldest message there is."""
        for place in places:
            low, end = tails[place.partition].low, tails[place.partition].end
            lost = place.offset > end or (place.offset < 0 and self._known.get(place.partition, 0) > end)
            if lost:
                self._say(f"{self._topic} [{place.partition}] begins anew: {LOST}")
            place.offset = low if lost or place.offset < low else place.offset
            self.next[place.partition] = place.offset

    def read(self, message: Any) -> None:
        """Note a message; skipped offsets are said."""
        expected = self.next.get(message.partition(), message.offset())
        if message.offset() > expected:
            skipped = message.offset() - expected
            self._say(f"{self._topic} [{message.partition()}]: {skipped} offsets from {expected} on are not there")
        self.next[message.partition()] = self._known[message.partition()] = message.offset() + 1

    def behind(self, consumer: Any) -> int:
        """Messages that are there and were not read yet, as far as the consumer knows."""
        behind, kafka = 0, confluent()
        for partition, following in self.next.items():
            _, high = consumer.get_watermark_offsets(kafka.TopicPartition(self._topic, partition), cached=True)
            behind += max(0, high - following)
        return behind

    def leave(self, partitions: Sequence[int]) -> None:
        """Forget partitions that are read no more."""
        for partition in partitions:
            self.next.pop(partition, None)


class Station:
    """One role between two topics. batch : messages at once.  wait_s : for them."""

    def __init__(
        self, role: str, broker: Broker, source: str, target: str, stage: Stage, say: Say, batch: int, wait_s: float
    ) -> None:
        self.role, self._broker, self._source, self._target = role, broker, source, target
        self._stage, self._say, self._batch, self._wait_s = stage, say, batch, wait_s
        self._kafka = confluent()
        self._positions = Positions(source, say)
        self._sender = Sender(broker, say)
        self._marks: deque[tuple[int, list[tuple[int, int]]]] = deque()
        self._n_read = self._n_dead = 0
        self._busy_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what was read is sent and committed then."""
        with Watch(self._broker, self._say):
            served(self._serve, stop, self._say)

    def _serve(self, stop: threading.Event) -> None:
        self._consumer = consumer = self._broker.consumer(f"ecg-{self.role}")
        consumer.subscribe([self._source], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._left)
        marked = told = time.monotonic()
        try:
            while not stop.is_set():
                self._work(consumer.consume(self._batch, self._wait_s))
                if time.monotonic() - marked >= MARK_EVERY_S:
                    self._mark()
                    marked = time.monotonic()
                self._commit()
                if time.monotonic() - told >= STATUS_EVERY_S:
                    self._tell(time.monotonic() - told)
                    told = time.monotonic()
            self._mark()
            self._commit(5.0, wait=True)
        finally:
            self._leave([*self._positions.next])
            consumer.close()

    def _work(self, messages: Sequence[Any]) -> None:
        """Everything that was read, in order."""
        began = time.perf_counter()
        arrived, by_place = [], {}
        for message in messages:
            if message.error() is not None:
                if begin_anew(self._consumer, message, self._say):
                    self._leave([message.partition()])
                continue
            self._positions.read(message)
            self._n_read += 1
            by_place[message.partition(), message.offset()] = message
            try:
                chunk = decode_chunk(message.value())
            except MessageError as error:
                self._bury(message, str(error))
                continue
            sent_at_s = message.timestamp()[1] / 1e3
            arrived.append(Arrived(chunk, message.partition(), message.offset(), sent_at_s, message.value()))
        if arrived:
            for each in self._stage.take(arrived):
                self._send(each, by_place[each.about.partition, each.about.offset])
            for line in self._stage.lines():
                self._say(line)
        self._busy_s += time.perf_counter() - began

    def _send(self, outgoing: Outgoing, message: Any) -> None:
        if outgoing.reason is not None:
            self._bury(message, outgoing.reason)
            return
        about = outgoing.about  # the same partition: what was sent last for it is read there when it is taken over
        self._sender.send(
            self._target,
            about.chunk.patient,
            outgoing.value,
            partition=about.partition,
            timestamp=round(about.sent_at_s * 1e3),
        )

    def _bury(self, message: Any, reason: str) -> None:
        """Put a message among the dead letters, as it is, with the reason."""
        self._n_dead += 1
        place = f"{message.topic()} [{message.partition()}] {message.offset()}"
        self._say(f"dead letter: {place}: {reason}")
        headers = dead_letter_headers(self.role, message, reason)
        self._sender.send(DEAD, message.key(), message.value() or b"", headers=headers)

    def _mark(self) -> None:
        """Note how far was read, to commit it when all that came of it is on the broker."""
        offsets = []
        for partition, following in self._positions.next.items():
            needed = self._stage.first_needed(partition)
            offsets.append((partition, following if needed is None else min(following, needed)))
        self._marks.append((self._sender.mark(), offsets))

    def _commit(self, wait_s: float = 0.0, wait: bool = False) -> None:
        """Commit up to the last mark before which the broker has everything."""
        if wait_s:
            self._sender.settle(wait_s)
        offsets = None
        while self._marks and self._sender.has_all(self._marks[0][0]):
            offsets = self._marks.popleft()[1]
        places = [self._kafka.TopicPartition(self._source, *each) for each in offsets or ()]
        places = [place for place in places if place.partition in self._positions.next]
        if places:
            try:
                self._consumer.commit(offsets=places, asynchronous=not wait)
            except self._kafka.KafkaException as error:  # read again after the next start: at least once
                self._say(f"what was read could not be committed ({error.args[0].str()})")

    def _tell(self, seconds: float) -> None:
        """Say how things are, for the board."""
        numbers = {
            "read": self._n_read,
            "sent": self._sender.n_sent,
            "dead": self._n_dead,
            "behind": self._positions.behind(self._consumer),
            "busy": round(self._busy_s / seconds, 3),
            "topic": self._source,
        }
        self._busy_s = 0.0
        self._sender.send(STATUS, self.role, status_message(self.role, os.getpid(), **numbers))

    def _assigned(self, consumer: Any, places: Sequence[Any]) -> None:
        """Partitions to read: begin where the group has been, with the state that it had."""
        places, partitions = consumer.committed(places, timeout=5), [place.partition for place in places]
        self._positions.begin(places, read_tails(self._broker, self._source, partitions))
        for partition, tail in read_tails(self._broker, self._target, partitions, TAIL).items():
            self._stage.restore(partition, tail.values)
        consumer.assign(places)
        numbers = ", ".join(str(place.partition) for place in places) or "none"
        self._say(f"reads {self._source}, partitions {numbers}")

    def _revoked(self, consumer: Any, places: Sequence[Any]) -> None:
        """Another process takes partitions over: commit first."""
        self._mark()
        self._commit(2.0, wait=True)
        self._left(consumer, places)

    def _left(self, _: Any, places: Sequence[Any]) -> None:
        """Partitions that this process reads no more."""
        self._leave([place.partition for place in places])

    def _leave(self, partitions: Sequence[int]) -> None:
        self._marks.clear()  # of these partitions among others: those are marked again
        self._positions.leave(partitions)
        for partition in partitions:
            self._stage.drop(partition)
