"""Read very many recordings on a Ray cluster: findings as Parquet, part by part.

python -m scale.batch FOLDER --out DIR                         # a cluster on this machine
python -m scale.batch manifest.parquet --out DIR --workers 2   # paths or URLs in a table
python -m scale.batch s3://bucket/ecgs --out DIR --address ray://head:10001

The same command goes on where a run stopped. A recording that cannot be read, or that ends the program that reads it, is
a row with an `error`. DIR must be seen by every machine under the same name; needs requirements-scale.txt.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bundles import bundle_checksum
from cardiac import NOTICE
from cardiac.errors import STOPS, CardiacError, RecordError, internal_error
from cardiac.pipeline import predict_all
from cardiac.records import FS_RANGE_HZ
from cardiac.sources import Recording
from inference import Detector
from scale.cluster import check_address, cluster, ray_of
from scale.manifest import brought_here, list_source
from scale.shards import (
    FAILED_TWICE,
    PART_SIZE,
    alone_in,
    begin,
    begin_shard,
    finding_row,
    keep_bundle,
    mark,
    read_listing,
    shard_file,
    shards_to_do,
    write_shard,
)
from tasks.mi import BUNDLE
from utils import run_command

CRASHED = "ended the program that read it, twice: look at this file by itself"


class Reader:
    """An actor: holds the bundle, and does one shard after another."""

    def __init__(self, out: str, bundle: str, fs_hz: float | None) -> None:
        self.out, self.fs_hz = Path(out), fs_hz
        self.detector = Detector.load(bundle)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Do the shards of a batch; of each its number, how many rows and errors it has, and why it failed, if it did."""
        done: dict[str, list[Any]] = {"part": [], "rows": [], "errors": [], "failed": []}
        for shard in map(int, batch["part"]):
            rows, failure = [], ""
            try:
                if not shard_file(self.out, shard).is_file():
                    rows = list(self._rows(shard, begin_shard(self.out, shard)))
                    write_shard(self.out, shard, rows, self.detector.bundle.sha256)
            except OSError as error:
                failure = error.strerror or str(error)
            n_errors = sum(row["error"] is not None for row in rows)
            for name, value in zip(done, (shard, len(rows), n_errors, failure), strict=True):
                done[name].append(value)
        return done

    def _rows(self, shard: int, marks: list[int] | None) -> Iterator[dict[str, Any]]:
        """The rows of a shard, all at once; or one by one, each marked first, where a worker ended over the shard before."""
        recordings = read_listing(self.out, shard)
        if marks is None:
            try:
                yield from list(self._read(recordings))
                return
            except (OSError, *STOPS):
                raise
            except BaseException:  # a fault of ours over one of them: which one is seen when they are read one by one
                marks = []
        for index, recording in enumerate(recordings):
            if marks.count(index) >= FAILED_TWICE:
                yield finding_row(recording, None, f"{recording.record_id}: {CRASHED}")
                continue
            mark(self.out, shard, index)
            try:
                yield from list(self._read([recording]))
            except (OSError, *STOPS):
                raise
            except BaseException as error:
                yield finding_row(recording, None, str(internal_error(error, name=recording.record_id)))

    def _read(self, recordings: Sequence[Recording]) -> Iterator[dict[str, Any]]:
        """Rows of recordings, in order."""
        with ExitStack() as stack:
            here = [self._bring(each, stack) for each in recordings]
            outcomes = predict_all([each for each in here if isinstance(each, Recording)], self.detector)
            for recording, each in zip(recordings, here, strict=True):
                if isinstance(each, RecordError):
                    yield finding_row(recording, None, str(each))
                    continue
                outcome = next(outcomes)
                yield finding_row(recording, outcome.finding, str(outcome.error) if outcome.error else None)

    def _bring(self, recording: Recording, stack: ExitStack) -> Recording | RecordError:
        """The recording where it can be read, with the run's rate where its manifest states none; or why not."""
        try:
            here = stack.enter_context(brought_here(recording))
        except RecordError as error:
            return RecordError(f"{recording.record_id}: {error}")
        return replace(here, fs_hz=self.fs_hz) if here.fs_hz is None else here


