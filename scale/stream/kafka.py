"""Clients of a Kafka broker, as the roles of the pipeline use them, and a watch that says when it does not answer.

Delivery is at least once: a role commits what it has read when what it made of it is on the broker, or in the database.
confluent-kafka is optional (requirements-stream.txt) and is imported where it is used.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from cardiac.errors import CardiacError, ConfigError, extra

RAW, FILTERED, RESULTS, DEAD, STATUS = "raw_data", "filtered_data", "ml_result", "dead_letter", "status"
TOPICS = (RAW, FILTERED, RESULTS, DEAD, STATUS)
# What each role reads and writes there.
USES = {
    "produce": ((RAW,), (RAW, STATUS)),
    "filter": ((RAW, FILTERED), (FILTERED, DEAD, STATUS)),
    "classify": ((FILTERED, RESULTS), (RESULTS, DEAD, STATUS)),
    "sink": ((RESULTS, DEAD), (STATUS,)),
    "board": ((FILTERED, RESULTS, DEAD, STATUS), ()),
}
PARTITIONS = 4  # as many classifiers can share the work; what brokers give topics that nobody has created
ANSWER_S, ASK_EVERY_S = 3.0, 2.0  # the broker is said to stand still after so long
CREATE_S = 3.0
KEEP_MS = 3_600_000
Say = Callable[[str], None]


class BrokerError(CardiacError):
    """A broker that is not there, or does not do what it must."""


def confluent() -> ModuleType:
    """The package confluent_kafka. Raises CardiacError, saying how to install it."""
    return extra("confluent_kafka", "requirements-stream.txt")


class NoAnswer(BrokerError):
    """A broker that is there and leaves a question open."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and what it wants of its clients.

    settings : of librdkafka, for every client: security.protocol, sasl.mechanisms, ssl.ca.location and the like.
    """

    servers: str
    settings: Mapping[str, str] = field(default_factory=dict)
    compression: str = "lz4"

    def client(self, **more: Any) -> dict[str, Any]:
        """Settings of one client. What the clients would log is said by the watch, once and in words."""
        return {"bootstrap.servers": self.servers, "log_level": 0, **self.settings, **more}

    def consumer(self, group: str, ends: bool = False) -> Any:
        """A consumer that commits nothing by itself and begins nowhere by itself. ends : it says where a partition ends."""
        return confluent().Consumer(
            self.client(
                **{
                    "group.id": group,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "error",
                    "enable.partition.eof": ends,
                    "session.timeout.ms": 6_000,
                    "max.poll.interval.ms": 60_000 if self.settings else 7_000,  # a local broker waits for it at a join
                    "fetch.wait.max.ms": 150,  # so long a broker waits for so much, of which it sends much at once
                    "fetch.min.bytes": 65_536,
                    "fetch.error.backoff.ms": 50,
                    "queued.max.messages.kbytes": 65_536,
                }
            )
        )

    def producer(self) -> Any:
        """A producer that keeps order, and keeps what it has until the broker takes it."""
        return confluent().Producer(
            self.client(
                **{
                    "acks": "all",
                    "max.in.flight.requests.per.connection": 1,  # so that nothing is overtaken where it is sent again
                    "message.timeout.ms": 0,
                    "linger.ms": 150,  # few and large batches: Tansu's work for each grows with how many it holds
                    "compression.type": self.compression,
                    "partitioner": "murmur2_random",  # as every other client does
                    "queue.buffering.max.kbytes": 262_144,
                }
            )
        )

    def admin(self) -> Any:
        """A client for topics and groups."""
        confluent()
        from confluent_kafka.admin import AdminClient

        return AdminClient(self.client())


def read_settings(path: Path | None) -> dict[str, str]:
    """Settings of librdkafka from a file of lines `name=value`, as Kafka's own tools have. Raises ConfigError."""
    if path is None:
        return {}
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}): give a file of lines name=value") from error
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise ConfigError(f"{path}: {name[:40]!r} is no line name=value: correct it")
    return {name.strip(): value.strip() for name, _, value in pairs}


