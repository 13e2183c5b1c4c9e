"""Many recordings by one detector: read ahead, batch what is alike, keep the order, lose none.

The detector is handed in; what it finds is handed on unseen.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from cardiac.errors import RecordError, one_record
from cardiac.isolation import stop_reading
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal
from cardiac.records import Record, read_record
from cardiac.sources import Listing, Recording, size_on_disk

# Records that the networks read at once, and their samples: more is no faster.
MAX_BATCH, MAX_BATCH_SAMPLES = 16, 320_000
READ_AHEAD, READ_AHEAD_BYTES = 32, 64 * 2**20  # files that are read before their findings are asked for


class Detector(Protocol):
    """What turns records into findings. Each method raises RecordError where there can be none."""

    def assess(self, record: Record) -> Any:
        """What is known of a record that may be decided on, as its quality: handed on unseen."""

    def predict_batch(self, records: Sequence[Record], assessments: Sequence[Any]) -> list[Any]:
        """The findings of records of one rate and one length, in order."""

    def explain(self, record: Record, finding: Any, assessment: Any) -> Any:
        """What carried a finding. assessment : of the record, as `assess` gave it."""


@dataclass(frozen=True)
class Outcome:
    """What came of one file: a finding, and its evidence where asked for, or the error that stands in its place.

    Where the evidence alone could not be gathered, there are both.
    """

    record_id: str
    path: Path
    record: Record | None = None
    finding: Any = None
    evidence: Any = None
    error: RecordError | None = None
    assessment: Any = None


def predict_listing(
    listing: Listing, detector: Detector, evidence: bool = False, leads: Sequence[str] | None = LEADS
) -> Iterator[Outcome]:
    """An Outcome for all that was listed; errors about what lies in an archive name the full path.

    evidence, leads : as for `predict_all`.
    """
    for outcome in predict_all(listing.recordings, detector, evidence, leads):
        error = outcome.error and listing.with_full_path(outcome.error, outcome.path, outcome.record_id)
        yield outcome if error is outcome.error else replace(outcome, error=error)
    for name, sentence in listing.unread:
        yield Outcome(name, Path(name), error=RecordError(sentence))


def predict_all(
    recordings: Sequence[Recording],
    detector: Detector,
    evidence: bool = False,
    leads: Sequence[str] | None = LEADS,
    read: Callable[..., Record] | None = None,
    shows: bool = True,
) -> Iterator[Outcome]:
    """An Outcome for every recording, in order: one thread reads and assesses, another runs the networks.

    evidence : whether findings are explained, in a third thread.  leads : which are read, as `read_record` has them.
    read : in its place, for files that it does not know.  shows : a bar, where there is a terminal.
    """
    bar = tqdm(total=len(recordings), desc="records", unit="record", disable=None if shows else True)
    with bar, workers(1, 1, 2) as (reader, network, explainer):
        sizes = (lambda each: size_on_disk(each.path), READ_AHEAD_BYTES)
        outcomes = ahead(
            reader, lambda each: _read(each, detector, leads, read or read_record), recordings, READ_AHEAD, *sizes
        )
        batches = ahead(network, lambda batch: _predict(batch, detector), batch_alike(outcomes), 2)
        outcomes = chain.from_iterable(batches)
        if evidence:
            outcomes = ahead(explainer, lambda each: _explain(each, detector), outcomes, 2)
        for outcome in outcomes:
            bar.update()
            yield outcome


def _read(
    recording: Recording, detector: Detector, leads: Sequence[str] | None, read: Callable[..., Record]
) -> Outcome:
    """A record with its assessment, and no finding yet; or the error."""
    path, name = recording.path, recording.record_id
    try:
        with one_record(name):
            record = read(path, recording.fs_hz, name, leads)
            return Outcome(name, path, record, assessment=detector.assess(record))
    except RecordError as error:
        return Outcome(name, path, error=error)


def batch_alike(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Neighbours of one rate and length, as many as the networks read at once; errors go along."""
    batch, kind, most = [], None, MAX_BATCH
    for outcome in outcomes:
        record = outcome.record
        own = (record.fs_hz, record.signal.shape[1]) if record else kind
        if record:
            is_long = isinstance(record.signal, LongSignal)
            most = 1 if is_long else max(1, min(MAX_BATCH, MAX_BATCH_SAMPLES // record.signal.shape[1]))
        if len(batch) >= most or (kind and own != kind):
            yield batch
            batch, kind = [], None
        batch.append(outcome)
        kind = own
    if batch:
        yield batch


def _predict(batch: Sequence[Outcome], detector: Detector) -> list[Outcome]:
    """The outcomes with findings; where the networks fail over some, each is asked for by itself."""
    good = [outcome for outcome in batch if outcome.record]
    if not good:
        return [*batch]
    try:
        with one_record(good[0].record_id):
            findings = iter(detector.predict_batch([each.record for each in good], [each.assessment for each in good]))
    except RecordError as error:
        if len(batch) == 1:
            return [Outcome(batch[0].record_id, batch[0].path, error=error)]
        return [outcome for each in batch for outcome in _predict([each], detector)]
    return [replace(each, finding=next(findings)) if each.record else each for each in batch]


def _explain(outcome: Outcome, detector: Detector) -> Outcome:
    if outcome.finding is None:
        return outcome
    try:
        with one_record(outcome.record_id, "explaining"):
            return replace(outcome, evidence=detector.explain(outcome.record, outcome.finding, outcome.assessment))
    except RecordError as error:
        return replace(outcome, error=error)


@contextmanager
def workers(*n_threads: int) -> Iterator[list[Executor]]:
    """Executors of so many threads each; where the work is stopped, what has not started is left, and reading ends."""
    with ExitStack() as stack:
        executors = [stack.enter_context(ThreadPoolExecutor(n)) for n in n_threads]
        try:
            yield executors
        except BaseException:
            for each in executors:
                each.shutdown(wait=False, cancel_futures=True)
            stop_reading()
            raise


def ahead(
    executor: Executor,
    function: Callable[[Any], Any],
    items: Iterable[Any],
    depth: int,
    weigh: Callable[[Any], int] = lambda _: 0,
    most: int = 0,
) -> Iterator[Any]:
    """What the function gives of each item, in order, started before it is asked for.

    That is for up to `depth` items, which together weigh at most `most`; and for one, whatever it weighs.
    """
    pending: deque[tuple[int, Future]] = deque()
    try:
        for item in items:
            weight = weigh(item)
            while pending and (len(pending) >= depth or weight + sum(each for each, _ in pending) > most):
                yield pending.popleft()[1].result()
            pending.append((weight, executor.submit(function, item)))
        while pending:
            yield pending.popleft()[1].result()
    finally:
        for _, each in pending:
            each.cancel()
