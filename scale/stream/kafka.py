"""Clients of a Kafka broker, as the roles of the pipeline use them, and what they ask of it.

Delivery is at least once: a role commits what it has read when what it made of it is on the broker, or in the database.
confluent-kafka is optional (requirements-stream.txt) and is imported where it is used.
"""

import json
import time
from collections import deque
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
CREATE_S = 3.0
KEEP_MS = 3_600_000
LOST = "the broker has lost what it held"
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
            told = admin.list_topics(name, timeout=10).topics.get(name)
            if told is None or not told.partitions:
                raise BrokerError(f"the topic {name} cannot be created ({error}): create it beforehand") from error
            # another role was quicker, or it is a broker for tests, whose topics come to be when they are asked for
    return missing


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


def begin_anew(consumer: Any, message: Any, say: Say) -> bool:
    """Whether an event says that a place is no more; its partition is then read from the oldest message on."""
    kafka = confluent()
    if message.error().code() != kafka.KafkaError._AUTO_OFFSET_RESET:
        return False
    say(f"{message.topic()} [{message.partition()}] begins anew: {LOST}")
    consumer.seek(kafka.TopicPartition(message.topic(), message.partition(), kafka.OFFSET_BEGINNING))
    return True


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
