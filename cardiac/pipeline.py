"""Many recordings by one detector: read ahead, batch what is alike, keep the order, lose none.

The detector is handed in; what it finds is handed on unseen.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from cardiac.cores import n_cores
from cardiac.errors import RecordError, one_record
from cardiac.isolation import stop_reading
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal
from cardiac.messages import Message, about
from cardiac.records import Record, read_record
from cardiac.sources import Listing, Recording, size_on_disk

# Records that the networks read at once, and their samples: more is no faster.
MAX_BATCH, MAX_BATCH_SAMPLES = 16, 320_000
MOST_JOBS = 8  # processes, where their number is not given
LEAST_FOR_PROCESSES = 64  # recordings: fewer are done before several processes gain anything
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


def _as_it_is(outcome: Outcome) -> Outcome:
    return outcome


def predict_listing(
    listing: Listing,
    detector: Detector,
    evidence: bool = False,
    leads: Sequence[str] | None = LEADS,
    finish: Callable[[Outcome], Any] = _as_it_is,
    jobs: int | None = 1,
) -> Iterator[Any]:
    """An Outcome for all that was listed, or what `finish` makes of it; errors about what lies in an archive name the full path.

    evidence, leads, jobs : as for `predict_all`.
    """

    def finish_named(outcome: Outcome) -> Any:
        error = outcome.error and listing.with_full_path(outcome.error, outcome.path, outcome.record_id)
        return finish(outcome if error is outcome.error else replace(outcome, error=error))

    yield from predict_all(listing.recordings, detector, evidence, leads, finish_named, jobs)
    for name, sentence in listing.unread:
        yield finish(Outcome(name, Path(name), error=RecordError(sentence)))


def predict_all(
    recordings: Sequence[Recording],
    detector: Detector,
    evidence: bool = False,
    leads: Sequence[str] | None = LEADS,
    finish: Callable[[Outcome], Any] = _as_it_is,
    jobs: int | None = 1,
    read: Callable[..., Record] | None = None,
    shows: bool = True,
) -> Iterator[Any]:
    """An Outcome for every recording, in order, or what `finish` makes of it.

    evidence : whether findings are explained.  leads : which are read, as `read_record` has them.  jobs : processes, each of
    which reads, decides and finishes some of the recordings; with one, or few recordings, threads of this process; None:
    one a core, at most MOST_JOBS. What `finish` gives in another process must be picklable, and small.  read : in place of
    `read_record`, for files that it does not know.  shows : a bar, where there is a terminal.
    """
    steps = _Steps(detector, evidence, leads, finish, read or read_record)
    together = jobs != 1 and len(recordings) >= LEAST_FOR_PROCESSES and sys.platform == "linux"
    with _progress(len(recordings), shows) as advance:
        for finished in _by_processes(recordings, steps, jobs) if together else _by_threads(recordings, steps):
            advance()
            yield finished


@dataclass(frozen=True)
class _Steps:
    """What is done with every recording, as `predict_all` was asked."""

    detector: Detector
    evidence: bool
    leads: Sequence[str] | None
    finish: Callable[[Outcome], Any]
    read: Callable[..., Record]


def _by_threads(recordings: Sequence[Recording], steps: _Steps) -> Iterator[Any]:
    """One thread reads and assesses, another runs the networks, a third explains."""
    with workers(1, 1, 2) as (reader, network, explainer):
        sizes = (lambda each: size_on_disk(each.path), READ_AHEAD_BYTES)
        outcomes = ahead(reader, lambda each: _read(each, steps), recordings, READ_AHEAD, *sizes)
        batches = ahead(network, lambda batch: _predict(batch, steps.detector), batch_alike(outcomes), 2)
        outcomes = chain.from_iterable(batches)
        if steps.evidence:
            outcomes = ahead(explainer, lambda each: _explain(each, steps.detector), outcomes, 2)
        yield from map(steps.finish, outcomes)


def _by_processes(recordings: Sequence[Recording], steps: _Steps, jobs: int | None) -> Iterator[Any]:
    """Each process takes some recordings after the others. Those of one that ended are read one by one, each in a new one."""
    from cardiac.processes import ProcessEnded, by_processes  # what one recording has no need of

    def work(some: list[Recording]) -> list[Any]:
        outcomes = (_read(each, steps) for each in some)
        predicted = chain.from_iterable(_predict(batch, steps.detector) for batch in batch_alike(outcomes))
        return [steps.finish(_explain(each, steps.detector) if steps.evidence else each) for each in predicted]

    some = 2 * MAX_BATCH
    chunks = [[*recordings[first : first + some]] for first in range(0, len(recordings), some)]
    for chunk, given in by_processes(work, chunks, jobs or min(n_cores(), MOST_JOBS)):
        if given.error is None:
            yield from given.result
            continue
        if not isinstance(given.error, ProcessEnded):
            raise given.error
        for (each,), alone in by_processes(work, ([one] for one in chunk), 1):
            if alone.error and not isinstance(alone.error, ProcessEnded):
                raise alone.error
            yield alone.result[0] if alone.error is None else steps.finish(_ended(each, alone.error))


def _ended(recording: Recording, error: Exception) -> Outcome:
    sentence = Message(
        "ended the program that read it ({reason}): it is damaged or far larger than a recording, export it again",
        reason=error,
    )
    return Outcome(recording.record_id, recording.path, error=RecordError(about(recording.record_id, sentence)))


@contextmanager
def _progress(n_records: int, shows: bool) -> Iterator[Callable[[], object]]:
    """A bar on standard error, and what moves it on by a record; no bar where that is no terminal."""
    if not shows or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm  # not worth its import where nobody looks

    with tqdm(total=n_records, desc="records", unit="record") as bar:
        yield bar.update


def _read(recording: Recording, steps: _Steps) -> Outcome:
    """A record with its assessment, and no finding yet; or the error."""
    path, name = recording.path, recording.record_id
    try:
        with one_record(name):
            record = steps.read(path, recording.fs_hz, name, steps.leads)
            return Outcome(name, path, record, assessment=steps.detector.assess(record))
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
