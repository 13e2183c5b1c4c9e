"""A broker that does not answer, or loses its topics: it is said once, in words, and the work goes on when it can."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from scale.stream.kafka import TOPICS, Broker, BrokerError, NoAnswer, Say, confluent, ensure_topics

ANSWER_S, ASK_EVERY_S = 3.0, 2.0  # the broker is said to stand still after so long


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