def wait_for(broker: Broker, seconds: float = 15.0) -> None:
    """Return when the broker answers. Raises BrokerError where it does not."""
    kafka, admin, until = confluent(), broker.admin(), time.monotonic() + seconds
    while True:
        try:
            admin.list_topics(timeout=1.0)
            return
        except kafka.KafkaException as error:
            if time.monotonic() > until:
                raise BrokerError(
                    f"no broker answers at {broker.servers} ({error.args[0].str()}): start it, or give its address "
                    "with --bootstrap-servers"
                ) from error
            time.sleep(0.2)


def ensure_topics(broker: Broker, names: Iterable[str] = TOPICS) -> list[str]:
    """Create those topics that are not there, and give their names. Raises BrokerError where the broker refuses."""
    kafka, admin = confluent(), broker.admin()
    from confluent_kafka.admin import NewTopic

    there = admin.list_topics(timeout=10).topics
    missing = [name for name in names if name not in there]
    if not missing:
        return []
    settings = {"retention.ms": str(KEEP_MS)}
    made = admin.create_topics(
        [NewTopic(name, PARTITIONS, config=settings) for name in missing],
        request_timeout=CREATE_S,
        operation_timeout=CREATE_S,
    )
    for name, result in made.items():
        try:
            result.result(timeout=2 * CREATE_S)
        except (kafka.KafkaException, TimeoutError) as error:
            if (
                name not in admin.list_topics(name, timeout=10).topics
                or not admin.list_topics(name).topics[name].partitions
            ):
                raise BrokerError(f"the topic {name} cannot be created ({error}): create it beforehand") from error
            # another role was quicker, or it is a broker for tests, whose topics come to be when they are asked for
    return missing


def served(serve: Callable[[threading.Event], None], stop: threading.Event, say: Say) -> None:
    """Run what reads from the broker until told to stop; where the broker fails it, from the beginning once more."""
    kafka = confluent()
    while not stop.is_set():
        try:
            serve(stop)
        except (kafka.KafkaException, NoAnswer) as error:
            reason = error if isinstance(error, NoAnswer) else error.args[0].str()
            say(f"begins again, as the broker failed ({reason})")
            stop.wait(1.0)


class Sender:
    """Sends messages, in order, and keeps each until the broker has it."""

    def __init__(self, broker: Broker, say: Say) -> None:
        self._producer, self._say, self._kafka = broker.producer(), say, confluent()
        self._failed: list[tuple[int, dict[str, Any]]] = []
        self._on_way: Counter[int] = Counter()  # by mark
        self._mark = 0
        self.n_sent = 0

    def send(self, topic: str, key: str | bytes | None, value: bytes, **more: Any) -> None:
        """Hand a message over. more : partition, timestamp (ms), headers."""
        self._on_way[self._mark] += 1
        self._hand_over(self._mark, {"topic": topic, "key": key, "value": value, **more})
        self.n_sent += 1

    def _hand_over(self, mark: int, message: dict[str, Any]) -> None:
        while True:
            try:
                self._producer.produce(**message, on_delivery=lambda error, _: self._delivered(error, mark, message))
                break
            except BufferError:  # the broker is behind: wait for it, with all that is to be sent
                self._producer.poll(0.1)
            except self._kafka.KafkaException as error:
                if message.pop("partition", None) is None:
                    raise BrokerError(
                        f"a message for {message['topic']} cannot be sent ({error.args[0].str()})"
                    ) from error
        self._producer.poll(0)

    def _delivered(self, error: Any, mark: int, message: dict[str, Any]) -> None:
        if error is not None and error.code() == self._kafka.KafkaError.MSG_SIZE_TOO_LARGE:
            self._say(f"a message of {len(message['value'])} bytes is more than the broker takes: it was left out")
        elif error is not None:
            self._failed.append((mark, {name: value for name, value in message.items() if name != "partition"}))
            return
        self._on_way[mark] -= 1

    def mark(self) -> int:
        """A mark behind all that was sent so far, for `has_all`."""
        self._mark += 1
        return self._mark - 1

    def has_all(self, mark: int) -> bool:
        """Whether the broker has all that was sent before a mark; what it did not take is sent again."""
        self._producer.poll(0)
        failed, self._failed = self._failed, []
        for of_mark, message in failed:
            self._hand_over(of_mark, message)
        for done in [each for each, number in self._on_way.items() if number <= 0 and each < self._mark]:
            del self._on_way[done]
        return not any(number > 0 for each, number in self._on_way.items() if each <= mark)

    def settle(self, seconds: float) -> bool:
        """Whether the broker has all that was sent; waits so long for it."""
        self._producer.flush(seconds)
        return self.has_all(self.mark())


