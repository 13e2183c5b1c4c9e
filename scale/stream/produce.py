"""The role that sends: chunks of each feed when they would have been recorded, or as fast as was asked."""

import heapq
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cardiac.files import replace_file
from scale.stream.feeds import Feed, cut, phase
from scale.stream.kafka import RAW, STATUS, Broker, Say, confluent, read_tails, status_message
from scale.stream.messages import Chunk, MessageError, decode_chunk, encode_chunk
from scale.stream.sender import Sender
from scale.stream.station import STATUS_EVERY_S, TAIL
from scale.stream.watch import Watch


@dataclass(frozen=True)
class Pace:
    """How chunks are sent. chunk_s : long.  speed : times real time.  batch : chunks of a patient at once.

    delay_s : between batches; None for as long as they last at that speed.
    """

    chunk_s: float = 1.0
    speed: float = 1.0
    batch: int = 1
    delay_s: float | None = None

    @property
    def between_s(self) -> float:
        """From one batch of a patient to the next."""
        return self.batch * self.chunk_s / self.speed if self.delay_s is None else self.delay_s


@dataclass(order=True)
class _Sending:
    """One feed on its way. due_s : when the next batch is sent, by the monotonic clock."""

    due_s: float
    order: int
    feed: Feed = field(compare=False)
    chunks: Iterator[Chunk] = field(compare=False)


class Producer:
    """Sends feeds. resume : go on where the broker's last chunks of these patients end."""

    def __init__(self, broker: Broker, feeds: Sequence[Feed], pace: Pace, say: Say, resume: bool = False) -> None:
        self._broker, self._pace, self._say = broker, pace, say
        self._sender = Sender(broker, say)
        self._feeds = feeds
        self._before = last_chunks(broker) if resume else {}
        self.sent: dict[str, list[list[int]]] = {}  # by patient: first and last sequence of each stretch
        self.n_chunks = 0

    def run(self, stop: threading.Event, report: Path | None = None) -> None:
        """Send all, or until told to stop. report : a JSON file for what was sent."""
        began = told = time.monotonic()
        queue = [
            _Sending(began + phase(feed.patient) * self._pace.between_s, order, feed, self._chunks(feed))
            for order, feed in enumerate(self._feeds)
        ]
        heapq.heapify(queue)
        with Watch(self._broker, self._say):
            while queue and not stop.is_set():
                wait_s = queue[0].due_s - time.monotonic()
                if wait_s > 0:
                    stop.wait(min(wait_s, 0.2))
                    self._sender.settle(0)
                else:
                    self._send_next(queue)
                if time.monotonic() - told >= STATUS_EVERY_S:
                    told = time.monotonic()
                    numbers = {"sent": self.n_chunks, "patients": len(queue), "topic": RAW}
                    self._sender.send(STATUS, "produce", status_message("produce", os.getpid(), **numbers))
            while not self._sender.settle(1.0) and not stop.is_set():
                pass  # the broker does not take them: the watch says so
            self._sender.settle(5.0)
        if report is not None:
            replace_file(report, json.dumps({"chunk_s": self._pace.chunk_s, "sent": self.sent}).encode())
        self._say(f"{self.n_chunks} chunks of {len(self.sent)} patients sent in {time.monotonic() - began:.0f} s")

    def _send_next(self, queue: list[_Sending]) -> None:
        sending = heapq.heappop(queue)
        batch = [*itertools.islice(sending.chunks, self._pace.batch)]
        for chunk in batch:
            self._sender.send(RAW, chunk.patient, encode_chunk(chunk), timestamp=round(time.time() * 1e3))
            self.n_chunks += 1
            self._note(chunk)
        if len(batch) == self._pace.batch:
            sending.due_s += self._pace.between_s
            heapq.heappush(queue, sending)

    def _note(self, chunk: Chunk) -> None:
        stretches = self.sent.setdefault(chunk.patient, [])
        if stretches and stretches[-1][0] == chunk.first:
            stretches[-1][1] = chunk.sequence
        else:
            stretches.append([chunk.first, chunk.sequence])

    def _chunks(self, feed: Feed) -> Iterator[Chunk]:
        """A feed's chunks. Sequences begin at the clock's microseconds: none comes twice, whoever sends and when."""
        before = self._before.get(feed.patient)
        length = max(1, round(self._pace.chunk_s * feed.fs_hz))
        sequence = int(time.time() * 1e6) if before is None else before.sequence + 1
        start_s = time.time() if before is None else before.end_s
        for part, stretch in enumerate(feed.stretches):
            first, skip = sequence, 0
            if before is not None and (part < before.part or (part == before.part and before.last)):
                continue
            if before is not None and part == before.part:
                first, skip = before.first, before.sequence - before.first + 1
            for samples, last in itertools.islice(cut(stretch.blocks, length), skip, None):
                yield Chunk(
                    feed.patient, sequence, feed.fs_hz, feed.leads, feed.unit, start_s, samples,
                    first=first, part=part, last=last, label=stretch.label,
                )  # fmt: skip
                sequence += 1
                start_s += samples.shape[1] / feed.fs_hz


def last_chunks(broker: Broker) -> dict[str, Chunk]:
    """The last chunk of each patient that lies in the topic of raw chunks."""
    last: dict[str, Chunk] = {}
    kafka = confluent()
    try:
        partitions = broker.admin().list_topics(RAW, timeout=10).topics[RAW].partitions
    except (kafka.KafkaException, KeyError):
        return last
    for tail in read_tails(broker, RAW, partitions, TAIL).values():
        for value in tail.values:
            try:
                chunk = decode_chunk(value)
            except MessageError:
                continue
            last[chunk.patient] = chunk
    return last
