"""What is written down at most once in a while, so that a flood of requests is not a flood of rows."""

import threading
import time

EVERY_S = 60.0
MOST_KINDS = 10_000  # that are remembered


class Seldom:
    """Remembers, in this process, when each kind of thing was written down last."""

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), dict[tuple[str, ...], float]()

    def is_due(self, *kind: str) -> bool:
        """Whether to write it down now; if so, a minute passes before the same is due again."""
        now = time.monotonic()
        with self._lock:
            last = self._last.get(kind)
            if last is not None and now - last < EVERY_S:
                return False
            self._last.pop(kind, None)
            while len(self._last) >= MOST_KINDS:
                del self._last[next(iter(self._last))]  # the oldest
            self._last[kind] = now
            return True
