"""Train a detector on several processes or machines together, by Ray Train: the recipe and the bundle of train.py.

python -m scale.train --data data/aiijc --workers 2 --out runs/together
python -m scale.train --data /shared/aiijc --workers 8 --address ray://head:10001 --out /shared/runs/mi

Every batch is shared out, and all step by the mean of their gradients: as one process would, but for batch
normalisation, which sees a share. A worker that dies is started again, and all go on from the last epoch. DIR and the
data must be seen by every machine under the same name. On one machine of few cores `train.py --jobs` is faster.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cardiac.errors import CardiacError, first_line
from learning.cross_validate import train_share
from learning.run_folder import open_run
from scale.cluster import check_address, cluster, ray_of
from scale.detectors import find_network_detector
from scale.shards import alone_in
from utils import Config, load_config, run_command

MOST_FAILURES = 3


def train_together(
    config: Config,
    data: Path | None,
    out: Path,
    resume: bool = False,
    address: str | None = None,
    workers: int | None = None,
    detector: str = "mi",
) -> float:
    """Train by as many processes together and write the bundle into `out`; the seconds it took.

    data : the data set's folder, or None for simulated records.  workers : one processor each; as many as there are.
    detector : its name, see `scale.detectors`.
    Raises CardiacError for data or settings that do not fit, or where workers die again and again.
    """
    ray_of()
    check_address(address)
    open_run(config, out, resume)
    torch_trainer, settings = ray_of("ray.train.torch"), ray_of("ray.train")
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    with alone_in(out), cluster(address, workers) as n_cpus, tempfile.TemporaryDirectory(prefix="ray-train-") as kept:
        trainer = torch_trainer.TorchTrainer(
            _work,
            train_loop_config={
                "detector": detector,
                "config": config,
                "data": data and str(data.resolve()),
                "out": str(out.resolve()),
            },
            scaling_config=settings.ScalingConfig(num_workers=workers or n_cpus, resources_per_worker={"CPU": 1}),
            torch_config=torch_trainer.TorchConfig(backend="gloo"),
            run_config=settings.RunConfig(
                name="run", storage_path=kept, failure_config=settings.FailureConfig(max_failures=MOST_FAILURES)
            ),
        )
        started = time.monotonic()
        try:
            trainer.fit()
        except CardiacError:
            raise
        except Exception as error:  # whatever ended a worker for good, wrapped by Ray
            raise CardiacError(
                f"the training stopped ({_cause(error)}): the same command with --resume goes on"
            ) from error
        return time.monotonic() - started


def _cause(error: BaseException) -> str:
    """The sentence of ours in what Ray tells of a worker's end, else what it says itself."""
    lines = [line.strip() for line in str(error).splitlines() if "Error: " in line]
    return lines[-1].partition("Error: ")[2][:300] if lines else first_line(error)


def _work(share: dict[str, Any]) -> None:
    """In every worker: the first makes the whole run, the others train with it what it trains."""
    import torch

    torch.set_num_threads(1)
    detector, config, out = find_network_detector(share["detector"]), share["config"], Path(share["out"])
    data = detector.open_data(Path(share["data"]), config) if share["data"] else detector.demonstration(config)
    if ray_of("ray.train").get_context().get_world_rank() == 0:
        detector.fit(config, data, out, resume=True)
        return
    with tempfile.TemporaryDirectory(prefix="folds-") as folder:  # drawn alike by all; the first one's are kept
        train_share(partial(detector.make_training, config, data, Path(folder)), out)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--task", "--detector", dest="detector", default="mi", help="what is trained, as in tasks/, or its module (mi)"
    )
    parser.add_argument("--data", type=Path, help="the data set's folder; simulated records without it")
    parser.add_argument("--config", type=Path, help="settings (the detector's; without --data its demonstration's)")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("runs/together"), help="folder of the run (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")
    parser.add_argument("--address", help="of a Ray cluster (without it, one on this machine)")
    parser.add_argument("--workers", type=int, help="processes that train together, a processor each")
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 1:
        parser.error("--workers must be at least 1")
    stopped = "Stopped after the last whole epoch: the same command with --resume goes on."
    return run_command(lambda: _train_and_report(options), bad_data=1, stopped=stopped, written_to="--out")


def _train_and_report(options: argparse.Namespace) -> int:
    detector = find_network_detector(options.detector)
    path = options.config or (detector.DEFAULTS if options.data else detector.DEMO)
    config = load_config(path, options.set, detector.DEFAULTS)
    if options.data:
        detector.open_data(options.data, config)  # so that what cannot be read is named now
    seconds = train_together(
        config, options.data, options.out, options.resume, options.address, options.workers, options.detector
    )
    if options.data is None:
        print("Trained on SIMULATED records, of no use on real ones.")
    evaluate = getattr(detector, "EVALUATE", None)
    following = f": python -m {evaluate} --bundle {options.out}" if evaluate else "."
    print(f"Bundle in {options.out}, after {seconds / 60:.1f} minutes{following}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
