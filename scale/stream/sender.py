"""What is sent to a broker is kept until the broker has it, and goes again where it was not taken."""

from collections import Counter
from typing import Any

from scale.stream.kafka import Broker, BrokerError, Say, confluent


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
