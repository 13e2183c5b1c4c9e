"""Search for better settings: Optuna proposes, successive halving stops what is behind, train.fit trains.

python -m scale.tune --task mi --trials 40 --data data/aiijc --out runs/tune
python -m scale.tune --trials 40 --out runs/tune                 # goes on where it stopped
python -m scale.tune --trials 4                                  # without data: a demonstration on simulated records
python -m scale.tune --task rr --trials 200 --data data/cardiospike --storage postgresql://ecg@host/search
                                                                 # one worker of a study that many machines share

Every trial is a whole cross-validation on the training part (the test part is never opened). A trial's score is the mean
over its held-out folds of what the detector calls its score (of mi: the mean of the AUC of infarction and that of the
sites among infarctions), or what it says of all of them together (of beats: the mean F1 of N, S and V); after a fifth of
the folds, and whenever they are twice as many, trials in the lower half are stopped. The best settings are written as
best.toml, which a training takes; its figures are the kinder for having been chosen by: retrain it with other seeds or on
other folds before you report it.

Without --storage Ray Tune runs the trials, on this machine or a cluster. With it this process is one worker, and so is
everyone that is started with the same --storage and --study, wherever it is: see docs/scale.md.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cardiac.errors import CardiacError
from scale.cluster import check_address, cluster, ray_of
from scale.detectors import find_detector
from scale.shards import alone_in
from scale.shared import BEATS, HEARTBEAT_S, search_together
from scale.space import read_space
from scale.trials import (
    BEST,
    PICTURE,
    REDUCTION,
    TABLE,
    Searched,
    first_rung,
    format_rows,
    rows_of,
    train_trial,
    write_trials,
)
from utils import run_command

NAME = "trials"


def search(
    out: Path,
    n_trials: int,
    detector: str = "mi",
    data: Path | None = None,
    config: Path | None = None,
    space: Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 1,
    address: str | None = None,
    workers: int | None = None,
    storage: str | None = None,
    study: str | None = None,
    heartbeat_s: int = HEARTBEAT_S,
) -> list[dict[str, Any]]:
    """Rows of trials, the best first, as they stand in trials.csv. What was begun in `out` is gone on with.

    config : the settings that are searched about (the detector's).  settings : `section.key=value`, the same in every
    trial.  space : what may be chosen (the detector's).  workers : trials at once, one processor each.
    storage, study, heartbeat_s : as `scale.shared.search_together` has them, of which this process is a worker then;
    there is no `seed`, `address` or `workers` with them.
    Raises CardiacError for settings, data or a space that cannot be used.
    """
    module = find_detector(detector)
    searched = Searched(
        detector, (config or module.DEFAULTS).resolve(), tuple(settings), data.resolve() if data else None
    )
    if storage is None:
        ray_of()
        check_address(address)
    distributions = read_space(space or module.SPACE, searched.config, module.DEFAULTS)
    if storage is None:
        with alone_in(out), cluster(address, workers) as n_cpus:
            rows = _by_ray(out.resolve(), n_trials, searched, distributions, seed, min(workers or n_cpus, n_trials))
    else:
        rows = search_together(storage, study or detector, out, n_trials, searched, distributions, heartbeat_s)
    write_trials(out, rows, distributions, searched)
    return rows


def run_trial(chosen: Mapping[str, object], searched: Searched) -> None:
    """In a worker: one cross-validation, whose score is reported after every fold. A stopped one goes on from its epoch."""
    tune = ray_of("ray.tune")
    train_trial(chosen, searched, Path(tune.get_context().get_trial_dir()) / "run", tune.report)


def _by_ray(
    out: Path, n_trials: int, searched: Searched, space: Mapping[str, Any], seed: int, at_once: int
) -> list[dict[str, Any]]:
    """Rows of the trials of a search in `out`, which Ray Tune runs. Raises CardiacError where none came to a score."""

    def trial(chosen: Mapping[str, object]) -> None:
        run_trial(chosen, searched)

    results = _tuner(trial, out, n_trials, space, searched.n_folds, seed, at_once).fit()
    scored = [(result.metrics, result.config) for result in results if "score" in (result.metrics or {})]
    if not scored:
        failed = next((result.error for result in results if result.error), "none was run")
        raise CardiacError(f"no trial came to a score ({str(failed).strip().splitlines()[-1][:200]})")
    return rows_of(scored, list(space))


def _tuner(
    trial: Callable[[Mapping[str, object]], None],
    out: Path,
    n_trials: int,
    space: Mapping[str, Any],
    n_folds: int,
    seed: int,
    at_once: int,
) -> Any:
    """A new search, or the one that lies in `out`."""
    tune, schedulers = ray_of("ray.tune"), ray_of("ray.tune.schedulers")
    optuna, algorithms = ray_of("optuna"), ray_of("ray.tune.search.optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    trainable = tune.with_resources(trial, {"cpu": 1})
    if tune.Tuner.can_restore(str(out / NAME)):
        return tune.Tuner.restore(str(out / NAME), trainable, resume_unfinished=True, restart_errored=True)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=algorithms.OptunaSearch(dict(space), metric="score", mode="max", seed=seed),
            scheduler=schedulers.ASHAScheduler(
                "folds", "score", "max", max_t=n_folds, grace_period=first_rung(n_folds), reduction_factor=REDUCTION
            ),
            num_samples=n_trials,
            max_concurrent_trials=at_once,
        ),
        run_config=tune.RunConfig(name=NAME, storage_path=str(out), verbose=0),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--task", "--detector", dest="detector", default="mi", help="what is trained, as in tasks/, or its module (mi)"
    )
    parser.add_argument("--trials", dest="n_trials", type=int, required=True, help="how many settings are tried")
    parser.add_argument("--data", type=Path, help="the data set's folder; simulated records without it")
    parser.add_argument("--config", type=Path, help="settings that are searched about (the detector's)")
    parser.add_argument("--space", type=Path, help="what may be chosen (the detector's; of mi scale/search.toml)")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="section.key=value")
    parser.add_argument("--seed", type=int, default=1, help="of Ray's proposals (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/tune"), help="folder for the search (%(default)s)")
    parser.add_argument("--address", help="of a Ray cluster (without it, one on this machine)")
    parser.add_argument("--workers", type=int, help="trials at once, by Ray")
    parser.add_argument(
        "--storage", metavar="URL", help="database of a study that many workers share: postgresql://user@host/name"
    )
    parser.add_argument("--study", help="its name there (the detector's)")
    silent = (
        f"between signs of life; a worker that gives none {BEATS} times as long has its trial taken over (%(default)s)"
    )
    parser.add_argument(
        "--heartbeat", dest="heartbeat_s", type=int, default=HEARTBEAT_S, metavar="SECONDS", help=silent
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 2 for what cannot be carried out, 130 when stopped."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.storage is None and (options.study or options.heartbeat_s != HEARTBEAT_S):
        parser.error("--study and --heartbeat go with --storage")
    if options.storage is not None and (options.workers is not None or options.address):
        parser.error("--workers and --address are Ray's: with --storage start this command once for every worker")
    if options.heartbeat_s < 1:
        parser.error("--heartbeat must be at least 1")
    if options.n_trials < 1 or (options.workers is not None and options.workers < 1):
        parser.error("--trials and --workers must be at least 1")
    return run_command(
        lambda: _search_and_report(options), stopped="Stopped: the same command goes on.", written_to="--out"
    )


def _search_and_report(options: argparse.Namespace) -> int:
    rows = search(**vars(options))
    if options.data is None:
        print("Trained on SIMULATED records: these settings say nothing about real ones.")
    print(f"{format_rows(rows)}\n\n{options.out / TABLE}, {options.out / PICTURE}, {options.out / BEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
