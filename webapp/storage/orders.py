"""In which orders records are listed."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, tuple_

from webapp.storage.tables import Record


@dataclass(frozen=True)
class Order:
    """By which columns a list is sorted, and how many of the first ones fall. The last one is a record's number: none tie."""

    columns: tuple[Any, ...]
    n_falling: int = 0

    def clauses(self, is_back: bool = False) -> list[Any]:
        """What a query is ordered by. is_back : the other way round."""
        return [each.desc() if self._falls(n) != is_back else each.asc() for n, each in enumerate(self.columns)]

    def beyond(self, row: Record, is_back: bool) -> Any:
        """What a record must be to stand after this one, or before it."""
        here = [getattr(row, column.key) for column in self.columns]
        if self.n_falling in (0, len(self.columns)):
            return _compared(tuple_(*self.columns), tuple_(*here), self._falls(0) != is_back)
        first, rest = self.columns[0], self.columns[1:]  # of which the first alone falls
        is_later = _compared(tuple_(*rest), tuple_(*here[1:]), is_back)
        edge = first <= here[0] if self._falls(0) != is_back else first >= here[0]  # which an index is entered by
        return and_(edge, or_(first != here[0], is_later))

    def _falls(self, n: int) -> bool:
        return n < self.n_falling


def _compared(one: Any, other: Any, is_less: bool) -> Any:
    return one < other if is_less else one > other


ORDERS = {
    "newest": Order((Record.uploaded_at, Record.position, Record.id), n_falling=1),  # inside an upload by name
    "oldest": Order((Record.uploaded_at, Record.position, Record.id)),
    "name": Order((Record.name, Record.id)),
    "probability": Order((Record.probability, Record.id)),
    "-probability": Order((Record.probability, Record.id), n_falling=2),
}
