"""Which looks leave a row in the trail, so that it has every look at a recording and reading stays light.

- A record's page and its document leave a row each time, and so do pictures, reports, exports and all changes.
- What a page goes on to fetch (samples piece by piece, evidence until it is there) leaves one row of each kind: the first
  look, whether there was a page or not, and again after ten minutes. So does a page that a task brings along.
- A list leaves a row, and again after ten minutes. One that only narrows another (the same filters, order and place, and a
  search for more than the letters that were noted) leaves none meanwhile: typing a name is one look. A list with a search
  never is covered by one without. The row tells of a search how many letters it has, and not which.
- What the page of the list goes on to fetch (rows while one scrolls, or changes a filter) leaves none: opening it did.

What was noted is kept in the memory of this server: after a restart, or on another server, there is one row more.
"""

import threading
import time
from collections import OrderedDict
from typing import Any

from flask import current_app, request

from webapp.access import leave_trail, person
from webapp.storage.records import Query
from webapp.storage.tables import Record, folded

COVERED_S = 600.0
MOST_KEPT = 20_000


class Looks:
    """What was noted lately, each with the time at which it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: OrderedDict[tuple[Any, ...], tuple[float, str]] = OrderedDict()

    def covers(self, key: tuple[Any, ...], letters: str = "") -> bool:
        """Whether a row of the last ten minutes covers this look. letters : of a search."""
        with self._lock:
            at, noted = self._noted.get(key, (0.0, ""))
        is_narrower = letters == noted or (bool(noted) and noted in letters)
        return time.monotonic() < at + COVERED_S and at > 0 and is_narrower

    def has(self, key: tuple[Any, ...]) -> bool:
        """Whether this was noted, however long ago."""
        with self._lock:
            return key in self._noted

    def note(self, key: tuple[Any, ...], letters: str = "") -> None:
        with self._lock:
            self._noted[key] = (time.monotonic(), letters)
            self._noted.move_to_end(key)
            while len(self._noted) > MOST_KEPT:
                self._noted.popitem(last=False)


def leave_look(row: Record, kind: str) -> None:
    """Note that this person looks at a part of a record, unless the last ten minutes have it. kind : such as "samples"."""
    key = (*_who(), row.workspace, row.id, row.name, kind)
    if not _looks().covers(key):
        leave_trail("saw", row.name, kind)
        _looks().note(key)


def leave_look_at_page(endpoint: str, record: str | None = None) -> None:
    """Note that this person opens a task's page, unless the last ten minutes have it. record : that it is about."""
    key = (*_who(), person().workspace, "page", endpoint, record)
    if not _looks().covers(key):
        leave_trail("saw", record, endpoint)
        _looks().note(key)


def leave_list(query: Query, n: int, offset: int, limit: int, is_fetched: bool = False) -> None:
    """Note that this person looks at a list, unless it only narrows one that was noted. n : how many records it shows.

    is_fetched : by the page of the list, which leaves none where this person has opened it.
    """
    opened = (*_who(), person().workspace, "list opened")
    if is_fetched and _looks().has(opened):
        return
    if not is_fetched and request.endpoint == "pages.patients":
        _looks().note(opened)
    filters = {name: value for name, value in query.parameters().items() if name != "q"}
    key, letters = (*_who(), person().workspace, "list", *sorted(filters.items()), offset, limit), folded(query.q or "")
    if not _looks().covers(key, letters):
        leave_trail("listed", detail=asked_for(query, f"{n} records from {offset}"))
        _looks().note(key, letters)


def asked_for(query: Query, what: str) -> str:
    """What was exported or listed, with its filters; of a search, which may be a name, the number of its letters."""
    filters = [f"{name}={value}" for name, value in query.parameters().items() if name != "q"]
    searched = [f"q of {len(query.q)} letters"] if query.q else []
    return "; ".join([what, *searched, *filters])


def _who() -> tuple[str, str]:
    return person().name, request.remote_addr or ""


def _looks() -> Looks:
    return current_app.extensions.setdefault("looks", Looks())