class Watch:
    """A thread that asks the broker whether it is there, and says in a line when it is not, and when it is again."""

    def __init__(self, broker: Broker, say: Say) -> None:
        self._broker, self._say, self._stop = broker, say, threading.Event()
        self._seen: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        kafka, admin = confluent(), self._broker.admin()
        answered, said = time.monotonic(), False
        while not self._stop.wait(ASK_EVERY_S):
            try:
                topics = admin.list_topics(timeout=ANSWER_S).topics
            except kafka.KafkaException:
                if not said and time.monotonic() - answered >= ANSWER_S:
                    said = True
                    self._say(
                        f"the broker at {self._broker.servers} does not answer: waiting for it, nothing is lost here"
                    )
                continue
            if said:
                self._say(f"the broker answers again, after {time.monotonic() - answered:.0f} s")
            answered, said = time.monotonic(), False
            self._renew(topics)

    def _renew(self, topics: Mapping[str, Any]) -> None:
        """Create topics anew that were there and are gone."""
        missing = sorted(self._seen - topics.keys())
        self._seen |= topics.keys() & {*TOPICS}
        if missing:
            self._say(
                f"the broker has lost the topics {', '.join(missing)}: they are created anew, what lay there is lost"
            )
            try:
                ensure_topics(self._broker, missing)
            except (BrokerError, confluent().KafkaException) as error:
                self._say(f"the topics cannot be created: {error}")


@dataclass
class Tail:
    """The end of a partition. low : offset of the oldest message there is.  end : of the next one.  values : of the last."""

    low: int
    end: int
    values: deque[bytes]


def read_tails(
    broker: Broker, topic: str, partitions: Iterable[int], n_messages: int = 1, seconds: float = 10.0
) -> dict[int, Tail]:
    """The end of each partition, with its last messages, the newest last.

    What is read decides where a partition ends: brokers' own answers may lag by a batch. Raises NoAnswer, KafkaException.
    """
    kafka = confluent()
    consumer, tails, left = broker.consumer("ecg-tail", ends=True), {}, set()
    try:
        for partition in partitions:
            place = kafka.TopicPartition(topic, partition)
            low, high = _watermarks(consumer, place, seconds)
            tails[partition] = Tail(low, max(low, high - n_messages), deque(maxlen=n_messages))
        left = {*tails}
        consumer.assign([kafka.TopicPartition(topic, each, tail.end) for each, tail in tails.items()])
        until = time.monotonic() + seconds
        while left:
            if time.monotonic() > until:
                raise NoAnswer(f"the broker at {broker.servers} does not say where {topic} ends")
            for message in consumer.consume(500, 0.1):
                if message.error() is None:
                    tails[message.partition()].values.append(message.value() or b"")
                    tails[message.partition()].end = message.offset() + 1
                elif message.error().code() == kafka.KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
        return tails
    finally:
        consumer.close()


def _watermarks(consumer: Any, place: Any, seconds: float) -> tuple[int, int]:
    """Oldest and, roughly, next offset of a partition; 0 of one to which nothing was ever sent."""
    kafka = confluent()
    try:
        return consumer.get_watermark_offsets(place, timeout=seconds)
    except kafka.KafkaException as error:
        if error.args[0].code() == kafka.KafkaError._UNKNOWN_PARTITION:
            return 0, 0
        raise


def status_message(role: str, pid: int, **numbers: Any) -> bytes:
    """What a role says of itself every few seconds."""
    return json.dumps({"role": role, "pid": pid, "at_s": time.time()} | numbers).encode()


def dead_letter_headers(role: str, message: Any, reason: str) -> Sequence[tuple[str, bytes]]:
    """Why and where a message was refused, as it stands beside it in the topic of dead letters."""
    told = {
        "reason": reason,
        "role": role,
        "topic": message.topic(),
        "partition": str(message.partition()),
        "offset": str(message.offset()),
    }
    return [(name, value.encode()) for name, value in told.items()]
