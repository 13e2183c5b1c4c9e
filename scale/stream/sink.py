"""The end of the pipeline: every result into a database, once, whatever was delivered twice.

Results are known by patient and sequence, dead letters by where they were refused; what is there already is left as it is.
"""

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cardiac.errors import ConfigError
from scale.stream.kafka import DEAD, RESULTS, STATUS, Broker, Say, begin_anew, confluent, read_tails, status_message
from scale.stream.messages import MessageError, Result, decode_result
from scale.stream.sender import Sender
from scale.stream.station import STATUS_EVERY_S, Positions
from scale.stream.watch import Watch, served

_TABLES = sa.MetaData()
FINDINGS = sa.Table(
    "findings",
    _TABLES,
    sa.Column("patient", sa.String, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("reader", sa.String, nullable=False),
    sa.Column("label", sa.String),
    sa.Column("refused", sa.String),
    sa.Column("end_s", sa.Double, nullable=False),
    sa.Column("sent_at_s", sa.Double, nullable=False),
    sa.Column("stored_at_s", sa.Double, nullable=False),
    sa.Column("truth", sa.String),
    sa.Column("document", sa.Text, nullable=False),
)
DEAD_LETTERS = sa.Table(
    "dead_letters",
    _TABLES,
    sa.Column("topic", sa.String, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("patient", sa.String),
    sa.Column("value", sa.LargeBinary),
    sa.Column("stored_at_s", sa.Double, nullable=False),
)


class Store:
    """A database of findings. address : a file for SQLite, or a URL as postgresql://..."""

    def __init__(self, address: str) -> None:
        url = address.replace("postgresql://", "postgresql+psycopg://", 1)
        if "://" not in url:
            Path(address).parent.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{address}"
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ConfigError(f"{address}: is neither a file nor a URL of PostgreSQL: give one of these")
        try:
            self._engine = sa.create_engine(url)
            if self._engine.dialect.name == "sqlite":
                sa.event.listen(self._engine, "connect", _careful_sqlite)
            _TABLES.create_all(self._engine)
        except (sa.exc.ArgumentError, sa.exc.DBAPIError, ImportError) as error:
            raise ConfigError(f"the database {address} cannot be opened ({error}): check the address") from error
        self._insert = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[self._engine.dialect.name]

    def put(self, findings: Sequence[Mapping[str, Any]], dead: Sequence[Mapping[str, Any]] = ()) -> int:
        """Store rows in one transaction; how many were not there yet, dead letters not counted."""
        new = 0
        with self._engine.begin() as connection:
            if findings:
                statement = self._insert(FINDINGS).on_conflict_do_nothing().returning(FINDINGS.c.sequence)
                new = len(connection.execute(statement, list(findings)).all())
            if dead:
                connection.execute(self._insert(DEAD_LETTERS).on_conflict_do_nothing(), list(dead))
        return new

    def sequences(self) -> dict[str, list[int]]:
        """The sequences of every patient's findings, each as often as it stands there."""
        found: dict[str, list[int]] = {}
        with self._engine.connect() as connection:
            for patient, sequence in connection.execute(sa.select(FINDINGS.c.patient, FINDINGS.c.sequence)):
                found.setdefault(patient, []).append(sequence)
        return found

    def lags(self, since_s: float = 0.0) -> list[float]:
        """Seconds from sending a chunk to storing what was found at its end, of all that was stored since a time."""
        lag = FINDINGS.c.stored_at_s - FINDINGS.c.sent_at_s
        with self._engine.connect() as connection:
            return [*connection.scalars(sa.select(lag).where(FINDINGS.c.stored_at_s >= since_s))]

    def counts(self, since_s: float = 0.0) -> dict[str, int]:
        """How many findings of each label were stored since a time; without a decision "refused", dead letters "dead"."""
        with self._engine.connect() as connection:
            stored = sa.select(FINDINGS.c.label, sa.func.count()).where(FINDINGS.c.stored_at_s >= since_s)
            labels = connection.execute(stored.group_by(FINDINGS.c.label))
            counts = {label or "refused": number for label, number in labels}
            dead = sa.select(sa.func.count()).select_from(DEAD_LETTERS).where(DEAD_LETTERS.c.stored_at_s >= since_s)
            return counts | {"dead": connection.scalar(dead) or 0}

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()


def _careful_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=10000")


def finding_row(result: Result) -> dict[str, Any]:
    """A result as a row."""
    document = {
        "probabilities": dict(result.probabilities),
        "finding": dict(result.finding),
        "shown": dict(result.shown),
        "notes": list(result.notes),
        "assessed": result.assessed,
        "first": result.first,
    }
    names = ("patient", "sequence", "reader", "label", "refused", "end_s", "sent_at_s", "truth")
    row = {name: getattr(result, name) for name in names}
    return row | {"stored_at_s": time.time(), "document": json.dumps(document)}


def dead_row(message: Any) -> dict[str, Any]:
    """A message of the dead letters as a row."""
    told = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or ()}
    own = {"topic": message.topic(), "partition": str(message.partition()), "offset": str(message.offset())}
    told = own | {"reason": "no reason is given", "role": "unknown"} | told
    return {
        "topic": told["topic"][:200],
        "partition": int(told["partition"]) if told["partition"].isdecimal() else -1,
        "offset": int(told["offset"]) if told["offset"].isdecimal() else message.offset(),
        "role": told["role"],
        "reason": told["reason"],
        "patient": None if message.key() is None else message.key().decode(errors="replace")[:200],
        "value": message.value(),
        "stored_at_s": time.time(),
    }


class Sink:
    """The role that stores."""

    def __init__(self, broker: Broker, store: Store, say: Say) -> None:
        self._broker, self._store, self._say, self._kafka = broker, store, say, confluent()
        self._positions = {topic: Positions(topic, say) for topic in (RESULTS, DEAD)}
        self.n_new = self.n_again = 0

    def run(self, stop: threading.Event) -> None:
        """Store until told to stop."""
        with Watch(self._broker, self._say):
            served(self._serve, stop, self._say)

    def _serve(self, stop: threading.Event) -> None:
        self._consumer = consumer = self._broker.consumer("ecg-sink")
        consumer.subscribe([RESULTS, DEAD], on_assign=self._assigned, on_revoke=self._left, on_lost=self._left)
        sender, told = Sender(self._broker, self._say), time.monotonic()
        try:
            while not stop.is_set():
                self._store_all(consumer.consume(1_000, 0.1))
                if time.monotonic() - told >= STATUS_EVERY_S:
                    behind = sum(positions.behind(consumer) for positions in self._positions.values())
                    numbers = {"read": self.n_new + self.n_again, "again": self.n_again, "behind": behind}
                    sender.send(STATUS, "sink", status_message("sink", os.getpid(), topic=RESULTS, **numbers))
                    told = time.monotonic()
        finally:
            for positions in self._positions.values():
                positions.leave([*positions.next])
            consumer.close()

    def _store_all(self, messages: Sequence[Any]) -> None:
        """Store, and only then commit: what was stored and not committed comes again, and is there."""
        rows, dead = [], []
        for message in messages:
            if message.error() is not None:
                begin_anew(self._consumer, message, self._say)
                continue
            self._positions[message.topic()].read(message)
            if message.topic() == DEAD:
                dead.append(dead_row(message))
                continue
            try:
                rows.append(finding_row(decode_result(message.value())))
            except MessageError as error:
                self._say(f"{message.topic()} [{message.partition()}] {message.offset()}: {error}")
                own = dead_row(message) | {"role": "sink", "reason": str(error)}
                dead.append(own)
        if not rows and not dead:
            return
        new = self._store.put(rows, dead)
        self.n_new, self.n_again = self.n_new + new, self.n_again + len(rows) - new
        places = [
            self._kafka.TopicPartition(topic, partition, following)
            for topic, positions in self._positions.items()
            for partition, following in positions.next.items()
        ]
        self._consumer.commit(offsets=places, asynchronous=True)

    def _assigned(self, consumer: Any, places: Sequence[Any]) -> None:
        places = consumer.committed(places, timeout=5)
        for topic, positions in self._positions.items():
            own = [place for place in places if place.topic == topic]
            positions.begin(own, read_tails(self._broker, topic, [place.partition for place in own]))
        consumer.assign(places)

    def _left(self, _: Any, places: Sequence[Any]) -> None:
        for topic, positions in self._positions.items():
            positions.leave([place.partition for place in places if place.topic == topic])