def read_many(
    source: str,
    out: Path,
    bundle: Path = BUNDLE,
    address: str | None = None,
    workers: int | None = None,
    part_size: int = PART_SIZE,
    fs_hz: float | None = None,
) -> dict[str, float]:
    """Findings of all recordings of a source into `out`; how many rows and errors this run wrote, shards and seconds.

    workers : processes that read, one processor each; as many as the cluster has without it.
    Raises CardiacError where nothing can be begun, or the output cannot be written; what is done stays.
    """
    settings = {"source": source, "bundle_sha256": bundle_checksum(bundle), "fs_hz": fs_hz}
    ray_of()
    check_address(address)
    with alone_in(out):
        n_shards = begin(out, settings, list_source(source), part_size)
        todo = shards_to_do(out, n_shards)
        kept = keep_bundle(out, bundle)
        totals = {"rows": 0, "errors": 0, "parts": 0, "seconds": 0.0}
        if todo:
            with cluster(address, workers) as n_cpus:
                started = time.monotonic()
                for done in _run(out.resolve(), kept.resolve(), fs_hz, todo, min(workers or n_cpus, len(todo))):
                    if done["failed"]:
                        raise CardiacError(
                            f"{out}: cannot be written ({done['failed']}): make room; the same command goes on"
                        )
                    totals["parts"] += 1
                    for name in ("rows", "errors"):
                        totals[name] += int(done[name])
                totals["seconds"] = time.monotonic() - started
        return totals


def _run(
    out: Path, bundle: Path, fs_hz: float | None, todo: Sequence[int], workers: int
) -> Iterator[Mapping[str, Any]]:
    data = ray_of("ray.data")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False  # the bar of parts is ours
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    shards = data.from_items([{"part": shard} for shard in todo], override_num_blocks=len(todo))
    rows = shards.map_batches(
        Reader,
        batch_size=1,
        compute=data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        fn_constructor_args=(str(out), str(bundle), fs_hz),
    )
    with tqdm(total=len(todo), desc="parts", unit="part", disable=None) as bar:
        for done in rows.iter_rows():
            bar.update()
            yield done


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where recordings could not be read, 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder, a manifest (.csv, .parquet with a column path), or a URL")
    parser.add_argument("--out", type=Path, required=True, help="folder for the parts")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument("--address", help="of a Ray cluster (without it, one on this machine)")
    parser.add_argument("--workers", type=int, help="processes that read (as many as there are processors)")
    parser.add_argument("--part-size", type=int, default=PART_SIZE, help="recordings a part (%(default)s)")
    parser.add_argument("--fs-hz", type=float, help="sampling rate of files that state none (500)")
    options = parser.parse_args(arguments)
    if options.fs_hz is not None and not FS_RANGE_HZ[0] <= options.fs_hz <= FS_RANGE_HZ[1]:
        parser.error(f"--fs-hz must lie between {FS_RANGE_HZ[0]:g} and {FS_RANGE_HZ[1]:g}")
    if options.part_size < 1 or (options.workers is not None and options.workers < 1):
        parser.error("--part-size and --workers must be at least 1")
    stopped = "Stopped: the parts that are done are kept, and the same command goes on."
    return run_command(lambda: _read_and_report(options), stopped=stopped, written_to="--out")


def _read_and_report(options: argparse.Namespace) -> int:
    totals = read_many(**vars(options))
    rate = totals["rows"] / totals["seconds"] if totals["seconds"] else 0.0
    print(
        f"{totals['rows']:,} recordings in {totals['parts']:,} parts, {totals['errors']:,} of them not read ({rate:.0f}/s)."
    )
    print(f"{options.out}: one dataset of Parquet files, partitioned by part.\n{NOTICE}")
    return int(totals["errors"] > 0)


if __name__ == "__main__":
    sys.exit(main())
