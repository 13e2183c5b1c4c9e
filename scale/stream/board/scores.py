"""How many results say what, and how often they agree with the labels that travelled along."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

BATCH = 100  # results with a label
MOST_BATCHES = 60
MOST_CLASSES, LONGEST_CLASS, OTHER = 24, 60, "other classes"


class Scores:
    """Counts of results by class, and accuracy and macro-F1 of those whose label is known.

    A result without a decision is counted as refused and does not enter accuracy. The classes are those of the data;
    past `MOST_CLASSES` of them the next ones are counted together.
    """

    def __init__(self) -> None:
        self.by_class: Counter[str] = Counter()
        self.refused = 0
        self._names: set[str] = set()
        self._overall: Counter[tuple[str, str]] = Counter()
        self._batch: Counter[tuple[str, str]] = Counter()
        self._labelled_and_refused = 0
        self._batches: deque[dict[str, float]] = deque(maxlen=MOST_BATCHES)

    def take(self, label: str | None, truth: str | None) -> None:
        """Count one result."""
        if label is None:
            self.refused += 1
            self._labelled_and_refused += truth is not None
            return
        label = self._name(label)
        self.by_class[label] += 1
        if truth is None:
            return
        pair = (self._name(truth), label)
        self._overall[pair] += 1
        self._batch[pair] += 1
        if self._batch.total() == BATCH:
            self._batches.append(agreement(self._batch))
            self._batch.clear()

    def to_dict(self) -> dict[str, Any] | None:
        """All there is to show, or None while no label has come. confusion : rows are labels, columns decisions."""
        if not self._overall and not self._labelled_and_refused:
            return None
        classes = sorted({name for pair in self._overall for name in pair})
        return {
            "overall": agreement(self._overall) if self._overall else None,
            "batches": list(self._batches),
            "batch": BATCH,
            "results": self._overall.total(),
            "refused": self._labelled_and_refused,
            "classes": classes,
            "confusion": [[self._overall[truth, label] for label in classes] for truth in classes],
        }

    def _name(self, name: str) -> str:
        name = name[:LONGEST_CLASS]
        if name in self._names or len(self._names) < MOST_CLASSES:
            self._names.add(name)
            return name
        return OTHER


def agreement(pairs: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """Accuracy and macro-F1 of counts by (truth, decision), over the classes that occur in either."""
    truths, labels, right = Counter[str](), Counter[str](), Counter[str]()
    for (truth, label), count in pairs.items():
        truths[truth] += count
        labels[label] += count
        right[truth] += count * (truth == label)
    classes = {name for name in truths | labels if truths[name] + labels[name]}
    f1 = [2 * right[name] / (truths[name] + labels[name]) for name in classes]
    return {"accuracy": right.total() / truths.total(), "macro_f1": sum(f1) / len(f1)}
