"""The role that shows: what the topics hold of the last minute, and what comes, to the board."""

import json
import threading
import time
from collections import Counter
from typing import Any

from scale.stream.board.server import BoardServer
from scale.stream.board.state import BoardState
from scale.stream.kafka import DEAD, FILTERED, RAW, RESULTS, STATUS, Broker, Say, begin_anew, confluent
from scale.stream.messages import MessageError, decode_chunk, decode_result
from scale.stream.sink import dead_row
from scale.stream.watch import Watch, served

BEFORE = {FILTERED: 1_000, RESULTS: 1_000, DEAD: 20, STATUS: 20}  # messages a partition that are shown first
STALE_S = 10.0  # a role that has said nothing for so long is no longer there


class Feeder:
    """Reads all topics and tells the board."""

    def __init__(self, broker: Broker, state: BoardState, say: Say) -> None:
        self._broker, self._state, self._say, self._kafka = broker, state, say, confluent()
        self._roles: dict[tuple[str, int], dict[str, Any]] = {}
        self._raw_rates: dict[int, float] = {}  # by process that filters
        self._read: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop."""
        with Watch(self._broker, self._tell_broker):
            served(self._serve, stop, self._say)

    def _serve(self, stop: threading.Event) -> None:
        consumer = self._broker.consumer("ecg-board")
        told = time.monotonic()
        try:
            self._begin(consumer)
            while not stop.is_set():
                messages = consumer.consume(1_000, 0.1)
                for message in messages:
                    self._take(consumer, message)
                if time.monotonic() - told >= 1.0:
                    self._tell(time.monotonic() - told)
                    told = time.monotonic()
        finally:
            consumer.close()

    def _begin(self, consumer: Any) -> None:
        places, admin = [], self._broker.admin()
        for topic, n_before in BEFORE.items():
            for partition in admin.list_topics(topic, timeout=10).topics[topic].partitions:
                place = self._kafka.TopicPartition(topic, partition)
                low, high = consumer.get_watermark_offsets(place, timeout=10)
                place.offset = max(low, high - n_before)
                places.append(place)
        consumer.assign(places)

    def _take(self, consumer: Any, message: Any) -> None:
        topic = message.topic()
        if message.error() is not None:
            begin_anew(consumer, message, self._say)
            return
        self._read[topic] += 1
        try:
            if topic == FILTERED:
                self._state.take_chunk(decode_chunk(message.value()), time.time())
            elif topic == RESULTS:
                self._state.take_result(decode_result(message.value()), time.time())
            elif topic == DEAD:
                row = dead_row(message)
                names = ("topic", "partition", "offset", "reason", "patient", "role")
                self._state.take_dead_letter(
                    {name: row[name] for name in names} | {"at_s": message.timestamp()[1] / 1e3}
                )
            else:
                self._take_status(message.value())
        except MessageError as error:
            self._say(f"{topic} [{message.partition()}] {message.offset()}: {error}")

    def _take_status(self, value: bytes) -> None:
        try:
            status = json.loads(value)
            key, at_s = (str(status["role"]), int(status["pid"])), float(status["at_s"])
        except (ValueError, KeyError, TypeError):
            return  # another program's
        if key[0] == "filter" and key in self._roles:  # the raw chunks, which the board does not read
            before = self._roles[key]
            rate = (status["read"] - before["read"]) / max(at_s - before["at_s"], 1e-3)
            self._raw_rates[key[1]] = rate
        self._roles[key] = status

    def _tell(self, seconds: float) -> None:
        """Lags, rates, and roles that say nothing any more."""
        now = time.time()
        alive = {key: each for key, each in self._roles.items() if now - each.get("at_s", 0.0) < STALE_S}
        lags: Counter[str] = Counter()
        for (role, _), status in alive.items():
            if "behind" in status:
                lags[role] += int(status["behind"])
        self._state.take_lags(dict(lags))
        raw = sum(rate for pid, rate in self._raw_rates.items() if ("filter", pid) in alive)
        self._state.take_rates({RAW: raw} | {topic: self._read[topic] / seconds for topic in BEFORE if topic != STATUS})
        self._read.clear()
        for role in sorted({role for role, _ in self._roles} - {role for role, _ in alive}):
            self._state.say(f"role {role}", f"{role} has said nothing for more than {STALE_S:.0f} s")
        for role in {role for role, _ in alive}:
            self._state.say(f"role {role}", None)

    def _tell_broker(self, sentence: str) -> None:
        self._say(sentence)
        self._state.say("broker", None if "again" in sentence else sentence)


def show(broker: Broker, stop: threading.Event, host: str, port: int, say: Say) -> None:
    """Serve the board until told to stop. Raises ConfigError for a host other than this machine's without a token."""
    state = BoardState()
    server = BoardServer(state)
    server.start(host, port)
    say(f"http://{host}:{server.port}/live")
    try:
        Feeder(broker, state, say).run(stop)
    finally:
        server.stop()
